"""Made-up records of memory through time, for examples and tests of figures."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from rnn_explorer.analysis.memory.cell_memory import CellMemory, GateStatistics, fit_decay, time_constants
from rnn_explorer.analysis.memory.record import InputSaliency, JacobianNorms
from rnn_explorer.analysis.saturation import saturation
from rnn_explorer.cells import CELLS
from rnn_explorer.trace import Array


def statistics(cell: str, hidden: int = 6) -> GateStatistics:
    """Of the gate that keeps the old state, or of the slope where a cell has none."""
    values = np.random.default_rng(hidden).uniform(0.05, 0.99, (2, 30, hidden))
    keeper = CELLS.get(cell).keeper
    name = keeper or "slope"
    return GateStatistics(
        keeper,
        {name: np.histogram(values, 20, (0, 1))[0] / values.size},
        {name: values.mean(axis=(0, 1))},
        {name: saturation(values)},
        time_constants(np.log(values).mean(axis=(0, 1)) if keeper else np.zeros(0)),
        "" if keeper else "tanh",
    )


def cell_memory(cell: str = "lstm", length: int = 50, rho: float = 0.8, layer: int = 0, **more: Any) -> CellMemory:
    """A layer whose Jacobian norm falls by `rho` with every time step."""
    curve = np.arange(length) * math.log10(rho)
    loss = 0.5 * rho ** np.arange(length)[::-1]
    record = CellMemory(cell, layer, "forward", curve, loss, fit_decay(curve), statistics(cell))
    return dataclasses.replace(record, **more)


def broken_memory(value: float) -> CellMemory:
    """A layer with `value` (NaN or minus infinity) for every norm but the first."""
    curve = np.array([0.0, *[value] * 9])
    gradient = np.full(10, 0.0 if value < 0 else value)
    return cell_memory(length=10, log10_norm=curve, loss_gradient=gradient)


def every_layer() -> list[CellMemory]:
    """Four layers in both directions."""
    return [cell_memory("gru", layer=n, direction=d) for n in range(4) for d in ("forward", "backward")]


def input_saliency(length: int = 12, symbols: bool = False, **more: Any) -> InputSaliency:
    """Of an answer at the last step, more for every later input."""
    norm = np.linspace(0, 3, length)
    letters = tuple("<b>& ade fghij"[n % 14] for n in range(length)) if symbols else ()
    return dataclasses.replace(InputSaliency(1, "<i>sum", length, 0.4, not symbols, norm, letters), **more)


def norms(points: int, stride: int = 1) -> JacobianNorms:
    """||d h_t / d h_k|| for all pairs of `points` steps, every `stride`-th of the sequence."""
    values = np.where(np.tri(points) > 0, -0.3 * (np.arange(points)[:, None] - np.arange(points)), np.nan)
    steps = np.arange(1, points + 1) * stride
    return JacobianNorms("gru", 1, "backward", 0, steps, values, stride, points * stride)


def gradient_norms(steps: int) -> tuple[Array, Array, Array]:
    """Optimizer steps, gradient norms from 20 to 0.02, and the same clipped at 1."""
    before = np.geomspace(20, 0.02, steps) if steps else np.zeros(0)
    return np.arange(1, steps + 1) * 2, before, np.minimum(before, 1.0)
