"""A lossless WebP coder of our own, for pictures on which libwebp's takes gigabytes."""
