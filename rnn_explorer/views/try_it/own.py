"""A sequence of one's own: the model's answer to it, its states and gates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rnn_explorer.analysis.own_sequence.record import OwnSequence
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.gates import gates
from rnn_explorer.figures.prediction import prediction
from rnn_explorer.figures.states import states
from rnn_explorer.figures.try_it.legal_symbols import legal_symbols
from rnn_explorer.trace import Explanation
from rnn_explorer.views.base import AnalysisRequest, Control, Grid, ViewState
from rnn_explorer.views.try_it.mode import LEAST_HEIGHT, TEXT_PANELS, WIDE, Mode, choices, snapshot_of
from rnn_explorer.views.try_it.selection import TrySelection
from rnn_explorer.views.try_it.text_colors import correlates, text_panels, text_tools
from rnn_explorer.views.try_it.ways import Way

ROWS = "1fr 1.05fr"
SPANS = WIDE | {"prediction": (4, 1), "legal_symbols": (4, 1), "states": (2, 1)}  # beside the field it is given in


class OwnMode(Mode):
    """An own sequence, of numbers or of symbols.

    Args:
        way: what can be tried with the task.
    """

    def __init__(self, way: Way) -> None:
        self.way = way
        self.numbers = way in ("values", "series")

    def tools(self, state: ViewState, chosen: TrySelection) -> list[Control]:
        return choices(state, "layer", "direction") + ([] if self.numbers else text_tools(state, chosen))

    def analyses(self, state: ViewState, chosen: TrySelection) -> list[AnalysisRequest]:
        given = chosen.values()
        requests = [] if given is None else [AnalysisRequest("own", "own_sequence", {"values": given})]
        return requests if self.numbers else [*requests, correlates(chosen)]

    def grid(self) -> Grid:
        if self.numbers:  # a canvas or a table stands beside the answer
            return Grid(ROWS, SPANS, LEAST_HEIGHT)
        return Grid("1fr 1fr 1.1fr", {**TEXT_PANELS, **SPANS}, 800)

    def panels(self, state: ViewState, chosen: TrySelection) -> Sequence[Figure]:
        """As many panels before the answer is known."""
        cell, found = state.view.experiment.model.cell, _answer(state, chosen)
        shown = found.explanation if found else self._nothing()
        trace = found.trace if found else snapshot_of(state).trace
        layer, length = trace.layer(chosen.layer, chosen.direction), shown.length
        text = []
        if not self.numbers:
            text = text_panels(state, chosen, layer if found else None, 0, shown.symbols)
        inputs = trace.inputs[0] if found else None
        return [
            legal_symbols(found, cell) if self.way == "grammar" else prediction(shown, cell),
            states(layer, 0, length),
            *text,
            gates(layer, 0, length, inputs, shown.symbols),
        ]

    def _nothing(self) -> Explanation:
        """No sequence yet."""
        kind: Literal["symbols", "series"] = "series" if self.numbers else "symbols"
        return Explanation(kind, "", "nothing yet", None, 0)


def _answer(state: ViewState, chosen: TrySelection) -> OwnSequence | None:
    """What is known of the own sequence, unless there is none any more or it could not be read."""
    result = state.result("own")
    return None if chosen.values() is None or result.error else result.value
