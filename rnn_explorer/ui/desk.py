"""The desk of one visitor: which experiment is open, which run belongs to it, and what the buttons do.

The browser's session holds plain data only: the experiment as a dict and the id of a run. The address holds both, so
that a refresh finds the run again and a link brings the experiment elsewhere.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from rnn_explorer import fitting
from rnn_explorer.engine.base import EngineFull, RunView, UnknownRun
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import MAX_SEED, Experiment
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks import TASKS
from rnn_explorer.tasks.own import store
from rnn_explorer.tasks.own.store import DataGone
from rnn_explorer.ui import controls, network, server, session, uploads, visitor
from rnn_explorer.ui.live_figures import live_figures
from rnn_explorer.ui.plain import plain

RUN = "run"  # the key of the run's id in the address
_BROWSERS = ("present",)  # parts of the address that the browser reads and writes
_EXPERIMENT, _RUN, _WRITTEN, _REFUSED, _PROBLEMS = "experiment", "run_id", "written", "refused", "problems"
_EDITION, _AT, _REPLACED = "edition", "at", "replaced"
SPEEDS = (100.0, 30.0, 10.0, 3.0, 1.0)  # steps a second that are offered, beside the slow and the fast pace
KEYS = {  # of the buttons, by their command, with what they do
    "play": ("p", "Play: train until the budget is used up; or pause"),
    "step": ("n", "Make one optimizer step, and pause"),
    "epoch": ("e", "Train up to the end of this epoch, and pause"),
    "reset": ("x", "Reset: back to step 0, with the same initial weights"),
}
BEHIND = 5.0  # seconds by which a browser's address may be behind what was written into it


def experiment() -> Experiment:
    """The experiment on the desk."""
    return Experiment.from_dict(st.session_state[_EXPERIMENT])


def refused() -> dict[str, str]:
    """Sentences for the controls whose value could not be used, by setting."""
    return st.session_state.setdefault(_REFUSED, {})


def edition() -> int:
    """A number for the controls that changes with every change of values that they did not make."""
    return st.session_state.setdefault(_EDITION, 0)


def _new_edition() -> None:
    st.session_state[_EDITION] = edition() + 1


def open_run() -> str:
    """Find the run that this page is about, or start one; write both into the address.

    A new visitor brings an experiment, a run, both or nothing in the address. What cannot be used falls back to its
    default, each with a sentence.
    """
    state = st.session_state
    state.setdefault(_PROBLEMS, [])
    asked = {name: values[-1] for name in st.query_params if (values := st.query_params.get_all(name))}
    browsers = {name: asked.pop(name) for name in _BROWSERS if name in asked}
    doubled = [name for name in asked if len(st.query_params.get_all(name)) > 1]
    wanted_run = asked.pop(RUN, None)
    # An address that is neither empty nor what was written last was edited by the person.
    address = {**asked, RUN: wanted_run}
    edited = bool(asked or wanted_run) and address != state.get(_WRITTEN) and not _just_replaced(address)
    if _EXPERIMENT not in state or edited:
        state[_PROBLEMS] = [f"{name[:60]} is in the address more than once; the last one counts." for name in doubled]
        _read_address(asked, wanted_run)
    if not alive(state.get(_RUN)):
        if state.get(_RUN):
            _tell("This run is no longer on the server; here it is anew, at step 0.")
        _start(experiment(), fall_back=True)
    # Another browser may have changed the run's training settings meanwhile.
    current = session.engine().view(state[_RUN]).experiment.to_dict()
    if current != state[_EXPERIMENT]:
        state[_EXPERIMENT] = current
        _new_edition()
    uploads.touch(experiment(), state[_RUN])
    _write({**experiment().to_query(), RUN: state[_RUN]})
    if dict(st.query_params) != {**state[_WRITTEN], **browsers}:
        st.query_params.from_dict({**state[_WRITTEN], **browsers})
    return state[_RUN]


def _write(address: dict[str, Any]) -> None:
    """Note what the address is to be, and what it was until now."""
    state = st.session_state
    if state.get(_WRITTEN) not in (None, address):
        state[_REPLACED] = (state[_WRITTEN], time.monotonic())
    state[_WRITTEN] = address


def _just_replaced(address: dict[str, Any]) -> bool:
    """Whether a browser that is behind still has the address before the present one; nobody typed that then."""
    before, when = st.session_state.get(_REPLACED, (None, 0.0))
    return address == before and time.monotonic() - when < BEHIND


def _read_address(asked: dict[str, str], wanted_run: str | None) -> None:
    state = st.session_state
    state[_REFUSED] = {}
    _new_edition()
    if wanted_run and alive(wanted_run):
        state[_RUN] = wanted_run
        state[_EXPERIMENT] = session.engine().view(wanted_run).experiment.to_dict()
        return
    found, errors = Experiment.from_query_forgiving(asked)
    state[_EXPERIMENT] = found.to_dict()
    state[_RUN] = None
    state[_PROBLEMS] += [f"{error} Its default is used instead." for error in errors]
    if wanted_run:
        _tell("The run in the address is no longer on the server; here is its experiment anew, at step 0.")


def _tell(problem: str) -> None:
    if problem not in st.session_state[_PROBLEMS]:
        st.session_state[_PROBLEMS].append(problem)


def alive(run_id: str | None) -> bool:
    """Whether there is a run of this id."""
    if not run_id:
        return False
    try:
        session.engine().view(run_id)
    except UnknownRun:
        return False
    return True


def is_mine(run_id: str) -> bool:
    """Whether this visitor steers a living run; who opened another's by its address watches."""
    return session.engine().view(run_id).is_of(visitor.current())


def _start(wanted: Experiment, fall_back: bool = False) -> bool:
    """Start a run of `wanted` and put it on the desk; False, with a sentence, where that cannot be."""
    state, engine, me = st.session_state, session.engine(), visitor.current()
    if uploads.is_foreign(wanted):  # a link or a token of an upload: the data stay with their owner
        _tell(str(DataGone()))
        if not fall_back:
            return False
        wanted = Experiment.default(wanted.task)
    try:
        run_id = engine.start(wanted, me)
    except UserError as error:
        if not fall_back:
            _tell(str(error))
            return False
        try:
            wanted, changed = fitting.fitted(wanted)
            run_id = engine.start(wanted, me)
        except EngineFull as full:
            st.error(plain(str(full)))
            st.stop()
        if changed:
            _tell(f"{error} {fitting.told(wanted, changed)}")
    old = state.get(_RUN)
    if old and alive(old) and is_mine(old):
        for relative in engine.family(old):
            if engine.viewers(relative) <= (relative == old):  # nobody else is watching it
                engine.command(relative, "stop", by=me)
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
        _new_edition()
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
        _tell(str(error))
        return
    _new_edition()
    _adopt(after)


def put(after: Experiment) -> None:
    """Put a whole experiment on the desk."""
    st.session_state[_PROBLEMS] = []
    _new_edition()
    _adopt(after)


def _adopt(after: Experiment) -> None:
    """Make this the experiment on the desk: at once where the model can stay, else with a new one."""
    state, before = st.session_state, experiment()
    state[_REFUSED] = {}
    changes = before.live_changes_to(after)
    if changes == {}:
        return
    view = session.engine().view(state[_RUN]) if alive(state[_RUN]) else None
    if changes is None or view is None or not view.is_of(visitor.current()):
        if not _start(after):
            _new_edition()  # the controls show again what is
        elif view is not None and not view.is_of(visitor.current()):
            st.toast("This is a run of your own now, at step 0. The one that you watched goes on.")
            _new_edition()
        elif view is not None and view.step > 0:
            st.toast("A new model, at step 0. Press Play to train it.")
        return
    session.engine().change(view.run_id, by=visitor.current(), **changes)
    state[_EXPERIMENT] = after.to_dict()


def show_problems() -> None:
    """What could not be used, in sentences, above the figures."""
    for problem in st.session_state[_PROBLEMS]:
        st.warning(plain(problem))
    token = uploads.token_of(experiment())
    if token and not store.holds(token):
        st.warning(
            "The uploaded data of this run are gone from the server. The run goes on with the data that it has read; "
            "upload the file again for a new one."
        )


@st.fragment
def watch(
    run_id: str,
    board: str,
    controls: Callable[[RunView], Mapping[str, Any]] | None = None,
    clear: Callable[[], None] = lambda: None,
) -> None:
    """The buttons and a board's live figures. Runs again by itself when the browser sees the run's status change.

    Args:
        run_id: the run to show.
        board: the key of the board.
        controls: draws the page's own controls above the figures, and returns the parts of the board's selection that
            they decide.
        clear: puts those controls back to where they change nothing.
    """
    if st.session_state.pop("whole_page", False):  # before any widget is drawn for a run that is left
        st.rerun()
    try:
        view = session.engine().view(run_id)
    except UnknownRun:
        st.rerun()
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if view.is_of(visitor.current()):
            _buttons(view)
            _pace(view)
        else:
            _offer_a_copy(view)
        with st.popover("Layer summary", help="The layers of this network, their output shapes and parameters"):
            network.summary(view)
        with st.popover("About this task", help="Where it comes from, what it teaches, how to read its figures"):
            _about(view)
        _branches(view)
    try:
        ask = controls(view) if controls is not None else {}
    except UserError as error:  # the data that the controls are about are gone
        st.warning(plain(str(error)))
        ask = {}
    seen = live_figures(
        board,
        run_id,
        experiment().to_query_string(),
        server.prefix(),
        ask,
        looked_at(run_id),
        view.status,
        view.message,
        tuple(KEYS.values()) if view.is_of(visitor.current()) else (),
        on_status=lambda: None,
        on_at=functools.partial(_went, board, run_id),
        on_cleared=clear,
    )
    if str(seen.status) == f"{run_id} gone":
        st.rerun()


def looked_at(run_id: str) -> int | None:
    """The step of the past that the person looks at; None for the present."""
    run, step = st.session_state.get(_AT, (None, None))
    return step if run == run_id else None


def _went(board: str, run_id: str) -> None:
    step = st.session_state[board].at
    st.session_state[_AT] = (run_id, int(step) if isinstance(step, (int, float)) else None)


def _buttons(view: RunView) -> None:
    training = view.status == "training"
    broken = view.status == "failed"
    past = looked_at(view.run_id)
    back = past is not None and past != view.step
    if training:
        _button("Pause", "pause", "Stop after the present step", view, primary=True)
    elif back:
        tip = f"Go on from step {past} in a branch of its own; what came after stays in the other branch"
        _button(f"Play from step {past}", "play", tip, view, primary=True)
    else:
        label = "Resume" if view.status == "interrupted" else "Play"
        _button(label, "play", "Train until the budget is used up", view, primary=True, off=broken)
    # Not off for the blink that a single step takes: a key pressed then would be lost.
    off = broken or (training and back)
    _button("Step", "step", KEYS["step"][1], view, off=off)
    _button("Epoch", "epoch", KEYS["epoch"][1], view, off=off)
    _button("Reset", "reset", "Back to step 0, with the same initial weights", view)
    st.button("New seed", on_click=_new_seed, help="Other initial weights and another order of the data")
    _button("Test", "test", "Measure loss and metric on the test set now", view, off=broken)


def _offer_a_copy(view: RunView) -> None:
    """What stands in place of the buttons where the run belongs to somebody else."""
    st.button(
        "Make it mine",
        key="do:copy",
        type="primary",
        help="A copy of this run from the step that you see, to train and to change as you like",
        on_click=_copy,
        args=(view.run_id,),
    )
    st.markdown("You are watching somebody else's run. A changed setting makes a run of your own.", width="content")


def _copy(run_id: str) -> None:
    """Put a copy of somebody else's run on the desk, from the step looked at, or from the newest kept one."""
    engine, me = session.engine(), visitor.current()
    try:
        view = engine.view(run_id)
        if uploads.is_foreign(view.experiment):
            raise DataGone
        step = looked_at(run_id)
        step = step if step is not None or not view.frames else view.frames[-1]
        copy = engine.start(view.experiment, me) if step is None else engine.branch(run_id, step, me)
    except UnknownRun:
        st.session_state["whole_page"] = True
    except UserError as error:
        st.toast(str(error))
    else:
        _put_on_the_desk(copy)


def _put_on_the_desk(run_id: str) -> None:
    """Show another run, at its present."""
    st.session_state[_RUN], st.session_state[_AT], st.session_state["whole_page"] = run_id, (run_id, None), True
    _new_edition()


def _button(label: str, command: str, tip: str, view: RunView, primary: bool = False, off: bool = False) -> None:
    name = "play" if command == "pause" else command
    st.button(
        label,
        key=f"do:{name}",
        type="primary" if primary else "secondary",
        shortcut=KEYS[name][0] if name in KEYS else None,
        # The words would stay over the status line for as long as the mouse rests where it pressed.
        help=None if primary else tip,
        disabled=off,
        on_click=_command,
        args=(view.run_id, command),
    )


def _pace(view: RunView) -> None:
    """The choice of how fast it may train."""
    training = view.experiment.training
    key, limit = controls.key_of("pace", edition()), training.speed_limit
    st.session_state[key] = limit or training.pace
    spec = next(spec for spec in training.specs() if spec.name == "pace")
    st.selectbox(
        spec.label,
        ["slow", "fast", *sorted({*SPEEDS, *([limit] if limit else [])}, reverse=True)],
        key=key,
        format_func=_pace_name,
        label_visibility="collapsed",
        width=150,
        help=spec.help,
        on_change=_set_pace,
        args=(key,),
    )


def _pace_name(pace: str | float) -> str:
    if isinstance(pace, str):
        return {"slow": "Slow", "fast": "Fast (full speed)"}[pace]
    return f"{pace:g} step{'s' * (pace != 1)} a second"


def _set_pace(key: str) -> None:
    if int(key.rpartition(":")[2]) != edition():
        return
    st.session_state[_PROBLEMS] = []
    pace = st.session_state[key]
    chosen = {"pace": pace, "speed_limit": 0.0} if isinstance(pace, str) else {"speed_limit": pace}
    _adopt(experiment().replace(**chosen))
    st.session_state["whole_page"] = True  # the address changes


def _command(run_id: str, command: Any) -> None:
    engine, past, me = session.engine(), looked_at(run_id), visitor.current()
    try:
        if command in ("play", "step", "epoch") and past is not None and past != engine.view(run_id).step:
            run_id = _branch(run_id, past)
        engine.command(run_id, command, by=me)
    except UnknownRun:
        st.session_state["whole_page"] = True
    except UserError as error:
        st.toast(plain(str(error)))


def _branch(run_id: str, step: int) -> str:
    """Go on from a step of the past in a new run, and put that on the desk."""
    engine, me = session.engine(), visitor.current()
    branch = engine.branch(run_id, step, me)
    if engine.viewers(run_id) <= 1:
        engine.command(run_id, "pause", by=me)
    _put_on_the_desk(branch)
    return branch


def _branches(view: RunView) -> None:
    """The choice between the branches of a run, once there are several."""
    engine = session.engine()
    try:
        family = engine.family(view.run_id)
        views = {run_id: engine.view(run_id) for run_id in family}
    except UnknownRun:
        return
    if len(family) < 2:
        return
    key = f"branch:{edition()}"
    st.session_state.setdefault(key, view.run_id)
    st.selectbox(
        "Branch",
        family,
        key=key,
        format_func=lambda run_id: _branch_name(views[run_id], family),
        label_visibility="collapsed",
        width=260,
        help="Each branch keeps its own past; the curves of the others are drawn in gray",
        on_change=_switch,
        args=(key,),
    )


def _branch_name(view: RunView, family: Sequence[str]) -> str:
    # The name must not change while the branch lives: a select box knows its options by their names.
    number = family.index(view.run_id) + 1
    return f"branch {number}: " + (f"from step {view.origin[1]}" if view.origin else "from the beginning")


def _switch(key: str) -> None:
    wanted = st.session_state.get(key)
    if int(key.rpartition(":")[2]) == edition() and wanted and alive(wanted):
        _put_on_the_desk(wanted)


def _new_seed() -> None:
    seed = experiment().training.seed
    change("seed", 0 if seed >= MAX_SEED else seed + 1, edition())
    _new_edition()
    st.session_state["whole_page"] = True


def _about(view: RunView) -> None:
    task = TASKS.get(view.experiment.task)
    st.markdown(f"**{task.title}.** {task.summary}")
    st.markdown(f"**What it teaches.** {task.teaches}")
    st.markdown(f"**How to read the figures.** {task.reading_guide}")
    if view.baseline is not None:
        st.markdown(
            f"**Memoryless baseline.** The best predictor from the present input alone {plain(view.baseline.how)}: "
            f"loss {view.baseline.loss:.4g}, {view.metric_name} {view.baseline.metric:.4g}."
        )
    st.markdown(f"**Source.** {task.source.citation} {task.source.url}")
    st.markdown(f"**License.** {task.source.license[0].upper()}{task.source.license[1:]}")
