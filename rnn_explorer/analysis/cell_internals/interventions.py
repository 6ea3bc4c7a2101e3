"""What may be changed of a frozen model: a gate clamped, units ablated, inputs and weights edited."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from rnn_explorer.analysis.arguments import check_whole, finite_number, shown
from rnn_explorer.cells.base import Change, RecurrentCell, State
from rnn_explorer.errors import UserError
from rnn_explorer.model import SequenceModel
from rnn_explorer.trace import Direction

_CLAMP = ("gate", "unit", "value")
PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


@dataclass(frozen=True)
class Clamp:
    """One gate clamped; steps from 0, the last included; unit -1 means all."""

    gate: str
    unit: int
    value: float
    first: int
    last: int


@dataclass(frozen=True)
class Changes:
    """What is done to a cell while it reads."""

    clamp: tuple[Clamp, ...] = ()
    ablate: tuple[int, ...] = ()

    def step(self, cell: RecurrentCell, x: Tensor, state: State, t: int) -> tuple[State, dict[str, Tensor]]:
        """`cell.step` at input t, from 0, with the changes."""
        now = [clamp for clamp in self.clamp if clamp.first <= t <= clamp.last]
        state, gates = cell.step(x, state, _clamped(now)) if now else cell.step(x, state)
        if self.ablate:
            state = tuple(part.index_fill(1, torch.tensor(self.ablate), 0.0) for part in state)
        return state, gates

    def unrolled(self, cell: RecurrentCell, x: Tensor, backward: bool) -> dict[str, Tensor]:
        """Gates and states, each (time, hidden_size), of a cell that reads (1, time, feature) a step at a time.

        Index t on the time axis belongs to input t in either direction.
        """
        state, time = cell.initial_state(x), x.shape[1]
        names = (*cell.gate_names, *cell.state_names)
        rows: list[list[Tensor]] = [[] for _ in names]
        for t in reversed(range(time)) if backward else range(time):
            state, gates = self.step(cell, x[:, t], state, t)
            for row, values in zip(rows, (*(gates[name] for name in cell.gate_names), *state), strict=True):
                row.append(values)
        order = slice(None, None, -1) if backward else slice(None)
        return {name: torch.cat(row[order]) for name, row in zip(names, rows, strict=True)}


def _clamped(clamps: list[Clamp]) -> Change:
    def change(name: str, gate: Tensor) -> Tensor:
        for clamp in clamps:
            if clamp.gate == name:
                gate = gate.clone()
                gate[:, slice(None) if clamp.unit < 0 else clamp.unit] = clamp.value
        return gate

    return change


def read_changes(
    cell: RecurrentCell, time: int, clamp: Sequence[Sequence[Any]], ablate: Sequence[int], words: list[str]
) -> Changes:
    if clamp and "change" not in inspect.signature(cell.step).parameters:
        raise UserError(f"the gates of a {cell.title} cannot be clamped: its `step` takes no `change`")
    clamps = []
    for entry in clamp:
        gate, unit, value, *span = _entry("clamp", entry, _CLAMP, (*_CLAMP, "first time step", "last time step"))
        if gate not in cell.gate_names:
            raise UserError(f"{shown(gate)} is no gate of a {cell.title}; it has {_listed(cell.gate_names)}")
        check_whole("unit", unit, -1, cell.hidden_size - 1, " (-1 means all units)")
        value = _value(f"the {gate} gate", value, cell, gate)
        first, last = span or (1, time)
        check_whole("first time step", first, 1, time)
        check_whole("last time step", last, first, time)
        clamps.append(Clamp(gate, int(unit), value, int(first) - 1, int(last) - 1))
        when = "every time step" if (first, last) == (1, time) else f"t = {first} to {last}"
        whose = "all units" if unit < 0 else f"unit {unit}"
        gate_words = gate.replace("_", "-") + (" gate" if gate in cell.bounded else "")
        words.append(f"{gate_words} of {whose} clamped to {value:g} at {when}")
    for unit in ablate:
        check_whole("unit", unit, 0, cell.hidden_size - 1)
        words.append(f"unit {unit} ablated (held at 0)")
    return Changes(tuple(clamps), tuple(ablate))


def _value(what: str, value: Any, cell: RecurrentCell, gate: str) -> float:
    """A gate's new value, within the range that it can have."""
    value = finite_number(f"the value of {what}", value)
    low, high = (0.0, 1.0) if gate in cell.bounded else (-1.0, 1.0) if gate == "candidate" else (-math.inf, math.inf)
    if not low <= value <= high:
        raise UserError(f"the value of {what} is {value:g}, but it lies between {low:g} and {high:g}")
    return value


def edited_inputs(model: SequenceModel, inputs: Tensor, edits: Sequence[Sequence[Any]], words: list[str]) -> Tensor:
    """A copy of (1, time, feature) or (1, time) inputs with the edits done."""
    spec, edited = model.input_spec, inputs.clone()
    symbols = spec.kind == "symbols"
    for entry in edits:
        step, which, *value = _entry("inputs", entry, ("step", "symbol") if symbols else ("step", "feature", "value"))
        check_whole("step", step, 1, inputs.shape[1])
        check_whole("symbol" if symbols else "feature", which, 0, spec.size - 1)
        if symbols:
            old = spec.names[int(edited[0, step - 1])]
            edited[0, step - 1] = int(which)
            words.append(f"input at t = {step} is {spec.names[which]!r}, was {old!r}")
        else:
            new, was = finite_number("the value of an input", value[0]), float(edited[0, step - 1, which])
            edited[0, step - 1, which] = new
            words.append(f"{spec.names[which]} at t = {step} is {new:g}, was {was:.4g}")
    return edited


def edit_weights(cell: RecurrentCell, edits: Sequence[Sequence[Any]], words: list[str]) -> None:
    """Change a cell that is a copy."""
    for entry in edits:
        name, row, column, value = _entry("weights", entry, ("parameter", "row", "column", "value"))
        if name not in PARAMETERS:
            raise UserError(f"{shown(name)} is no parameter of a cell; there are {_listed(PARAMETERS)}")
        parameter = getattr(cell, name).data
        table = parameter[:, None] if parameter.ndim == 1 else parameter
        check_whole("row", row, 0, table.shape[0] - 1, f" for {name}")
        check_whole("column", column, 0, table.shape[1] - 1, f" for {name}")
        place, old = f"{row}" if parameter.ndim == 1 else f"{row}, {column}", float(table[row, column])
        if value is None:
            words.append(f"{name}[{place}] is {old:.4g}, as trained")
            continue
        table[row, column] = value = finite_number("the value of a weight", value)
        words.append(f"{name}[{place}] is {value:g}, was {old:.4g}")


def cell_of(model: SequenceModel, layer: int, direction: Direction) -> RecurrentCell:
    both = model.stack()[layer]
    cell = both.forwards if direction == "forward" else both.backwards
    assert cell is not None  # `frozen.cell` has refused it already
    return cell


def _entry(option: str, entry: Any, *forms: tuple[str, ...]) -> Sequence[Any]:
    if not isinstance(entry, (list, tuple)) or len(entry) not in map(len, forms):
        wanted = " or ".join(f"({', '.join(form)})" for form in forms)
        raise UserError(f"{option} has {shown(entry)}, but each entry must be {wanted} here")
    return entry


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
