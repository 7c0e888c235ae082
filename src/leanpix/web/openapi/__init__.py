"""The OpenAPI document: an operation a handler, its bounds and examples taken from the code that it describes.

A new route needs one entry in `operations.py`; a test refuses a mounted route that has none.
"""
