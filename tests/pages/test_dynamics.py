"""The dynamics page, as far as it can be tried without a browser: the input that is held constant."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from rnn_explorer.cells import CELLS
from rnn_explorer.engine.base import RunView
from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks import TASKS
from rnn_explorer.trace import Snapshot
from rnn_explorer.training import Trainer
from rnn_explorer.ui.controls import slider_ends
from rnn_explorer.views.dynamics import DynamicsSelection
from tests.pages.conftest import wait_for

Open = Callable[..., AppTest]


@pytest.fixture
def open_dynamics(open_lab: Open, selection: Callable[[], Any]) -> Callable[..., tuple[AppTest, Any, RunView]]:
    """Open the page with a query; returns it, a function that says which input its control decides, and the run."""

    def open_page(**query: str) -> tuple[AppTest, Callable[[], str], RunView]:
        page = open_lab("dynamics", **query)
        view = wait_for(page, lambda view: view.status == "ready")
        assert not page.exception, page.exception
        assert not page.warning and not page.error
        return page, lambda: selection()["input"], view

    return open_page


def way(page: AppTest) -> Any:
    return next(group for group in page.button_group if (group.key or "").startswith("held:"))


def widget(page: AppTest, name: str) -> Any:
    shown = (*page.selectbox, *page.slider, *page.number_input)
    return next(found for found in shown if (found.key or "").startswith(f"held {name}:"))


@functools.cache
def _snapshot(query: str) -> Snapshot:
    return Trainer(Experiment.from_query(query)).snapshot()


def snapshot_of(view: RunView) -> Snapshot:
    """The sequences that the page's run shows, with an untrained model."""
    return _snapshot(view.experiment.to_query_string())


def read(text: str, view: RunView) -> list[float] | None:
    """As the view reads it."""
    return DynamicsSelection(input=text).held(snapshot_of(view))


@pytest.mark.parametrize("task, cell", list(zip(TASKS.names(), itertools.cycle(CELLS.names()), strict=False)))
def test_it_opens_for_every_task_and_cell_with_zeros(open_dynamics: Any, task: str, cell: str) -> None:
    page, decided, _ = open_dynamics(task=task, cell=cell)
    assert decided() == ""
    assert way(page).value == "zero"


def test_a_slider_for_each_feature(open_dynamics: Any) -> None:
    page, decided, view = open_dynamics(task="flip_flop")
    way(page).set_value("custom").run()
    assert read(decided(), view) == [0, 0, 0]
    slider = widget(page, "1")
    assert (slider.label, slider.min, slider.max) == ("pulse 2", -1.0, 1.0)
    slider.set_value(-0.5).run()
    assert read(decided(), view) == [0, -0.5, 0]
    way(page).set_value("zero").run()
    assert decided() == ""


@pytest.mark.parametrize("task", [task for task in TASKS.names() if not TASKS.get(task).symbols])
def test_sliders_of_every_task_reach_all_values_that_it_shows(open_dynamics: Any, task: str) -> None:
    page, decided, view = open_dynamics(task=task)
    inputs = snapshot_of(view).trace.inputs
    if inputs.shape[-1] > 8:  # there would be too many sliders
        assert "custom" not in way(page).options
        return
    way(page).set_value("custom").run()
    assert not page.exception
    numbers = read(decided(), view)
    assert numbers is not None and len(numbers) == inputs.shape[-1]
    for feature in range(inputs.shape[-1]):
        slider = widget(page, str(feature))
        assert slider.min <= inputs[..., feature].min() and inputs[..., feature].max() <= slider.max


def test_a_symbol_by_its_name(open_dynamics: Any) -> None:
    page, decided, view = open_dynamics(task="names")
    way(page).set_value("custom").run()
    names = view.experiment.make_task().input.names
    select = widget(page, "symbol")
    assert "''" not in select.options, "padding is no symbol that can be held"
    first = read(decided(), view)
    assert first is not None and names[int(first[0])]
    other = next(number for number, name in enumerate(names) if name == "k")
    select.select(other).run()
    assert decided() == str(other)


@pytest.mark.parametrize("task", ["flip_flop", "names"])
def test_what_enters_at_a_step(open_dynamics: Any, task: str) -> None:
    page, decided, view = open_dynamics(task=task)
    way(page).set_value("from the sequence").run()
    widget(page, "sequence").set_value(3).run()
    widget(page, "step").set_value(4).run()
    expected = np.atleast_1d(snapshot_of(view).trace.inputs[2, 3])
    np.testing.assert_allclose(read(decided(), view) or [0], expected)
    length = int(snapshot_of(view).trace.lengths[2])
    assert (widget(page, "step").min, widget(page, "step").max) == (1, length)


def test_another_task_starts_from_zeros_again(open_dynamics: Any) -> None:
    page, decided, _ = open_dynamics(task="flip_flop")
    way(page).set_value("custom").run()
    widget(page, "0").set_value(1.0).run()
    task = next(box for box in page.selectbox if (box.key or "").startswith("set:task:"))
    task.select("names").run()
    wait_for(page, lambda view: view.status == "ready")
    assert not page.exception and decided() == ""


@given(st.lists(st.floats(-1e4, 1e4, allow_nan=False), max_size=8))
@example([5e-324, -10.0])
@example([-5e-324, 10.0])
def test_ends_of_a_slider_hold_all_values_and_zero(values: list[float]) -> None:
    low, high = slider_ends(np.array(values))
    assert low <= min([0.0, *values]) and max([0.0, *values]) <= high and low < high
    width = max([0.0, *values]) - min([0.0, *values])
    assert high - low <= max(3 * width, 1e-3)
