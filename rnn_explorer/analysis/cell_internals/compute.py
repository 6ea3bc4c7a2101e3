"""Inside one cell: the numbers on its wires at every time step.

`cell_internals` starts every time step from the model's own states, so its numbers are the model's to rounding, and
computes in double precision, so that for one unit they add up: f c_{t-1} + i g = c_t. It does the same for a changed
model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rnn_explorer.analysis.arguments import check_whole
from rnn_explorer.analysis.cell_internals.interventions import Changes, cell_of
from rnn_explorer.analysis.cell_internals.record import CellInternals, CellOptions, Edited, Largest, WhatIfOptions
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import Progress, analysis
from rnn_explorer.cells.base import RecurrentCell
from rnn_explorer.model import SequenceModel, reversal
from rnn_explorer.trace import Array

TOP = 5  # largest terms of a sum that are kept
_PART_OF = {"weight_ih": "x", "weight_hh": "h", "bias_ih": "b_i", "bias_hh": "b_h"}  # of a gate's sum


# -- the numbers on the wires -----------------------------------------------------------------------------------


@analysis("cell_internals", CellOptions)
def cell_internals(frozen: FrozenModel, options: CellOptions) -> Progress:
    """The numbers on every wire of one cell, at all time steps of one probe sequence.

    Where they are means over the units, a product's mean is not the product of the means.

    Returns:
        A `CellInternals`; padding is left out.

    Raises:
        UserError: for a sequence, layer, direction or unit that there is not.
    """
    _, inputs = read_by(frozen, options)
    yield 0.0
    return numbers_of(frozen.model, inputs, options, Changes())


def read_by(frozen: FrozenModel, options: CellOptions) -> tuple[RecurrentCell, Tensor]:
    """The cell that is asked about, and the real steps of the sequence, (1, time, feature) or (1, time).

    Raises:
        UserError: for a sequence, layer, direction or unit that there is not.
    """
    cell, inputs = frozen.cell(options.layer, options.direction), frozen.inputs(options.sequence)
    if options.unit is not None:
        check_whole("unit", options.unit, 0, cell.hidden_size - 1)
    return cell, inputs


def numbers_of(model: SequenceModel, inputs: Tensor, where: CellOptions, changes: Changes) -> CellInternals:
    """The numbers on the wires while a model reads (1, time, feature) or (1, time) inputs with changes."""
    cell, unit, backward = cell_of(model, where.layer, where.direction), where.unit, where.direction == "backward"
    x, recorded = _recorded(model, inputs, where.layer, cell, backward, changes)
    units = slice(None) if unit is None else slice(unit, unit + 1)
    names = {name: values[:, units] for name, values in recorded.items()}
    start = {name: _from_before(recorded[name]) for name in cell.state_names}
    with np.errstate(all="ignore"):  # an exploding run has infinite states, which are shown as they are
        full, bounded = cell.wires(_Step(cell, x, names, start, units, changes, backward))
        wires = {
            "x": x[:, 0] if x.shape[1] == 1 else np.linalg.norm(x, axis=1),
            **{name: values.mean(axis=1) for name, values in full.items()},
        }
        largest = {} if unit is None else _largest(cell, x, start["hidden"], unit)
    if backward:  # from reading order to the order of the inputs
        wires = {name: values[::-1] for name, values in wires.items()}
        largest = {name: Largest(found.index[::-1], found.value[::-1]) for name, found in largest.items()}
    return CellInternals(
        cell=cell.key,
        layer=where.layer,
        direction=where.direction,
        sequence=where.sequence,
        unit=unit,
        hidden_size=cell.hidden_size,
        input_size=cell.input_size,
        nonlinearity=cell.nonlinearity,
        gate_names=tuple(cell.gate_names),
        state_names=tuple(cell.state_names),
        bounded=bounded,
        wires={name: np.ascontiguousarray(values) for name, values in wires.items()},
        inputs=_input_words(model, inputs, where.layer),
        input_names=_input_names(model, where.layer),
        largest=largest,
    )


def marks_of(report: CellInternals, cell: RecurrentCell, changes: Changes, options: WhatIfOptions) -> dict[str, Edited]:
    """The wires that checked changes act on, those of the shown units."""
    time, hidden = report.length, cell.hidden_size
    shown = range(hidden) if report.unit is None else [report.unit]
    touched: dict[tuple[str, Literal["clamped", "ablated", "edited"]], Array] = {}

    def touch(wire: str, how: Literal["clamped", "ablated", "edited"], steps: slice, units: Any) -> None:
        if wire in report.wires:
            touched.setdefault((wire, how), np.zeros((time, hidden), dtype=bool))[steps, units] = True

    for clamp in changes.clamp:
        units = slice(None) if clamp.unit < 0 else clamp.unit
        touch(clamp.gate, "clamped", slice(clamp.first, clamp.last + 1), units)
    for name in cell.state_names if changes.ablate else ():
        wire = cell.state_letters.get(name, name)
        touch(wire, "ablated", slice(None), list(changes.ablate))
    for step, *_ in options.inputs if report.layer == 0 else ():
        touch("x", "edited", slice(step - 1, step), slice(None))
    for name, row, _, value in options.weights:
        if value is not None:
            wire = f"{cell.gate_names[row // hidden]}.{_PART_OF[name]}"
            touch(wire, "edited", slice(None), row % hidden)
    return {
        wire: Edited(how, units[:, list(shown)].mean(axis=1))
        for (wire, how), units in touched.items()
        if units[:, list(shown)].any()
    }


@dataclass(frozen=True)
class _Step:
    """What every step of a cell starts from, in the order of reading.

    Attributes:
        cell: whose.
        x: (time, input_size) float64.
        recorded: gates and states as the model has them, name -> (time, units).
        start: the state before each step, name -> (time, hidden_size).
        units: those that are asked for.
        changes: what is done to the cell.
        backward: whether reading begins at the last input.
    """

    cell: RecurrentCell
    x: Array
    recorded: dict[str, Array]
    start: dict[str, Array]
    units: slice
    changes: Changes
    backward: bool

    def old(self, name: str) -> Array:
        """(time, units): one state before each step."""
        return self.start[name][:, self.units]

    def parts(self, gate: str) -> dict[str, Array]:
        """The four parts of a gate's sum, each (time, units)."""
        cell, hidden = self.cell, self.cell.hidden_size
        rows = slice(cell.gate_names.index(gate) * hidden, (cell.gate_names.index(gate) + 1) * hidden)

        def mine(parameter: Tensor) -> Tensor:
            return parameter.detach()[rows][self.units].double()

        # The products are torch's: in a worker it keeps to one thread, and numpy does not.
        x = (torch.from_numpy(self.x) @ mine(cell.weight_ih).T).numpy()  # (time, units)
        h = (torch.from_numpy(self.start["hidden"]) @ mine(cell.weight_hh).T).numpy()
        b_i, b_h = (np.broadcast_to(mine(bias).numpy(), x.shape) for bias in (cell.bias_ih, cell.bias_hh))
        return {f"{gate}.x": x, f"{gate}.b_i": b_i, f"{gate}.h": h, f"{gate}.b_h": b_h}

    def gate(self, gate: str, activation: Callable[[Array], Array]) -> dict[str, Array]:
        """The parts of a gate, their sum, and the gate."""
        parts = self.parts(gate)
        total = sum(parts.values(), start=np.zeros(1))
        return {**parts, f"{gate}.pre": total, gate: self.clamped(gate, activation(total))}

    def clamped(self, gate: str, values: Array) -> Array:
        """A gate's values, (time, units), with those that are clamped."""
        given = np.full((len(values), self.cell.hidden_size), np.nan)
        for clamp in self.changes.clamp:
            if clamp.gate == gate:
                units = slice(None) if clamp.unit < 0 else clamp.unit
                given[clamp.first : clamp.last + 1, units] = clamp.value
        given = given[:: -1 if self.backward else 1, self.units]
        return np.where(np.isnan(given), values, given)

    def ablated(self, state: Array) -> Array:
        """A state after each step, (time, units), 0 in ablated units."""
        silent = np.isin(np.arange(self.cell.hidden_size), self.changes.ablate)[self.units]
        return np.where(silent, 0.0, state)


@torch.no_grad()
def _recorded(
    model: SequenceModel, inputs: Tensor, layer: int, cell: RecurrentCell, backward: bool, changes: Changes
) -> tuple[Array, dict[str, Array]]:
    """What enters a cell and all it does with the changes, in the order of its reading.

    Returns:
        (time, input_size), and every gate and state by name, (time, hidden_size); all float64.
    """
    x = model.encode(inputs)
    for below in model.stack()[:layer]:
        x = below(x, reversal(1, inputs.shape[1], None))
    if changes.clamp or changes.ablate:
        recorded = changes.unrolled(cell, x, backward)
        recorded = {name: values.flip(0) if backward else values for name, values in recorded.items()}
        x = x.flip(1) if backward else x
    else:
        x = x.flip(1) if backward else x
        recorded = {name: values[0] for name, values in cell.trace(x).items()}
    return x[0].double().numpy(), {name: values.double().numpy() for name, values in recorded.items()}


def _from_before(states: Array) -> Array:
    """(time, hidden_size): the state that each step starts from."""
    return np.concatenate([np.zeros_like(states[:1]), states[:-1]])


def _largest(cell: RecurrentCell, x: Array, h: Array, unit: int) -> dict[str, Largest]:
    """The largest terms w_j x_j and w_j h_j of one unit's sums, by gate and part."""
    found = {}
    for number, gate in enumerate(cell.gate_names):
        row = number * cell.hidden_size + unit
        for part, weight, values in (("x", cell.weight_ih, x), ("h", cell.weight_hh, h)):
            terms = values * weight.detach()[row].double().numpy()  # (time, input_size or hidden_size)
            order = np.argsort(-np.abs(terms), axis=1, kind="stable")[:, :TOP]
            found[f"{gate}.{part}"] = Largest(order, np.take_along_axis(terms, order, axis=1))
    return found


def _input_names(model: SequenceModel, layer: int) -> tuple[str, ...]:
    """Names of the numbers that enter a layer at each step."""
    settings = model.settings
    if layer:
        below = [f"unit {unit} below" for unit in range(settings.hidden_size)]
        back = [f"unit {unit} below, backward" for unit in range(settings.hidden_size)]
        return (*below, *back) if settings.bidirectional else tuple(below)
    if model.embedding is not None:
        return tuple(f"embedding {number}" for number in range(settings.embedding))
    return tuple(map(str, model.input_spec.names))


def _input_words(model: SequenceModel, inputs: Tensor, layer: int) -> tuple[str, ...]:
    """What enters at each step, short enough to stand under a cell."""
    spec, time = model.input_spec, inputs.shape[1]
    if layer:
        size = model.stack()[layer].forwards.input_size
        return (f"{size} units",) * time
    if spec.kind == "symbols":
        return tuple(str(spec.names[symbol]) for symbol in inputs[0].tolist())
    if spec.size > 3:
        return (f"{spec.size} numbers",) * time
    return tuple(", ".join(f"{value:.3g}" for value in step) for step in inputs[0].tolist())
