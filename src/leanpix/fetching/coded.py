"""What the decoders of a coded body share."""

PIECE_BYTES = 65536
"""Of the content, at once."""

CUT = "the coded body ends too early"
