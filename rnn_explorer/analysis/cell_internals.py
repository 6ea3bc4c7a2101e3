"""Inside one cell: the numbers on its wires at every step, and what would have happened had something been different.

`inside` starts every step from the model's own states, so its numbers are the model's to rounding, and works them out
in double precision, so that for one unit they add up: f c_{t-1} + i g = c_t. It does the same for a changed model.
`what_if` reads one sequence twice, a step at a time, once as trained and once with gates clamped, units ablated, inputs
or weights edited; the layers above, the dense layers and the head follow.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from rnn_explorer.analysis.cell_internals_report import CellInternals, Edited, Largest, Rollout, WhatIf
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import ANALYSES, Progress
from rnn_explorer.cells.base import Change, RecurrentCell, State
from rnn_explorer.errors import UserError
from rnn_explorer.model import SequenceModel, reversal
from rnn_explorer.trace import Array, Direction

TOP = 5  # largest terms of a sum that are kept
_FORCE = ("gate", "unit", "value")
PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
_PART_OF = {"weight_ih": "x", "weight_hh": "h", "bias_ih": "b_i", "bias_hh": "b_h"}  # of a gate's sum


# -- the numbers on the wires -----------------------------------------------------------------------------------


@ANALYSES.register("inside")
def inside(
    subject: FrozenModel,
    *,
    sequence: int = 0,
    layer: int = 0,
    direction: Direction = "forward",
    unit: int | None = None,
) -> Progress:
    """The numbers on every wire of one cell, at all time steps of one probe sequence.

    Args:
        subject: the model.
        sequence: which of the probe sequences, from 0.
        layer: from 0, nearest the input first.
        direction: "forward" or "backward".
        unit: from 0; None: the mean over the units, where a product's mean is not the product of the means.

    Returns:
        An `CellInternals`; padding is left out.

    Raises:
        UserError: for a sequence, layer, direction or unit that there is not.
    """
    cell = subject.cell(layer, direction)
    inputs = _sequence(subject, sequence)
    if unit is not None:
        _within("unit", unit, 0, cell.hidden_size - 1)
    yield 0.0
    return _numbers(subject.model, inputs, _Where(layer, direction, sequence, unit), _Changes())


@dataclass(frozen=True)
class _Where:
    """Whose numbers are asked for."""

    layer: int
    direction: Direction
    sequence: int
    unit: int | None


def _numbers(model: SequenceModel, inputs: Tensor, where: _Where, changes: _Changes) -> CellInternals:
    """The numbers on the wires while a model reads (1, time, feature) or (1, time) inputs with changes."""
    cell, unit, backward = _cell_of(model, where.layer, where.direction), where.unit, where.direction == "backward"
    x, seen = _recorded(model, inputs, where.layer, cell, backward, changes)
    units = slice(None) if unit is None else slice(unit, unit + 1)
    names = {name: values[:, units] for name, values in seen.items()}
    start = {name: _from_before(seen[name]) for name in cell.state_names}
    wiring = _WIRING.get(cell.key, _plain_wires)
    with np.errstate(all="ignore"):  # an exploding run has infinite states, which are shown as they are
        full, bounded = wiring(_Step(cell, x, names, start, units, changes, backward))
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


def _edited(
    report: CellInternals,
    cell: RecurrentCell,
    changes: _Changes,
    inputs: Sequence[Sequence[Any]],
    weights: Sequence[Sequence[Any]],
) -> dict[str, Edited]:
    """The wires that checked changes act on, those of the shown units."""
    time, hidden = report.length, cell.hidden_size
    shown = range(hidden) if report.unit is None else [report.unit]
    touched: dict[tuple[str, Literal["clamped", "ablated", "edited"]], Array] = {}

    def touch(wire: str, how: Literal["clamped", "ablated", "edited"], steps: slice, units: Any) -> None:
        if wire in report.wires:
            touched.setdefault((wire, how), np.zeros((time, hidden), dtype=bool))[steps, units] = True

    for force in changes.force:
        units = slice(None) if force.unit < 0 else force.unit
        touch(force.gate, "clamped", slice(force.first, force.last + 1), units)
    for name in cell.state_names if changes.ablate else ():
        wire = {"hidden": "h", "cell": "c"}.get(name, name) if cell.key in _WIRING or name == "hidden" else name
        touch(wire, "ablated", slice(None), list(changes.ablate))
    for step, *_ in inputs if report.layer == 0 else ():
        touch("x", "edited", slice(step - 1, step), slice(None))
    for name, row, _, value in weights:
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
        seen: gates and states as the model has them, name -> (time, units).
        start: the state before each step, name -> (time, hidden_size).
        units: those that are asked for.
        changes: what is done to the cell.
        backward: whether reading begins at the last input.
    """

    cell: RecurrentCell
    x: Array
    seen: dict[str, Array]
    start: dict[str, Array]
    units: slice
    changes: _Changes
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
        for force in self.changes.force:
            if force.gate == gate:
                units = slice(None) if force.unit < 0 else force.unit
                given[force.first : force.last + 1, units] = force.value
        given = given[:: -1 if self.backward else 1, self.units]
        return np.where(np.isnan(given), values, given)

    def ablated(self, state: Array) -> Array:
        """A state after each step, (time, units), 0 in ablated units."""
        silent = np.isin(np.arange(self.cell.hidden_size), self.changes.ablate)[self.units]
        return np.where(silent, 0.0, state)


Wires = tuple[dict[str, Array], frozenset[str]]  # name -> (time, units), and the names of those from 0 to 1


def _rnn_wires(step: _Step) -> Wires:
    parts = step.parts("pre_activation")
    total = step.clamped("pre_activation", sum(parts.values(), start=np.zeros(1)))
    sigma = np.tanh if step.cell.nonlinearity == "tanh" else _relu
    h = step.ablated(sigma(total))
    return {"h_prev": step.old("hidden"), **parts, "pre_activation": total, "h": h}, frozenset()


def _lstm_wires(step: _Step) -> Wires:
    wires = {"h_prev": step.old("hidden"), "c_prev": step.old("cell")}
    for name in step.cell.gate_names:
        wires |= step.gate(name, np.tanh if name == "candidate" else _sigma)
    wires["keep"] = wires["forget"] * wires["c_prev"]
    wires["write"] = wires["input"] * wires["candidate"]
    wires["c"] = step.ablated(wires["keep"] + wires["write"])
    wires["tanh_c"] = np.tanh(wires["c"])
    wires["h"] = step.ablated(wires["output"] * wires["tanh_c"])
    return wires, frozenset({"input", "forget", "output"})


def _gru_wires(step: _Step) -> Wires:
    wires = {"h_prev": step.old("hidden"), **step.gate("reset", _sigma), **step.gate("update", _sigma)}
    wires |= step.parts("candidate")
    wires["candidate.inner"] = wires["candidate.h"] + wires["candidate.b_h"]
    wires["candidate.gated"] = wires["reset"] * wires["candidate.inner"]
    wires["candidate.pre"] = wires["candidate.x"] + wires["candidate.b_i"] + wires["candidate.gated"]
    wires["candidate"] = step.clamped("candidate", np.tanh(wires["candidate.pre"]))
    wires["take"] = 1 - wires["update"]
    wires["write"] = wires["take"] * wires["candidate"]
    wires["keep"] = wires["update"] * wires["h_prev"]
    wires["h"] = step.ablated(wires["write"] + wires["keep"])
    return wires, frozenset({"reset", "update", "take"})


def _plain_wires(step: _Step) -> Wires:
    """Of a cell whose equations are not known here: its gates, and its states before and after."""
    wires: dict[str, Array] = {}
    for name in step.cell.state_names:
        short = "h" if name == "hidden" else name
        wires |= {f"{short}_prev": step.old(name), short: step.seen[name]}
    return wires | {name: step.seen[name] for name in step.cell.gate_names}, frozenset(step.cell.bounded)


_WIRING: dict[str, Callable[[_Step], Wires]] = {"rnn": _rnn_wires, "lstm": _lstm_wires, "gru": _gru_wires}


def _sigma(x: Array) -> Array:
    return 0.5 * (1 + np.tanh(x / 2))


def _relu(x: Array) -> Array:
    return np.maximum(x, 0.0)


@torch.no_grad()
def _recorded(
    model: SequenceModel, inputs: Tensor, layer: int, cell: RecurrentCell, backward: bool, changes: _Changes
) -> tuple[Array, dict[str, Array]]:
    """What enters a cell and all it does with the changes, in the order of its reading.

    Returns:
        (time, input_size), and every gate and state by name, (time, hidden_size); all float64.
    """
    x = model.encode(inputs)
    for below in model.stack()[:layer]:
        x = below(x, reversal(1, inputs.shape[1], None))
    if changes.force or changes.ablate:
        seen = changes.unrolled(cell, x, backward)
        seen = {name: values.flip(0) if backward else values for name, values in seen.items()}
        x = x.flip(1) if backward else x
    else:
        x = x.flip(1) if backward else x
        seen = {name: values[0] for name, values in cell.trace(x).items()}
    return x[0].double().numpy(), {name: values.double().numpy() for name, values in seen.items()}


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


# -- what if ----------------------------------------------------------------------------------------------------


@ANALYSES.register("what_if")
def what_if(
    subject: FrozenModel,
    *,
    sequence: int = 0,
    layer: int = 0,
    direction: Direction = "forward",
    unit: int | None = None,
    force: Sequence[Sequence[Any]] = (),
    ablate: Sequence[int] = (),
    inputs: Sequence[Sequence[Any]] = (),
    weights: Sequence[Sequence[Any]] = (),
) -> Progress:
    """What the model would have done with one sequence, had something been different.

    Args:
        subject: the model; it is left as it is.
        sequence: which of the probe sequences, from 0.
        layer: whose cell is changed, from 0, nearest the input first.
        direction: "forward" or "backward".
        unit: whose numbers stand on the wires of the changed cell, as for `inside`.
        force: (gate, unit or -1 for all, value), and where it should not be at every step also (first, last) step, from
            1, both included: the gate has this value whatever the cell computes, and all that follows from it follows.
        ablate: units, from 0, whose states are held at 0.
        inputs: (step from 1, feature from 0, new value); for symbols (step from 1, number of the new symbol).
        weights: (name of a parameter, row, column, new value) of the cell; the column of a bias is 0, and a value of
            None leaves the weight as it is and only says it. The names are weight_ih, weight_hh, bias_ih and bias_hh;
            their rows run through the gates in `gate_names` order.

    Returns:
        A `WhatIf`; padding is left out.

    Raises:
        UserError: for a gate, unit, step, symbol or weight that there is not, and for values out of range.
    """
    cell = subject.cell(layer, direction)
    given = _sequence(subject, sequence)
    if unit is not None:
        _within("unit", unit, 0, cell.hidden_size - 1)
    words: list[str] = []
    changes = _changes(cell, given.shape[1], force, ablate, words)
    edited = _edited_inputs(subject.model, given, inputs, words)
    model = subject.model
    if weights:
        model = copy.deepcopy(model)
        _edit_weights(_cell_of(model, layer, direction), weights, words)
    where = _Where(layer, direction, sequence, unit)
    original = _numbers(subject.model, given, where, _Changes())
    changed = _numbers(model, edited, where, changes)
    marks = _edited(changed, cell, changes, inputs, weights)
    passages = []
    for number, (reader, x, altered) in enumerate(((subject.model, given, _Changes()), (model, edited, changes))):
        reading = _Reading(reader, layer, direction == "backward", altered)
        seen, states = reading.read(x)
        answers: list[Tensor] = []
        if reading.needs_prefixes:  # the backward half starts from the end, so each prefix is a reading of its own
            for end in range(1, x.shape[1] + 1):
                yield (number + end / (x.shape[1] + 1)) / 2
                answers.append(reading.answer(reader.summary_state(reading.read(x[:, :end])[1], None)))
        else:
            answers.append(reading.answer(states[0]))
        passages.append(_passage(subject, sequence, x, seen, torch.cat(answers)))
        yield (number + 1) / 2
    output = subject.model.output_spec
    return WhatIf(
        cell=cell.key,
        layer=layer,
        direction=direction,
        sequence=sequence,
        bounded=frozenset(cell.bounded),
        classes=output.classes,
        per_step=output.per_step,
        output_names=tuple(map(str, output.names)),
        changes=tuple(words),
        original=passages[0],
        changed=passages[1],
        inside=dataclasses.replace(changed, changes=tuple(words), edited=marks, original=original),
    )


@dataclass(frozen=True)
class _Force:
    """One gate forced; steps from 0, the last included; unit -1 means all."""

    gate: str
    unit: int
    value: float
    first: int
    last: int


@dataclass(frozen=True)
class _Changes:
    """What is done to a cell while it reads."""

    force: tuple[_Force, ...] = ()
    ablate: tuple[int, ...] = ()

    def step(self, cell: RecurrentCell, x: Tensor, state: State, t: int) -> tuple[State, dict[str, Tensor]]:
        """`cell.step` at input t, from 0, with the changes."""
        now = [force for force in self.force if force.first <= t <= force.last]
        state, gates = cell.step(x, state, _forced(now)) if now else cell.step(x, state)
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


def _forced(forces: list[_Force]) -> Change:
    def change(name: str, gate: Tensor) -> Tensor:
        for force in forces:
            if force.gate == name:
                gate = gate.clone()
                gate[:, slice(None) if force.unit < 0 else force.unit] = force.value
        return gate

    return change


@dataclass(frozen=True)
class _Reading:
    """One way for a model to read a sequence: one cell a step at a time with changes, everything else as ever."""

    model: SequenceModel
    layer: int
    backward: bool
    changes: _Changes

    @property
    def needs_prefixes(self) -> bool:
        """Whether the answer after step t is not seen in the states of the whole sequence."""
        return self.model.settings.bidirectional and not self.model.output_spec.per_step

    @torch.no_grad()
    def read(self, inputs: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """One sequence of real steps, (1, time, feature) or (1, time).

        Returns:
            Gates and states of the chosen cell, each (time, hidden_size), and the top layer's states,
            (1, time, features).
        """
        x, chosen = self.model.encode(inputs), dict[str, Tensor]()
        for number, layer in enumerate(self.model.stack()):
            outputs = []
            for backward, cell in ((False, layer.forwards), (True, layer.backwards)):
                if cell is None:
                    continue
                if (number, backward) == (self.layer, self.backward):
                    chosen = self.changes.unrolled(cell, x, backward)
                    outputs.append(chosen["hidden"][None])
                else:
                    states, _ = cell(x.flip(1) if backward else x)
                    outputs.append(states.flip(1) if backward else states)
            x = torch.cat(outputs, dim=-1)
        return chosen, x

    @torch.no_grad()
    def answer(self, states: Tensor) -> Tensor:
        """(n, output_size): probabilities or values for (n, features)."""
        outputs = self.model.read_out(states)
        return outputs.softmax(dim=-1) if self.model.output_spec.classes else outputs


def _passage(subject: FrozenModel, sequence: int, x: Tensor, seen: dict[str, Tensor], answers: Tensor) -> Rollout:
    """As numpy data, with the task's words for it."""
    probe, length = subject.probe, x.shape[1]
    inputs, said = probe.inputs[sequence].numpy().copy(), answers.numpy()
    inputs[:length] = x[0].numpy()
    held = np.concatenate([said, np.repeat(said[-1:], len(inputs) - length, axis=0)])  # as in a trace
    cell = subject.model.stack()[0].forwards
    return Rollout(
        gates={name: seen[name].numpy() for name in cell.gate_names},
        states={name: seen[name].numpy() for name in cell.state_names},
        answers=said,
        explanation=subject.task.explain(inputs, probe.targets[sequence].numpy(), length, held),
    )


# -- reading what is asked for ----------------------------------------------------------------------------------


def _sequence(subject: FrozenModel, sequence: int) -> Tensor:
    """The real steps of one probe sequence, (1, time, feature) or (1, time)."""
    probe = subject.probe
    _within("sequence", sequence, 0, len(probe) - 1)
    length = probe.inputs.shape[1] if probe.lengths is None else int(probe.lengths[sequence])
    return probe.inputs[sequence : sequence + 1, :length]


def _changes(
    cell: RecurrentCell, time: int, force: Sequence[Sequence[Any]], ablate: Sequence[int], words: list[str]
) -> _Changes:
    if force and "change" not in inspect.signature(cell.step).parameters:
        raise UserError(f"the gates of a {cell.title} cannot be clamped: its `step` takes no `change`")
    forced = []
    for entry in force:
        gate, unit, value, *span = _entry("force", entry, _FORCE, (*_FORCE, "first time step", "last time step"))
        if gate not in cell.gate_names:
            raise UserError(f"{_shown(gate)} is no gate of a {cell.title}; it has {_listed(cell.gate_names)}")
        _within("unit", unit, -1, cell.hidden_size - 1, " (-1 means all units)")
        value = _value(f"the {gate} gate", value, cell, gate)
        first, last = span or (1, time)
        _within("first time step", first, 1, time)
        _within("last time step", last, first, time)
        forced.append(_Force(gate, int(unit), value, int(first) - 1, int(last) - 1))
        when = "every time step" if (first, last) == (1, time) else f"t = {first} to {last}"
        whose = "all units" if unit < 0 else f"unit {unit}"
        gate_words = gate.replace("_", "-") + (" gate" if gate in cell.bounded else "")
        words.append(f"{gate_words} of {whose} clamped to {value:g} at {when}")
    for unit in ablate:
        _within("unit", unit, 0, cell.hidden_size - 1)
        words.append(f"unit {unit} ablated (held at 0)")
    return _Changes(tuple(forced), tuple(map(int, ablate)))


def _value(what: str, value: Any, cell: RecurrentCell, gate: str) -> float:
    """A gate's new value, within the range that it can have."""
    value = _finite(f"the value of {what}", value)
    low, high = (0.0, 1.0) if gate in cell.bounded else (-1.0, 1.0) if gate == "candidate" else (-math.inf, math.inf)
    if not low <= value <= high:
        raise UserError(f"the value of {what} is {value:g}, but it lies between {low:g} and {high:g}")
    return value


def _edited_inputs(model: SequenceModel, inputs: Tensor, edits: Sequence[Sequence[Any]], words: list[str]) -> Tensor:
    """A copy of (1, time, feature) or (1, time) inputs with the edits done."""
    spec, edited = model.input_spec, inputs.clone()
    symbols = spec.kind == "symbols"
    for entry in edits:
        step, which, *value = _entry("inputs", entry, ("step", "symbol") if symbols else ("step", "feature", "value"))
        _within("step", step, 1, inputs.shape[1])
        _within("symbol" if symbols else "feature", which, 0, spec.size - 1)
        if symbols:
            old = spec.names[int(edited[0, step - 1])]
            edited[0, step - 1] = int(which)
            words.append(f"input at t = {step} is {spec.names[which]!r}, was {old!r}")
        else:
            new, was = _finite("the value of an input", value[0]), float(edited[0, step - 1, which])
            edited[0, step - 1, which] = new
            words.append(f"{spec.names[which]} at t = {step} is {new:g}, was {was:.4g}")
    return edited


def _edit_weights(cell: RecurrentCell, edits: Sequence[Sequence[Any]], words: list[str]) -> None:
    """Change a cell that is a copy."""
    for entry in edits:
        name, row, column, value = _entry("weights", entry, ("parameter", "row", "column", "value"))
        if name not in PARAMETERS:
            raise UserError(f"{_shown(name)} is no parameter of a cell; there are {_listed(PARAMETERS)}")
        parameter = getattr(cell, name).data
        table = parameter[:, None] if parameter.ndim == 1 else parameter
        _within("row", row, 0, table.shape[0] - 1, f" for {name}")
        _within("column", column, 0, table.shape[1] - 1, f" for {name}")
        place, old = f"{row}" if parameter.ndim == 1 else f"{row}, {column}", float(table[row, column])
        if value is None:
            words.append(f"{name}[{place}] is {old:.4g}, as trained")
            continue
        table[row, column] = value = _finite("the value of a weight", value)
        words.append(f"{name}[{place}] is {value:g}, was {old:.4g}")


def _cell_of(model: SequenceModel, layer: int, direction: Direction) -> RecurrentCell:
    both = model.stack()[layer]
    cell = both.forwards if direction == "forward" else both.backwards
    assert cell is not None  # the subject has been asked for it already
    return cell


def _entry(option: str, entry: Any, *forms: tuple[str, ...]) -> Sequence[Any]:
    if not isinstance(entry, (list, tuple)) or len(entry) not in map(len, forms):
        wanted = " or ".join(f"({', '.join(form)})" for form in forms)
        raise UserError(f"{option} has {_shown(entry)}, but each entry must be {wanted} here")
    return entry


def _within(what: str, value: Any, low: int, high: int, more: str = "") -> None:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not low <= value <= high:
        raise UserError(f"{what} is {_shown(value)}, but must be a whole number from {low} to {high}{more}")


def _finite(what: str, value: Any) -> float:
    if not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
        raise UserError(f"{what} is {_shown(value)}, but must be a finite number")
    return float(value)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
