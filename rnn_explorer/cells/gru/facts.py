"""What is true of the gated recurrent unit; its equations are in `cell.py`."""

from __future__ import annotations

from rnn_explorer.cells.facts import CELLS, CellFacts


@CELLS.register("gru")
class GRUFacts(CellFacts):
    """The gated recurrent unit."""

    key = "gru"
    title = "GRU"
    order = 3
    gate_names = ("reset", "update", "candidate")
    bounded = frozenset({"reset", "update"})
    keras_biases = 2  # reset_after=True, Keras' default, keeps both
