"""The buttons of a run, its pace and its branches, above a view's live figures."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from rnn_explorer.engine.base import RunView, UnknownRun
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import MAX_SEED
from rnn_explorer.tasks import TASKS
from rnn_explorer.tasks.user_data.store import DataGone
from rnn_explorer.ui import controls, kept, network_view, place, server_settings, session, uploads, visitor
from rnn_explorer.ui.live_figures import live_figures
from rnn_explorer.ui.page_state import (
    alive,
    change,
    edition,
    experiment,
    go_back,
    looked_at,
    new_edition,
    set_up,
    show_run,
    went,
)
from rnn_explorer.ui.panel import VIEW
from rnn_explorer.ui.plain import plain
from rnn_explorer.ui.sentence import sentence

_VIEW = "view_name"  # the key of the view that the page shows
SPEEDS = (100.0, 30.0, 10.0, 3.0, 1.0)  # steps a second that are offered, beside the slow and the fast pace
KEYS = {  # of the buttons, by their command, with what they do
    "play": ("p", "Play: train until the budget is used up; or pause"),
    "step": ("n", "Make one optimizer step, and pause"),
    "epoch": ("e", "Train up to the end of this epoch, and pause"),
    "reset": ("x", "Reset: back to step 0, with the same initial weights"),
}


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
        kept.offer(go_back)
    with st.container(key=VIEW):
        try:
            ask = controls(view) if controls is not None else {}
        except UserError as error:  # the data that the controls are about are gone
            st.warning(plain(str(error)))
            ask = {}
        place.settle()
        shown = live_figures(
            view=view_name,
            run_id=run_id,
            link=experiment().to_query_string(),
            base=server_settings.prefix(),
            ask=ask,
            at=looked_at(run_id),
            film=_replays(),
            status=view.status,
            message=view.message,
            sentence=sentence(view.experiment),
            keys=tuple(KEYS.values()) if view.is_of(visitor.current()) else (),
            on_status=lambda: None,
            on_at=functools.partial(went, view_name),
            on_cleared=clear,
            overrides=place.overrides(),
        )
    if str(shown.status) == f"{run_id} gone":
        st.rerun()


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
    """What stands in place of the buttons where the run belongs to another user."""
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
    """Open a copy of another user's run, from the step looked at, or from the newest kept one."""
    engine, me = session.engine(), visitor.current()
    try:
        view = engine.view(run_id)
        if uploads.is_foreign(view.experiment):
            raise DataGone
        step = looked_at(run_id)
        step = step if step is not None or not view.kept_steps else view.kept_steps[-1]
        copy = engine.start(view.experiment, me) if step is None else engine.branch(run_id, step, me)
    except UnknownRun:
        st.session_state["whole_page"] = True
    except UserError as error:
        st.toast(str(error))
    else:
        show_run(copy)


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
    pace = st.session_state[key]
    set_up({"pace": pace, "speed_limit": 0.0} if isinstance(pace, str) else {"speed_limit": pace})
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
    """Go on from a step of the past in a new run, and open that."""
    engine, me = session.engine(), visitor.current()
    branch = engine.branch(run_id, step, me)
    if engine.viewers(run_id) <= 1:
        engine.command(run_id, "pause", by=me)
    show_run(branch)
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
        show_run(wanted)


def _new_seed() -> None:
    seed = experiment().training.seed
    change("seed", 0 if seed >= MAX_SEED else seed + 1, edition())
    new_edition()
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
