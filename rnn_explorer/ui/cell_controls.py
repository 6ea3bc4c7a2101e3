"""The cell page's own controls: what is to be different about the cell, its input or its weights.

They give the part `change` of the view's selection: an object with the options of the question `what_if`, as JSON.
What cannot be read gets a sentence at once; what the chosen layer or sequence does not have gets one from the view.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from rnn_explorer.cells import CELLS
from rnn_explorer.engine.base import RunView
from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.base import InputSpec
from rnn_explorer.ui import desk, filling
from rnn_explorer.ui.panel import line, panel
from rnn_explorer.ui.plain import plain

_EDITION = "what_if_edition"
_WEIGHTS = {
    "weight_hh": "from the hidden state (weight_hh)",
    "weight_ih": "from the input (weight_ih)",
    "bias_hh": "bias beside the hidden state (bias_hh)",
    "bias_ih": "bias beside the input (bias_ih)",
}
_ALL = -1  # as a unit


def what_if(view: RunView) -> Mapping[str, Any]:
    """Draw the controls.

    Args:
        view: the run whose cell may be changed.

    Returns:
        The part of the view's selection that they decide.
    """
    made, problems = Made(view.experiment), list[str]()
    filling.what_if(made)
    with panel("row"):
        with line():
            chosen = st.segmented_control(
                "What if",
                _edits_of(made),
                key=made.key("edit"),
                format_func=lambda name: _edits_of(made)[name],
                help="Change something about the cell, and see the original beside it. Several changes add up.",
            )
            clearing = st.empty()
        edits: dict[str, list[Any]] = {}
        for name in _edits_of(made):
            # All are drawn, since the value of a widget goes with it; the style sheet shows the chosen one.
            with line(f"what-if-{'open' if name == chosen else 'shut'}-{name}"):
                values = _CONTROLS[name](made, problems)
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


def _edits_of(made: Made) -> dict[str, str]:
    """What can be changed, by the option of the question, with its words."""
    clamp = "Clamp a gate" if made.bounded else "Clamp the pre-activation"
    ablate = {"ablate": "Ablate units"} if made.hidden_size > 1 else {"ablate": "Ablate the unit"}
    return {"force": clamp, **ablate, "inputs": "Edit input", "weights": "Edit weight"}


class Made:
    """What there is to be changed.

    Attributes:
        gate_names, bounded: of the cell.
        hidden_size: units in each layer.
        longest: time steps of the longest sequence shown.
        input: what enters the first layer.
        columns: the most numbers that enter any layer at a step.
        weights: the names of what can be changed of a layer.
    """

    def __init__(self, experiment: Experiment) -> None:
        model, task = experiment.model, experiment.task
        cell = CELLS.get(model.cell)
        self.gate_names, self.bounded = cell.gate_names, cell.bounded
        self.hidden_size, self.weights = model.hidden_size, tuple(_WEIGHTS)
        own = Experiment.default(task).replace(**experiment.task_settings.to_dict())
        self.input, self.longest = _shape_of(own.to_query_string())
        above = model.hidden_size * (1 + model.bidirectional) if model.num_layers > 1 else 0
        embedded = self.input.kind == "symbols" and model.embedding
        self.columns = max(above, model.embedding if embedded else self.input.size)
        # Widgets of one model must not keep values that another does not have.
        sizes = (self.hidden_size, self.longest, self.columns, self.input.size)
        self._place = f"{task}:{model.cell}:{'-'.join(map(str, sizes))}"

    def key(self, name: str) -> str:
        """The key of a widget: a new one where the old value must go."""
        return f"whatif:{name}:{self._place}:{desk.edition()}:{st.session_state.get(_EDITION, 0)}"


@functools.lru_cache(maxsize=32)
def _shape_of(query: str) -> tuple[InputSpec, int]:
    """What enters at each step, and how many steps there are, which a task knows once it is built."""
    task = Experiment.from_query(query).make_task()
    return task.input, task.longest


def clear() -> None:
    """Put all controls back to where they change nothing."""
    st.session_state[_EDITION] = st.session_state.get(_EDITION, 0) + 1


def _force(made: Made, _: list[str]) -> list[list[Any]]:
    names = {name: name.replace("_", "-") + (" gate" if name in made.bounded else "") for name in made.gate_names}
    gate = st.selectbox(
        "Gate" if made.bounded else "What is clamped",
        ["", *made.gate_names],
        key=made.key("gate"),
        format_func=lambda name: names.get(name, "none: as trained"),
        help="What has one value, whatever the cell computes",
        width=260,
    )
    if not gate:
        return []
    unit = _unit("Unit", made, "force unit", everyone=True)
    if gate in made.bounded:
        value = st.slider(
            "Value", 0.0, 1.0, 0.0, 0.05, key=made.key("gate value"), help="0 is shut, 1 is open", width=200
        )
    elif gate == "candidate":
        value = st.slider("Value", -1.0, 1.0, 0.0, 0.05, key=made.key("candidate value"), width=200)
    else:
        value = st.number_input("Value", value=0.0, step=0.5, key=made.key("free value"), width=180)
    first, last = 1, made.longest
    if made.longest > 1:
        steps = (1, made.longest)
        first, last = st.slider(
            "Time steps", *steps, steps, key=made.key("force steps"), help="From the first to the last", width=260
        )
    return [[gate, unit, value] if (first, last) == (1, made.longest) else [gate, unit, value, first, last]]


def _ablate(made: Made, problems: list[str]) -> list[int]:
    if made.hidden_size == 1:
        return [0] if st.toggle("Hold the only unit at 0", key=made.key("ablate only")) else []
    text = st.text_input(
        "Units, separated by commas",
        key=made.key("ablate"),
        placeholder="none",
        max_chars=400,
        help="Their states are held at 0; then press Enter",
        width=420,
    )
    units = []
    for word in text.replace(",", " ").split():
        if not (word.isascii() and word.isdigit() and len(word) < 9 and int(word) < made.hidden_size):
            problems.append(
                f"{word[:20]!r} is no unit of this layer; name units from 0 to {made.hidden_size - 1}, such as 3, 5."
            )
        else:
            units.append(int(word))
    return sorted(set(units))


def _inputs(made: Made, _: list[str]) -> list[list[Any]]:
    if not st.toggle("Change the input", key=made.key("input on"), help="What enters at one time step"):
        return []
    step = 1
    if made.longest > 1:
        step = st.number_input("Time step", 1, made.longest, 1, 1, key=made.key("input step"), width=190)
    spec = made.input
    if spec.kind == "symbols":
        symbol = st.selectbox(
            "What enters instead",
            range(spec.size),
            key=made.key("symbol"),
            format_func=lambda number: repr(str(spec.names[number])),
            width=260,
        )
        return [[step, symbol]]
    feature = 0
    if spec.size > 1:
        names = spec.names
        feature = st.selectbox(
            "Which number", range(spec.size), key=made.key("feature"), format_func=lambda n: str(names[n]), width=220
        )
    label = f"What enters instead ({plain(spec.names[0], 40)})" if spec.size == 1 else "What enters instead"
    value = st.number_input(label, value=0.0, step=0.5, key=made.key("input value"), width=280)
    return [[step, feature, value]]


def _weights(made: Made, _: list[str]) -> list[list[Any]]:
    if not st.toggle("Change a weight", key=made.key("weight on"), help="One number of the chosen layer's cell"):
        return []
    name = st.selectbox(
        "Which", tuple(_WEIGHTS), key=made.key("weight"), format_func=lambda key: _WEIGHTS[key], width=320
    )
    gate = 0
    if len(made.gate_names) > 1:
        gate = st.selectbox(
            "Of the gate",
            range(len(made.gate_names)),
            key=made.key("weight gate"),
            format_func=lambda number: made.gate_names[number].replace("_", "-"),
            width=210,
        )
    unit = _unit("To unit", made, "weight unit")
    column = 0
    if name == "weight_hh":
        column = _unit("From unit", made, "weight column")
    elif name == "weight_ih" and made.columns > 1:
        column = st.number_input("From input", 0, made.columns - 1, 0, 1, key=made.key("weight input"), width=190)
    value = st.number_input(
        "New value",
        value=None,
        step=0.1,
        format="%g",
        key=made.key("weight value"),
        placeholder="as trained",
        help="While this is empty, the figure below says the weight's present value",
        width=240,
    )
    return [[name, gate * made.hidden_size + unit, column, value]]


def _unit(label: str, made: Made, name: str, everyone: bool = False) -> int:
    """The choice of a unit, or of `everyone`, which is -1; none where there is one unit."""
    if made.hidden_size == 1:
        return _ALL if everyone else 0
    return st.selectbox(
        label,
        [*([_ALL] if everyone else []), *range(made.hidden_size)],
        key=made.key(name),
        format_func=lambda number: "all units" if number == _ALL else str(number),
        width=180 if everyone else 150,
    )


_CONTROLS: dict[str, Callable[[Made, list[str]], list[Any]]] = {
    "force": _force,
    "ablate": _ablate,
    "inputs": _inputs,
    "weights": _weights,
}
