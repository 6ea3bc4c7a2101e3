"""The cell page, as far as it can be tried without a browser: its own controls."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rnn_explorer.cells import CELLS
from rnn_explorer.tasks import TASKS
from tests.pages.conftest import wait_for

Open = Callable[..., AppTest]


@pytest.fixture
def open_cell(open_lab: Open, selection: Callable[[], Any]) -> Callable[..., tuple[AppTest, Callable[[], Any]]]:
    """Open the cell page with a query; returns it, and what its controls decide."""

    def open_page(**query: str) -> tuple[AppTest, Callable[[], Any]]:
        page = open_lab(**query)
        page.switch_page("cell.py").run()
        assert not page.exception, page.exception
        wait_for(page, lambda view: view.status == "ready")
        assert not page.exception, page.exception
        return page, lambda: json.loads(selection()["change"] or "{}")

    return open_page


def widget(page: AppTest, name: str) -> Any:
    """The control of one part of a change."""
    kinds = ("selectbox", "slider", "number_input", "text_input", "toggle")
    shown = [found for kind in kinds for found in getattr(page, kind)]
    return next(found for found in shown if found.key and found.key.startswith(f"whatif:{name}:"))


def button(page: AppTest, label: str) -> Any:
    return next(button for button in page.button if button.label == label)


@pytest.mark.parametrize("task, cell", list(zip(TASKS.names(), itertools.cycle(CELLS.names()), strict=False)))
def test_it_opens_for_every_task_and_cell_with_nothing_changed(open_cell: Any, task: str, cell: str) -> None:
    page, decided = open_cell(task=task, cell=cell)
    assert decided() == {}
    assert not page.warning and not page.error
    assert widget(page, "gate").options[0] == "none: as trained"
    assert len(widget(page, "gate").options) == 1 + len(CELLS.get(cell).gate_names)
    assert button(page, "Clear").disabled


def test_a_gate_is_clamped_and_let_go(open_cell: Any) -> None:
    page, decided = open_cell(task="names", cell="lstm")
    widget(page, "gate").select("forget").run()
    assert decided() == {"clamp": [["forget", -1, 0.0]]}
    widget(page, "gate value").set_value(1.0).run()
    widget(page, "clamp unit").set_value(5).run()
    assert decided() == {"clamp": [["forget", 5, 1.0]]}
    widget(page, "clamp steps").set_value((2, 4)).run()
    assert decided() == {"clamp": [["forget", 5, 1.0, 2, 4]]}
    widget(page, "gate").select("candidate").run()
    widget(page, "candidate value").set_value(-0.5).run()
    assert decided() == {"clamp": [["candidate", 5, -0.5, 2, 4]]}
    button(page, "Clear").click().run()
    assert decided() == {} and widget(page, "gate").value == ""


def test_units_are_silenced_by_their_numbers(open_cell: Any) -> None:
    page, decided = open_cell(task="adding", cell="gru", hidden_size="8")
    widget(page, "ablate").set_value("3, 5 3").run()
    assert decided() == {"ablate": [3, 5]} and not page.warning
    widget(page, "ablate").set_value("3, 8, two, -1, ³").run()
    assert decided() == {"ablate": [3]}
    told = [element.value for element in page.warning]
    assert len(told) == 4 and told[0] == "'8' is no unit of this layer; name units from 0 to 7, such as 3, 5."
    widget(page, "ablate").set_value("nothing").run()
    assert decided() == {} and not button(page, "Clear").disabled, "the sentence can be sent away"


def test_an_input_is_another_symbol_or_another_number(open_cell: Any) -> None:
    page, decided = open_cell(task="temporal_order", cell="rnn")
    widget(page, "input on").set_value(True).run()
    widget(page, "input step").set_value(3).run()
    widget(page, "symbol").set_value(2).run()
    assert decided() == {"inputs": [[3, 2]]}
    page, decided = open_cell(task="adding", cell="rnn")
    widget(page, "input on").set_value(True).run()
    widget(page, "feature").set_value(1).run()
    widget(page, "input value").set_value(0.25).run()
    assert decided() == {"inputs": [[1, 1, 0.25]]}
    page, decided = open_cell(task="forecast", cell="rnn")
    widget(page, "input on").set_value(True).run()
    assert decided() == {"inputs": [[1, 0, 0.0]]}


def test_a_weight_is_named_by_gate_and_units(open_cell: Any) -> None:
    page, decided = open_cell(task="adding", cell="gru", hidden_size="8")
    widget(page, "weight on").set_value(True).run()
    assert decided() == {"weights": [["weight_hh", 0, 0, None]]}, "it is shown before it is changed"
    widget(page, "weight gate").set_value(2).run()
    widget(page, "weight unit").set_value(3).run()
    widget(page, "weight column").set_value(4).run()
    widget(page, "weight value").set_value(-1.5).run()
    assert decided() == {"weights": [["weight_hh", 19, 4, -1.5]]}
    widget(page, "weight").select("weight_ih").run()
    widget(page, "weight input").set_value(1).run()
    assert decided() == {"weights": [["weight_ih", 19, 1, -1.5]]}
    widget(page, "weight").select("bias_hh").run()
    assert decided() == {"weights": [["bias_hh", 19, 0, -1.5]]}


def test_a_smaller_model_leaves_no_value_that_it_cannot_have(open_cell: Any) -> None:
    page, decided = open_cell(task="adding", cell="lstm", hidden_size="32")
    widget(page, "gate").select("output").run()
    widget(page, "clamp unit").set_value(31).run()
    assert decided() == {"clamp": [["output", 31, 0.0]]}
    next(s for s in page.select_slider if s.key.startswith("set:hidden_size:")).set_value(4).run()
    wait_for(page, lambda view: view.experiment.model.hidden_size == 4 and view.status == "ready")
    assert not page.exception and decided() == {}
    widget(page, "gate").select("output").run()
    assert widget(page, "clamp unit").options == ["all units", "0", "1", "2", "3"]


def titles(page: AppTest) -> list[str]:
    return next(group for group in page.button_group if group.key.startswith("whatif:edit:")).options


def test_no_control_that_cannot_apply(open_cell: Any) -> None:
    page, decided = open_cell(task="adding", cell="lstm", hidden_size="2")
    assert titles(page) == ["Clamp a gate", "Ablate units", "Edit input", "Edit weight"]
    assert {w.key.split(":")[1] for w in (*page.selectbox, *page.number_input) if "whatif" in (w.key or "")} == {"gate"}
    assert button(page, "Clear").disabled and button(page, "Clear").help == "Nothing is changed yet"
    page, decided = open_cell(task="adding", cell="rnn", hidden_size="1")
    assert titles(page) == ["Clamp the pre-activation", "Ablate the unit", "Edit input", "Edit weight"]
    widget(page, "gate").select("pre_activation").run()
    assert decided() == {"clamp": [["pre_activation", -1, 0.0]]}
    widget(page, "ablate only").set_value(True).run()
    assert decided()["ablate"] == [0]
    widget(page, "weight on").set_value(True).run()
    assert decided()["weights"] == [["weight_hh", 0, 0, None]]
    shown = {widget.label for widget in (*page.selectbox, *page.number_input)}
    assert not shown & {"Unit", "To unit", "From unit", "Of the gate", "Gate"}
