"""The cell's view without a server: what it asks, and what it draws of what is known."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import ANALYSES, load
from rnn_explorer.engine.frames import unpack
from rnn_explorer.engine.pictures import Encoder
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.svg_panel import SvgPanel
from rnn_explorer.slices import run_to_end
from rnn_explorer.training import Trainer
from rnn_explorer.views import VIEWS, AnalysisResult, ViewState
from rnn_explorer.views.cell import CellSelection, CellView, lively_step
from tests.engine.test_pictures import trainer_of, view_of

SHUT = json.dumps({"clamp": [["forget", -1, 0.0]]})
load()


def look(trainer: Trainer, **chosen: Any) -> tuple[CellView, ViewState]:
    """A view with its selection, and the run with all that the view asked for."""
    view = CellView(CellSelection.read({name: str(value) for name, value in chosen.items()}))
    run_view = view_of(trainer)
    frozen, answers = FrozenModel.of(trainer), {}
    for question in view.analyses(ViewState(run_view, run_view.step)):
        try:
            found = run_to_end(ANALYSES.get(question.kind)(frozen, **question.options))
            answers[question.name] = AnalysisResult(found, run_view.step)
        except ValueError as error:
            answers[question.name] = AnalysisResult(error=str(error))
    return view, ViewState(run_view, run_view.step, results=answers)


def panels(trainer: Trainer, **chosen: Any) -> dict[str, Figure | SvgPanel]:
    view, seen = look(trainer, **chosen)
    return {panel.name: panel for panel in view.panels(seen)}


@pytest.mark.parametrize(
    "query",
    [
        "task=names&cell=lstm&bidirectional=true&num_layers=2",
        "task=temporal_order&cell=gru",
        "task=flip_flop&cell=rnn&nonlinearity=relu",
        "task=digits&cell=rnn&hidden_size=1",
        "task=forecast&cell=lstm&num_layers=2",
    ],
)
def test_every_kind_of_model_is_drawn_in_every_way(query: str) -> None:
    trainer = trainer_of(f"{query}&hidden_size=3" if "hidden_size" not in query else query)
    trainer.step()
    for unit in (-1, 0):
        for more in ({}, {"layer": 1, "direction": "backward", "view": "unrolled", "time": 4, "sequence": 3}):
            found = panels(trainer, unit=unit, **more)
            assert list(found) == ["cell", "prediction", "states" if unit < 0 else "over_time"]
            assert isinstance(found["cell"], SvgPanel) and found["cell"].equations
            view, seen = look(trainer, unit=unit, **more)
            frame = unpack(Encoder(view).frame(seen))
            assert set(frame["figures"]) == set(found) and frame["figures"]["cell"]["svg"].startswith("<svg")
            assert frame["figures"]["cell"]["equations"][0]["numbers"][0]["term"]


def test_before_anything_is_known_the_panels_have_their_places() -> None:
    trainer = trainer_of("task=names&cell=lstm&hidden_size=3")
    view = CellView(CellSelection())
    assert [panel.name for panel in view.panels(ViewState(view_of(trainer, snapshot=None), 0))] == ["cell"]
    run_view = view_of(trainer)
    assert [panel.name for panel in view.panels(ViewState(run_view, 0))] == ["cell", "prediction", "states"], (
        "until it is computed"
    )
    view.selection = CellSelection(change=SHUT)
    bare = {panel.name: panel for panel in view.panels(ViewState(run_view, 0))}
    assert list(bare) == ["cell", "what_if", "what_if_answer"]
    assert all(panel.title for panel in bare.values())


def test_the_step_and_the_unit_are_what_is_chosen() -> None:
    trainer = trainer_of("task=temporal_order&cell=gru&hidden_size=4")
    assert panels(trainer, time=7, unit=2)["cell"].title == "GRU layer 1 at t = 7, unit 2"
    assert panels(trainer, time=999, unit=99)["cell"].title == "GRU layer 1 at t = 40, unit 3"
    assert panels(trainer, time=-4, unit=-9)["cell"].title == "GRU layer 1 at t = 1, mean over 4 units"


@pytest.mark.parametrize("query", ["task=temporal_order&cell=gru", "task=names&cell=lstm&bidirectional=true"])
def test_it_opens_where_something_happens(query: str) -> None:
    trainer = trainer_of(f"{query}&hidden_size=6")
    for sequence in (0, 3):
        for direction in ("forward", "backward") if "bidirectional" in query else ("forward",):
            view, seen = look(trainer, sequence=sequence, direction=direction)
            chosen, trace = view.fitted(seen), seen.view.snapshot.trace
            length = int(trace.lengths[sequence])
            hidden = trace.layer(0, direction).states["hidden"][sequence, :length]
            assert chosen.unit == np.ptp(hidden, axis=0).argmax()
            assert length // 3 < chosen.time <= -(-2 * length // 3)
            moved = np.abs(np.diff(hidden[:, chosen.unit], prepend=0))
            assert moved[chosen.time - 1] == max(moved[length // 3 : -(-2 * length // 3)])
            assert f"at t = {chosen.time}, unit {chosen.unit}" in view.panels(seen)[0].title
            assert view.panels(seen)[2].name == "over_time"


def test_what_is_opened_stays_while_the_model_learns_unless_it_falls_silent() -> None:
    trainer = trainer_of("task=temporal_order&cell=gru&hidden_size=6")
    view, seen = look(trainer)
    first = view.fitted(seen)
    layer = seen.view.snapshot.trace.layers[0]

    def fitted(factors: list[float]) -> CellSelection:
        states = {"hidden": (layer.states["hidden"] * factors).astype(np.float32)}
        trace = dataclasses.replace(seen.view.snapshot.trace, layers=(dataclasses.replace(layer, states=states),))
        snapshot = dataclasses.replace(seen.view.snapshot, trace=trace)
        return view.fitted(dataclasses.replace(seen, view=dataclasses.replace(seen.view, snapshot=snapshot)))

    factors = [1.5] * 6
    factors[first.unit] = 1.0
    assert fitted(factors) == first
    factors[first.unit] = 1e-3
    assert fitted(factors).unit != first.unit
    factors[first.unit] = float("nan")
    assert 0 <= fitted(factors).unit < 6 and fitted([0.0] * 6).time >= 1


@pytest.mark.parametrize("length", [1, 2, 3, 4, 8, 60])
def test_the_lively_step_is_within(length: int) -> None:
    assert 1 <= lively_step(np.zeros(length)) <= length
    pulse = np.zeros(length)
    pulse[length // 2 :] = 1.0
    assert lively_step(pulse) == length // 2 + 1


def test_stepping_in_time_asks_nothing_new() -> None:
    trainer = trainer_of("task=names&cell=lstm&hidden_size=3")
    asked = {str(look(trainer, time=time)[0].analyses(ViewState(view_of(trainer), 0))) for time in (1, 2, 3)}
    assert len(asked) == 1
    (request,) = look(trainer)[0].analyses(ViewState(view_of(trainer), 0))
    assert request.name == "cell_internals"


def test_a_shorter_sequence_ends_the_slider_earlier() -> None:
    trainer = trainer_of("task=names&cell=rnn&hidden_size=3")
    lengths = trainer.snapshot().trace.lengths
    for sequence in range(3):
        view, seen = look(trainer, sequence=sequence, time=99)
        (tool,) = [tool for tool in view.tools(seen) if tool.field == "time"]
        assert (tool.low, tool.high, tool.place) == (1, lengths[sequence], "cell")
        assert view.fitted(seen).time == lengths[sequence]


def test_units_are_chosen_by_name_with_the_mean_first() -> None:
    view, seen = look(trainer_of("task=adding&cell=lstm&hidden_size=5"))
    (tool,) = [tool for tool in view.tools(seen) if tool.field == "unit"]
    assert tool.options[0] == (-1, "mean over units") and tool.options[-1] == (4, "unit 4") and len(tool.options) == 6


def test_what_if_shows_both_ways() -> None:
    trainer = trainer_of("task=names&cell=lstm&hidden_size=3")
    found = panels(trainer, change=SHUT, unit=1)
    assert list(found) == ["cell", "what_if", "what_if_answer"]
    assert found["what_if"].title == "What if: forget gate of all units clamped to 0 at every time step"
    assert "originally" in found["what_if_answer"].title.lower()
    drawing = found["cell"]
    assert isinstance(drawing, SvgPanel)
    assert "clamped to 0" in drawing.title and "forget clamped" in drawing.svg
    assert not drawing.table["forget"].any() and drawing.table["original: forget"].all()
    with_all = {
        "clamp": [["input", 0, 1.0, 1, 2]],
        "ablate": [1],
        "inputs": [[2, 5]],
        "weights": [["weight_hh", 0, 2, None]],
    }
    assert found.keys() == panels(trainer, change=json.dumps(with_all)).keys()


def test_what_cannot_be_changed_is_told_and_nothing_breaks() -> None:
    trainer = trainer_of("task=names&cell=gru&hidden_size=3")
    view, seen = look(trainer, change=SHUT)
    assert "'forget' is no gate of a GRU" in seen.result("what_if").error
    frame = unpack(Encoder(view).frame(seen))
    assert frame["status"]["errors"] == [seen.result("what_if").error]
    assert set(frame["figures"]) == {"cell", "what_if", "what_if_answer"}
    assert "what if" not in frame["figures"]["cell"]["title"], "what is drawn is the original"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"clamp": 3}', '{"clamp": []}', '{"other": [1]}', "[" * 3000, '{"clamp": null}']
)
def test_a_change_that_makes_no_sense_is_none(text: str) -> None:
    assert CellSelection(change=text).edits() == {}


def test_an_address_that_calls_a_clamp_as_before_is_read() -> None:
    assert CellSelection(change='{"force": [["forget", -1, 0.0]]}').edits() == {"clamp": [["forget", -1, 0.0]]}


def test_an_exploded_model_is_drawn_all_the_same() -> None:
    trainer = trainer_of("task=adding&cell=rnn&nonlinearity=relu&hidden_size=3")
    for parameter in trainer.model.parameters():
        parameter.data.fill_(1e30)
    for chosen in ({"unit": 0}, {"view": "unrolled"}, {"change": json.dumps({"ablate": [1]})}):
        view, seen = look(trainer, time=30, **chosen)
        assert unpack(Encoder(view).frame(seen))["figures"]


def test_it_is_registered_for_its_page() -> None:
    assert VIEWS.get("cell") is CellView
