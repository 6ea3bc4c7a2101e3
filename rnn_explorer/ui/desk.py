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
from rnn_explorer.tasks.user_data import store
from rnn_explorer.tasks.user_data.store import DataGone
from rnn_explorer.ui import controls, kept, network_view, place, server, session, uploads, visitor
from rnn_explorer.ui.live_figures import live_figures
from rnn_explorer.ui.panel import VIEW
from rnn_explorer.ui.plain import plain
from rnn_explorer.ui.sentence import sentence

RUN = "run"  # the key of the run's id in the address
_EXPERIMENT, _RUN, _WRITTEN, _REFUSED, _PROBLEMS = "experiment", "run_id", "written", "refused", "problems"
_EDITION, _AT, _REPLACED, _VIEW, _OPENED = "edition", "at", "replaced", "view_name", "opened"
_CLOSED = "closed"  # uploads of which it was read that they are gone
_DATA_GONE = (
    "The uploaded data of this run are gone from the server. The run goes on with the data that it has read; "
    "upload the file again for a new one."
)
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
    asked, doubled = place.settings()
    wanted_run = asked.pop(RUN, None)
    back = place.went_back()
    # An address that is neither empty nor what was written last was edited by the person.
    address = {**asked, RUN: wanted_run}
    edited = bool(asked or wanted_run) and address != state.get(_WRITTEN) and (back or not _just_replaced(address))
    arrived = _EXPERIMENT not in state or edited
    if arrived:
        state[_PROBLEMS] = [f"{name[:60]} is in the address more than once; the last one counts." for name in doubled]
        _read_address(asked, wanted_run)
    if not alive(state.get(_RUN)):
        if state.get(_RUN):
            _tell("This run has expired; restarted from the same settings, at step 0.")
        _start(experiment(), fall_back=True)
    if arrived and not wanted_run:
        state[_OPENED] = (asked, state[_RUN])
    if arrived or back:
        place.enter()
        step = place.step()
        state[_AT] = (state[_RUN], step if wanted_run == state[_RUN] else None)
        _new_edition()
    # Another browser may have changed the run's training settings meanwhile.
    current = session.engine().view(state[_RUN]).experiment.to_dict()
    if current != state[_EXPERIMENT]:
        state[_EXPERIMENT] = current
        _new_edition()
    uploads.touch(experiment(), state[_RUN])
    _write({**experiment().to_query(), RUN: state[_RUN]})
    if place.settings()[0] != state[_WRITTEN]:
        place.write(state[_WRITTEN])
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
    opened, run_id = state.get(_OPENED, (None, ""))
    if not wanted_run and opened == asked and alive(run_id):  # the browser went back to the link that was opened
        wanted_run = run_id
    if state.get(_RUN) != wanted_run:
        kept.leave(state.get(_RUN))
    if wanted_run and alive(wanted_run):
        kept.come_back(wanted_run)
        state[_RUN] = wanted_run
        state[_EXPERIMENT] = session.engine().view(wanted_run).experiment.to_dict()
        return
    found, errors = Experiment.from_query_forgiving(asked)
    state[_EXPERIMENT] = found.to_dict()
    state[_RUN] = None
    state[_PROBLEMS] += [f"{error} Its default is used instead." for error in errors]
    if wanted_run and not kept.was_untrained(wanted_run):
        _tell("The run in the address has expired; restarted from the same settings, at step 0.")


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
        return
    session.engine().change(view.run_id, by=visitor.current(), **changes)
    state[_EXPERIMENT] = after.to_dict()


def settings() -> None:
    """The settings in the sidebar; folded, with a sentence, where they are those of somebody else's run."""
    mine = is_mine(st.session_state[_RUN])
    if not mine:
        st.markdown("**You are watching.** These settings belong to somebody else's run.")
    with st.container() if mine else st.expander("Settings, to start a run of your own", expanded=False):
        controls.show(experiment(), edition(), change, refused())


def show_problems() -> None:
    """What could not be used, in sentences, above the figures."""
    closed = st.session_state.setdefault(_CLOSED, set())
    told = list(st.session_state[_PROBLEMS])
    token = uploads.token_of(experiment())
    if token and not store.holds(token) and token not in closed:
        told.append(_DATA_GONE)
    for number, problem in enumerate(told):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"problem-{number}"):
            st.warning(plain(problem), width="stretch")
            st.button(
                "✕",
                key=f"close-problem-{number}",
                type="tertiary",
                help="Close this message",
                on_click=_close,
                args=(problem, token),
            )


def _close(problem: str, token: str) -> None:
    """A message was read, and is not shown again."""
    if problem == _DATA_GONE:
        st.session_state[_CLOSED].add(token)
    elif problem in st.session_state[_PROBLEMS]:
        st.session_state[_PROBLEMS].remove(problem)


@st.fragment
def watch(
    run_id: str,
    view_name: str,
    controls: Callable[[RunView], Mapping[str, Any]] | None = None,
    clear: Callable[[], None] = lambda: None,
) -> None:
    """The buttons and a view's live figures. Runs again by itself when the browser sees the run's status change.

    Args:
        run_id: the run to show.
        view_name: the key of the view.
        controls: draws the page's own controls above the figures, and returns the parts of the view's selection that
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
    st.session_state[_VIEW] = view_name
    with st.container(key="run-row", horizontal=True, vertical_alignment="center", gap="small"):
        if view.is_of(visitor.current()):
            _buttons(view)
            _pace(view)
        else:
            _offer_a_copy(view)
        with st.popover("Layer summary", help="The layers of this network, their output shapes and parameters"):
            network_view.summary(view)
        with st.popover("About this task", help="Where it comes from, what it teaches, how to read its figures"):
            _about(view)
        _branches(view)
        kept.offer(_go_back)
    with st.container(key=VIEW):
        try:
            ask = controls(view) if controls is not None else {}
        except UserError as error:  # the data that the controls are about are gone
            st.warning(plain(str(error)))
            ask = {}
        place.settle()
        seen = live_figures(
            view_name,
            run_id,
            experiment().to_query_string(),
            server.prefix(),
            ask,
            looked_at(run_id),
            _replays(),
            view.status,
            view.message,
            sentence(view.experiment),
            tuple(KEYS.values()) if view.is_of(visitor.current()) else (),
            on_status=lambda: None,
            on_at=functools.partial(_went, view_name, run_id),
            on_cleared=clear,
            said=place.said(),
        )
    if str(seen.status) == f"{run_id} gone":
        st.rerun()


def looked_at(run_id: str) -> int | None:
    """The step of the past that the person looks at; None for the present."""
    run, step = st.session_state.get(_AT, (None, None))
    return step if run == run_id else None


def _went(view_name: str, run_id: str) -> None:
    step = st.session_state[view_name].at
    st.session_state[_AT] = (run_id, int(step) if isinstance(step, (int, float)) else None)


def _told(name: str) -> Any:
    """What the browser told last about the page's figures; None before it did."""
    return getattr(st.session_state.get(st.session_state[_VIEW]), name, None)


def _replays() -> bool:
    """Whether the browser replays how the run learned: the step shown changes all the time then."""
    return bool(_told("film"))


def _step_shown(run_id: str) -> int | None:
    """The step that stood on the screen when a button was pressed; None for the present.

    What the script has heard may be older: a replay, or a slider in motion, is ahead of it.
    """
    told = str(_told("pressed") or "").split()
    if not told or told[0] != run_id:
        return looked_at(run_id)
    return int(told[1]) if len(told) > 1 else None


def _buttons(view: RunView) -> None:
    training = view.status == "training"
    broken = view.status == "failed"
    past = looked_at(view.run_id)
    back = past is not None and past != view.step
    if training:
        _button("Pause", "pause", "Stop after the present step", view, primary=True)
    elif back or _replays():
        tip = "Go on from the step shown in a branch of its own; what came after stays in the other branch"
        _button("Play from here" if _replays() else f"Play from step {past}", "play", tip, view, primary=True)
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


def _go_back(run_id: str) -> None:
    """Put a run on the desk again that was left for another one."""
    if not alive(run_id):
        _tell("The previous run has expired.")
        st.session_state["whole_page"] = True
        return
    kept.leave(st.session_state[_RUN])
    kept.come_back(run_id)
    _put_on_the_desk(run_id)


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
        width=170,
        help=f"{spec.help} Fast is full speed.",
        on_change=_set_pace,
        args=(key,),
    )


def _pace_name(pace: str | float) -> str:
    if isinstance(pace, str):
        return {"slow": "Slow", "fast": "Fast"}[pace]
    return f"{pace:g} step{'s' * (pace != 1)}/s"


def _set_pace(key: str) -> None:
    if int(key.rpartition(":")[2]) != edition():
        return
    st.session_state[_PROBLEMS] = []
    pace = st.session_state[key]
    chosen = {"pace": pace, "speed_limit": 0.0} if isinstance(pace, str) else {"speed_limit": pace}
    _adopt(experiment().replace(**chosen))
    st.session_state["whole_page"] = True  # the address changes


def _command(run_id: str, command: Any) -> None:
    engine, past, me = session.engine(), _step_shown(run_id), visitor.current()
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
        label_visibility="collapsed",  # each of its entries begins with the word
        width=200,
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
