"""One sequence read a time step at a time by every cell of a model, and the gradient of its loss by every state."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.cells.base import RecurrentCell, State
from rnn_explorer.model import SequenceModel
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.trace import Array, Direction
from rnn_explorer.training.losses import loss_of

_SLICE_STEPS = 16  # time steps between two reports of progress


@dataclass
class Reading:
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


def sample_of(frozen: FrozenModel, sequence: int) -> TensorBatch:
    """One probe sequence without its padding, in double precision.

    Raises:
        UserError: when there is no such sequence.
    """
    frozen.check_sequence(sequence)
    probe = frozen.probe
    one = probe.select(slice(sequence, sequence + 1))
    length = one.inputs.shape[1] if one.lengths is None else int(one.lengths[0])
    per_step = frozen.task.output.per_step
    return TensorBatch(
        double(one.inputs[:, :length]),
        double(one.targets[:, :length] if per_step else one.targets),
        mask=None if one.mask is None else one.mask[:, :length],
    )


def double(values: Tensor) -> Tensor:
    return values.double() if values.is_floating_point() else values


@torch.enable_grad()
def read(
    frozen: FrozenModel, model: SequenceModel, sample: TensorBatch, begin: float, end: float
) -> Generator[float, None, tuple[list[Reading], Tensor]]:
    """The sequence through every cell by `step`, every state kept, and the loss at the end."""
    readings: list[Reading] = []
    x = model.encode(sample.inputs)  # (1, time, feature)
    layers = model.stack()
    for number, layer in enumerate(layers):
        mine = [Reading(layer.forwards, number, "forward", x.unbind(1))]
        if layer.backwards is not None:
            mine.append(Reading(layer.backwards, number, "backward", x.flip(1).unbind(1)))
        for index, reading in enumerate(mine):
            for done in _unroll(reading, model):
                yield begin + (end - begin) * (number + (index + done) / len(mine)) / len(layers)
        x = torch.cat([reading.outputs() for reading in mine], dim=-1)
        readings += mine
    outputs = model.read_out(x if model.output_spec.per_step else model.summary_state(x, None))
    return readings, loss_of(frozen.task.output, outputs, sample)


@torch.enable_grad()
def _unroll(reading: Reading, model: SequenceModel) -> Iterator[float]:
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


def loss_gradients(readings: list[Reading], loss: Tensor) -> list[Array]:
    """||dL / d s_k|| by time step for each cell; 0 for a state that no counted answer depends on."""
    states = [state for reading in readings for state in reading.states]
    gradients = torch.autograd.grad(loss, states, allow_unused=True)
    norms = np.array([0.0 if gradient is None else float(torch.linalg.vector_norm(gradient)) for gradient in gradients])
    by_cell = norms.reshape(len(readings), -1)  # every cell reads every step
    return [
        np.ascontiguousarray(row if reading.direction == "forward" else row[::-1])
        for reading, row in zip(readings, by_cell, strict=True)
    ]
