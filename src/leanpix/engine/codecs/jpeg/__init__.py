"""JPEG: jpegli through its wheel's symbols or its wheel, and mozjpeg for the lowest qualities."""
