"""The data page's view: the learning curves, where overfitting shows, and the error of each of several columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.data.column_errors import column_errors
from rnn_explorer.figures.text_panel import TextPanel
from rnn_explorer.tasks import TASKS
from rnn_explorer.views.base import VIEWS, AnalysisRequest, Control, Grid, View, ViewState
from rnn_explorer.views.lab import curves_of
from rnn_explorer.views.selection import Selection


@dataclass(frozen=True)
class DataSelection(Selection):
    """How the curves are drawn.

    Attributes:
        log: whether the loss has a logarithmic axis.
    """

    log: bool = False


@VIEWS.register("data")
class DataView(View):
    """The gap between training and validation opens and closes in the curves, which are means over all columns."""

    name = "data"
    selection_class = DataSelection
    rows = "1fr"
    spans = {"curves": (6, 1)}
    least_height = 300
    usual = ("curves",)

    def tools(self, state: ViewState) -> list[Control]:
        return [Control("log", "toggle", "Logarithmic axis for the loss", "curves", "log scale")]

    def analyses(self, state: ViewState) -> list[AnalysisRequest]:
        return [AnalysisRequest("columns", "columns", every=1.0)] if _several(state) else []

    def grid(self, state: ViewState) -> Grid:
        return Grid(self.rows, {"curves": (4, 1), "columns": (2, 1)} if _several(state) else self.spans, 300)

    def panels(self, state: ViewState) -> Sequence[Figure | TextPanel]:
        drawn: list[Figure | TextPanel] = [curves_of(state, self.selection.log)]
        return [*drawn, column_errors(state.result("columns").value)] if _several(state) else drawn


def _several(state: ViewState) -> bool:
    """Whether several columns are forecast."""
    snapshot, experiment = state.view.snapshot, state.view.experiment
    task = TASKS.get(experiment.task)
    if snapshot is None or task.symbols or not task.is_autoregressive(experiment.task_settings):
        return False
    return snapshot.trace.inputs.shape[-1] > 1
