"""The learning curves of a run: what each optimizer step brought, and what was measured in between."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rnn_explorer.errors import UserError
from rnn_explorer.trace import TRAIN_COLUMNS, VALIDATION_COLUMNS, Array, History

if TYPE_CHECKING:
    from rnn_explorer.training import StepReport

_DIGITS = 6  # of each number in a file


@dataclass
class LearningCurves:
    """Curves of bounded size, see `History`.

    Attributes:
        train: of each optimizer step, before it: loss and metric of its batch, length of the gradient before and
            after clipping.
        validation: loss and metric of the whole validation set.
    """

    train: History = field(default_factory=lambda: History(TRAIN_COLUMNS))
    validation: History = field(default_factory=lambda: History(VALIDATION_COLUMNS))

    def add(self, report: StepReport) -> None:
        """Add what one step brought; the report before the first step has a validation alone."""
        if report.train_loss == report.train_loss:
            self.train.append(
                report.step,
                loss=report.train_loss,
                metric=report.train_metric,
                grad_norm=report.grad_norm,
                applied_norm=report.applied_norm,
            )
        if report.val_loss is not None and report.val_metric is not None:
            self.validation.append(report.step, loss=report.val_loss, metric=report.val_metric)

    def to_json(self) -> str:
        """Both curves as JSON, rounded to six digits."""

        def column(values: Array) -> list[float]:
            return [float(f"{value:.{_DIGITS}g}") for value in values.tolist()]

        return json.dumps(
            {
                name: {key: values.tolist() if key == "step" else column(values) for key, values in rows.items()}
                for name, rows in (("train", self.train.arrays()), ("validation", self.validation.arrays()))
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str | None) -> LearningCurves:
        """The inverse of `to_json`; empty curves for None.

        Raises:
            UserError: for a text that holds no such curves; without a full stop.
        """
        if text is None:
            return cls()
        try:
            found = json.loads(text)
            return cls(History.of(found["train"], TRAIN_COLUMNS), History.of(found["validation"], VALIDATION_COLUMNS))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError) as error:
            raise UserError("its learning curves are not readable") from error
