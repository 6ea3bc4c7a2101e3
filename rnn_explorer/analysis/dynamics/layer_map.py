"""One time step of one layer, under a constant input, as a map of its joined state, with its Jacobian.

A layer above the first has as its constant input the output of the layers below at their own fixed point, found by
running them on from their mean state; a bidirectional layer is two maps, one for each direction.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnn_explorer.analysis import projection
from rnn_explorer.analysis.arguments import check_whole, finite_number
from rnn_explorer.analysis.dynamics.record import StateOptions
from rnn_explorer.analysis.dynamics.space import ConstantInput, LayerRef, Space
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.options import LayerOptions
from rnn_explorer.analysis.projection import Basis
from rnn_explorer.cells.base import RecurrentCell
from rnn_explorer.errors import UserError
from rnn_explorer.model import SequenceModel, along_time, reversal
from rnn_explorer.tasks.base import Batch
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.trace import Array, Direction

SEQUENCES = 128  # validation sequences at most whose states are read
_NUMBERS = 1_000_000  # in their states at most: bounds the memory
_AT_ONCE = 32  # sequences read between two reports of progress
LARGEST = 1e15  # a state beyond this has exploded and counts as no number
_REST, _REST_STEPS = 1e-9, 2000  # speed below which layers below are at rest, and steps they are given to come to it

Map = Callable[[Tensor], Tensor]  # (n, size) -> (n, size), or to (n, size, size) for a Jacobian


@dataclass(frozen=True)
class LayerMap:
    """One layer of a copy of the model in float64, with its states over the validation sequences.

    Attributes:
        frozen: what is asked about.
        model: the copy.
        cell: the layer's cell in the copy.
        place, space: for the records.
        rows: (n, size) its joined states at all real steps.
        means: for each cell below, in the order of computation, its mean joined state (size,).
    """

    frozen: FrozenModel
    model: SequenceModel
    cell: RecurrentCell
    place: LayerRef
    space: Space
    rows: Array
    means: tuple[Array, ...]

    @classmethod
    def read(cls, frozen: FrozenModel, options: LayerOptions) -> Generator[float, None, LayerMap]:
        """Run the validation sequences through the layers up to this one."""
        layer, direction = options.layer, options.direction
        frozen.cell(layer, direction)  # says what is wrong
        yield 0.0
        model = copy.deepcopy(frozen.model).double().requires_grad_(False)
        both = model.stack()[layer]
        cell = both.forwards if direction == "forward" else both.backwards
        assert cell is not None
        batch = validation(frozen, cell)
        own: list[Array] = []
        below: dict[tuple[int, str], list[Array]] = {}
        for start in range(0, len(batch), _AT_ONCE):
            part = TensorBatch.of(batch.select(slice(start, start + _AT_ONCE)))
            for where, _, states in layers_of(model, part, layer):
                found = projection.valid(states.numpy(), lengths_of(part).numpy())
                found = found[np.abs(found).max(axis=1) < LARGEST]
                if where == (layer, direction):
                    own.append(found)
                elif where[0] < layer:
                    below.setdefault(where, []).append(found)
                yield start / len(batch)
        rows = np.concatenate(own)
        if not len(rows):
            raise UserError("the states of this layer are no longer finite numbers; ask about an earlier step")
        place = LayerRef(cell.key, layer, direction, cell.hidden_size, tuple(cell.state_names), frozen.step)
        means = tuple(np.concatenate(found).mean(axis=0) for found in below.values())  # in the order of computation
        return cls(frozen, model, cell, place, Space.of(rows, place.state_names), rows, means)

    @property
    def mean(self) -> Array:
        """(size,) of the states."""
        return self.rows.mean(axis=0)

    @property
    def spread(self) -> float:
        """Root mean square distance of the states from their mean; 1 where they do not differ."""
        return float(np.sqrt(self.rows.var(axis=0).sum())) or 1.0

    @property
    def reach(self) -> float:
        """Distance of the furthest state from their mean; 1 where they do not differ."""
        return float(np.linalg.norm(self.rows - self.mean, axis=1).max()) or 1.0

    def draw(self, count: int, noise: float, seed: int) -> Tensor:
        """(count, size): states drawn at random, with noise."""
        generator = torch.Generator().manual_seed(seed)
        rows = torch.from_numpy(self.rows)
        chosen = rows[torch.randint(len(rows), (count,), generator=generator)]
        normal = torch.randn(chosen.shape, generator=generator, dtype=chosen.dtype)
        return chosen + noise * rows.std(dim=0, correction=0) * normal

    def map(self, x: Tensor) -> tuple[Map, Map]:
        """F and dF/ds for a constant input (1, input_size) of this layer."""
        return _joined_step(self.cell, x), _joined_jacobian(self.cell, x)

    @torch.no_grad()
    def hold(self, values: Sequence[float] | None) -> Generator[float, None, tuple[Map, Map, ConstantInput]]:
        """F and dF/ds under a constant input of the network, and what that is in words."""
        x, held = _constant_input(self.model, values)
        settled, layers, done = True, self.model.stack()[: self.place.layer], 0
        for both in layers:
            outputs = []
            for cell in (both.forwards, both.backwards):
                if cell is None:
                    continue
                step, state = _joined_step(cell, x), torch.from_numpy(self.means[done])[None]
                for passed in range(_REST_STEPS):
                    state, before = step(state), state
                    if passed % 50 == 0:
                        yield (done + passed / _REST_STEPS) / len(self.means)
                    if float((state - before).norm()) <= _REST:
                        break
                else:
                    settled = False
                done += 1
                outputs.append(state[:, : cell.hidden_size])  # the hidden state comes first
            x = torch.cat(outputs, dim=-1)
        return *self.map(x), ConstantInput(held.values, held.words, settled if layers else None)

    def probe(self) -> tuple[Tensor, Tensor]:
        """Joined states (batch, time, size) and lengths (batch,) of the probe sequences; padding holds the last."""
        _, states = self._probe()
        lengths = lengths_of(self.frozen.probe)
        held = torch.arange(states.shape[1])[None, :].minimum(lengths[:, None] - 1)
        return along_time(states, held), lengths

    def _probe(self) -> tuple[Tensor, Tensor]:
        """What enters this layer, (batch, time, input_size), and its joined states, (batch, time, size)."""
        wanted = (self.place.layer, self.place.direction)
        layers = layers_of(self.model, self.frozen.probe, self.place.layer)
        return next((x, states) for place, x, states in layers if place == wanted)

    def inputs(self, sequence: int, time: int) -> Tensor:
        """(1, input_size): what enters this layer at one step of a probe sequence."""
        return self._probe()[0][sequence, time][None]

    def state(self, options: StateOptions) -> tuple[Tensor, str]:
        """(size,): a state after one step of a probe sequence, or one that is given; and which it is, in words."""
        if options.state:
            return self.vector("state", options.state), "a given state"
        sequence, time = options.sequence, options.time
        self.frozen.check_sequence(sequence)
        states, lengths = self.probe()
        check_whole("time", time, 0, int(lengths[sequence]) - 1)
        return states[sequence, time], f"the state at t = {time + 1} of sequence {sequence + 1}"

    def vector(self, name: str, given: Sequence[float]) -> Tensor:
        """(size,): numbers given as a joined state."""
        if len(given) != self.place.size:
            names = " and ".join(self.place.state_names)
            raise UserError(
                f"{name} has {len(given)} numbers, but a state of this layer has {self.place.size} ({names})"
            )
        return torch.tensor([finite_number(name, value) for value in given], dtype=torch.float64)

    def given_space(self, mean: Sequence[float], components: Sequence[Sequence[float]]) -> Space:
        """Axes that are given; those beyond the third are not needed."""
        center = self.vector("mean", mean).numpy()
        rows = np.zeros((3, self.place.size))
        for number, row in enumerate(components[:3]):
            rows[number] = self.vector("components", row).numpy()
        norms = rows @ rows.T
        two = 2 if self.place.size > 1 else 1
        if len(components) < 2 or np.abs(norms[:two, :two] - np.eye(two)).max() > 1e-3:
            raise UserError("components must be two or three axes at right angles, each of length 1")
        return Space(Basis(center, rows, self._explained(rows)), self.space.names)

    def _explained(self, components: Array) -> Array:
        """(k,): the share of the states' variance along each axis."""
        along = ((self.rows - self.mean) @ components.T).var(axis=0)
        return along / max(float(self.rows.var(axis=0).sum()), 1e-300)

    @torch.no_grad()
    def answers(self, points: Array) -> Array | None:
        """(n, output_size): what the model says in these joined states, where they alone decide."""
        top = self.place.layer == len(self.model.stack()) - 1
        if not top or self.model.settings.bidirectional:
            return None
        outputs = self.model.read_out(torch.from_numpy(points[:, : self.place.hidden_size]))
        return (outputs.softmax(dim=-1) if self.model.output_spec.classes else outputs).numpy()


def validation(frozen: FrozenModel, cell: RecurrentCell) -> Batch:
    """The first of the validation sequences; of the test sequences, where those are none."""
    batch = frozen.task.evaluation("validation")
    batch = batch if len(batch) else frozen.task.evaluation("test")
    numbers = batch.inputs.shape[1] * cell.hidden_size * len(cell.state_names)
    count = min(len(batch), SEQUENCES, max(1, _NUMBERS // numbers))
    return batch.select(slice(count))


def lengths_of(batch: TensorBatch) -> Tensor:
    """(batch,) real steps."""
    return torch.full((len(batch),), batch.inputs.shape[1]) if batch.lengths is None else batch.lengths


def layers_of(
    model: SequenceModel, batch: TensorBatch, last: int
) -> Generator[tuple[tuple[int, Direction], Tensor, Tensor], None, None]:
    """Every cell up to layer `last` over a batch: its place, what enters it and its joined states.

    Both tensors are (batch, time, feature), float64, and index t on the time axis belongs to input t in either
    direction.
    """
    x = model.encode(batch.inputs).double()
    reverse = reversal(len(batch), batch.inputs.shape[1], batch.lengths)
    for number, both in enumerate(model.stack()[: last + 1]):
        recorded = both.forwards.trace(x)
        outputs = [recorded["hidden"]]
        yield (number, "forward"), x, torch.cat([recorded[name] for name in both.forwards.state_names], dim=-1)
        if both.backwards is not None:
            recorded = both.backwards.trace(along_time(x, reverse))
            states = torch.cat([recorded[name] for name in both.backwards.state_names], dim=-1)
            states = along_time(states, reverse)
            outputs.append(states[..., : both.backwards.hidden_size])
            yield (number, "backward"), x, states
        x = torch.cat(outputs, dim=-1)


def _joined_step(cell: RecurrentCell, x: Tensor) -> Map:
    """F for a constant input (1, input_size): (n, size) -> (n, size)."""

    def step(states: Tensor) -> Tensor:
        parts = states.chunk(len(cell.state_names), dim=-1)
        return torch.cat(cell.step(x.expand(len(states), -1), parts)[0], dim=-1)

    return step


def _joined_jacobian(cell: RecurrentCell, x: Tensor) -> Map:
    """dF/ds for a constant input (1, input_size): (n, size) -> (n, size, size)."""

    def jacobian(states: Tensor) -> Tensor:
        return cell.jacobian(x.expand(len(states), -1), states.chunk(len(cell.state_names), dim=-1))

    return jacobian


def _constant_input(model: SequenceModel, values: Sequence[float] | None) -> tuple[Tensor, ConstantInput]:
    """What enters the first layer, (1, input_size), and what that is in words."""
    spec = model.input_spec
    width = model.stack()[0].forwards.input_size
    if values is None:
        return torch.zeros(1, width, dtype=torch.float64), ConstantInput(
            None, "no symbol" if spec.kind == "symbols" else "input 0"
        )
    if spec.kind == "symbols":
        if len(values) != 1:
            raise UserError(f"input has {len(values)} numbers, but must be the number of one symbol")
        symbol: Any = values[0]
        if isinstance(symbol, float) and symbol.is_integer():  # numbers come as floats
            symbol = int(symbol)
        check_whole("the symbol of input", symbol, 0, spec.size - 1)
        return model.encode(torch.tensor([symbol])).double(), ConstantInput(
            (float(symbol),), f"input {str(spec.names[symbol] or '∅')!r}"
        )
    if len(values) != spec.size:
        raise UserError(f"input has {len(values)} numbers, but must have {spec.size}: {', '.join(spec.names[:8])}")
    numbers = tuple(finite_number("input", value) for value in values)
    others = [f"{name} = {value:.3g}" for name, value in zip(spec.names, numbers, strict=True) if value]
    words = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    return torch.tensor([numbers], dtype=torch.float64), ConstantInput(numbers, words or "input 0")
