"""Pixels out of the source formats, each by the one native decoder chosen for it.

One module a format, all of one shape: `open_raster(source, probe, wish)` gives a Raster whose pixels may still
have to be computed. Errors of the decoder surface as pyvips.Error or OSError; `decode.load` translates them.
"""
