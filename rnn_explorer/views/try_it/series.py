"""The model goes on with a series by itself, reading its own forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rnn_explorer.analysis.generate.record import ClosedLoop
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.try_it.closed_loop import closed_loop
from rnn_explorer.views.base import AnalysisRequest, Control, ViewState
from rnn_explorer.views.try_it.mode import Mode, choices
from rnn_explorer.views.try_it.selection import TrySelection


class SeriesMode(Mode):
    """The free run, after a sequence of the task or near the end of its series."""

    rows = "1fr"

    def tools(self, state: ViewState, chosen: TrySelection) -> list[Control]:
        places = (("sequence", "after the sequence"), ("end", "at the end of its series"))
        tools = [
            *choices(state, "sequence"),
            Control.of(TrySelection, "steps", "closed_loop"),
            Control("begin", "select", "Where it is left to itself", "closed_loop", options=places),
        ]
        if chosen.begin == "end":
            tools.append(Control.of(TrySelection, "back", "closed_loop"))
        found = _found(state)
        if found is not None and len(found.names) > 1:
            names = tuple(enumerate(found.names))
            tools.append(Control("value", "select", "The value that is drawn", "closed_loop", options=names))
        return tools

    def analyses(self, state: ViewState, chosen: TrySelection) -> list[AnalysisRequest]:
        options: dict[str, Any] = {"sequence": chosen.sequence, "steps": chosen.steps}
        options |= {"back": chosen.back} if chosen.begin == "end" else {}
        return [AnalysisRequest("closed_loop", "closed_loop", options)]

    def panels(self, state: ViewState, chosen: TrySelection) -> Sequence[Figure]:
        found, cell = _found(state), state.view.experiment.model.cell
        return [closed_loop(found, cell, min(chosen.value, len(found.names) - 1) if found else 0)]


def _found(state: ViewState) -> ClosedLoop | None:
    return state.result("closed_loop").value
