"""Colours of every kind of source made sRGB, or left in a profile that the result carries."""
