"""One cell with its numbers: the drawing, the equations, and what would happen if.

The page's own controls give the part `change` of the view's selection: an object with the options of the analysis
`what_if`, as JSON. What cannot be read gets a sentence at once; what the chosen layer or sequence does not have gets
one from the view.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from rnn_explorer.analysis.cell_internals.record import EditOptions
from rnn_explorer.engine.base import RunView
from rnn_explorer.ui import filling, page, run_controls
from rnn_explorer.ui.filling import CLEARED, WEIGHTS, Editable
from rnn_explorer.ui.panel import line, panel
from rnn_explorer.ui.plain import plain

TITLE = "Cell"
ORDER = 2
_ALL = -1  # as a unit


def what_if(view: RunView) -> Mapping[str, Any]:
    """Draw the controls.

    Args:
        view: the run whose cell may be changed.

    Returns:
        The part of the view's selection that they decide.
    """
    editable, problems = Editable(view.experiment), list[str]()
    filling.what_if(editable)
    with panel("row"):
        with line():
            chosen = st.segmented_control(
                "What if",
                _edits_of(editable),
                key=editable.key("edit"),
                format_func=lambda name: _edits_of(editable)[name],
                help="Change something about the cell, and see the original beside it. Several changes add up.",
            )
            clearing = st.empty()
        edits: dict[str, list[Any]] = {}
        for name in _edits_of(editable):
            # All are drawn, since the value of a widget goes with it; the style sheet shows the chosen one.
            with line(f"what-if-{'open' if name == chosen else 'shut'}-{name}"):
                values = _CONTROLS[name](editable, problems)
            if values:
                edits[name] = values
        changed = bool(edits or problems)
        clearing.button(
            "Clear",
            on_click=clear,
            disabled=not changed,
            help="Back to the model as it was trained" if changed else "Nothing is changed yet",
        )
        for problem in problems:
            st.warning(plain(problem))
    return {"change": json.dumps(edits, separators=(",", ":")) if edits else ""}


def _edits_of(editable: Editable) -> dict[str, str]:
    """What can be changed, by the option of the analysis, with its words."""
    own = {} if editable.bounded else {"clamp": "Clamp the pre-activation"}
    own |= {} if editable.hidden_size > 1 else {"ablate": "Ablate the unit"}
    return {spec.name: own.get(spec.name, spec.label) for spec in EditOptions.specs()}


def clear() -> None:
    """Put all controls back to where they change nothing."""
    st.session_state[CLEARED] = st.session_state.get(CLEARED, 0) + 1


def _clamp(editable: Editable, _: list[str]) -> list[list[Any]]:
    gates, bounded = editable.gate_names, editable.bounded
    names = {name: name.replace("_", "-") + (" gate" if name in bounded else "") for name in gates}
    gate = st.selectbox(
        "Gate" if bounded else "What is clamped",
        ["", *gates],
        key=editable.key("gate"),
        format_func=lambda name: names.get(name, "none: as trained"),
        help="What has one value, whatever the cell computes",
        width=260,
    )
    if not gate:
        return []
    unit = _unit("Unit", editable, "clamp unit", everyone=True)
    if gate in bounded:
        value = st.slider(
            "Value", 0.0, 1.0, 0.0, 0.05, key=editable.key("gate value"), help="0 is shut, 1 is open", width=200
        )
    elif gate == "candidate":
        value = st.slider("Value", -1.0, 1.0, 0.0, 0.05, key=editable.key("candidate value"), width=200)
    else:
        value = st.number_input("Value", value=0.0, step=0.5, key=editable.key("free value"), width=180)
    first, last = 1, editable.longest
    if editable.longest > 1:
        steps = (1, editable.longest)
        first, last = st.slider(
            "Time steps", *steps, steps, key=editable.key("clamp steps"), help="From the first to the last", width=260
        )
    return [[gate, unit, value] if (first, last) == (1, editable.longest) else [gate, unit, value, first, last]]


def _ablate(editable: Editable, problems: list[str]) -> list[int]:
    if editable.hidden_size == 1:
        return [0] if st.toggle("Hold the only unit at 0", key=editable.key("ablate only")) else []
    text = st.text_input(
        "Units, separated by commas",
        key=editable.key("ablate"),
        placeholder="none",
        max_chars=400,
        help="Their states are held at 0; then press Enter",
        width=420,
    )
    units, last = [], editable.hidden_size - 1
    for word in text.replace(",", " ").split():
        if not (word.isascii() and word.isdigit() and len(word) < 9 and int(word) <= last):
            problems.append(f"{word[:20]!r} is no unit of this layer; name units from 0 to {last}, such as 3, 5.")
        else:
            units.append(int(word))
    return sorted(set(units))


def _inputs(editable: Editable, _: list[str]) -> list[list[Any]]:
    if not st.toggle("Change the input", key=editable.key("input on"), help="What enters at one time step"):
        return []
    step = 1
    if editable.longest > 1:
        step = st.number_input("Time step", 1, editable.longest, 1, 1, key=editable.key("input step"), width=190)
    spec = editable.input
    if spec.kind == "symbols":
        symbol = st.selectbox(
            "What enters instead",
            range(spec.size),
            key=editable.key("symbol"),
            format_func=lambda number: repr(str(spec.names[number])),
            width=260,
        )
        return [[step, symbol]]
    feature = 0
    if spec.size > 1:
        names = spec.names
        feature = st.selectbox(
            "Which number",
            range(spec.size),
            key=editable.key("feature"),
            format_func=lambda n: str(names[n]),
            width=220,
        )
    label = f"What enters instead ({plain(spec.names[0], 40)})" if spec.size == 1 else "What enters instead"
    value = st.number_input(label, value=0.0, step=0.5, key=editable.key("input value"), width=280)
    return [[step, feature, value]]


def _weights(editable: Editable, _: list[str]) -> list[list[Any]]:
    if not st.toggle("Change a weight", key=editable.key("weight on"), help="One number of the chosen layer's cell"):
        return []
    name = st.selectbox(
        "Which", tuple(WEIGHTS), key=editable.key("weight"), format_func=lambda key: WEIGHTS[key], width=320
    )
    gate = 0
    if len(editable.gate_names) > 1:
        gate = st.selectbox(
            "Of the gate",
            range(len(editable.gate_names)),
            key=editable.key("weight gate"),
            format_func=lambda number: editable.gate_names[number].replace("_", "-"),
            width=210,
        )
    unit = _unit("To unit", editable, "weight unit")
    column = 0
    if name == "weight_hh":
        column = _unit("From unit", editable, "weight column")
    elif name == "weight_ih" and editable.columns > 1:
        column = st.number_input(
            "From input", 0, editable.columns - 1, 0, 1, key=editable.key("weight input"), width=190
        )
    value = st.number_input(
        "New value",
        value=None,
        step=0.1,
        format="%g",
        key=editable.key("weight value"),
        placeholder="as trained",
        help="While this is empty, the figure below says the weight's present value",
        width=240,
    )
    return [[name, gate * editable.hidden_size + unit, column, value]]


def _unit(label: str, editable: Editable, name: str, everyone: bool = False) -> int:
    """The choice of a unit, or of `everyone`, which is -1; none where there is one unit."""
    if editable.hidden_size == 1:
        return _ALL if everyone else 0
    return st.selectbox(
        label,
        [*([_ALL] if everyone else []), *range(editable.hidden_size)],
        key=editable.key(name),
        format_func=lambda number: "all units" if number == _ALL else str(number),
        width=180 if everyone else 150,
    )


_CONTROLS: dict[str, Callable[[Editable, list[str]], list[Any]]] = {
    "clamp": _clamp,
    "ablate": _ablate,
    "inputs": _inputs,
    "weights": _weights,
}

run_controls.watch(page.begin(), "cell", what_if, clear)
