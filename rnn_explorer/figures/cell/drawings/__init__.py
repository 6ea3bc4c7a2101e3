"""What the drawings of cells share; the drawing of each kind of cell is in its own folder."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable

from rnn_explorer.analysis.cell_internals.record import CellInternals
from rnn_explorer.cells import CELLS
from rnn_explorer.figures.cell.drawings import generic

Draw = Callable[[CellInternals, int, str], str]  # report, step from 0, what enters in words -> SVG


def single(cell: str) -> Draw:
    """How a kind of cell is drawn; boxes for its gates and states where its folder has no drawing."""
    home = CELLS.get(cell).__module__.rpartition(".")[0] if cell in CELLS else ""
    if home and importlib.util.find_spec(f"{home}.drawing") is not None:
        return importlib.import_module(f"{home}.drawing").draw
    return generic.draw
