"""The page's own controls for trying a model out: what it reads before it writes, and sequences of one's own.

They give the parts `mode`, `prefix` and `own` of the view's selection. Numbers are typed and drawn in the task's own
unit, as the data have them; the question normalizes them as the training part is.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import streamlit as st

from rnn_explorer.analysis.generate.record import LONGEST_PREFIX
from rnn_explorer.analysis.own_sequence.record import LONGEST
from rnn_explorer.engine.base import RunView
from rnn_explorer.experiment import Experiment
from rnn_explorer.figures.table import as_text
from rnn_explorer.settings import SettingError
from rnn_explorer.trace import Array
from rnn_explorer.ui import filling, page_state, place
from rnn_explorer.ui.draw_sequence import sketch
from rnn_explorer.ui.dynamics_controls import ends
from rnn_explorer.ui.panel import line, panel
from rnn_explorer.ui.plain import plain
from rnn_explorer.views.try_it import Way, way_of

_MODES = {
    "text": ("It writes", "Your own text"),
    "series": ("It goes on by itself", "Your own series"),
    "grammar": ("Strings of the task", "Your own string"),
    "symbols": ("Sequences of the task", "Your own sequence"),
}
_FEW_LEVELS = 3  # different values up to which a canvas offers just these
_KNOWN = "try_facts"
_DIGITS = 4  # of the numbers to start from


@dataclass(frozen=True)
class _Facts:
    """What a task knows once it is built.

    Attributes:
        way: what can be tried with it.
        names: of the symbols, or of the numbers at a step.
        inputs, lengths: of some of its sequences, as in a trace.
        titles: of these.
        picture: rows and columns of the picture that a sequence is; None for one that is none, or of varying length.
        mean, scale: (features,) from which and in which the numbers are counted.
    """

    way: Way
    names: tuple[str, ...]
    inputs: Array
    lengths: Array
    titles: tuple[str, ...]
    picture: tuple[int, int] | None
    mean: Array
    scale: Array

    @classmethod
    def of(cls, experiment: Experiment) -> _Facts:
        """Build the task.

        Raises:
            SettingError: where its data are gone.
        """
        task = experiment.make_task()
        probe = task.probe()
        inputs, targets = probe.inputs, probe.targets
        whole = np.full(len(inputs), inputs.shape[1])
        lengths = whole if probe.lengths is None else probe.lengths
        answers = np.full((inputs.shape[1], task.output.size), 1 / task.output.size)  # whatever it would say
        told = [task.explain(*given, answers) for given in zip(inputs, targets, lengths.tolist(), strict=True)]
        mean, scale = (
            np.broadcast_to(np.asarray(part, dtype=np.float64), (task.input.size,)) for part in (task.mean, task.scale)
        )
        image = told[0].image if probe.lengths is None else None
        return cls(
            way=way_of(experiment),
            names=task.input.names,
            inputs=inputs,
            lengths=lengths,
            titles=tuple(each.title for each in told),
            picture=None if image is None else (image.shape[0], image.shape[1]),
            mean=mean,
            scale=scale,
        )

    def given(self, sequence: int) -> Array:
        """(time, features) the real steps of one sequence, in the data's own unit."""
        known = self.inputs[sequence, : self.lengths[sequence]] * self.scale + self.mean
        far = float(np.max(np.abs(self.mean) / np.where(self.scale > 0, self.scale, 1.0)))  # as of 1e15 + {0, 1, 2}
        return _rounded(known, min(_DIGITS + math.floor(math.log10(max(far, 1.0))), 17))

    @property
    def drawable(self) -> Literal["", "grid", "curve"]:
        """How its sequences can be drawn; "" where only a table shows them well."""
        if self.inputs.shape[2] == 1 and self.picture is None:
            return "curve"
        inked = self.picture is not None and self.inputs.min() >= 0 and self.inputs.max() <= 1
        return "grid" if inked else ""


def _facts_of(experiment: Experiment) -> _Facts:
    """Those of the task that this visitor looks at; kept with the visit, since data may be the visitor's own."""
    # The training part, and so its mean, follows from the seed.
    told = {**experiment.task_settings.to_dict(), "task": experiment.task}
    told |= {"seed": experiment.training.seed, "val_split": experiment.training.val_split}
    known = st.session_state.get(_KNOWN)
    if known is None or known[0] != told:
        known = st.session_state[_KNOWN] = (told, _Facts.of(experiment))
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
        place.say("mode", "")  # there is but one
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


def _place_of(facts: _Facts, key: str) -> Literal["row", "side"]:
    """A canvas and a table stand beside the figure; what is one line stands above it."""
    if facts.way == "values":
        return "side"
    return "side" if facts.inputs.ndim == 3 and st.session_state.get(_mode_key(key)) == "own" else "row"


def _mode_key(key: str) -> str:
    return f"try mode:{key}"


def _fill(facts: _Facts, key: str) -> None:
    """Begin with what the address says."""
    numbers = facts.inputs.ndim == 3
    filling.tried(
        key,
        facts.inputs.shape[2] if numbers else None,
        facts.inputs.shape[1] if facts.picture is not None else None,
        LONGEST if numbers else max(LONGEST, facts.inputs.shape[1], LONGEST_PREFIX),
        len(facts.titles),
    )


def _prefix(key: str) -> str:
    return st.text_input(
        "What it reads before it writes",
        key=f"try prefix:{key}",
        max_chars=LONGEST_PREFIX,
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


def _text(facts: _Facts, key: str) -> str:
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


def _beginning(facts: _Facts, key: str) -> tuple[int, str]:
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


def _title(facts: _Facts, begin: int) -> str:
    return "the link's sequence" if begin == filling.GIVEN else f"{begin + 1}: {facts.titles[begin]}"


def _numbers(facts: _Facts, begin: int, how: str, key: str) -> list[list[float | None]]:
    """One row of numbers a time step, drawn or typed, in the task's own unit."""
    given = begin == filling.GIVEN
    start = st.session_state[filling.given_key(key)] if given else facts.given(begin)
    name = f"{begin}:{start.shape[0]}x{start.shape[1]}:{key}"
    own = _drawn(facts, start, begin, name) if how == "draw" else _typed(facts, start, name)
    if not given and own == start.tolist():
        place.say("own", "")
        place.say("begun", str(begin) if begin else "")
    return own


def _in_words(facts: _Facts) -> str:
    if (facts.mean == 0).all() and (facts.scale == 1).all():
        return "Numbers as the network reads them."
    return "In the data's own unit; normalized as the training part is."


def _drawn(facts: _Facts, start: Array, begin: int, name: str) -> list[list[float | None]]:
    real = np.arange(facts.inputs.shape[1])[None, :] < facts.lengths[:, None]
    known = facts.inputs[real] * facts.scale + facts.mean  # (real steps, features)
    levels = np.unique(_rounded(known)).tolist()
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
    return ends(known)


def _typed(facts: _Facts, start: Array, name: str) -> list[list[float | None]]:
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


def _rounded(values: Array, digits: int = _DIGITS) -> Array:
    """Numbers that can be read, with so many significant digits."""
    flat = [float(f"{value:.{digits}g}") for value in np.asarray(values, dtype=np.float64).ravel()]
    return np.array(flat).reshape(np.shape(values))
