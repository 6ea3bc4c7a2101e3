"""Data: what a task's sequences look like, where they come from, what its settings do to them, and overfitting.

The task of the run is shown under the run's own settings; any other one under its defaults, without touching the run.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import streamlit as st

from rnn_explorer.analysis.data.compute import report as look_at
from rnn_explorer.analysis.data.record import DataReport, compared, same_answers, same_examples
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.figures.data.distributions import distributions, training_counts
from rnn_explorer.figures.data.examples import NARROW, examples, height
from rnn_explorer.settings import Spec
from rnn_explorer.suggestions import CURES, EPOCHS, applicable, other_value, small_set
from rnn_explorer.tasks import TASKS
from rnn_explorer.tasks.user_data.store import DataGone
from rnn_explorer.ui import (
    controls,
    open_file,
    own_data,
    page,
    page_state,
    run_controls,
    session,
    static_figure,
    uploads,
)
from rnn_explorer.ui.plain import plain

TITLE = "Data"
ORDER = 6
_FAULT = "These data could not be looked at, by a fault of the program; its log has it. Choose other settings."
_log = logging.getLogger("rnn_explorer.pages.data")  # a page's own name is that of any script


def show(run_id: str) -> None:
    """Draw the page for the experiment on the page_state.

    Args:
        run_id: its run.
    """
    mine = page_state.experiment()
    with st.container(key="data-row"):
        left, right = st.columns([3, 2], gap="small")
        with left:
            shown = _chosen(mine)
        with right:
            own_data.show(expanded="data" in mine.task_settings.to_dict())
    own = shown.task == mine.task
    if uploads.is_foreign(shown):  # who watches another user's run sees the run, not the data it learns from
        st.warning(str(DataGone()))
        return
    report = _report(shown)
    if report is None:
        return
    # A figure comes first; what it shows is said below it.
    _examples(report)
    _what_it_is(shown, report)
    static_figure.show(distributions(report), 270, f"{report.task}_distributions")
    _baseline_and_source(shown, report)
    _knobs(shown, report, own)
    if own:
        _training(run_id, mine)


def _report(experiment: Experiment) -> DataReport | None:
    """What is known of the data; None, with a sentence, where they cannot be looked at."""
    try:
        return look_at(session.task_of(experiment))
    except UserError as error:  # data that are missing or wrong, in the task's own words
        st.warning(plain(str(error)))
    except Exception:
        _log.exception("the data could not be looked at: %s", experiment.to_query_string())
        st.error(_FAULT)
    return None


def _chosen(mine: Experiment) -> Experiment:
    """The experiment whose data are looked at: the run's, or the defaults of another task."""
    others = [name for name in TASKS.names() if name != mine.task]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.selectbox(
            "Look at the data of",
            [mine.task, *others],
            key=f"data:task:{mine.task}",
            format_func=lambda name: TASKS.get(name).title + (", the task of this run" if name == mine.task else ""),
            help="Looking at another task leaves the run as it is.",
            width=500,
        )
        if name == mine.task:
            return mine
        st.button(
            "Train on this task",
            on_click=_train_on,
            args=(name,),
            help="Leaves the present run and makes a new model for this task",
        )
    return Experiment.default(name)


def _train_on(task: str) -> None:
    page_state.change("task", task, page_state.edition())


def _what_it_is(experiment: Experiment, report: DataReport) -> None:
    kind = TASKS.get(experiment.task)
    st.subheader(kind.title, anchor=False)
    st.markdown(f"{kind.summary} **What it teaches.** {kind.teaches} {_enters(experiment)}")
    sizes = {
        "Training set": (
            ("endless", "Every batch is made anew; no sequence is seen twice.")
            if report.endless
            else (
                f"{report.sizes['train']:,}",
                "Sequences that the weights are fitted to; an epoch is one pass over them.",
            )
        ),
        "Validation set": (
            f"{report.sizes['validation']:,}",
            "Sequences that are never trained on; the loss on them is measured after every epoch.",
        ),
        "Test set": (f"{report.sizes['test']:,}", "Sequences that are looked at only at the end of training."),
        "Time steps": (
            str(report.longest) if report.shortest == report.longest else f"{report.shortest} to {report.longest}",
            "The length of a sequence.",
        ),
    }
    with st.container(horizontal=True, gap="small"):
        for label, (value, about) in sizes.items():
            st.metric(label, value, help=about, border=True, width=170)


def _enters(experiment: Experiment) -> str:
    spec = session.task_of(experiment).input
    if spec.kind == "symbols":
        return f"At each time step one of {spec.size} symbols enters."
    return f"At each time step {'one number enters' if spec.size == 1 else f'{spec.size} numbers enter'}."


def _examples(report: DataReport) -> None:
    drawn = examples(report.examples, report.label_names, report.class_names)
    static_figure.show(drawn, height(report.examples), f"{report.task}_examples")


def _baseline_and_source(experiment: Experiment, report: DataReport) -> None:
    kind = TASKS.get(experiment.task)
    left, right = st.columns(2, gap="medium")
    with left:
        metric = f", {report.metric} {report.baseline_metric:.4g}" if report.metric != "MSE" else ""
        st.markdown(
            f"**Memoryless baseline.** The best predictor from the present input alone {plain(report.baseline_how)}: "
            f"loss {report.baseline_loss:.4g}{metric}. {kind.why_memory}"
        )
        if report.baseline_by_value:
            by_column = ", ".join(f"{plain(name)} {loss:.3g}" for name, loss in report.baseline_by_value.items())
            st.markdown(f"**By column**, since the loss is a mean over all of them: {by_column}.")
        license = f"{kind.source.license[:1].upper()}{kind.source.license[1:]}"
        link = f" [{kind.source.url}]({kind.source.url})" if kind.source.url else ""
        st.markdown(f"**Source.** {kind.source.citation}.{link}")
        st.markdown(f"**License.** {license}.")
    right.markdown(f"**How to read the figures of this task.** {kind.reading_guide}")


# -- what the settings do ---------------------------------------------------------------------------------------


def _knobs(shown: Experiment, report: DataReport, own: bool) -> None:
    """One setting of the task, at its default and at another value, side by side."""
    # What is typed freely names parts of the user's file, and is no knob.
    specs = {spec.name: spec for spec in shown.task_settings.specs() if not spec.is_free_text}
    if not specs:
        return
    st.subheader("What its settings do", anchor=False)
    place = f"{shown.to_query_string()}:{page_state.edition()}"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = st.selectbox(
            "Setting",
            list(specs),
            key=f"data:knob:{shown.task}",
            format_func=lambda name: specs[name].label,
            width=260,
        )
        spec = specs[name]
        base, how = applicable(shown, name)
        default = Experiment.default(shown.task).get(name)
        first = _first_value(spec, base, default)
        value = _value(spec, first, f"data:value:{name}:{place}")
        if own:
            st.button(
                "Use it for the run",
                on_click=page_state.set_up,
                args=({name: value, **how},),
                disabled=shown.get(name) == value,
                help=controls.NEW_MODEL_NOTE,
            )
    st.caption(spec.help + "".join(f" Here with {specs[other].label.lower()} “{to}”." for other, to in how.items()))
    before = report if base.get(name) == default and not how else _report(base.replace(**{name: default}))
    after = before and _report(base.replace(**{name: value}))
    if before and after:
        _side_by_side(spec, (default, before), (value, after))


def _first_value(spec: Spec, base: Experiment, default: Any) -> Any:
    """The value that is compared first: the present one, or where that is the default another one that can be built.

    The user has chosen no other value yet, so what the data say against it is not shown.
    """
    present = base.get(spec.name)
    if present != default:
        return present
    other = other_value(spec, default)
    try:
        session.task_of(base.replace(**{spec.name: other}))
    except UserError:
        return present
    return other


def _value(spec: Spec, first: Any, key: str) -> Any:
    """The widget of the value that is compared with the default."""
    if spec.kind is bool:
        return st.toggle(spec.label, first, key=key)
    if spec.kind is str:
        return st.selectbox("Value", spec.choices, spec.choices.index(first), key=key, width=260)
    if spec.kind is tuple or spec.low is None or spec.high is None:
        return first
    if spec.log:
        return st.select_slider("Value", controls.ladder(spec, first), first, key=key, width=420)
    step = 1 if spec.kind is int else 0.01
    low, high = spec.kind(spec.low), spec.kind(spec.high)
    if (high - low) / step <= 1000:
        return st.slider("Value", low, high, first, step, key=key, width=420)
    return st.number_input("Value", low, high, first, step, key=key, width=260)


def _side_by_side(spec: Spec, before: tuple[Any, DataReport], after: tuple[Any, DataReport]) -> None:
    rows = compared(before[1], after[1])
    if rows:
        st.markdown("  \n".join(f"{what}: {one} → **{other}**" for what, one, other in rows))
    examples_differ = not same_examples(before[1], after[1])
    answers_differ = not same_answers(before[1], after[1])
    if not examples_differ and not answers_differ:
        st.markdown("The same data under both values." if before[0] != after[0] else "This is the default.")
        return
    if examples_differ and after[1].endless and before[1].longest != after[1].longest:
        st.caption("Made with the same seed; another length shifts the random numbers, so these are other sequences.")
    both = (*before[1].examples[:NARROW], *after[1].examples[:NARROW])
    sides = (("default", *before, after[1]), ("chosen", *after, before[1]))
    for column, (side, value, report, other) in zip(st.columns(2, gap="medium"), sides, strict=True):
        with column:
            st.markdown(f"{spec.label} **{_plain(spec, value)}**" + (" (the default)" if side == "default" else ""))
            if examples_differ:
                drawn = examples(report.examples, report.label_names, report.class_names, wide=False, scale_of=both)
                static_figure.show(
                    drawn, height(report.examples, wide=False), f"{report.task}_{spec.name}_{side}_examples"
                )
            else:
                drawn = training_counts(report, other)
                static_figure.show(drawn, 230, f"{report.task}_{spec.name}_{side}_counts")


def _plain(spec: Spec, value: Any) -> str:
    if spec.kind is bool:
        return "on" if value else "off"
    shown = f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
    return f"{shown} {spec.unit}".rstrip()


# -- overfitting ------------------------------------------------------------------------------------------------


def _training(run_id: str, mine: Experiment) -> None:
    """The learning curves, live; where there is a training set to make smaller, with all that takes."""
    specs = {spec.name: spec for spec in mine.task_settings.specs()}
    if "train_size" in specs:
        st.subheader("Overfitting", anchor=False)
        _overfitting(mine, specs["train_size"])
    else:
        st.subheader("Watch it learn", anchor=False)
    run_controls.watch(run_id, "data")


def _overfitting(mine: Experiment, spec: Spec) -> None:
    edition, small = page_state.edition(), small_set(spec)
    st.markdown(
        "A network with enough weights can learn a small training set by heart. Watch the two loss curves: the "
        "training loss goes on falling while the validation loss turns and rises; that gap is overfitting. The "
        "smaller the training set, the sooner it opens."
    )
    is_small = mine.get("train_size") <= small
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        key = f"data:train_size:{edition}"
        st.session_state[key] = mine.get("train_size")
        st.select_slider(
            spec.label,
            controls.ladder(spec, mine.get("train_size")),
            key=key,
            width=380,
            help=f"{spec.help} {controls.NEW_MODEL_NOTE}",
            on_change=_resize,
            args=(key, edition),
        )
        bare = {"train_size": small, "epochs": EPOCHS, "steps": 0, "dropout": 0.0, "weight_decay": 0.0, "patience": 0}
        _press("small training set", bare, is_small, f"{small} sequences, {EPOCHS} epochs, none of the cures")
        for cure in CURES:
            on = cure.on(mine)
            _press(cure.label, cure.without if on else cure.settings(mine), on, "Press again to take it back")
        whole = Experiment.default(mine.task)
        back = {name: whole.get(name) for name in (*bare, "num_layers")}
        st.button(
            "back to the defaults",
            on_click=page_state.set_up,
            args=(back,),
            disabled=_are(mine, back),
            type="tertiary",
        )
    hints = [cure.watch for cure in CURES if cure.on(mine)]
    if not hints and is_small:
        hints = ["Press Play and watch the validation loss turn; then try a cure, Reset and Play again."]
    for sentence in hints:
        st.markdown(sentence)


def _press(label: str, settings: Mapping[str, Any], on: bool, tip: str) -> None:
    st.button(
        ("✓ " if on else "") + label,
        key=f"data:press:{label}",
        type="primary" if on else "secondary",
        on_click=page_state.set_up,
        args=(settings,),
        help=tip,
    )


def _are(experiment: Experiment, settings: Mapping[str, Any]) -> bool:
    return all(experiment.get(name) == value for name, value in settings.items())


def _resize(key: str, made_in: int) -> None:
    if made_in == page_state.edition():
        page_state.set_up({"train_size": st.session_state[key]})


show(page.begin())
open_file.show()  # below all figures, which come first
