"""What is true of long short-term memory; its equations are in `cell.py`."""

from __future__ import annotations

from rnn_explorer.cells.facts import CELLS, CellFacts


@CELLS.register("lstm")
class LSTMFacts(CellFacts):
    """Long short-term memory."""

    key = "lstm"
    title = "LSTM"
    order = 2
    state_names = ("hidden", "cell")
    gate_names = ("input", "forget", "candidate", "output")
    bounded = frozenset({"input", "forget", "output"})
    setting_names = ("forget_bias",)
