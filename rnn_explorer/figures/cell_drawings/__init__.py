"""One cell drawn at one step, one file for each kind of cell."""

from __future__ import annotations

from collections.abc import Callable

from rnn_explorer.analysis.inside_report import InsideReport
from rnn_explorer.figures.cell_drawings import generic, gru, lstm, rnn

Draw = Callable[[InsideReport, int, str], str]  # report, step from 0, what enters in words -> SVG

_SINGLE: dict[str, Draw] = {"rnn": rnn.draw, "lstm": lstm.draw, "gru": gru.draw}


def single(cell: str) -> Draw:
    """How a kind of cell is drawn; boxes for its gates and states where nobody has drawn it yet."""
    return _SINGLE.get(cell, generic.draw)
