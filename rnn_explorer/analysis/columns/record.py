"""How well each of several columns is forecast, as plain numpy data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rnn_explorer.jsonable import jsonable
from rnn_explorer.settings import Settings, setting
from rnn_explorer.tasks.base import Split
from rnn_explorer.trace import Array

FAR_BELOW = 20.0  # times below the median of the columns from which an error stands out
SMALL = 0.05  # of the error of repeating the last value, below which it must be as well


@dataclass(frozen=True)
class ColumnOptions(Settings):
    """Of the analysis `columns`."""

    split: Split = setting(
        "validation",
        label="Data",
        help="The part of the data; the test set stands in for a validation set that is empty.",
    )


@dataclass(frozen=True)
class ColumnErrors:
    """The error of each column that is forecast; a mean over all of them hides what is easy and what is hopeless.

    Attributes:
        names: of the columns.
        split: the part of the data on which all of it is measured.
        model: (columns,) mean squared error of the model, in units of each column's variance in the training part.
        baseline: (columns,) the same of the memoryless baseline, which reads all columns, too.
        repeated: (columns,) the same of repeating the column's last value.
    """

    names: tuple[str, ...]
    split: str
    model: Array
    baseline: Array
    repeated: Array

    def beaten(self) -> Array:
        """(columns,) bool: where the model is better than the baseline."""
        return np.asarray(self.model < self.baseline)

    def suspicious(self) -> Array:
        """(columns,) bool: forecast so much better than the others that another column may give its future away."""
        usual = np.median(self.model)
        return np.asarray((self.model * FAR_BELOW < usual) & (self.model < SMALL * self.repeated))

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON: column -> its errors."""
        return {
            name: {"mse": jsonable(float(mine)), "baseline": jsonable(float(other))}
            for name, mine, other in zip(self.names, self.model, self.baseline, strict=True)
        }
