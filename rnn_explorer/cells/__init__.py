"""The recurrent cells, a folder each; importing this package registers what is true of them, and no torch.

`rnn_explorer.cells.base` has the torch module of a cell.
"""

from __future__ import annotations

from rnn_explorer.cells.facts import CELLS, CellFacts, discover

__all__ = ["CELLS", "CellFacts"]

discover()
