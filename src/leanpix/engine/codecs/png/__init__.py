"""PNG: palettes, oxipng, and a deflate of our own for photographs."""
