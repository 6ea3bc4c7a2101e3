"""The state of a page: which experiment is open, which run belongs to it, and which step is looked at.

The browser's session holds plain data only: the experiment as a dict and the id of a run. The address holds both, so
that a refresh finds the run again and a link brings the experiment elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from rnn_explorer import fitting
from rnn_explorer.engine.base import EngineFull
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks.user_data.store import DataGone
from rnn_explorer.ui import controls, kept, place, run_files, session, uploads, visitor
from rnn_explorer.ui.plain import plain

RUN = "run"  # the key of the run's id in the address
_EXPERIMENT, _RUN, _WRITTEN, _REFUSED, _PROBLEMS = "experiment", "run_id", "written", "refused", "problems"
_EDITION, _AT, _REPLACED, _OPENED, _FILE = "edition", "at", "replaced", "opened", "offered_file"
BEHIND = 5.0  # seconds by which a browser's address may be behind what was written into it


def experiment() -> Experiment:
    """The experiment that is open."""
    return Experiment.from_dict(st.session_state[_EXPERIMENT])


def refused() -> dict[str, str]:
    """Sentences for the controls whose value could not be used, by setting."""
    return st.session_state.setdefault(_REFUSED, {})


def edition() -> int:
    """A number for the controls that changes with every change of values that they did not make."""
    return st.session_state.setdefault(_EDITION, 0)


def new_edition() -> None:
    st.session_state[_EDITION] = edition() + 1


def open_run() -> str:
    """Find the run that this page is about, or start one; write both into the address.

    A new visitor brings an experiment, a run, both or nothing in the address. What cannot be used falls back to its
    default, each with a sentence.
    """
    state = st.session_state
    state.setdefault(_PROBLEMS, [])
    query, doubled = place.settings()
    from_file, problem = _opened(query.pop(run_files.FILE, None))
    wanted_run = query.pop(RUN, None) if from_file is None else from_file
    back = place.went_back()
    # An address that is neither empty nor what was written last was edited by the person.
    address = {**query, RUN: wanted_run}
    edited = bool(query or wanted_run) and address != state.get(_WRITTEN) and (back or not _just_replaced(address))
    arrived = _EXPERIMENT not in state or edited
    if arrived:
        state[_PROBLEMS] = [f"{name[:60]} is in the address more than once; the last one counts." for name in doubled]
        _read_address(query, wanted_run)
        if not query and not wanted_run:
            kept.remember_newest()
    if problem:
        tell(problem)
    if not alive(state.get(_RUN)):
        if state.get(_RUN):
            tell(f"This run {session.fate(state[_RUN])}; restarted from the same settings, at step 0.")
        _start(experiment(), fall_back=True)
    if arrived and not wanted_run:
        state[_OPENED] = (query, state[_RUN])
    if arrived or back:
        place.enter()
        step = place.step()
        state[_AT] = (state[_RUN], step if wanted_run == state[_RUN] else None)
        new_edition()
    # Another browser may have changed the run's training settings meanwhile.
    current = session.engine().view(state[_RUN]).experiment.to_dict()
    if current != state[_EXPERIMENT]:
        state[_EXPERIMENT] = current
        new_edition()
    uploads.touch(experiment(), state[_RUN])
    _write({**experiment().to_query(), RUN: state[_RUN]})
    if place.settings()[0] != state[_WRITTEN]:
        place.write(state[_WRITTEN])
    return state[_RUN]


def _opened(token: str | None) -> tuple[str | None, str]:
    """The run of the file that the address offers, opened once, None for none; and why it could not be."""
    state = st.session_state
    if token is None or state.get(_FILE) == token:
        return None, ""
    state[_FILE] = token
    try:
        return run_files.open_offered(token), ""
    except UserError as error:
        return None, str(error)


def _write(address: dict[str, Any]) -> None:
    """Note what the address is to be, and what it was until now."""
    state = st.session_state
    if state.get(_WRITTEN) not in (None, address):
        state[_REPLACED] = (state[_WRITTEN], time.monotonic())
    state[_WRITTEN] = address


def _just_replaced(address: dict[str, Any]) -> bool:
    """Whether a browser that is behind still has the previous address, which the user did not type then."""
    before, when = st.session_state.get(_REPLACED, (None, 0.0))
    return address == before and time.monotonic() - when < BEHIND


def _read_address(query: dict[str, str], wanted_run: str | None) -> None:
    state = st.session_state
    state[_REFUSED] = {}
    opened, run_id = state.get(_OPENED, (None, ""))
    if not wanted_run and opened == query and alive(run_id):  # the browser went back to the link that was opened
        wanted_run = run_id
    if state.get(_RUN) != wanted_run:
        kept.leave(state.get(_RUN))
    if wanted_run and alive(wanted_run):
        kept.come_back(wanted_run)
        state[_RUN] = wanted_run
        state[_EXPERIMENT] = session.engine().view(wanted_run).experiment.to_dict()
        return
    found, errors = Experiment.from_query_forgiving(query)
    state[_EXPERIMENT] = found.to_dict()
    state[_RUN] = None
    state[_PROBLEMS] += [f"{error} Its default is used instead." for error in errors]
    if wanted_run and not kept.was_untrained(wanted_run):
        tell(f"The run in the address {session.fate(wanted_run)}; restarted from the same settings, at step 0.")


def problems() -> list[str]:
    """What could not be used, in sentences."""
    return st.session_state[_PROBLEMS]


def tell(problem: str) -> None:
    """Have the page say what could not be used."""
    if problem not in problems():
        problems().append(problem)


def alive(run_id: str | None) -> bool:
    """Whether there is a run of this id, here or in the store; the page says why one that is kept cannot be opened."""
    try:
        return run_id is not None and session.is_alive(run_id)
    except UserError as error:
        tell(str(error))
        return False


def is_mine(run_id: str) -> bool:
    """Whether this visitor steers a living run; who opened another's by its address watches."""
    return session.engine().view(run_id).is_of(visitor.current())


def _start(wanted: Experiment, fall_back: bool = False) -> bool:
    """Start a run of `wanted` and open it; False, with a sentence, where that cannot be."""
    state, engine, me = st.session_state, session.engine(), visitor.current()
    if uploads.is_foreign(wanted):  # a link or a token of an upload: the data stay with their owner
        tell(str(DataGone()))
        if not fall_back:
            return False
        wanted = Experiment.default(wanted.task)
    try:
        run_id = engine.start(wanted, me)
    except UserError as error:
        if not fall_back:
            tell(str(error))
            return False
        try:
            wanted, changed = fitting.fitted(wanted)
            run_id = engine.start(wanted, me)
        except EngineFull as full:
            st.error(plain(str(full)))
            st.stop()
        if changed:
            tell(f"{error} {fitting.sentence(wanted, changed)}")
    if kept.leave(state.get(_RUN)):
        st.toast("A new model, at step 0. The run before it is kept, paused.")
    state[_RUN], state[_EXPERIMENT] = run_id, wanted.to_dict()
    return True


def change(name: str, value: Any, made_in: int) -> None:
    """Put a changed setting into effect: at once where the model can stay, else with a new model.

    Args:
        name, value: the setting as its widget gives it.
        made_in: the edition of that widget. A browser that is behind reports widgets that are gone; those count for
            nothing.
    """
    if made_in != edition():
        return
    st.session_state[_PROBLEMS] = []
    try:
        after = controls.read(experiment(), name, value)
    except SettingError as error:
        refused()[name] = str(error)
        return
    if name == "task" and after != experiment():
        new_edition()
    _adopt(after)


def set_up(changes: Mapping[str, Any]) -> None:
    """Put several settings into effect at once, chosen by other means than their own controls.

    Args:
        changes: settings by name, in their own types.
    """
    st.session_state[_PROBLEMS] = []
    try:
        after = experiment().replace(**changes)
    except SettingError as error:
        tell(str(error))
        return
    new_edition()
    _adopt(after)


def put(after: Experiment) -> None:
    """Open a whole experiment."""
    st.session_state[_PROBLEMS] = []
    new_edition()
    _adopt(after)


def _adopt(after: Experiment) -> None:
    """Open this experiment: at once where the model can stay, else with a new one."""
    state, before = st.session_state, experiment()
    state[_REFUSED] = {}
    changes = before.live_changes_to(after)
    if changes == {}:
        return
    view = session.engine().view(state[_RUN]) if alive(state[_RUN]) else None
    if changes is None or view is None or not view.is_of(visitor.current()):
        if not _start(after):
            new_edition()  # the controls show again what is
        elif view is not None and not view.is_of(visitor.current()):
            st.toast("This is a run of your own now, at step 0. The one that you watched goes on.")
            new_edition()
        return
    session.engine().change(view.run_id, by=visitor.current(), **changes)
    state[_EXPERIMENT] = after.to_dict()


def looked_at(run_id: str) -> int | None:
    """The step of the past that the person looks at; None for the present."""
    run, step = st.session_state.get(_AT, (None, None))
    return step if run == run_id else None


def went(view_name: str) -> None:
    """The browser reports that the person looks at another step."""
    if reported := str(st.session_state[view_name].at or "").split():
        st.session_state[_AT] = (reported[0], int(reported[1]) if len(reported) > 1 else None)


def show_run(run_id: str) -> None:
    """Show another run, at its present."""
    st.session_state[_RUN], st.session_state[_AT], st.session_state["whole_page"] = run_id, (run_id, None), True
    new_edition()


def enter_run(run_id: str) -> None:
    """Open a run in place of the one that is open, which is kept, paused."""
    kept.leave(st.session_state.get(_RUN))
    show_run(run_id)


def go_back(run_id: str) -> None:
    """Open a run again that was left for another one; the page says why where that cannot be."""
    if why := open_kept(run_id):
        tell(why)
        st.session_state["whole_page"] = True
        return


def open_kept(run_id: str) -> str:
    """Open a run that is alive or kept, also from a page that is about no run.

    Returns:
        Why that cannot be, as a sentence; "" where the run is open.
    """
    state = st.session_state
    try:
        if not session.is_alive(run_id):
            return f"That run {session.fate(run_id)}."
    except SettingError as error:
        return f"This version of RNN Explorer cannot open that run. {error}"
    except UserError as error:
        return str(error)
    state.setdefault(_PROBLEMS, [])
    if state.get(_RUN) != run_id:
        kept.leave(state.get(_RUN))
    kept.come_back(run_id)
    state[_EXPERIMENT] = session.engine().view(run_id).experiment.to_dict()
    show_run(run_id)
    return ""
