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
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from rnn_explorer.analysis.arguments import check_whole
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.memory.findings import findings
from rnn_explorer.analysis.memory.record import (
    BINS,
    CellMemory,
    GateStatistics,
    InputSaliency,
    JacobianNorms,
    MemoryReport,
    fit_decay,
    time_constants,
)
from rnn_explorer.analysis.registry import ANALYSES, Progress
from rnn_explorer.analysis.saturation import saturation, share
from rnn_explorer.cells.base import RecurrentCell, State
from rnn_explorer.model import SequenceModel, along_time, reversal
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.trace import Array, Direction
from rnn_explorer.training.losses import loss_of

POINTS = 60  # rows and columns of the table, at most
_LARGE = 128  # numbers in a state, above which the table has half as many points
_SLICE_STEPS = 16  # time steps between two reports of progress
_SLICE_WORK = 2**23  # n^3 x matrices between two reports of progress: a few milliseconds
_SLICE_NUMBERS = 2**20  # numbers in the Jacobians that are held at once: 8 MB


@ANALYSES.register("memory")
def memory(
    subject: FrozenModel, *, sequence: int = 0, output: int | None = None, time_step: int | None = None
) -> Progress:
    """How far back every cell of the model remembers, over one probe sequence.

    Args:
        subject: the model.
        sequence: which of the probe sequences, from 0.
        output: the class or value whose saliency is asked for, from 0; None: the class that the model predicts, or
            its first value.
        time_step: the answer after which step, from 1; None: after the last real one.

    Returns:
        A `MemoryReport`.

    Raises:
        UserError: for a sequence, output or time step that there is not.
    """
    sample = _sample(subject, sequence)
    length = sample.inputs.shape[1]
    time_step = length if time_step is None else time_step
    check_whole("time_step", time_step, 1, length)
    if output is not None:
        check_whole("output", output, 0, subject.task.output.size - 1)
    yield 0.0
    model = copy.deepcopy(subject.model).double()
    readings, loss = yield from _read(subject, model, sample, 0.0, 0.25)
    by_state = _loss_gradients(readings, loss)
    yield 0.45
    norms = []
    for number, reading in enumerate(readings):
        begin, end = (0.45 + 0.4 * (number + more) / len(readings) for more in (0, 1))
        norms.append((yield from _curve(reading, begin, end)))
    gates = _gates(model, subject.probe)
    yield 0.95
    saliency = _saliency(subject, model, sample.inputs, output, time_step)
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
    found = findings(cells, saliency, subject.task.output.per_step, _answered(subject, mean))
    return MemoryReport(subject.step, sequence, length, mean, cells, saliency, found)


def _answered(subject: FrozenModel, loss: float) -> bool:
    """Whether a sequence's loss is that of a model that does well.

    For classes the right one has more than half of the probability, by the geometric mean over answers; for values at
    least half of the variance of all probe targets is explained.
    """
    if subject.task.output.classes:
        return loss < math.log(2)
    targets = subject.probe.targets.double()
    known = targets[targets.isfinite()]
    return loss < 0.5 * float(known.var(correction=0)) if len(known) else False


@ANALYSES.register("jacobian_norms")
def jacobian_norms(
    subject: FrozenModel, *, sequence: int = 0, layer: int = 0, direction: Direction = "forward"
) -> Progress:
    """log10 ||d s_t / d s_k|| of one cell for all pairs of steps, the norm of `memory`'s curve.

    A long sequence is seen at a stride that ends with the last step read, so that at most `POINTS` x `POINTS` norms are
    computed, half as many either way for a state of more than 128 numbers.

    Args:
        subject: the model.
        sequence: which of the probe sequences, from 0.
        layer: from 0, nearest the input first.
        direction: "forward" or "backward".

    Returns:
        A `JacobianNorms`.

    Raises:
        UserError: for a sequence, layer or direction that there is not.
    """
    sample = _sample(subject, sequence)
    cell = subject.cell(layer, direction)
    yield 0.0
    model = copy.deepcopy(subject.model).double()
    readings, _ = yield from _read(subject, model, sample, 0.0, 0.1)
    (reading,) = [each for each in readings if (each.layer, each.direction) == (layer, direction)]
    length = sample.inputs.shape[1]
    most = POINTS if cell.hidden_size * len(cell.state_names) <= _LARGE else POINTS // 2
    stride = max(1, math.ceil(length / most))
    places = np.arange(length, 0, -stride)[::-1]  # steps of reading, the last one among them
    segments = yield from _segments(reading, places, 0.1, 0.15)
    table = np.full((len(places), len(places)), np.nan)
    for row in range(len(places)):
        begin, end = (0.15 + 0.85 * (place / len(places)) ** 2 for place in (row, row + 1))
        norms = yield from _norms_back(reversed(segments[:row]), reading.size, row + 1, begin, end)
        table[row, row::-1] = norms
        yield end
    if direction == "backward":  # from the order of reading to the order of time
        places, table = length + 1 - places[::-1], table[::-1, ::-1]
    return JacobianNorms(
        reading.cell.key, layer, direction, sequence, places, np.ascontiguousarray(table), stride, length
    )


# -- one sequence, a step at a time -----------------------------------------------------------------------------


@dataclass
class _Reading:
    """One cell's way through the sequence, in its own order of reading.

    Attributes:
        cell: in double precision.
        layer, direction: which one.
        x: what entered at each step, each (1, input_size).
        states: the whole state after each step, each (1, size), in a graph that leads to the loss.
    """

    cell: RecurrentCell
    layer: int
    direction: Direction
    x: tuple[Tensor, ...]
    states: list[Tensor] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Numbers in the whole state."""
        return self.cell.hidden_size * len(self.cell.state_names)

    def outputs(self) -> Tensor:
        """(1, time, hidden_size) the hidden states in the order of time."""
        hidden = torch.stack([state[:, : self.cell.hidden_size] for state in self.states], dim=1)
        return hidden if self.direction == "forward" else hidden.flip(1)

    def parts(self, joined: Tensor) -> State:
        """A joined state, or several, (..., size), as the cell takes it."""
        return tuple(joined.split(self.cell.hidden_size, dim=-1))

    def jacobians(self, first: int, last: int) -> Tensor:
        """(last - first + 1, size, size): d s_r / d s_{r-1} for the steps of reading from `first`, at least 2."""
        before = torch.cat(self.states[first - 2 : last - 1]).detach()  # (steps, size)
        return self.cell.jacobian(torch.cat(self.x[first - 1 : last]).detach(), self.parts(before))


def _sample(subject: FrozenModel, sequence: int) -> TensorBatch:
    """One probe sequence without its padding, in double precision.

    Raises:
        UserError: when there is no such sequence.
    """
    probe = subject.probe
    check_whole("sequence", sequence, 0, len(probe) - 1)
    one = probe.select(slice(sequence, sequence + 1))
    length = one.inputs.shape[1] if one.lengths is None else int(one.lengths[0])
    per_step = subject.task.output.per_step
    return TensorBatch(
        _double(one.inputs[:, :length]),
        _double(one.targets[:, :length] if per_step else one.targets),
        mask=None if one.mask is None else one.mask[:, :length],
    )


def _double(values: Tensor) -> Tensor:
    return values.double() if values.is_floating_point() else values


@torch.enable_grad()
def _read(
    subject: FrozenModel, model: SequenceModel, sample: TensorBatch, begin: float, end: float
) -> Generator[float, None, tuple[list[_Reading], Tensor]]:
    """The sequence through every cell by `step`, every state kept, and the loss at the end."""
    readings: list[_Reading] = []
    x = model.encode(sample.inputs)  # (1, time, feature)
    layers = model.stack()
    for number, layer in enumerate(layers):
        mine = [_Reading(layer.forwards, number, "forward", x.unbind(1))]
        if layer.backwards is not None:
            mine.append(_Reading(layer.backwards, number, "backward", x.flip(1).unbind(1)))
        for index, reading in enumerate(mine):
            for done in _unroll(reading, model):
                yield begin + (end - begin) * (number + (index + done) / len(mine)) / len(layers)
        x = torch.cat([reading.outputs() for reading in mine], dim=-1)
        readings += mine
    outputs = model.read_out(x if model.output_spec.per_step else model.summary_state(x, None))
    return readings, loss_of(subject.task.output, outputs, sample)


@torch.enable_grad()
def _unroll(reading: _Reading, model: SequenceModel) -> Iterator[float]:
    state = reading.cell.initial_state(reading.x[0])
    for t, x in enumerate(reading.x):
        state, _ = reading.cell.step(x, state)
        joined = torch.cat(state, dim=-1)  # one tensor, so that its gradient is by the whole state at once
        if not joined.requires_grad:
            joined.requires_grad_()
        reading.states.append(joined)
        state = reading.parts(joined)
        if t % _SLICE_STEPS == 0:
            yield t / len(reading.x)


def _loss_gradients(readings: list[_Reading], loss: Tensor) -> list[Array]:
    """||dL / d s_k|| by time step for each cell; 0 for a state that no counted answer depends on."""
    states = [state for reading in readings for state in reading.states]
    gradients = torch.autograd.grad(loss, states, allow_unused=True)
    norms = np.array([0.0 if gradient is None else float(torch.linalg.vector_norm(gradient)) for gradient in gradients])
    by_cell = norms.reshape(len(readings), -1)  # every cell reads every step
    return [
        np.ascontiguousarray(row if reading.direction == "forward" else row[::-1])
        for reading, row in zip(readings, by_cell, strict=True)
    ]


# -- products of Jacobians --------------------------------------------------------------------------------------


Scaled = tuple[Tensor, float]  # a matrix, and log10 of the factor that was taken out of it


def _scaled(matrix: Tensor, log10: float = 0.0) -> Scaled:
    """A matrix with its largest entry at 1; a matrix of zeros stays, with a factor of 0."""
    largest = float(matrix.abs().amax())
    if largest == 0:
        return matrix, -math.inf
    return matrix / largest, log10 + (math.log10(largest) if math.isfinite(largest) else math.nan)


def _norms_back(
    factors: Iterable[Scaled], size: int, count: int, begin: float, end: float
) -> Generator[float, None, Array]:
    """log10 of the spectral norms of I, F_1, F_1 F_2, ...

    The spectral norm is the root of the largest eigenvalue of P^T P, found for several products at once.

    Args:
        factors: F_1, F_2, ..., each (size, size) and scaled.
        size: rows and columns.
        count: how many norms there are, the one of I included.
        begin, end: of the progress that is yielded.

    Returns:
        (count,) NaN from the first product on that is not finite, -inf from the first that is zero.
    """
    norms = np.full(count, np.nan)
    at_once = max(1, min(32, _SLICE_WORK // size**3))
    product: Scaled = (torch.eye(size, dtype=torch.float64), 0.0)
    held, place = [product], 0
    for number, (matrix, log10) in enumerate(factors, start=1):
        product = _scaled(product[0] @ matrix, product[1] + log10)
        if not math.isfinite(product[1]):
            norms[number:] = product[1]
            break
        held.append(product)
        if len(held) >= at_once:
            norms[place : place + len(held)] = _log10_norms(held)
            place, held = place + len(held), []
            yield begin + (end - begin) * place / count
    norms[place : place + len(held)] = _log10_norms(held)
    return norms


def _log10_norms(products: list[Scaled]) -> Array:
    if not products:
        return np.zeros(0)
    matrices = torch.stack([matrix for matrix, _ in products])  # (products, size, size)
    largest = torch.linalg.eigvalsh(matrices.mT @ matrices)[:, -1]  # the squared norm, at least 1: an entry is 1
    return 0.5 * np.log10(largest.numpy()) + np.array([log10 for _, log10 in products])


@torch.no_grad()
def _curve(reading: _Reading, begin: float, end: float) -> Generator[float, None, Array]:
    """(time,) log10 ||d s_T / d s_{T-lag}|| by lag from 0."""
    return (yield from _norms_back(_jacobians_back(reading), reading.size, len(reading.states), begin, end))


def _jacobians_back(reading: _Reading) -> Iterator[Scaled]:
    """d s_T / d s_{T-1}, d s_{T-1} / d s_{T-2}, ..., d s_2 / d s_1."""
    at_once = max(1, _SLICE_NUMBERS // reading.size**2)
    for last in range(len(reading.states), 1, -at_once):
        for matrix in reading.jacobians(max(2, last - at_once + 1), last).flip(0):
            yield matrix, 0.0


@torch.no_grad()
def _segments(reading: _Reading, places: Array, begin: float, end: float) -> Generator[float, None, list[Scaled]]:
    """d s_b / d s_a for neighboring steps of reading a < b in `places`."""
    found: list[Scaled] = []
    for a, b in zip(places[:-1].tolist(), places[1:].tolist(), strict=True):
        product: Scaled = (torch.eye(reading.size, dtype=torch.float64), 0.0)
        for matrix in reading.jacobians(a + 1, b).flip(0):
            product = _scaled(product[0] @ matrix, product[1])
        found.append(product)
        yield begin + (end - begin) * len(found) / len(places)
    return found


# -- inputs and gates -------------------------------------------------------------------------------------------


@torch.enable_grad()
def _saliency(
    subject: FrozenModel, model: SequenceModel, inputs: Tensor, output: int | None, time_step: int
) -> InputSaliency:
    """How much each input moves the answer after one step, on the cells' fast path."""
    spec, length = subject.task.output, inputs.shape[1]
    # An answer at the end is what the model would say if the sequence ended there.
    x = model.encode(inputs if spec.per_step else inputs[:, :time_step]).requires_grad_()  # (1, time, feature)
    reverse = reversal(1, x.shape[1], None) if model.settings.bidirectional else None
    states = x
    for layer in model.stack():
        states = layer(states, reverse)
    summary = states[:, time_step - 1] if spec.per_step else model.summary_state(states, None)
    values = model.read_out(summary)[0]  # (output_size,)
    chosen = output if output is not None else int(values.argmax()) if spec.classes else 0
    (gradient,) = torch.autograd.grad(values[chosen], x)
    norm = np.zeros(length)
    norm[: x.shape[1]] = torch.linalg.vector_norm(gradient[0], dim=-1).numpy()
    names = subject.task.input.names
    symbols = tuple(names[index] for index in inputs[0].tolist()) if subject.task.input.kind == "symbols" else ()
    return InputSaliency(
        chosen, spec.names[chosen], time_step, float(values[chosen].detach()), spec.classes, norm, symbols
    )


@torch.no_grad()
def _gates(model: SequenceModel, probe: TensorBatch) -> list[GateStatistics]:
    """What the gates of every cell do over all real steps of all probe sequences."""
    x = model.encode(_double(probe.inputs))
    reverse = reversal(x.shape[0], x.shape[1], probe.lengths) if model.settings.bidirectional else None
    real = TensorBatch(probe.inputs, probe.targets, probe.lengths).step_mask().numpy()  # (batch, time)
    found = []
    for layer in model.stack():
        seen = layer.forwards.trace(x)
        found.append(_statistics(layer.forwards, seen, real))
        outputs = [seen["hidden"]]
        if layer.backwards is not None:
            assert reverse is not None
            seen = layer.backwards.trace(along_time(x, reverse))  # padding is at the end here too
            found.append(_statistics(layer.backwards, seen, real))
            outputs.append(along_time(seen["hidden"], reverse))
        x = torch.cat(outputs, dim=-1)
    return found


def _statistics(cell: RecurrentCell, seen: dict[str, Tensor], real: Array) -> GateStatistics:
    """Of one cell.

    Args:
        cell: whose.
        seen: gates and states, each (batch, time, hidden), in the order of reading.
        real: (batch, time) which steps are no padding.
    """
    gates = {name: seen[name].numpy()[real][None] for name in cell.gate_names}  # (1, steps, hidden)
    bounded = {name: gates[name] for name in cell.gate_names if name in cell.bounded}
    more: dict[str, float] = {}
    nonlinearity = cell.nonlinearity if cell.gate_names == ("pre_activation",) else ""  # a simple RNN's
    if nonlinearity:
        before = gates["pre_activation"]
        slope = 1.0 - np.square(np.tanh(before)) if nonlinearity == "tanh" else (before > 0).astype(np.float64)
        gates = bounded = {"slope": slope}
        if nonlinearity == "relu":
            more["dead"] = int(np.count_nonzero(share(before > 0) == 0))
        more["spectral_radius"] = _spectral_radius(cell.weight_hh)
    keeper = cell.keeper
    with np.errstate(divide="ignore"):  # a gate of exactly 0 forgets in no time
        kept = np.log(gates[keeper]).mean(axis=(0, 1)) if keeper else np.zeros(0)
    return GateStatistics(
        keeper=keeper,
        histograms={name: np.histogram(values, BINS, (0.0, 1.0))[0] / values.size for name, values in bounded.items()},
        means={name: values.mean(axis=(0, 1)) for name, values in gates.items()},
        saturation={name: saturation(np.abs(values)) for name, values in gates.items()},
        time_constants=time_constants(kept),
        nonlinearity=nonlinearity,
        **more,  # type: ignore[arg-type]
    )


def _spectral_radius(weights: Tensor) -> float:
    """The largest size of an eigenvalue; NaN for weights that are not finite."""
    if not bool(weights.isfinite().all()):
        return math.nan
    return float(torch.linalg.eigvals(weights.detach()).abs().max())
