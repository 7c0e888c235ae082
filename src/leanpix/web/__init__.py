"""The HTTP face: the wire in, the wire out."""
