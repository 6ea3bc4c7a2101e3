"""The controls of an experiment: one widget for each setting, made from the setting's own declaration.

Nothing here lists settings by value or range; a control reads its label, help, range and choices from the `Spec`.
What cannot apply is not shown. A value that is refused stays in its control with a sentence below it, and the
experiment stays as it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from rnn_explorer.cells import CELLS
from rnn_explorer.experiment import Experiment
from rnn_explorer.figures.style import cell_name
from rnn_explorer.settings import SettingError, Spec
from rnn_explorer.tasks import TASKS
from rnn_explorer.ui.plain import plain

LIVE_NOTE = "Applies at once, also while it trains."
NEW_MODEL_NOTE = "Changing it makes a new model, at step 0."
MAIN = ("cell", "hidden_size", "num_layers", "dense", "bidirectional", "nonlinearity", "forget_bias")
TRAINING = (
    "optimizer",
    "learning_rate",
    "momentum",
    "batch_size",
    "clip_norm",
    "weight_decay",
    "epochs",
    "steps",
    "patience",
    "val_split",
)
PACE = ("pace", "speed_limit")  # one control beside the buttons
DETAILS = ("init", "embedding", "dropout", "dense_activation", "device", "seed")
_DIGITS = (1.0, 2.0, 3.0, 5.0)
_HALVES = tuple(2**n for n in range(11))

Change = Callable[[str, Any, int], None]


def key_of(name: str, edition: int) -> str:
    """The key in the session state of a setting's widget."""
    return f"set:{name}:{edition}"


def show(experiment: Experiment, edition: int, change: Change, refused: dict[str, str]) -> None:
    """Draw all controls.

    Args:
        experiment: what they show.
        edition: another number whenever values changed by other means than these controls. The widgets are new ones
            then: a browser that has not yet seen a new value would send the old one back, as if a person had chosen it.
        change: called with a setting's name, its new value as the widget gives it, and the edition of the widget, when
            a person changed it.
        refused: sentences by setting for values that could not be used.
    """
    specs = {spec.name: spec for spec in experiment.specs()}
    _task(experiment, edition, change)
    _several([specs[name] for name in MAIN], experiment, edition, change, refused)
    with st.expander("Training", expanded=False):
        _several([specs[name] for name in TRAINING], experiment, edition, change, refused)
    own = experiment.task_settings.specs()
    if own:
        with st.expander("Task", expanded=False):
            _several(own, experiment, edition, change, refused)
    with st.expander("Details", expanded=False):
        _several([specs[name] for name in DETAILS], experiment, edition, change, refused)


def _task(experiment: Experiment, edition: int, change: Change) -> None:
    key = key_of("task", edition)
    st.session_state[key] = experiment.task
    st.selectbox(
        "Task",
        TASKS.names(),
        key=key,
        format_func=lambda name: TASKS.get(name).title,
        on_change=_changed,
        args=("task", key, change),
        help="What is learned. Choosing a task sets everything below to values that suit it. "
        + TASKS.get(experiment.task).summary,
    )


def _changed(name: str, key: str, change: Change) -> None:
    change(name, st.session_state[key], int(key.rpartition(":")[2]))


def _several(
    specs: Sequence[Spec], experiment: Experiment, edition: int, change: Change, refused: dict[str, str]
) -> None:
    idle = experiment.idle()
    for spec in specs:
        if not experiment.applies(spec.name):
            if spec.name in idle:  # it came by a link, say, or with another cell
                st.caption(idle[spec.name])
            continue
        _one(spec, experiment.get(spec.name), key_of(spec.name, edition), spec.name in refused, change)
        if spec.name in refused:
            st.error(plain(refused[spec.name]))


def _one(spec: Spec, value: Any, key: str, keep: bool, change: Change) -> None:
    if not (keep and key in st.session_state):
        st.session_state[key] = spec.text(value) if spec.kind is tuple else value
    about: dict[str, Any] = {
        "label": spec.label,
        "key": key,
        "help": f"{spec.help} {LIVE_NOTE if spec.live else NEW_MODEL_NOTE}",
        "on_change": _changed,
        "args": (spec.name, key, change),
    }
    if spec.kind is bool:
        st.toggle(**about)
    elif spec.is_free_text:
        st.text_input(max_chars=spec.longest, **about)
    elif spec.kind is str and len(spec.choices) <= 3:
        st.segmented_control(options=spec.choices, format_func=_title, required=True, width="stretch", **about)
    elif spec.kind is str:
        st.selectbox(options=spec.choices, format_func=_title, **about)
    elif spec.kind is tuple:
        st.text_input(placeholder="none", **about)
    elif spec.log:
        st.select_slider(options=ladder(spec, value), format_func=_plain, **about)
    elif spec.kind is int:
        if spec.high is not None and spec.high - (spec.low or 0) <= 256:
            st.slider(min_value=int(spec.low or 0), max_value=int(spec.high), **about)
        else:
            st.number_input(min_value=_whole(spec.low), max_value=_whole(spec.high), step=1, **about)
    elif spec.high is not None and spec.high <= 1:
        st.slider(min_value=float(spec.low or 0), max_value=float(spec.high), step=0.01, **about)
    else:
        st.number_input(min_value=spec.low, max_value=spec.high, format="%g", step=0.5, **about)


def ladder(spec: Spec, value: Any) -> list[Any]:
    """Steps that go up by factors within the range of a setting, the present value among them."""
    low, high = spec.low or 0, spec.high or 0
    if spec.kind is int:
        rungs = {rung for half in _HALVES for rung in (half, half * 3 // 2) if low <= rung <= high}
        return sorted(rungs | {int(low), int(high), value})
    rungs = {float(f"{digit:g}e{power}") for power in range(-8, 3) for digit in _DIGITS}
    return sorted({rung for rung in rungs if low <= rung <= high} | {value})


def slider_ends(values: np.ndarray) -> tuple[float, float]:
    """Round ends of a slider that hold 0 and all of these values."""
    finite = values[np.isfinite(values)]
    low, high = min(float(finite.min(initial=0.0)), 0.0), max(float(finite.max(initial=0.0)), 0.0)
    power = 10.0 ** math.floor(math.log10(max(high - low, 1e-3)))
    grid = power / 2
    # Very small numbers vanish in the division.
    first = math.floor(low / grid) - (low < 0 == low / grid)
    last = math.ceil(high / grid) + (high > 0 == high / grid)
    return first * grid, max(last * grid, (first + 1) * grid)


def _whole(limit: float | None) -> int | None:
    return None if limit is None else int(limit)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _title(choice: str) -> str:
    optimizers = {"adam": "Adam", "sgd": "SGD", "rmsprop": "RMSprop"}
    return cell_name(choice) if choice in CELLS else optimizers.get(choice, choice)


def read(experiment: Experiment, name: str, value: Any) -> Experiment:
    """The experiment with one setting as a widget gives it.

    Raises:
        SettingError: for a value that cannot be used.
    """
    if name == "task":
        return Experiment.default(value)
    spec = next(spec for spec in experiment.specs() if spec.name == name)
    if value is None:
        raise SettingError(name, "", spec.allowed)
    return experiment.replace(**{name: spec.parse(value) if spec.kind is tuple else value})
