"""What units follow in a text.

Source: A. Karpathy, J. Johnson, L. Fei-Fei, "Visualizing and understanding recurrent networks" (2015),
https://arxiv.org/abs/1506.02078.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from rnn_explorer.analysis.correlates.record import CorrelateOptions, Correlates
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import Progress, analysis
from rnn_explorer.analysis.text_features import text_features
from rnn_explorer.errors import UserError
from rnn_explorer.model import SequenceModel, along_time, reversal
from rnn_explorer.tasks.base import STREAM_EVALUATION, Batch, Split
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.trace import Array, Direction

_SLICE = 8  # sequences that are read at once


@analysis("correlates", CorrelateOptions)
def correlates(frozen: FrozenModel, options: CorrelateOptions) -> Progress:
    """How closely the states and gates of each unit go with features of the text.

    Read are the first 256 sequences of the validation set (of the test set where that is empty), all real steps. The
    correlation of a unit's value u and a feature f over n steps is Pearson's

        r = (mean(u f) - mean(u) mean(f)) / (sd(u) sd(f))

    Returns:
        `Correlates`; the features are those of `text_features`.

    Raises:
        UserError: for a task that is no text, and a layer or direction that there is not.
    """
    layer, direction = options.layer, options.direction
    task, cell = frozen.task, frozen.cell(layer, direction)
    if task.input.kind != "symbols":
        raise UserError(f"{task.title} reads numbers; features of a text are for tasks that read symbols")
    yield 0.0
    split, batch = _read_for_features(frozen)
    quantities = (*cell.state_names, *cell.gate_names)
    features: tuple[str, ...] = ()
    sums = _Sums()
    for start in range(0, len(batch), _SLICE):
        part = batch.select(slice(start, start + _SLICE))
        recorded = _layer(frozen.model, TensorBatch.of(part), layer, direction)
        real = _real_steps(part)  # (sequences, time)
        features, values = text_features(part.inputs, task.input.names)
        yield (start + 0.5 * len(part)) / len(batch)
        units = torch.cat([recorded[name] for name in quantities], dim=-1)[torch.from_numpy(real)]
        sums.add(units.double().numpy(), values[real])
        yield (start + len(part)) / len(batch)
    r = sums.correlation().reshape(len(quantities), cell.hidden_size, len(features))
    return Correlates(
        cell=cell.key,
        layer=layer,
        direction=direction,
        split=split,
        steps=sums.count,
        quantities=quantities,
        features=features,
        values=r.astype(np.float32),
    )


def _read_for_features(frozen: FrozenModel) -> tuple[Split, Batch]:
    split: Split = "validation"
    batch = frozen.task.evaluation(split)
    if not len(batch):
        split = "test"
        batch = frozen.task.evaluation(split)
    return split, batch.select(slice(STREAM_EVALUATION))


class _Sums:
    """The sums behind a correlation, over parts that come one after the other.

    Values are counted from the means of the first part, so that nothing is lost where a value hardly changes.
    """

    def __init__(self) -> None:
        self.count = 0
        self._from: tuple[Array, Array] | None = None

    def add(self, u: Array, f: Array) -> None:
        """More places: (places, units) and (places, features), float64."""
        if self._from is None:
            self._from = (u.mean(axis=0), f.mean(axis=0))
            self._u, self._uu = np.zeros(u.shape[1]), np.zeros(u.shape[1])
            self._f, self._ff = np.zeros(f.shape[1]), np.zeros(f.shape[1])
            self._uf = np.zeros((u.shape[1], f.shape[1]))
        self.count += len(u)
        with np.errstate(all="ignore"):  # states of an exploding run
            u, f = u - self._from[0], f - self._from[1]
            self._u += u.sum(axis=0)
            self._f += f.sum(axis=0)
            self._uu += np.square(u).sum(axis=0)
            self._ff += np.square(f).sum(axis=0)
            self._uf += u.T @ f

    def correlation(self) -> Array:
        """(units, features) r; NaN where one of the two does not change, or is not finite."""
        n = self.count
        with np.errstate(all="ignore"):
            covariance = self._uf / n - np.outer(self._u / n, self._f / n)
            spread_u = np.sqrt(np.maximum(self._uu / n - np.square(self._u / n), 0))
            spread_f = np.sqrt(np.maximum(self._ff / n - np.square(self._f / n), 0))
            r = covariance / np.outer(spread_u, spread_f)
        r[~(spread_u > 1e-9)] = np.nan
        r[:, ~(spread_f > 1e-9)] = np.nan
        r[~np.isfinite(r)] = np.nan
        return np.clip(r, -1, 1)


@torch.no_grad()
def _layer(model: SequenceModel, batch: TensorBatch, layer: int, direction: Direction) -> dict[str, Tensor]:
    """Gates and states of one layer and direction, name -> (batch, time, hidden_size), in the order of the inputs."""
    inputs = batch.inputs
    reverse = reversal(len(batch), inputs.shape[1], batch.lengths)
    x, chosen = model.encode(inputs), model.stack()[layer]
    for below in model.stack()[:layer]:
        x = below(x, reverse)
    if direction == "forward":
        return chosen.forwards.trace(x)
    assert chosen.backwards is not None  # `frozen.cell` has refused it already
    recorded = chosen.backwards.trace(along_time(x, reverse))
    return {name: along_time(values, reverse) for name, values in recorded.items()}


def _real_steps(batch: Batch) -> Array:
    """(batch, time) bool: not padding."""
    time = batch.inputs.shape[1]
    if batch.lengths is None:
        return np.ones((len(batch), time), dtype=bool)
    return np.arange(time)[None, :] < batch.lengths[:, None]
