"""The model writes text, one character after the other, each drawn from what it predicts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.svg_panel import SvgPanel
from rnn_explorer.figures.try_it.generated_text import generated_text
from rnn_explorer.views.base import AnalysisRequest, Control, ViewState
from rnn_explorer.views.try_it.mode import Mode, choices, snapshot_of
from rnn_explorer.views.try_it.selection import TrySelection
from rnn_explorer.views.try_it.text_colors import correlates, text_panels, text_tools

WRITTEN = 160  # characters that are written at a time
COLUMNS = 64  # in a line of them


class TextMode(Mode):
    """A sample of its text, above a sequence of the task in the colors of a unit."""

    rows = "1.5fr 1fr"

    def tools(self, state: ViewState, chosen: TrySelection) -> list[Control]:
        return [
            *choices(state, "layer", "direction"),
            Control.of(TrySelection, "temperature", "generated_text"),
            Control("again", "button", "Draw anew from the same probabilities", "generated_text", "New sample"),
            *(dataclasses.replace(tool, place="colored_text") for tool in choices(state, "sequence")),
            *text_tools(state, chosen),
        ]

    def analyses(self, state: ViewState, chosen: TrySelection) -> list[AnalysisRequest]:
        options = {"prefix": chosen.prefix, "length": WRITTEN, "temperature": chosen.temperature, "seed": chosen.again}
        return [AnalysisRequest("sample", "sample", options, every=1.0), correlates(chosen)]

    def panels(self, state: ViewState, chosen: TrySelection) -> Sequence[Figure | SvgPanel]:
        snapshot = snapshot_of(state)
        layer = snapshot.trace.layer(chosen.layer, chosen.direction)
        symbols = snapshot.explanations[chosen.sequence].symbols
        written = generated_text(state.result("sample").value, state.view.experiment.model.cell, COLUMNS)
        return [written, *text_panels(state, chosen, layer, chosen.sequence, symbols)]
