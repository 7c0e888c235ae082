"""Sums of 4 x 4 pixels: a sixteenth of a picture, on which whole pictures are looked at for little time."""

from __future__ import annotations

from leanpix.engine.content.cells.native_cells import NativeCells
from leanpix.engine.content.cells.numpy_cells import CELL_PX, Cells, NumpyCells
from leanpix.engine.content.cells.source import SourceCells, cells, source_cells

__all__ = ["CELL_PX", "Cells", "NativeCells", "NumpyCells", "SourceCells", "cells", "source_cells"]
