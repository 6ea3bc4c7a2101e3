"""The user's own table: forecast its columns, or say which class a series belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rnn_explorer.tasks import files
from rnn_explorer.tasks.base import TASKS, Metric, Source, Task, TaskSettings
from rnn_explorer.tasks.user_data.csv_file import Table
from rnn_explorer.tasks.user_data.series_classes import SeriesClasses
from rnn_explorer.tasks.user_data.series_forecast import SeriesForecast, longest_window
from rnn_explorer.tasks.user_data.series_settings import SHORTEST, OwnSeriesSettings, join_names
from rnn_explorer.tasks.user_data.splits import OwnTask

__all__ = ["OwnSeries", "OwnSeriesSettings", "join_names", "suggested"]


@TASKS.register("own_series")
class OwnSeries(OwnTask):
    """The user's table, one row a time step: what comes next, or which class is this?

    Forecast. Inputs: (batch, seq_len, columns), a window, each column in standard deviations from its mean over the
    training part. Targets: (batch, seq_len, columns), the same one step later; the first half of a window is warm-up
    and not judged, nor is a step where a value is missing, which is NaN among the targets. Each series is cut by time
    into a training, a validation and a test part, and no window straddles a border; the test part is the last 20 %.
    Validation and test show at most 256 windows, evenly spaced.

    Classification. Inputs: (batch, time, columns), padded with 0 at the end, with the length of each sequence. Targets:
    (batch,) the class. Each series lies wholly in one part, and the classes are shared out by their shares. Without a
    series id each row is one series, its columns the time steps, all of them in one unit.

    Without an upload the data are the temperature in Seattle every three hours; its classes are the seasons of days.
    """

    key = "own_series"
    title = "Your own series"
    order = 910
    summary = "Bring a CSV file: forecast one or more of its columns, or tell the class of each series."
    teaches = "What a recurrent network can make of your data, against the memoryless baseline."
    reading_guide = (
        "Each time step shows the network one row of the table, each column in standard deviations from its mean "
        "over the training part; the figures draw it in its own unit. For a forecast, target and answer are drawn "
        "where the forecast is made and should lie on each other; an answer that trails by one time step only repeats "
        "what it saw. The line on the loss curve is that lazy forecast, and 1 is about as bad as always saying the "
        "mean. The parts follow each other in time, so a series that drifts is judged on values it was not trained "
        "on. For a classification, the probabilities after each time step say what it would answer if the series ended "
        "there; the line on the loss curve knows the last time step alone."
    )
    source = Source(
        citation=f"your own file; the example: {files.source('seattle').citation}",
        license=f"yours, and it stays with you; the example: {files.source('seattle').license}",
        url=files.source("seattle").url,
    )
    settings_class = OwnSeriesSettings
    metric = Metric("MSE")
    autoregressive = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "cell": "lstm", "hidden_size": 32, "learning_rate": 5e-3, "batch_size": 32, "steps": 600,
    }  # fmt: skip
    settings: OwnSeriesSettings

    @classmethod
    def is_autoregressive(cls, settings: TaskSettings) -> bool:
        return isinstance(settings, OwnSeriesSettings) and settings.kind == "forecast"

    def chosen(self) -> Task:
        kind = SeriesForecast if self.settings.kind == "forecast" else SeriesClasses
        return kind(self.settings, self.seed, self.val_split)


def suggested(table: Table, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that suit a table, for those that the user has not chosen.

    Args:
        table: the data.
        wanted: settings of the task that have been chosen, by name.

    Returns:
        More of them: a classification where a label is chosen, and windows that are short enough.
    """
    found: dict[str, Any] = {}
    if "kind" not in wanted and wanted.get("label"):
        found["kind"] = "classification"
    kind = wanted.get("kind", found.get("kind", "forecast"))
    if "seq_len" not in wanted and kind == "forecast" and not wanted.get("series_id"):
        fits = longest_window(table.rows)
        if SHORTEST <= fits < OwnSeriesSettings.spec("seq_len").default:
            found["seq_len"] = fits
    return found
