"""The view to try a model out, without a server: what it asks of every task, and what it draws of what is known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import ANALYSES, load
from rnn_explorer.engine.frames import unpack
from rnn_explorer.engine.pictures import Encoder
from rnn_explorer.slices import run_to_end
from rnn_explorer.tasks import TASKS
from rnn_explorer.training import Trainer
from rnn_explorer.views import VIEWS, AnalysisResult, ViewState
from rnn_explorer.views.try_it import TrySelection, TryView
from rnn_explorer.views.try_it.ways import way_of
from tests.engine.test_pictures import trainer_of, view_of

load()
WAYS = {
    "char_lm": "text", "own_text": "text", "forecast": "series", "own_series": "series", "anbn": "grammar",
    "reber": "grammar", "names": "symbols", "temporal_order": "symbols", "copy": "symbols",
}  # fmt: skip
FIRST = {"text": "generated_text", "series": "closed_loop", "grammar": "legal_symbols", "symbols": "prediction"}
TEXT = ["colored_text", "unit_correlations"]


def small(task: str, cell: str = "lstm", more: str = "") -> Trainer:
    return trainer_of(f"task={task}&cell={cell}&hidden_size=3{more}")


def look(trainer: Trainer, **chosen: Any) -> tuple[TryView, ViewState]:
    """A view with its selection, and the run with all that the view asked for."""
    view = TryView(TrySelection.read({name: str(value) for name, value in chosen.items()}))
    run_view = view_of(trainer)
    frozen, answers = FrozenModel.of(trainer), {}
    for question in view.analyses(ViewState(run_view, run_view.step)):
        try:
            found = run_to_end(ANALYSES.get(question.kind)(frozen, **question.options))
            answers[question.name] = AnalysisResult(found, run_view.step)
        except ValueError as error:
            answers[question.name] = AnalysisResult(error=str(error))
    return view, ViewState(run_view, run_view.step, results=answers)


def panels(trainer: Trainer, **chosen: Any) -> dict[str, Any]:
    view, seen = look(trainer, **chosen)
    return {panel.name: panel for panel in view.panels(seen)}


def own_of(trainer: Trainer) -> str:
    """A sequence that the task can read: the first of its own."""
    snapshot = trainer.snapshot()
    length, inputs = int(snapshot.trace.lengths[0]), snapshot.trace.inputs[0]
    if inputs.ndim == 1:
        return json.dumps("".join(trainer.task.input.names[code] for code in inputs[:length]))
    return json.dumps(inputs[:length].tolist())


@pytest.mark.parametrize("task", TASKS.names())
def test_every_task_can_be_tried_in_its_way(task: str) -> None:
    trainer = small(task)
    trainer.step()
    run_view = view_of(trainer)
    way = way_of(trainer.experiment)
    assert way == WAYS.get(task, "values")
    text = way in ("text", "grammar", "symbols")
    own = ["legal_symbols" if way == "grammar" else "prediction", "states", *(TEXT if text else []), "gates"]
    for mode in ("task", "own"):
        wanted = own if mode == "own" or way == "values" else [FIRST[way], *(TEXT if text else [])]
        view, seen = look(trainer, mode=mode, own=own_of(trainer))
        assert [panel.name for panel in view.panels(seen)] == wanted
        assert not [told.error for told in seen.results.values() if told.error]
        frame = unpack(Encoder(view).frame(seen))
        assert set(frame["figures"]) == set(wanted) == set(frame["panels"])
        assert sum(frame["grid"]["spans"].get(name, [3, 1])[0] for name in wanted) % 6 == 0, "rows are full"
        assert {tool["place"] for tool in frame["tools"]} <= {"bar", *wanted}
        bare = TryView(view.selection)
        assert [panel.name for panel in bare.panels(ViewState(run_view, 0))] == wanted, "panels keep their places"
        assert bare.panels(ViewState(view_of(trainer, snapshot=None), 0)) == []


@pytest.mark.parametrize("task, kind, more", [
    ("own_text", "symbols", "&kind=labels"), ("own_series", "values", "&kind=classification"),
    ("digits", "values", "&pixels=true"), ("parity", "values", "&variable=true"),
])  # fmt: skip
def test_a_task_with_several_questions_is_tried_as_it_is_asked(task: str, kind: str, more: str) -> None:
    trainer = small(task, "gru", more)
    assert way_of(trainer.experiment) == kind
    assert panels(trainer, mode="own", own=own_of(trainer))["prediction"].data


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_every_cell_in_two_layers_and_both_directions(cell: str) -> None:
    trainer = small("names", cell, "&num_layers=2&bidirectional=true")
    chosen = {"layer": 1, "direction": "backward", "quantity": "hidden", "unit": 2}
    for mode in ("task", "own"):
        found = panels(trainer, mode=mode, own='"Li"', **chosen)
        assert "unit 2" in found["colored_text"].title and "layer 2, backward" in found["unit_correlations"].title


def test_what_is_written_has_the_prefix_the_temperature_and_the_draw_that_were_chosen() -> None:
    trainer = small("char_lm", more="&embedding=4")
    view, seen = look(trainer, prefix="Ahab ", temperature=0.5, again=3)
    (asked,) = [question for question in view.analyses(seen) if question.name == "sample"]
    assert asked.options == {"prefix": "Ahab ", "length": 160, "temperature": 0.5, "seed": 3} and asked.every == 1.0
    found = seen.result("sample").value
    assert found.text.startswith("Ahab ") and len(found.written) == 160
    assert look(trainer, prefix="Ahab ", temperature=0.5, again=4)[1].result("sample").value.written != found.written
    (panel, *_) = view.panels(seen)
    assert "temperature 0.5" in panel.title and panel.notes == ()
    assert "left out" in panels(trainer, prefix="Ähab €")["generated_text"].notes[0]
    fitted = TrySelection.read({"temperature": "-4", "again": "-1", "steps": "9999", "value": "7", "quantity": "soul"})
    fitted = fitted.fit(trainer.snapshot())
    assert (fitted.temperature, fitted.again, fitted.steps, fitted.value) == (0.0, 0, 300, 0)
    assert fitted.quantity == "hidden"


def test_the_best_unit_for_a_feature_colors_the_text_until_another_is_chosen() -> None:
    trainer = small("anbn")
    for feature in ("position", "'a' so far"):
        view, seen = look(trainer, feature=feature, quantity="cell")
        ranked = seen.result("correlates").value.ranked(feature, "cell")
        found = {panel.name: panel for panel in view.panels(seen)}
        assert f"unit {ranked[0][0]}: cell" in found["colored_text"].title
        assert found["unit_correlations"].table["unit"] == [unit for unit, _ in ranked]
        assert found["unit_correlations"].data[0]["meta"] == {"choose": "unit", "column": 0}
        assert [entry[0] for entry in found["unit_correlations"].data[0]["customdata"]] == [unit for unit, _ in ranked]
        (tool,) = [tool for tool in view.tools(seen) if tool.field == "feature"]
        assert (feature, feature) in tool.options
    last = ranked[-1][0]
    assert f"unit {last}: " in panels(trainer, feature=feature, unit=last)["colored_text"].title
    (_, _, best, _) = next(each for each in seen.result("correlates").value.strongest() if each[0] == "cell")
    for unknown in ("", "the weather"):
        assert panels(trainer, feature=unknown, quantity="cell")["unit_correlations"].title.startswith(
            f"Units and “{best}”"
        )


def test_the_free_run_is_as_long_as_chosen() -> None:
    trainer = small("forecast")
    view, seen = look(trainer, steps=12, sequence=3)
    found = seen.result("closed_loop").value
    assert (len(found.free), found.sequence) == (12, 3)
    assert [tool.field for tool in view.tools(seen)] == ["sequence", "steps", "begin"]


@pytest.mark.parametrize("task", ["forecast", "own_series"])
def test_the_free_run_begins_at_the_end_or_before_it(task: str) -> None:
    trainer = small(task)
    for back, truth in ((0, 0), (9, 9), (200, 12)):
        view, seen = look(trainer, steps=12, begin="end", back=back)
        found = seen.result("closed_loop").value
        assert len(found.truth) == truth and found.beyond == 12 - truth
        assert [tool.field for tool in view.tools(seen)] == ["sequence", "steps", "begin", "back"]
        (panel,) = view.panels(seen)
        assert ("the 12 after the last that is known" in panel.title) == (back == 0)
        assert ("beyond its end" in panel.title) == (back == 9)
        assert unpack(Encoder(view).frame(seen))["figures"]


def test_a_string_of_a_grammar_is_held_against_what_is_legal() -> None:
    trainer = small("reber")
    _, seen = look(trainer, sequence=2)
    told = seen.view.snapshot.explanations[2]
    assert seen.result("own").value.explanation.symbols == told.symbols
    found = panels(trainer, mode="own", own='"btb"')
    assert "BTB" in found["legal_symbols"].title and "%" in found["legal_symbols"].title
    assert list(found["colored_text"].table["symbol"]) == ["B", "T", "B"]


@pytest.mark.parametrize("own", ["", "{", "null", "7", "[]", '""', "[" * 3000, "{}"])
def test_an_own_sequence_that_makes_no_sense_is_none(own: str) -> None:
    trainer = small("adding")
    view, seen = look(trainer, mode="own", own=own)
    assert view.analyses(seen) == [] and seen.results == {}
    assert {panel.name: len(panel.table["step"]) for panel in view.panels(seen)} == {
        "prediction": 0,
        "states": 0,
        "gates": 0,
    }


@pytest.mark.parametrize(
    "task, own, said",
    [
        ("names", '"Ng7"', "'7', symbol 3, is not known"),
        ("adding", "[[1, null]]", "marker at time step 1 is missing"),
        ("adding", "[[1, 0], [1]]", "time step 2 has 1 number, but this task reads 2"),
        ("digits", "[[0,0,0,0,0,0,0,0]]", "the sequence has 1 time steps, but a picture of this task has 8"),
    ],
)
def test_what_cannot_be_read_is_told_and_nothing_is_drawn_of_it(task: str, own: str, said: str) -> None:
    trainer = small(task)
    view, seen = look(trainer, mode="own", own=own)
    frame = unpack(Encoder(view).frame(seen))
    assert [error for error in frame["status"]["errors"] if said in error]
    assert "prediction" in frame["figures"]


def test_a_thousand_numbers_fit_into_a_selection() -> None:
    own = json.dumps([[round(-0.12345 * n, 3)] for n in range(1000)])
    assert len(TrySelection.read({"own": own}).values()) == 1000


def test_an_exploded_model_is_drawn_all_the_same() -> None:
    for task, own in (("adding", "[[0.5, 1]]"), ("names", '"abc"'), ("forecast", "[[1], [2]]"), ("anbn", '"|ab"')):
        trainer = small(task, "rnn", "&nonlinearity=relu")
        for parameter in trainer.model.parameters():
            parameter.data.fill_(1e30)
        for mode in ("task", "own"):
            view, seen = look(trainer, mode=mode, own=own)
            assert unpack(Encoder(view).frame(seen))["figures"]


def test_it_is_registered_for_its_page() -> None:
    assert VIEWS.get("try") is TryView
