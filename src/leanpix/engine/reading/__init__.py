"""A source from its bytes to upright sRGB pixels: headers first, in pure Python, then one native decoder a format."""
