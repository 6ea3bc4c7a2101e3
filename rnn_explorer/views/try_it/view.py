"""The view: the mode that the task and the user's choice lead to."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.svg_panel import SvgPanel
from rnn_explorer.views.base import VIEWS, AnalysisRequest, Control, Grid, View, ViewState
from rnn_explorer.views.try_it import own
from rnn_explorer.views.try_it.mode import LEAST_HEIGHT, Mode
from rnn_explorer.views.try_it.own import OwnMode
from rnn_explorer.views.try_it.selection import TrySelection
from rnn_explorer.views.try_it.series import SeriesMode
from rnn_explorer.views.try_it.symbols import GrammarMode, SymbolsMode
from rnn_explorer.views.try_it.text import TextMode
from rnn_explorer.views.try_it.ways import Way, way_of

_MODES: dict[Way, Mode] = {
    "text": TextMode(),
    "series": SeriesMode(),
    "grammar": GrammarMode(),
    "symbols": SymbolsMode(),
    "values": OwnMode("values"),  # all that such a task lets one try
}


@VIEWS.register("try")
class TryView(View):
    """What a task lets one try, or an own sequence with its answer, states and gates."""

    name = "try"
    selection_class = TrySelection
    rows = own.ROWS
    spans = own.SPANS
    least_height = LEAST_HEIGHT
    usual = ("prediction", "states", "gates")

    def tools(self, state: ViewState) -> list[Control]:
        return self._mode(state).tools(state, self.fitted(state))

    def analyses(self, state: ViewState) -> list[AnalysisRequest]:
        return self._mode(state).analyses(state, self.fitted(state))

    def grid(self, state: ViewState) -> Grid:
        if state.view.snapshot is not None:
            return self._mode(state).grid()
        return OwnMode("symbols").grid() if self.selection.mode == "own" else super().grid(state)  # not known which yet

    def panels(self, state: ViewState) -> Sequence[Figure | SvgPanel]:
        return [] if state.view.snapshot is None else self._mode(state).panels(state, self.fitted(state))

    def _mode(self, state: ViewState) -> Mode:
        way = way_of(state.view.experiment)
        return OwnMode(way) if self.selection.mode == "own" else _MODES[way]
