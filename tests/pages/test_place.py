"""What an address says beside settings and run: it fills the page's own controls, and is lost on no way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from rnn_explorer.ui import place
from tests.pages.conftest import run_of

Open = Callable[..., AppTest]
ADDING = {"task": "adding", "cell": "lstm", "hidden_size": "4"}


@pytest.fixture
def open_at(open_lab: Open) -> Callable[..., AppTest]:
    """Open a page by an address, as a link does: the first script of a session is that page's."""

    def open_page(page: str, see: dict[str, str], **query: str) -> AppTest:
        app = open_lab(page, **query)
        for name, value in see.items():
            app.query_params[f"see.{name}"] = value
        # A session that knows nothing yet, and the address of the run.
        for key in ("experiment", "run_id", "written"):
            del app.session_state[key]
        app.run()
        assert not app.exception, app.exception
        return app

    return open_page


def said(page: AppTest, name: str) -> str:
    """A part of the address."""
    value = page.query_params[name]
    return value if isinstance(value, str) else value[-1]


def told(page: AppTest, part: str) -> Any:
    """What the script tells the browser of a part."""
    component = page.main.get("bidi_component")[0]
    return dict(map(tuple, json.loads(component.proto.json)["ask"])).get(part)


def control(controls: Any, label: str) -> Any:
    return next(each for each in controls if each.label.startswith(label))


def test_the_browsers_parts_are_no_settings_and_stay(open_lab: Open) -> None:
    page = open_lab(**ADDING, **{"see.unit": "3", "see.gates": "unit", "present": "1"})
    assert not page.warning
    assert said(page, "see.unit") == "3" and said(page, "present") == "1"
    assert said(page, "run") == run_of(page)
    control(page.select_slider, "Learning rate").set_value(0.1).run()
    assert said(page, "see.unit") == "3" and said(page, "learning_rate") == "0.1"
    assert open_lab(**ADDING, unknown="1").warning, "what nobody knows is still told"


def test_a_past_step_is_looked_at_from_the_start(open_lab: Open) -> None:
    page = open_lab(**ADDING)
    other = open_lab(run=run_of(page), **{"see.at": "0"})
    assert other.session_state["at"] == (run_of(page), 0)
    assert open_lab(run=run_of(page), **{"see.at": "-1"}).session_state["at"] == (run_of(page), None)


def test_a_changed_cell_is_shown_by_the_controls(open_at: Callable[..., AppTest]) -> None:
    change = {
        "clamp": [["forget", 2, 0.25, 3, 9]],
        "ablate": [1, 3],
        "inputs": [[4, 1, 0.5]],
        "weights": [["weight_hh", 4 * 1 + 2, 3, -0.5]],
    }
    page = open_at("cell", {"change": json.dumps(change)}, **ADDING)
    assert control(page.selectbox, "Gate").value == "forget"
    assert control(page.slider, "Value").value == 0.25
    assert control(page.slider, "Time steps").value == (3, 9)
    assert control(page.text_input, "Units").value == "1, 3"
    assert control(page.toggle, "Change the input").value and control(page.toggle, "Change a weight").value
    assert json.loads(told(page, "change")) == change
    page.run()
    assert json.loads(told(page, "change")) == change, "and they keep it"
    control(page.text_input, "Units").set_value("").run()
    assert json.loads(told(page, "change")) == {name: change[name] for name in ("clamp", "inputs", "weights")}


def test_an_address_that_calls_a_clamp_as_before_is_read(open_at: Callable[..., AppTest]) -> None:
    page = open_at("cell", {"change": '{"force": [["forget", 2, 0.25]]}'}, **ADDING)
    assert control(page.selectbox, "Gate").value == "forget" and control(page.slider, "Value").value == 0.25
    assert json.loads(told(page, "change")) == {"clamp": [["forget", 2, 0.25]]}


@pytest.mark.parametrize(
    "change",
    [
        *("{", "[]", "1", "[" * 5000, '{"clamp": [["no such gate", 0, 1]]}', '{"clamp": 3}', '{"ablate": ["x"]}'),
        *('{"weights": [["weight_hh", 0, 0, NaN]]}', '{"inputs": [[]]}', '{"clamp": [["forget", 0, true]]}'),
    ],
)
def test_nonsense_changes_nothing(open_at: Callable[..., AppTest], change: str) -> None:
    page = open_at("cell", {"change": change}, **ADDING)
    assert not told(page, "change")
    assert change == "[]" or any("could not be used" in toast.value for toast in page.toast)


def test_what_is_out_of_range_is_brought_within(open_at: Callable[..., AppTest]) -> None:
    change = {"clamp": [["forget", 99, 7.0, -3, 900]], "ablate": [88]}
    page = open_at("cell", {"change": json.dumps(change)}, **ADDING)
    assert json.loads(told(page, "change")) == {"clamp": [["forget", 3, 1.0]], "ablate": [3]}


def test_a_held_input_is_shown_by_the_controls(open_at: Callable[..., AppTest]) -> None:
    page = open_at("dynamics", {"input": "0.5,1,-0.5"}, task="flip_flop", hidden_size="4")
    assert told(page, "input") == "0.5,1,-0.5"
    assert [slider.value for slider in page.main.slider][-3:] == [0.5, 1.0, -0.5]
    page = open_at("dynamics", {"input": "4"}, task="names", hidden_size="4")
    assert told(page, "input") == "4"
    for nonsense in ("a,b,c", "1", "nan,0,0", "1e999,0,0"):
        page = open_at("dynamics", {"input": nonsense}, task="flip_flop", hidden_size="4")
        assert told(page, "input") == ""
        assert any("could not be used" in toast.value for toast in page.toast)


def test_what_is_tried_is_shown_by_the_controls(open_at: Callable[..., AppTest]) -> None:
    rows = [[0.1, 0.0], [0.2, 1.0], [None, 1.0]]
    page = open_at("try", {"own": json.dumps(rows)}, **ADDING)
    assert json.loads(told(page, "own")) == rows
    page = open_at("try", {"mode": "own", "own": '"Petra"'}, task="names", hidden_size="4")
    assert (told(page, "mode"), json.loads(told(page, "own"))) == ("own", "Petra")
    page = open_at("try", {"prefix": "the "}, task="char_lm", hidden_size="4")
    assert told(page, "prefix") == "the "
    for nonsense in ("[[1]]", "[]", '"text"', "[[1, 2], [3]]", '[["a", "b"]]', "{"):
        page = open_at("try", {"own": nonsense}, **ADDING)
        assert len(json.loads(told(page, "own"))) > 3
        assert any("could not be used" in toast.value for toast in page.toast)


def test_a_sequence_of_the_task_is_said_by_its_number(open_at: Callable[..., AppTest]) -> None:
    page = open_at("try", {"begun": "2"}, **ADDING)
    others = json.loads(page.main.get("bidi_component")[0].proto.json)["overrides"]
    assert dict(map(tuple, others)) == {"mode": "", "own": "", "begun": "2"}


def test_names_of_parts_are_no_settings() -> None:
    from rnn_explorer.experiment import Experiment
    from rnn_explorer.tasks import TASKS

    for task in TASKS.names():
        for spec in Experiment.default(task).specs():
            assert not spec.name.startswith(place.PREFIX) and spec.name not in place.PASSED
