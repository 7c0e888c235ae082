"""The Python client, for leanpix and for services that keep the same contract; where it stands alone."""

from leanpix_client import *  # noqa: F403 - exactly the names of its __all__
from leanpix_client import __all__ as __all__  # noqa: PLC0414 - the alias tells type checkers that it is passed on
