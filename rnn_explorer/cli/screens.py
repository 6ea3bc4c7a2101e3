"""What is seen of a training, while it goes on and when it is over."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rnn_explorer.cli.printing import print_json, table
from rnn_explorer.progress import ProgressBar, cell_text, width

if TYPE_CHECKING:
    from rnn_explorer.sizes import LayerSummary
    from rnn_explorer.training import StepReport


class JsonScreen:
    """One JSON object a line on standard output."""

    def report(self, report: StepReport) -> None:
        print_json(
            {
                "event": "report",
                "step": report.step,
                "epoch": report.epoch,
                "train_loss": report.train_loss,
                "val_loss": report.val_loss,
                "train_metric": report.train_metric,
                "val_metric": report.val_metric,
            }
        )

    def progress(self, report: StepReport) -> None:
        pass

    def close(self) -> None:
        pass

    def done(self, result: Mapping[str, Any], summary: Sequence[LayerSummary]) -> None:
        print_json(result)


class TextScreen(ProgressBar):
    """A progress bar on a terminal, or a line for each validation; tables at the end."""

    def done(self, result: Mapping[str, Any], summary: Sequence[LayerSummary]) -> None:
        rows = [[row.layer, row.output_shape, f"{row.parameters:,}", f"{row.keras_parameters:,}"] for row in summary]
        totals = [sum(row.parameters for row in summary), sum(row.keras_parameters for row in summary)]
        rows.append(["total", "", *(f"{total:,}" for total in totals)])
        print(table(("layer", "output", "parameters", "as Keras counts"), rows, right=(2, 3)))
        print()
        hidden = ("event", "columns", "baseline_how", "beats_baseline")  # a table and a sentence say it
        shown = [[name, cell_text(value)] for name, value in result.items() if name not in hidden]
        print(table(("result", ""), shown))
        if columns := result.get("columns"):
            print()
            by_column = [[name, *(cell_text(error) for error in errors.values())] for name, errors in columns.items()]
            print(table(("column", "test MSE", "memoryless baseline"), by_column, right=(1, 2)))
        print(f"\n{textwrap.fill(against_baseline(result), max(width() - 1, 40), break_on_hyphens=False)}")


def against_baseline(result: Mapping[str, Any]) -> str:
    """Whether the model makes use of earlier steps, in words."""
    name, beats = result["metric"], result["beats_baseline"]
    reference = f"The memoryless baseline, which {result['baseline_how']}, has {name} {cell_text(result['baseline'])}."
    if beats is None:
        return f"{reference} This model's {name} in the test is no number to compare with that."
    better = "better" if beats else "no better: whatever it learned, it does not show that it remembers"
    return f"{reference} This model, with {cell_text(result['test_metric'])} in the test, is {better}."


class Means:
    """Mean loss and metric of the batches since the last report."""

    def __init__(self) -> None:
        self._rows: list[tuple[float, float]] = []

    def add(self, report: StepReport) -> None:
        self._rows.append((report.train_loss, report.train_metric))

    def take(self, report: StepReport) -> StepReport:
        """`report` with the means in place of its own batch's numbers."""
        loss, metric = (math.fsum(column) / len(self._rows) for column in zip(*self._rows, strict=True))
        self._rows.clear()
        return dataclasses.replace(report, train_loss=loss, train_metric=metric)
