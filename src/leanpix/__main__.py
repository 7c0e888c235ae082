"""Run the command line as `python -m leanpix`."""

from leanpix.cli import app

app()
