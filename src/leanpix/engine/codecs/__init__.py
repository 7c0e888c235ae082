"""One module a format, all of one shape."""
