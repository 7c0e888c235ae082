"""leanpix: a self-hosted image compression service."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("leanpix")
