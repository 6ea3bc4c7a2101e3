"""Sequences of symbols of the task: what the model answers, or which symbols it holds for legal at each step."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.prediction import prediction
from rnn_explorer.figures.try_it.legal_symbols import legal_symbols
from rnn_explorer.trace import Explanation
from rnn_explorer.views.base import AnalysisRequest, Control, ViewState
from rnn_explorer.views.try_it.mode import Mode, choices, snapshot_of
from rnn_explorer.views.try_it.selection import TrySelection
from rnn_explorer.views.try_it.text_colors import correlates, text_panels, text_tools


class SymbolsMode(Mode):
    """The answer to a sequence of symbols, above the sequence in the colors of a unit."""

    def tools(self, state: ViewState, chosen: TrySelection) -> list[Control]:
        return [*choices(state, "sequence", "layer", "direction"), *text_tools(state, chosen)]

    def analyses(self, state: ViewState, chosen: TrySelection) -> list[AnalysisRequest]:
        return [correlates(chosen)]

    def panels(self, state: ViewState, chosen: TrySelection) -> Sequence[Figure]:
        snapshot = snapshot_of(state)
        layer, shown = snapshot.trace.layer(chosen.layer, chosen.direction), snapshot.explanations[chosen.sequence]
        return [self.first(state, shown), *text_panels(state, chosen, layer, chosen.sequence, shown.symbols)]

    def first(self, state: ViewState, shown: Explanation) -> Figure:
        """The panel above the text."""
        return prediction(shown, state.view.experiment.model.cell)


class GrammarMode(SymbolsMode):
    """What the model predicts at each step of a string of a grammar, and which symbols are legal there."""

    def analyses(self, state: ViewState, chosen: TrySelection) -> list[AnalysisRequest]:
        string = "".join(snapshot_of(state).explanations[chosen.sequence].symbols)
        return [AnalysisRequest("own", "own_sequence", {"values": string}), correlates(chosen)]

    def first(self, state: ViewState, shown: Explanation) -> Figure:
        return legal_symbols(state.result("own").value, state.view.experiment.model.cell)
