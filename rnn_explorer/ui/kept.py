"""The runs that the user left for another one: kept for a while, and offered back; at first, the newest of the store.

A few, by the id of the run that was open, the newest first; its branches are kept with it. Where places or
memory are short, the engine lets them go before anything else that was trained.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable

import streamlit as st

from rnn_explorer.cells import CELLS
from rnn_explorer.engine.base import RunView, UnknownRun
from rnn_explorer.experiment import Experiment
from rnn_explorer.figures.style import cell_name
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks import TASKS
from rnn_explorer.ui import session, visitor

MOST = 3  # kept at a time
_KEPT, _HIDDEN, _UNTRAINED, _NEWEST = "kept_runs", "kept_hidden", "kept_untrained", "kept_newest"
_log = logging.getLogger(__name__)


def leave(run_id: str | None) -> bool:
    """Another run takes the place of this one. It is paused and kept, if it was trained; else it is let go.

    Returns:
        Whether it is kept.
    """
    engine, state = session.engine(), st.session_state
    views = _family(run_id)
    if not views or not views[0].is_of(visitor.current()):
        return False
    assert run_id is not None
    if all(view.step == 0 and view.status != "training" for view in views):
        state.setdefault(_UNTRAINED, set()).add(run_id)
        _stop(views, run_id)
        return False
    for view in views:
        if view.status == "training" and not _is_watched(view.run_id, run_id):
            engine.command(view.run_id, "pause", by=visitor.current())
        engine.set_aside(view.run_id, by=visitor.current())
    come_back(run_id)
    state[_KEPT] = [run_id, *_kept()]
    state.pop(_HIDDEN, None)
    for old in _kept()[MOST:]:
        _stop(_family(old))
    state[_KEPT] = _kept()[:MOST]
    return True


def come_back(run_id: str) -> None:
    """This run is open, so it (or a branch of it) is none of those that were left."""
    family = {view.run_id for view in _family(run_id)}
    st.session_state[_KEPT] = [kept for kept in _kept() if kept not in family]
    st.session_state.pop(_NEWEST, None)


def remember_newest() -> None:
    """The user came by the bare address: they may want to go on with the newest of their runs that was trained."""
    store = session.store()
    try:
        newest = None if store is None else store.newest(visitor.current())
        experiment = newest and Experiment.from_json(newest.experiment)
    except (SettingError, sqlite3.Error):  # of another version, or a disk that fails
        _log.info("the newest run is not offered", exc_info=True)
        return
    if newest and experiment:
        words = f"{cell_name(experiment.model.cell)} on {TASKS.get(experiment.task).title}, step {newest.step:,}"
        st.session_state[_NEWEST] = (newest.run_id, words)


def was_untrained(run_id: str) -> bool:
    """Whether nothing was lost with a run that was let go."""
    return run_id in st.session_state.get(_UNTRAINED, set())


def offer(go: Callable[[str], None]) -> None:
    """Draw the way back to the newest run that is kept, where there is one.

    Args:
        go: opens a run.
    """
    alive = [views[0] for run_id in _kept() if (views := _family(run_id))]
    newest = st.session_state.get(_NEWEST)
    if st.session_state.get(_HIDDEN):
        return
    if alive:
        _draw(
            "Previous run kept: back to it", _named(alive[0]), "Hide this; the browser's Back still goes there", go,
            alive[0].run_id,
        )  # fmt: skip
    elif newest:
        _draw(f"Continue: {newest[1]}", "Your newest run, as you left it", "Hide this; Runs has it, too", go, newest[0])


def _draw(label: str, about: str, hiding: str, go: Callable[[str], None], run_id: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap=None, width="content", key="kept"):
        st.button(label, key="kept:back", type="tertiary", help=about, on_click=go, args=(run_id,))
        st.button("✕", key="kept:hide", type="tertiary", help=hiding, on_click=_hide)


def _named(view: RunView) -> str:
    model = view.experiment.model
    title, cell = TASKS.get(view.experiment.task).title, CELLS.get(model.cell).title
    return f"{title}: {cell}, {model.hidden_size} units, seed {view.experiment.training.seed}, step {view.step}"


def _hide() -> None:
    st.session_state[_HIDDEN] = True


def _kept() -> list[str]:
    return st.session_state.setdefault(_KEPT, [])


def _family(run_id: str | None) -> list[RunView]:
    """A run, first, and its branches; nothing where it is gone."""
    engine = session.engine()
    try:
        return (
            [engine.view(run_id), *(engine.view(other) for other in engine.family(run_id) if other != run_id)]
            if run_id
            else []
        )
    except UnknownRun:
        return []


def _is_watched(run_id: str, mine: str | None) -> bool:
    """Whether anybody looks at a run beside this page, which shows `mine`."""
    return session.engine().viewers(run_id) > (run_id == mine)


def _stop(views: list[RunView], mine: str | None = None) -> None:
    for view in views:
        if not _is_watched(view.run_id, mine):
            session.engine().command(view.run_id, "stop", by=visitor.current())
