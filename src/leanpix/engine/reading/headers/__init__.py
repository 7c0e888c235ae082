"""Headers of the source formats, read in pure Python: no pixel is decoded and no native code runs here.

One module a format, all of one shape: `matches(source)` tells the format by its bytes, `read(source, limits)`
gives its Probe or raises TaskFailure. Every loop moves forward through the bytes and is bounded besides.
"""
