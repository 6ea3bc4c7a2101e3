"""Fills the pages' own controls with what an address says, before they are drawn.

A control that is drawn with a key shows what the session holds under it. What an address says may be anything: what a
control could not show is left as it is, with a sentence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from rnn_explorer.cells import CELLS
from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.base import Batch, InputSpec
from rnn_explorer.ui import page_state, place, session
from rnn_explorer.ui.controls import slider_ends

WEIGHTS = {  # of a recurrent layer, with what they weigh
    "weight_hh": "from the hidden state (weight_hh)",
    "weight_ih": "from the input (weight_ih)",
    "bias_hh": "bias beside the hidden state (bias_hh)",
    "bias_ih": "bias beside the input (bias_ih)",
}
CLEARED = "what_if_edition"  # how often the controls of what is changed were put back
_NOT_USED = "What the address says about this page's controls could not be used."
_FILLED = "filled"
_WRONG = (ValueError, TypeError, KeyError, IndexError, OverflowError)


class Editable:
    """What of a run's cell, its input and its weights can be changed.

    Args:
        experiment: of the run.

    Raises:
        UserError: where the task's data are gone.

    Attributes:
        gate_names, bounded: of the cell.
        hidden_size: units in each layer.
        longest: time steps of the longest sequence shown.
        input: what enters the first layer.
        columns: the most numbers that enter any layer at a step.
    """

    def __init__(self, experiment: Experiment) -> None:
        model, task = experiment.model, experiment.task
        cell = CELLS.get(model.cell)
        self.gate_names, self.bounded = cell.gate_names, cell.bounded
        self.hidden_size = model.hidden_size
        built = session.task_of(experiment)
        self.input, self.longest = built.input, built.longest
        above = model.hidden_size * (1 + model.bidirectional) if model.num_layers > 1 else 0
        embedded = self.input.kind == "symbols" and model.embedding
        self.columns = max(above, model.embedding if embedded else self.input.size)
        # Widgets of one model must not keep values that another does not have.
        sizes = (self.hidden_size, self.longest, self.columns, self.input.size)
        self._place = f"{task}:{model.cell}:{'-'.join(map(str, sizes))}"

    def key(self, name: str) -> str:
        """The key of a widget: a new one where the old value must go."""
        return f"whatif:{name}:{self._place}:{page_state.edition()}:{st.session_state.get(CLEARED, 0)}"


def what_if(editable: Editable) -> None:
    """The controls of what is changed about the cell: of each kind the first change, as they hold no more."""
    _put({})
    text = place.take("change")
    if not text:
        return
    try:
        edits = json.loads(text)
        edits = {"clamp": edits.get("force"), **edits}  # as addresses called it before
        values: dict[str, Any] = {}
        for kind, of in (("clamp", _clamp), ("ablate", _ablate), ("inputs", _input), ("weights", _weight)):
            if edits.get(kind):
                values |= {"edit": values.get("edit", kind), **of(editable, edits[kind])}
    except (*_WRONG, AttributeError, RecursionError):
        st.toast(_NOT_USED)
        return
    _put({editable.key(name): value for name, value in values.items()})


def _clamp(editable: Editable, edits: Sequence[Sequence[Any]]) -> Mapping[str, Any]:
    gate, unit, value, *steps = edits[0]
    if gate not in editable.gate_names:
        raise ValueError(gate)
    least = 0.0 if gate in editable.bounded else -1.0 if gate == "candidate" else -math.inf
    kind = "gate" if gate in editable.bounded else "candidate" if gate == "candidate" else "free"
    first, last = steps or (1, editable.longest)
    span = (_whole(first, 1, editable.longest), _whole(last, 1, editable.longest))
    limit = math.inf if kind == "free" else 1.0
    return {
        "gate": gate,
        "clamp unit": _whole(unit, -1, editable.hidden_size - 1),
        f"{kind} value": _number(value, least, limit),
        "clamp steps": (min(span), max(span)),
    }


def _ablate(editable: Editable, units: Sequence[Any]) -> Mapping[str, Any]:
    known = sorted({_whole(unit, 0, editable.hidden_size - 1) for unit in units})
    return {"ablate": ", ".join(map(str, known)), "ablate only": True}


def _input(editable: Editable, edits: Sequence[Sequence[Any]]) -> Mapping[str, Any]:
    step, *rest = edits[0]
    values = {"input on": True, "input step": _whole(step, 1, editable.longest)}
    if editable.input.kind == "symbols":
        return {**values, "symbol": _whole(rest[0], 0, editable.input.size - 1)}
    return {**values, "feature": _whole(rest[0], 0, editable.input.size - 1), "input value": _number(rest[1])}


def _weight(editable: Editable, edits: Sequence[Sequence[Any]]) -> Mapping[str, Any]:
    name, row, column, value = edits[0]
    if name not in WEIGHTS:
        raise ValueError(name)
    gate, unit = divmod(_whole(row, 0, len(editable.gate_names) * editable.hidden_size - 1), editable.hidden_size)
    values = {"weight on": True, "weight": name, "weight gate": gate, "weight unit": unit}
    if name == "weight_hh":
        values["weight column"] = _whole(column, 0, editable.hidden_size - 1)
    elif name == "weight_ih":
        values["weight input"] = _whole(column, 0, editable.columns - 1)
    return {**values, "weight value": None if value is None else _number(value)}


def held(
    spec: InputSpec,
    probe: Batch,
    key: str,
    custom: str | None,
    step: str,
) -> None:
    """The controls of the input that is held.

    Args:
        spec, probe: of the task.
        key: in which the keys of the controls end.
        custom: the name of the way to give it by hand; None where that is not offered.
        step: the name of the way to take it from a sequence.
    """
    _put({})
    text = place.take("input")
    if not text:
        return
    try:
        if spec.kind == "symbols":
            values: dict[str, Any] = {f"held symbol:{key}": _whole(int(text), 0, spec.size - 1)}
            way = custom
        else:
            numbers = np.array([_number(float(word)) for word in text.split(",")])
            way, values = step, _held_step(numbers, probe, key)
            if not values and custom is not None and len(numbers) == spec.size:
                way = custom
                for number, value in enumerate(numbers.tolist()):
                    low, high = slider_ends(probe.inputs[..., number])
                    values[f"held {number}:{key}"] = min(max(value, low), high)
    except _WRONG:
        values = {}
    if not values:
        st.toast(_NOT_USED)
        return
    _put({f"held:{key}": way, **values})


def _held_step(numbers: np.ndarray, probe: Batch, key: str) -> dict[str, Any]:
    """The first step of the sequences at which just these numbers enter; nothing where there is none."""
    if not numbers.any() or numbers.shape != probe.inputs.shape[2:]:
        return {}
    found = np.argwhere(np.isclose(probe.inputs, numbers, rtol=1e-5, atol=1e-9).all(axis=-1))  # (n, 2)
    for sequence, time in found.tolist():
        length = probe.inputs.shape[1] if probe.lengths is None else int(probe.lengths[sequence])
        if time < length:
            return {f"held sequence:{key}": sequence + 1, f"held step:{key}:{length}": time + 1}
    return {}


def tried(key: str, width: int | None, fixed: int | None, longest: int, sequences: int) -> None:
    """The controls of what is tried.

    Args:
        key: in which their keys end.
        width: numbers at a step; None for a text.
        fixed: the time steps that there must be; None where there may be any number.
        longest: the most time steps.
        sequences: of the task, with which one may begin.
    """
    _put({})
    mode, prefix, own, begun = (place.take(name) for name in ("mode", "prefix", "own", "begun"))
    if prefix:
        _put({f"try prefix:{key}": prefix[:longest]})
    if mode in ("task", "own"):
        _put({f"try mode:{key}": mode})
    if begun.isascii() and begun.isdigit() and int(begun[:9]) < sequences:
        _put({f"try begin:{key}": int(begun[:9])})
    if not own:
        return
    try:
        given = json.loads(own)
        if width is None:
            _put({f"try text:{key}": str(given)[:longest]})
            return
        rows = np.array([[math.nan if cell is None else _number(cell) for cell in row] for row in given])
        if rows.ndim != 2 or rows.shape[1] != width or not 0 < len(rows) <= longest or fixed not in (None, len(rows)):
            raise ValueError(rows.shape)
    except (*_WRONG, RecursionError):
        st.toast(_NOT_USED)
        return
    st.session_state[given_key(key)] = rows
    _put({f"try begin:{key}": GIVEN})


GIVEN = -1  # in place of a sequence of the task: the one that the address gave


def given_key(key: str) -> str:
    """Under which the session holds the sequence that the address gave."""
    return f"try given:{key}"


def _put(values: Mapping[str, Any]) -> None:
    """Have controls show these values, by their keys, and earlier ones that the user has not changed.

    The browser takes a value that comes with a run of the script; where a control is folded away, or the next run
    follows at once, it has not seen it yet.
    """
    state = st.session_state
    same = {key: value for key, value in state.get(_FILLED, {}).items() if key in state and state[key] == value}
    state[_FILLED] = {**same, **values}
    for key, value in state[_FILLED].items():
        state[key] = value


def _whole(value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(value)
    return min(max(value, low), high)


def _number(value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError(value)
    return min(max(float(value), low), high)
