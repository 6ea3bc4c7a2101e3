"""How well each of several columns is forecast: see `rnn_explorer.analysis.columns.record`."""

from __future__ import annotations

import numpy as np
import torch

from rnn_explorer.analysis.columns.record import ColumnErrors, ColumnOptions
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import Progress, analysis
from rnn_explorer.errors import UserError
from rnn_explorer.tensors import TensorBatch

_AT_ONCE = 32  # sequences between two looks at the clock


@analysis("columns", ColumnOptions)
def columns(frozen: FrozenModel, options: ColumnOptions) -> Progress:
    """The mean squared error of each column that the model forecasts, over the answers that count.

    Returns:
        `ColumnErrors`.

    Raises:
        UserError: for a task that does not forecast several columns.
    """
    task, split = frozen.task, options.split
    batch = task.evaluation(split)
    if split == "validation" and not len(batch):
        split, batch = "test", task.evaluation("test")
    baseline = task.baseline_by_value(split)
    if baseline is None:
        raise UserError(f"{task.title} does not forecast several columns, so there is nothing to compare")
    total, count = np.zeros(task.output.size), 0
    repeated = np.square(batch.inputs - batch.targets, dtype=np.float64)[batch.step_mask()].mean(axis=0)
    for start in range(0, len(batch), _AT_ONCE):
        yield start / len(batch)
        part = TensorBatch.of(batch.select(slice(start, start + _AT_ONCE)))
        with torch.no_grad():
            off = frozen.model(part.inputs, part.lengths) - part.targets
        counted = off[part.step_mask()].double()  # (answers, columns)
        total += counted.square().sum(dim=0).numpy()
        count += len(counted)
    return ColumnErrors(task.input.names, split, total / max(count, 1), baseline, repeated)
