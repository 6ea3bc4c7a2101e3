"""Try it: text that the model writes, series that it goes on with, and sequences of one's own.

The page's own controls, what the model reads before it writes and sequences of one's own, give the parts `mode`,
`prefix` and `own` of the view's selection. Numbers are typed and drawn in the task's own unit, as the data have them;
the analysis normalizes them as the training part is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import streamlit as st

from rnn_explorer.analysis.generate.record import SampleOptions
from rnn_explorer.analysis.own_sequence.record import LONGEST
from rnn_explorer.engine.base import RunView
from rnn_explorer.experiment import Experiment
from rnn_explorer.figures.table import as_text
from rnn_explorer.settings import SettingError
from rnn_explorer.trace import Array
from rnn_explorer.ui import filling, page, page_state, place, run_controls
from rnn_explorer.ui.controls import slider_ends
from rnn_explorer.ui.draw_sequence import sketch
from rnn_explorer.ui.panel import line, panel
from rnn_explorer.ui.plain import plain
from rnn_explorer.views.try_it.facts import TaskFacts, rounded

TITLE = "Try it"
ORDER = 5
_MODES = {
    "text": ("It writes", "Your own text"),
    "series": ("It goes on by itself", "Your own series"),
    "grammar": ("Strings of the task", "Your own string"),
    "symbols": ("Sequences of the task", "Your own sequence"),
}
_PREFIX = SampleOptions.spec("prefix")
_FEW_LEVELS = 3  # different values up to which a canvas offers just these
_KNOWN = "try_facts"


def _facts_of(experiment: Experiment) -> TaskFacts:
    """Those of the task that this visitor looks at; kept with the visit, since data may be the visitor's own."""
    # The training part, and so its mean, follows from the seed.
    settings = {**experiment.task_settings.to_dict(), "task": experiment.task}
    settings |= {"seed": experiment.training.seed, "val_split": experiment.training.val_split}
    known = st.session_state.get(_KNOWN)
    if known is None or known[0] != settings:
        known = st.session_state[_KNOWN] = (settings, TaskFacts.of(experiment))
    return known[1]


def own(view: RunView) -> Mapping[str, Any]:
    """Draw the controls.

    Args:
        view: the run that is tried.

    Returns:
        The parts of the view's selection that they decide.
    """
    nothing = {"mode": "task", "prefix": "", "own": ""}
    try:
        facts = _facts_of(view.experiment)
    except SettingError as error:
        st.warning(plain(str(error)))
        return nothing
    key = f"{view.experiment.task}:{page_state.edition()}"
    _fill(facts, key)
    if facts.way == "values":
        place.override("mode", "")  # there is but one
    with panel(_place_of(facts, key)):
        with line():
            if facts.way != "values" and _mode(facts.way, key) == "task":
                return {**nothing, "prefix": _prefix(key)} if facts.way == "text" else nothing
            if facts.inputs.ndim == 2:
                return {**nothing, "mode": "own", "own": json.dumps(_text(facts, key))}
            begin, how = _beginning(facts, key)
        numbers = _numbers(facts, begin, how, key)
        st.caption(_in_words(facts))
        return {**nothing, "mode": "own", "own": json.dumps(numbers, separators=(",", ":"))}


def _place_of(facts: TaskFacts, key: str) -> Literal["row", "side"]:
    """A canvas and a table stand beside the figure; what is one line stands above it."""
    if facts.way == "values":
        return "side"
    return "side" if facts.inputs.ndim == 3 and st.session_state.get(_mode_key(key)) == "own" else "row"


def _mode_key(key: str) -> str:
    return f"try mode:{key}"


def _fill(facts: TaskFacts, key: str) -> None:
    """Begin with what the address says."""
    numbers = facts.inputs.ndim == 3
    filling.tried(
        key,
        facts.inputs.shape[2] if numbers else None,
        facts.inputs.shape[1] if facts.picture is not None else None,
        LONGEST if numbers else max(LONGEST, facts.inputs.shape[1], _PREFIX.longest),
        len(facts.titles),
    )


def _prefix(key: str) -> str:
    return st.text_input(
        _PREFIX.label,
        key=f"try prefix:{key}",
        max_chars=_PREFIX.longest,
        placeholder="Type how the text begins, then press Enter",
    )


def _mode(way: str, key: str) -> Literal["task", "own"]:
    task, mine = _MODES[way]
    chosen = st.segmented_control(
        "What to try",
        ["task", "own"],
        default="task",
        required=True,
        key=_mode_key(key),
        format_func=lambda mode: mine if mode == "own" else task,
    )
    return "own" if chosen == "own" else "task"


def _text(facts: TaskFacts, key: str) -> str:
    """A text, one character a time step."""
    start = "".join(facts.names[code] for code in facts.inputs[0, : facts.lengths[0]]).replace("\n", " ")
    return st.text_input(
        "Your own sequence",
        start,
        key=f"try text:{key}",
        max_chars=max(LONGEST, facts.inputs.shape[1]),
        help="One character a time step. The characters that this task knows: " + _listed(facts.names),
    )


def _listed(names: tuple[str, ...]) -> str:
    shown = [
        {" ": "a space", "\n": "the end of a line", "\t": "a tab"}.get(name, f"`{name}`") for name in names if name
    ]
    return " ".join(name for name in shown if name != "```")


def _beginning(facts: TaskFacts, key: str) -> tuple[int, str]:
    """Which of the task's sequences to begin with, and whether to "draw" or to "type"."""
    how = "type"
    given = [filling.GIVEN] if filling.given_key(key) in st.session_state else []
    begin = st.selectbox(
        "Begin with",
        [*given, *range(len(facts.titles))],
        key=f"try begin:{key}",
        format_func=lambda n: _title(facts, n),
        help="The sequence that the canvas and the table begin with",
        width=260,
    )
    if facts.drawable:
        how = st.segmented_control(
            "How it is given",
            ["draw", "type"],
            default="draw",
            required=True,
            key=f"try how:{key}",
            format_func=lambda word: {"draw": "Draw it", "type": "Type it"}[word],
        )
    return begin, how


def _title(facts: TaskFacts, begin: int) -> str:
    return "the link's sequence" if begin == filling.GIVEN else f"{begin + 1}: {facts.titles[begin]}"


def _numbers(facts: TaskFacts, begin: int, how: str, key: str) -> list[list[float | None]]:
    """One row of numbers a time step, drawn or typed, in the task's own unit."""
    given = begin == filling.GIVEN
    start = st.session_state[filling.given_key(key)] if given else facts.given(begin)
    name = f"{begin}:{start.shape[0]}x{start.shape[1]}:{key}"
    own = _drawn(facts, start, begin, name) if how == "draw" else _typed(facts, start, name)
    if not given and own == start.tolist():
        place.override("own", "")
        place.override("begun", str(begin) if begin else "")
    return own


def _in_words(facts: TaskFacts) -> str:
    if (facts.mean == 0).all() and (facts.scale == 1).all():
        return "Numbers as the network reads them."
    return "In the data's own unit; normalized as the training part is."


def _drawn(facts: TaskFacts, start: Array, begin: int, name: str) -> list[list[float | None]]:
    real = np.arange(facts.inputs.shape[1])[None, :] < facts.lengths[:, None]
    known = facts.inputs[real] * facts.scale + facts.mean  # (real steps, features)
    levels = np.unique(rounded(known)).tolist()
    drawn = sketch(
        "curve" if facts.picture is None else "grid",
        *(facts.picture or (len(start), 1)),
        start.ravel().tolist(),
        _ends(known) if facts.picture is None else (0.0, 1.0),
        levels if len(levels) <= _FEW_LEVELS else [],
        name,
        f"Your own sequence, begun with {_title(facts, begin)}",
    )
    return np.asarray(drawn).reshape(start.shape).tolist()


def _ends(known: Array) -> tuple[float, float]:
    """Round ends around the values that the task's sequences have; zero need not be among them."""
    low, high = float(known.min()), float(known.max())
    middle = (low + high) / 2
    if abs(middle) > 1.5 * (high - low):  # far from zero
        step = 10.0 ** math.floor(math.log10(high - low or 1.0))
        return math.floor(low / step) * step, math.ceil(high / step) * step
    return slider_ends(known)


def _typed(facts: TaskFacts, start: Array, name: str) -> list[list[float | None]]:
    """A table with a row for each time step; an empty cell is None."""
    import pandas as pd  # here, since a server starts a second sooner without

    fixed = facts.picture is not None
    table = pd.DataFrame(start, columns=[as_text(str(column)) for column in facts.names])
    table.index = pd.RangeIndex(1, len(table) + 1, name="time step")
    edited = st.data_editor(
        table,
        key=f"try table:{name}",
        num_rows="fixed" if fixed else "dynamic",
        height=210,
        width="stretch",
        hide_index=not fixed,
    )
    return [[None if pd.isna(value) else float(value) for value in row] for row in edited.to_numpy().tolist()]


run_controls.watch(page.begin(), "try", own)
