"""What is true of the simple recurrent network; its equations are in `cell.py`."""

from __future__ import annotations

from rnn_explorer.cells.facts import CELLS, CellFacts


@CELLS.register("rnn")
class SimpleRNNFacts(CellFacts):
    """The simple recurrent network."""

    key = "rnn"
    title = "Simple RNN"
    order = 1
    gate_names = ("pre_activation",)
    setting_names = ("nonlinearity",)
