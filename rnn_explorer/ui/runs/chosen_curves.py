"""The learning curves of the chosen runs, from the store."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import streamlit as st

from rnn_explorer.figures.runs.run_curves import OVER, Over, RunCurve, run_curves
from rnn_explorer.readable import counted
from rnn_explorer.recording.store.records import Kind, StoredRun
from rnn_explorer.recording.store.store import RunStore
from rnn_explorer.remembered import Remembered
from rnn_explorer.trace import TRAIN_COLUMNS, VALIDATION_COLUMNS, Array
from rnn_explorer.ui import static_figure
from rnn_explorer.ui.runs.actions import has_news, open_run
from rnn_explorer.ui.runs.differences import NAME, differences
from rnn_explorer.ui.runs.rows import cell_key, name_of

MOST = 12  # runs in one figure
HEIGHT, TALL, MANY = 330, 430, 6  # pixels, and of the figure of more curves than that, whose legend is long
_SMOOTH = {"train": 0.9, "validation": 0.0}  # at first: a batch's loss is noisy
_COLUMNS: dict[Kind, tuple[str, ...]] = {"train": TRAIN_COLUMNS, "validation": VALIDATION_COLUMNS}
_read = Remembered[tuple[float, Array]](64 * 2**20)


@st.fragment
def show(store: RunStore, chosen: Sequence[StoredRun]) -> None:
    """Draw the curves of the first chosen runs, with what is drawn and how.

    Args:
        store: where the curves are.
        chosen: the chosen runs.
    """
    if has_news():  # a curve was clicked, which is told to this part of the page alone
        st.rerun()
    runs = list(chosen[:MOST])
    kind, column, quantity, over, half_life, log = _controls(runs)
    curves = [
        RunCurve(
            run.run_id, name_of(run), cell_key(run), _places(store, run, rows[:, 0], over), rows[:, column], detail
        )
        for run, detail in zip(runs, _details(runs), strict=True)
        if len(rows := curve(store, run, kind))
    ]
    drawn = run_curves(curves, quantity, over, half_life, log)
    static_figure.show(drawn, TALL if len(curves) > MANY else HEIGHT, "runs_curves", choose=open_run)
    untimed = sum(not np.isfinite(each.places).any() for each in curves)
    if untimed:
        st.caption(f"{counted(untimed, 'run')} without times: they were not trained on this server.")
    if len(chosen) > MOST:
        st.caption(f"The curves of the first {MOST} of {len(chosen):,} chosen runs.")


def _controls(runs: Sequence[StoredRun]) -> tuple[Kind, int, str, Over, float, bool]:
    """Which curve, its column, its name; over what, the half-life of the mean in rows, and the kind of axis."""
    metrics = sorted({run.metric_name for run in runs} - {"", "MSE"})  # a mean squared error is the loss itself
    choices: dict[str, tuple[Kind, str]] = {}
    kinds: dict[str, Kind] = {"validation": "validation", "training": "train"}
    for words, which in kinds.items():
        choices[f"{words} loss"] = (which, "loss")
        if metrics:
            choices[f"{words} {metrics[0]}"] = (which, "metric")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="runs-curves"):
        quantity = st.selectbox("Curve", list(choices), key="runs:quantity", format_func=str.capitalize, width=210)
        over: Over = st.segmented_control(
            "Over", OVER, default=OVER[0], key="runs:over", required=True, format_func=str.capitalize
        )
        kind, column = choices[quantity]
        weight = st.slider(
            "Smoothing", 0.0, 0.99, _SMOOTH[kind], 0.01, key=f"runs:smooth:{kind}", width=210,
            help="How much of the running mean each row keeps; the raw curve stays, faintly.",
        )  # fmt: skip
        log = st.toggle("Log axis", key="runs:log")
    half_life = math.log(0.5) / math.log(weight) if weight else 0.0
    return kind, 1 + _COLUMNS[kind].index(column), quantity, over, half_life, log


def _details(runs: Sequence[StoredRun]) -> list[str]:
    """For each run the settings in which it differs from those of the same name; "" where none has it."""
    alike: dict[str, list[int]] = {}
    for number, run in enumerate(runs):
        alike.setdefault(name_of(run), []).append(number)
    found = [""] * len(runs)
    for numbers in alike.values():
        table = differences([runs[number] for number in numbers])
        for place, number in enumerate(numbers):
            words = [f"{label.lower()} {values[place]}" for label, values in table.items() if label != NAME]
            found[number] = ", ".join(words[:3])
    return found


def curve(store: RunStore, run: StoredRun, kind: Kind) -> Array:
    """The rows of a curve: (rows, 1 + columns); of one that was read before, only what is new since then is read."""
    key = (run.run_id, kind)
    known = _read.get(key)
    if known is not None and known[0] == run.updated:
        return known[1]
    whole = None
    if known is not None and len(before := known[1]) > 1:
        newer = store.curve(run.run_id, kind, after=int(before[-2, 0]))
        if len(newer) and np.array_equal(newer[0], before[-1], equal_nan=True):  # else the run went back, and on anew
            whole = np.concatenate([before, newer[1:]])
    rows = store.curve(run.run_id, kind) if whole is None else whole
    _read.put(key, (run.updated, rows))
    return rows


def _places(store: RunStore, run: StoredRun, steps: Array, over: Over) -> Array:
    """Where steps stand on the axis; NaN where that is not known."""
    if over == "optimizer step":
        return steps
    if over == "epoch":
        known = {step: epoch for step, (epoch, _) in store.states(run.run_id).items()} | {run.step: run.epoch}
        marks = np.array(sorted({0: 0.0, **known}.items()))
    else:
        clock = curve(store, run, "clock")
        if not len(clock):
            return np.full(len(steps), np.nan)
        marks = np.concatenate([[[run.origin_step, 0.0]], clock])
    places = np.interp(steps, marks[:, 0], marks[:, 1])
    return np.where(steps < marks[0, 0], np.nan, places)
