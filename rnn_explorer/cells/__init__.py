"""The recurrent cells, one file each; importing this package registers them."""

from __future__ import annotations

# The order of the buttons:
# isort: off
from rnn_explorer.cells import rnn, lstm, gru

# isort: on
from rnn_explorer.cells.base import CELLS, RecurrentCell, State

__all__ = ["CELLS", "RecurrentCell", "State", "gru", "lstm", "rnn"]
