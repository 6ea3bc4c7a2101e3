"""The page to try a model out, as far as it can be tried without a browser: its own controls."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import ANALYSES, load
from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError
from rnn_explorer.slices import run_to_end
from rnn_explorer.tasks import TASKS
from rnn_explorer.training import Trainer
from rnn_explorer.ui.draw_sequence import read
from tests.pages.conftest import wait_for

Open = Callable[..., AppTest]
ONLY_OWN = {"digits", "vowels", "adding", "parity", "flip_flop", "context", "local_peak"}


@pytest.fixture
def open_try(open_lab: Open, selection: Callable[[], Any]) -> Callable[..., tuple[AppTest, Callable[[], Any]]]:
    """Open the page with a query; returns it, and what its controls decide."""

    def open_page(**query: str) -> tuple[AppTest, Callable[[], Any]]:
        page = open_lab(page="try", **query)
        wait_for(page, lambda view: view.status == "ready")
        assert not page.exception, page.exception
        return page, selection

    return open_page


def widget(page: AppTest, name: str) -> Any:
    """One of the page's controls."""
    kinds = ("selectbox", "text_input", "button_group")
    shown = [found for kind in kinds for found in page.get(kind)]
    return next(found for found in shown if found.key and found.key.startswith(f"try {name}:"))


@pytest.mark.parametrize("task", TASKS.names())
def test_it_opens_for_every_task_and_its_own_sequence_can_be_read(open_try: Any, task: str) -> None:
    page, decided = open_try(task=task)
    assert not page.warning and not page.error
    if task in ONLY_OWN:
        assert decided()["mode"] == "own"
    else:
        assert decided() == {"mode": "task", "prefix": "", "own": ""}
        widget(page, "mode").set_value("own").run()
    assert not page.exception and decided()["mode"] == "own"
    load()
    subject = FrozenModel.of(Trainer(Experiment.from_query(f"task={task}")))
    found = run_to_end(ANALYSES.get("own_sequence")(subject, values=json.loads(decided()["own"])))
    assert found.explanation.length > 0


def test_the_prefix_is_what_was_typed(open_try: Any) -> None:
    page, decided = open_try(task="char_lm")
    widget(page, "prefix").set_value("Call me €").run()
    assert decided() == {"mode": "task", "prefix": "Call me €", "own": ""}
    widget(page, "mode").set_value("own").run()
    widget(page, "text").set_value("Ahab").run()
    assert decided() == {"mode": "own", "prefix": "", "own": '"Ahab"'}
    widget(page, "text").set_value("").run()
    assert decided()["own"] == '""' and not page.exception


def test_another_beginning_brings_its_numbers_in_the_data_s_own_unit(open_try: Any) -> None:
    page, decided = open_try(task="forecast", series="sunspots")
    widget(page, "mode").set_value("own").run()
    task: Any = Experiment.from_query("task=forecast&series=sunspots").make_task()
    for sequence in (0, 5):
        widget(page, "begin").set_value(sequence).run()
        numbers = [value for (value,) in json.loads(decided()["own"])]
        expected = task.probe().inputs[sequence, :, 0] * task.scale + task.mean
        assert numbers == pytest.approx(expected.tolist(), rel=1e-3, abs=1e-3) and len(numbers) == 50
        assert max(numbers) > 50
    assert "own unit" in page.caption[0].value
    widget(page, "how").set_value("type").run()
    assert not page.exception and len(json.loads(decided()["own"])) == 50


def test_another_task_leaves_nothing_of_the_last(open_try: Any) -> None:
    page, decided = open_try(task="names")
    widget(page, "mode").set_value("own").run()
    next(box for box in page.selectbox if box.label == "Task").select("anbn").run()
    wait_for(page, lambda view: view.experiment.task == "anbn" and view.status == "ready")
    assert not page.exception and decided() == {"mode": "task", "prefix": "", "own": ""}
    widget(page, "mode").set_value("own").run()
    assert set(json.loads(decided()["own"])) == set("|ab")


def test_data_that_are_gone_are_told(open_try: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: Any) -> None:
        raise SettingError("data", "abc", "an upload", "This upload is gone.")

    monkeypatch.setattr("rnn_explorer.views.try_it.facts.way_of", gone)
    page, decided = open_try(task="anbn")
    assert "This upload is gone." in page.warning[0].value
    assert decided() == {"mode": "task", "prefix": "", "own": ""}


@pytest.mark.parametrize(
    "drawn",
    [
        None, 7, {}, {"edition": "old", "values": [1, 2]}, {"edition": "e", "values": [1]}, {"edition": "e"},
        {"edition": "e", "values": [1, "x"]}, {"edition": "e", "values": [1, None]},
        {"edition": "e", "values": [1, True]}, {"edition": "e", "values": [1, float("inf")]},
    ],
)  # fmt: skip
def test_what_a_canvas_says_is_believed_only_where_it_makes_sense(drawn: Any) -> None:
    assert read(drawn, "e", [0.0, 0.5]) == [0.0, 0.5]
    assert read({"edition": "e", "values": [1, 2.5]}, "e", [0.0, 0.5]) == [1.0, 2.5]
