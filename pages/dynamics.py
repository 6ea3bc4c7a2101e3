"""Dynamics: fixed points of the trained map, and where states go.

The page's own control, the input that is held constant, gives the part `input` of the view's selection: the numbers
that enter at every step, or the number of a symbol, as text with commas; nothing for zeros.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from rnn_explorer.analysis.dynamics.record import ConstantInputOptions
from rnn_explorer.engine.base import RunView
from rnn_explorer.tasks.base import Batch, InputSpec
from rnn_explorer.ui import filling, page, page_state, run_controls, session
from rnn_explorer.ui.controls import slider_ends
from rnn_explorer.ui.panel import line, panel
from rnn_explorer.ui.plain import plain

TITLE = "Dynamics"
ORDER = 4
MOST_SLIDERS = 8  # features that get a slider each
_ZERO, _CUSTOM, _STEP = "zero", "custom", "from the sequence"


def held_input(view: RunView) -> Mapping[str, Any]:
    """Draw the control.

    Args:
        view: the run whose inputs there are.

    Returns:
        The part of the view's selection that it decides.
    """
    task = session.task_of(view.experiment)
    spec, probe = task.input, task.probe()
    symbols = spec.kind == "symbols"
    key = f"{view.experiment.task}:{spec.size}:{page_state.edition()}"
    with panel("row"):
        with line():
            way = _way(spec, probe, key)
            if way == _CUSTOM and symbols:
                return {"input": _symbol(spec, key)}
            if way == _STEP:
                return {"input": _at_step(probe, key)}
        if way == _CUSTOM:
            with line():
                return {"input": _custom(spec, probe, key)}
    return {"input": ""}


def _way(spec: InputSpec, probe: Batch, key: str) -> str | None:
    """How the input is chosen."""
    symbols = spec.kind == "symbols"
    ways = [_ZERO, _CUSTOM, _STEP] if symbols or spec.size <= MOST_SLIDERS else [_ZERO, _STEP]
    filling.held(spec, probe, key, _CUSTOM if _CUSTOM in ways else None, _STEP)
    return st.segmented_control(
        ConstantInputOptions.spec("input").label,
        ways,
        default=_ZERO,
        required=True,
        key=f"held:{key}",
        format_func=lambda word: "a symbol" if symbols and word == _CUSTOM else word,
        help="Fixed points and flow are those of the map under an input that stays the same at every time step",
    )


def _symbol(spec: InputSpec, key: str) -> str:
    chosen = st.selectbox(
        "Symbol",
        [number for number, name in enumerate(spec.names) if str(name)],  # what has no name is padding
        key=f"held symbol:{key}",
        format_func=lambda number: repr(str(spec.names[number])),
        width=190,
    )
    return str(chosen)


def _at_step(probe: Batch, key: str) -> str:
    """What enters at one step of one of the sequences."""
    sequence = st.number_input(
        "Sequence", 1, len(probe), 1, 1, key=f"held sequence:{key}", width=205, help="Which of the sequences"
    )
    chosen = int(sequence) - 1
    length = probe.inputs.shape[1] if probe.lengths is None else int(probe.lengths[chosen])
    step = st.number_input(
        "Time step",
        1,
        length,
        1,
        1,
        key=f"held step:{key}:{length}",
        width=215,
        help="Its input at this time step is held",
    )
    return _text(np.atleast_1d(probe.inputs[chosen, int(step) - 1]).tolist())


def _custom(spec: InputSpec, probe: Batch, key: str) -> str:
    """A slider for each feature, over the values that it has in the sequences shown."""
    numbers = []
    for number in range(spec.size):
        low, high = slider_ends(probe.inputs[..., number])
        step = (high - low) / 20
        name = plain(spec.names[number], 40)
        numbers.append(st.slider(name, low, high, 0.0, step, key=f"held {number}:{key}", width=170))
    return _text(numbers)


def _text(numbers: Sequence[float]) -> str:
    """Numbers with commas between."""
    return ",".join(f"{number:.6g}" for number in numbers)


run_controls.watch(page.begin(), "dynamics", held_input)
