"""How far back a model remembers: the Jacobian product through time, the gradient of the loss by every state, which
inputs move an answer, and what the gates do.

All of it is computed in double precision on a copy of the model. Products of Jacobians are scaled after every factor,
and the scales are kept as logarithms, so a gradient of 1e-400 or 1e400 is as exact as one near 1.

Source: R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks" (2013),
equations 4 and 5, https://arxiv.org/abs/1211.5063.
"""

from __future__ import annotations

import copy
import math

import numpy as np

from rnn_explorer.analysis.arguments import check_whole
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.memory.cell_memory import CellMemory, fit_decay
from rnn_explorer.analysis.memory.findings import findings
from rnn_explorer.analysis.memory.gates import gates_of
from rnn_explorer.analysis.memory.jacobians import curve_of, norms_back, segments_of
from rnn_explorer.analysis.memory.reading import loss_gradients, read, sample_of
from rnn_explorer.analysis.memory.record import (
    JacobianNormOptions,
    JacobianNorms,
    MemoryOptions,
    MemoryReport,
)
from rnn_explorer.analysis.memory.saliency import saliency_of
from rnn_explorer.analysis.registry import Progress, analysis

POINTS = 60  # rows and columns of the table, at most
_LARGE = 128  # numbers in a state, above which the table has half as many points


@analysis("memory", MemoryOptions)
def memory(frozen: FrozenModel, options: MemoryOptions) -> Progress:
    """How far back every cell of the model remembers, over one probe sequence.

    Returns:
        A `MemoryReport`.

    Raises:
        UserError: for a sequence, output or time step that there is not.
    """
    sample, output = sample_of(frozen, options.sequence), options.output
    length = sample.inputs.shape[1]
    time_step = length if options.time_step is None else options.time_step
    check_whole("time_step", time_step, 1, length)
    if output is not None:
        check_whole("output", output, 0, frozen.task.output.size - 1)
    yield 0.0
    model = copy.deepcopy(frozen.model).double()
    readings, loss = yield from read(frozen, model, sample, 0.0, 0.25)
    by_state = loss_gradients(readings, loss)
    yield 0.45
    norms = []
    for number, reading in enumerate(readings):
        begin, end = (0.45 + 0.4 * (number + more) / len(readings) for more in (0, 1))
        norms.append((yield from curve_of(reading, begin, end)))
    gates = gates_of(model, frozen.probe)
    yield 0.95
    saliency = saliency_of(frozen, model, sample.inputs, output, time_step)
    cells = tuple(
        CellMemory(
            cell=reading.cell.key,
            layer=reading.layer,
            direction=reading.direction,
            log10_norm=curve,
            loss_gradient=gradient,
            decay=fit_decay(curve),
            gates=statistics,
        )
        for reading, curve, gradient, statistics in zip(readings, norms, by_state, gates, strict=True)
    )
    mean = float(loss.detach())
    found = findings(cells, saliency, frozen.task.output.per_step, _answered(frozen, mean))
    return MemoryReport(frozen.step, options.sequence, length, mean, cells, saliency, found)


def _answered(frozen: FrozenModel, loss: float) -> bool:
    """Whether a sequence's loss is that of a model that does well.

    For classes the right one has more than half of the probability, by the geometric mean over answers; for values at
    least half of the variance of all probe targets is explained.
    """
    if frozen.task.output.classes:
        return loss < math.log(2)
    targets = frozen.probe.targets.double()
    known = targets[targets.isfinite()]
    return loss < 0.5 * float(known.var(correction=0)) if len(known) else False


@analysis("jacobian_norms", JacobianNormOptions)
def jacobian_norms(frozen: FrozenModel, options: JacobianNormOptions) -> Progress:
    """log10 ||d s_t / d s_k|| of one cell for all pairs of steps, the norm of `memory`'s curve.

    A long sequence is seen at a stride that ends with the last step read, so that at most `POINTS` x `POINTS` norms are
    computed, half as many either way for a state of more than 128 numbers.

    Returns:
        A `JacobianNorms`.

    Raises:
        UserError: for a sequence, layer or direction that there is not.
    """
    layer, direction = options.layer, options.direction
    sample = sample_of(frozen, options.sequence)
    cell = frozen.cell(layer, direction)
    yield 0.0
    model = copy.deepcopy(frozen.model).double()
    readings, _ = yield from read(frozen, model, sample, 0.0, 0.1)
    (reading,) = [each for each in readings if (each.layer, each.direction) == (layer, direction)]
    length = sample.inputs.shape[1]
    most = POINTS if cell.hidden_size * len(cell.state_names) <= _LARGE else POINTS // 2
    stride = max(1, math.ceil(length / most))
    places = np.arange(length, 0, -stride)[::-1]  # steps of reading, the last one among them
    segments = yield from segments_of(reading, places, 0.1, 0.15)
    table = np.full((len(places), len(places)), np.nan)
    for row in range(len(places)):
        begin, end = (0.15 + 0.85 * (place / len(places)) ** 2 for place in (row, row + 1))
        norms = yield from norms_back(reversed(segments[:row]), reading.size, row + 1, begin, end)
        table[row, row::-1] = norms
        yield end
    if direction == "backward":  # from the order of reading to the order of time
        places, table = length + 1 - places[::-1], table[::-1, ::-1]
    return JacobianNorms(
        reading.cell.key, layer, direction, options.sequence, places, np.ascontiguousarray(table), stride, length
    )
