"""The data page's board: the learning curves, where overfitting shows."""

from __future__ import annotations

from dataclasses import dataclass

from rnn_explorer.figures.base import Figure
from rnn_explorer.views.base import BOARDS, Board, Seen, Selection, Tool
from rnn_explorer.views.lab import curves_of


@dataclass(frozen=True)
class DataSelection(Selection):
    """How the curves are drawn.

    Attributes:
        log: whether the loss has a logarithmic axis.
    """

    log: bool = False


@BOARDS.register("data")
class DataBoard(Board):
    """One figure: the gap between training and validation opens and closes in it."""

    name = "data"
    selection_class = DataSelection
    rows = "1fr"
    spans = {"curves": (6, 1)}
    least_height = 300

    def tools(self, seen: Seen) -> list[Tool]:
        return [Tool("log", "toggle", "Logarithmic axis for the loss", "curves", "log scale")]

    def cards(self, seen: Seen) -> list[Figure]:
        return [curves_of(seen, self.selection.log)]
