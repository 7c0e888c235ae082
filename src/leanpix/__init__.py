"""leanpix: a self-hosted image compression service."""

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    """The version, looked up when it is asked for: every process that compresses imports this."""
    if name != "__version__":
        raise AttributeError(name)
    from importlib.metadata import version  # noqa: PLC0415 - 30 ms

    return version("leanpix")
