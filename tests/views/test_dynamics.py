"""The dynamics page's view without a server: its panels in every state of knowledge, its tools, its questions."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.analysis.dynamics.space import Space
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.projection import Basis
from rnn_explorer.analysis.registry import ANALYSES
from rnn_explorer.analysis.registry import load as load_questions
from rnn_explorer.engine.base import Reply, RunView
from rnn_explorer.engine.frames import unpack
from rnn_explorer.engine.pictures import Encoder
from rnn_explorer.engine.viewers import Viewer
from rnn_explorer.experiment import Experiment
from rnn_explorer.slices import run_to_end
from rnn_explorer.training import Trainer
from rnn_explorer.views.base import AnalysisResult, ViewState
from rnn_explorer.views.dynamics import DynamicsSelection, DynamicsView
from rnn_explorer.views.dynamics import view as dynamics
from rnn_explorer.views.dynamics.search import PRESENT, SearchRequest
from tests.engine.test_pictures import view_of

PANELS = ["dynamics", "eigenvalues", "flow", "found"]
FLIP_FLOP = "task=flip_flop&cell=rnn&hidden_size=4&seq_len=10"
TWO_WAYS = "task=flip_flop&cell=lstm&hidden_size=4&seq_len=10&num_layers=2&bidirectional=true"
NAMES = "task=names&train_size=64&cell=gru&hidden_size=4"
QUERIES = [
    FLIP_FLOP,
    TWO_WAYS,
    NAMES,
    "task=adding&cell=rnn&nonlinearity=relu&hidden_size=4&seq_len=12",
    "task=temporal_order&cell=lstm&hidden_size=1&seq_len=12",
    "task=flip_flop&cell=gru&hidden_size=1&seq_len=10",
]
ASKED = SearchRequest(1, PRESENT, 0, "forward", 512, None).write()
every = pytest.mark.parametrize("query", QUERIES)


@pytest.fixture(autouse=True, scope="module")
def known_questions() -> None:
    load_questions()


def trainer_of(query: str, steps: int = 2) -> Trainer:
    trainer = Trainer(Experiment.from_query(query))
    trainer.advance(60, steps)
    return trainer


def seen(
    trainer: Trainer, answers: Mapping[str, AnalysisResult] | None = None, past: bool = False, **more: Any
) -> ViewState:
    run_view = view_of(trainer, **more)
    return ViewState(run_view, run_view.step, past, results=answers or {})


def quick(kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Fewer searches, which the record then does not tell."""
    return {**options, "inits": 32} if kind == "fixed_points" else dict(options)


def ask(frozen: FrozenModel, kind: str, options: Mapping[str, Any]) -> Any:
    value = run_to_end(ANALYSES.get(kind)(frozen, **quick(kind, options)))
    return dataclasses.replace(value, inits=options["inits"]) if kind == "fixed_points" else value


def answered(trainer: Trainer, view: DynamicsView, past: bool = False, **more: Any) -> ViewState:
    """As the view would see it once all its questions are answered, also those that follow from answers."""
    frozen, answers = FrozenModel.of(trainer), dict[str, AnalysisResult]()
    for _ in range(4):
        for question in view.analyses(seen(trainer, answers, past, **more)):
            value = ask(frozen, question.kind, question.options)
            answers[question.name] = AnalysisResult(value, trainer.step_count)
        view.panels(seen(trainer, answers, past, **more))
    return seen(trainer, answers, past, **more)


def named(panels: Any) -> dict[str, Any]:
    return {panel.name: panel for panel in panels}


def asked(view: DynamicsView, look: ViewState) -> dict[str, Any]:
    return {question.name: question for question in view.analyses(look)}


def traces(panel: Any) -> list[str]:
    return [trace["name"] for trace in panel.data]


# -- the panels --------------------------------------------------------------------------------------------------


@every
def test_there_are_always_the_same_panels(query: str) -> None:
    trainer, view = trainer_of(query), DynamicsView(DynamicsSelection(find=ASKED, pick="2, 3"))
    nothing = ViewState(view_of(trainer, snapshot=None), 0)
    for look in (nothing, seen(trainer), answered(trainer, view)):
        panels = view.panels(look)
        assert [panel.name for panel in panels] == PANELS
        for panel in panels:
            assert panel.title and panel.how_to_read and panel.to_csv()
            if hasattr(panel, "to_plotly"):
                panel.to_plotly("dark")
        unpack(Encoder(view).frame(look))


@every
def test_once_answered_all_of_it_is_drawn(query: str) -> None:
    trainer, view = trainer_of(query), DynamicsView(DynamicsSelection(find=ASKED, pick="2, 3", dims=3))
    look = answered(trainer, view)
    assert set(look.results) == {"trajectories", "flow", "points", "spectrum", "kicked"}
    panels = named(view.panels(look))
    assert "left alone" in traces(panels["dynamics"]) and "chosen" in traces(panels["dynamics"])
    kind = panels["dynamics"].data[0]["type"]
    whole = look.results["trajectories"].value.space.whole
    assert kind == ("scatter" if whole else "scatter3d")  # two numbers need no third axis
    assert ("dims" in [tool.field for tool in view.tools(look)]) is not whole
    assert "at t = 3 of sequence 2" in panels["eigenvalues"].title
    assert "annotations" not in panels["dynamics"].layout
    assert ("exact" in panels["flow"].title) is whole
    found = [line["text"] for line in panels["found"].lines]
    assert found[0].startswith("The state at t = 3 of sequence 2 of")
    assert panels["found"].title == "Findings at optimizer step 2"


def test_before_a_search_it_says_what_to_press_and_asks_for_none() -> None:
    trainer, view = trainer_of(FLIP_FLOP), DynamicsView(DynamicsSelection())
    look = answered(trainer, view)
    assert set(look.results) == {"trajectories", "flow"}
    panels = named(view.panels(look))
    assert "Find fixed points" in panels["dynamics"].layout["annotations"][0]["text"]
    assert "Find fixed points" in panels["found"].lines[0]["text"]
    searching = seen(trainer, {**look.results, "points": AnalysisResult(pending=True)})
    assert "Searching" in named(view.panels(searching))["dynamics"].layout["annotations"][0]["text"]


def test_a_point_is_chosen_and_kicked() -> None:
    trainer, view = trainer_of(FLIP_FLOP), DynamicsView(DynamicsSelection(find=ASKED, pick="point 1", kick=0.2))
    look = answered(trainer, view)
    points, kicked = look.results["points"].value, look.results["kicked"].value
    np.testing.assert_allclose(kicked.states[0, 0], points.points[0], atol=1e-6)
    assert kicked.kick == pytest.approx(0.2 * points.spread)
    panels = named(view.panels(look))
    ring = panels["dynamics"].data[-1]
    assert ring["name"] == "chosen"
    at = look.results["trajectories"].value.space.project(points.points[:1])
    np.testing.assert_allclose(np.abs([ring["x"], ring["y"]]), np.abs(at[:, :2].T), atol=1e-5)
    assert panels["eigenvalues"].title.startswith("Eigenvalues at point 1 (")
    said = [line["text"] for line in panels["found"].lines if line["kind"] != "warning"]
    assert said[0].startswith(f"Point 1 ({points.holds(0)}) of RNN layer 1, kicked by")
    assert said[1].startswith("Point 1 is chosen: ")


@pytest.mark.parametrize("pick", ["point 99", "point 0", "0, 1", "9, 1", "1, 99", "point x", "<b>", "1,2"])
def test_a_choice_that_there_is_not_is_no_choice(pick: str) -> None:
    trainer, view = trainer_of(FLIP_FLOP), DynamicsView(DynamicsSelection(find=ASKED, pick=pick))
    look = answered(trainer, view)
    assert set(look.results) == {"trajectories", "flow", "points"}
    assert "chosen" not in traces(named(view.panels(look))["dynamics"])


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("layer", [0, 1])
def test_every_layer_and_direction_can_be_shown(layer: int, direction: Any) -> None:
    trainer = trainer_of(TWO_WAYS)
    find = SearchRequest(1, PRESENT, layer, direction, 512, None).write()
    view = DynamicsView(DynamicsSelection(layer=layer, direction=direction, find=find))
    look = answered(trainer, view)
    name = f"LSTM layer {layer + 1}" + (", backward" if direction == "backward" else "")
    assert f"of {name} under" in named(view.panels(look))["dynamics"].title
    assert {tool.field for tool in view.tools(look)} >= {"layer", "direction"}


def test_answers_about_another_layer_are_not_drawn() -> None:
    trainer, view = trainer_of(TWO_WAYS), DynamicsView(DynamicsSelection(find=ASKED, pick="1, 2"))
    look = answered(trainer, view)
    view.selection = DynamicsSelection(layer=1, find=ASKED, pick="1, 2")
    assert set(asked(view, look)) == {"trajectories", "spectrum", "kicked"}
    panels = named(view.panels(look))
    assert panels["dynamics"].data == [] and panels["flow"].data == []
    assert panels["found"].title == "Findings"


def test_weights_that_exploded_are_told_and_drawn_as_far_as_can_be() -> None:
    trainer = trainer_of("task=adding&cell=rnn&nonlinearity=relu&hidden_size=3&seq_len=12")
    view = DynamicsView(DynamicsSelection(find=ASKED, pick="1, 12"))
    for size in (1e3, 1e30):
        with torch.no_grad():
            trainer.model.cells()[0].weight_hh.fill_(size)
        frozen, answers = FrozenModel.of(trainer), dict[str, AnalysisResult]()
        for _ in range(2):
            for question in view.analyses(seen(trainer, answers)):
                try:
                    value = ask(frozen, question.kind, question.options)
                    answers[question.name] = AnalysisResult(value, 2)
                except ValueError as error:
                    assert "finite" in str(error)
                    answers[question.name] = AnalysisResult(error=str(error))
        look = seen(trainer, answers)
        assert [panel.name for panel in view.panels(look)] == PANELS
        unpack(Encoder(view).frame(look))


# -- axes -------------------------------------------------------------------------------------------------------


def test_axes_keep_their_directions_while_it_learns() -> None:
    trainer = trainer_of("task=flip_flop&cell=gru&hidden_size=6&seq_len=10", 30)
    view, signs = DynamicsView(DynamicsSelection()), []
    before = None
    for _ in range(6):
        trainer.advance(60, trainer.step_count + 3)
        answered(trainer, view)
        assert view._space is not None
        if before is not None:
            signs.append(np.sum(view._space.basis.components[0] * before))
        before = view._space.basis.components[0]
    assert min(signs) > 0.5


def test_axes_that_come_back_turned_round_are_turned_again() -> None:
    trainer, view = trainer_of(FLIP_FLOP, 20), DynamicsView(DynamicsSelection())
    look = answered(trainer, view)
    before = named(view.panels(look))["dynamics"].data[0]["x"]
    paths = look.results["trajectories"].value
    basis = paths.space.basis
    turned = Space(Basis(basis.mean, -basis.components, basis.explained), paths.space.names)
    again = {**look.results, "trajectories": AnalysisResult(dataclasses.replace(paths, space=turned))}
    np.testing.assert_allclose(named(view.panels(seen(trainer, again)))["dynamics"].data[0]["x"], before)


def test_the_flow_is_asked_in_the_axes_of_the_paths_and_not_while_it_is_on_its_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr(dynamics.time, "monotonic", lambda: now[0])
    trainer, view = trainer_of(FLIP_FLOP, 20), DynamicsView(DynamicsSelection())
    look = answered(trainer, view)
    options = asked(view, look)["flow"].options
    assert view._space is not None and view._limits is not None
    np.testing.assert_allclose(options["components"], view._space.basis.components, atol=1e-6)
    np.testing.assert_allclose(options["limits"], view._limits[:2])
    np.testing.assert_allclose(look.results["flow"].value.space.basis.mean, view._space.basis.mean, atol=1e-6)
    trainer.advance(60, 25)
    moved = {**look.results, **answered(trainer, view, status="training").results}
    assert asked(view, seen(trainer, moved, status="training"))["flow"].options == options, "too soon"
    now[0] += dynamics.RELAY + 0.1
    waiting = {**moved, "flow": AnalysisResult(moved["flow"].value, pending=True)}
    assert asked(view, seen(trainer, waiting, status="training"))["flow"].options == options, "still on its way"
    assert asked(view, seen(trainer, moved, status="training"))["flow"].options != options


def test_the_flow_of_a_run_that_rests_follows_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing would bring another look at it."""
    monkeypatch.setattr(dynamics.time, "monotonic", lambda: 100.0)
    trainer, view = trainer_of(FLIP_FLOP, 20), DynamicsView(DynamicsSelection())
    options = asked(view, answered(trainer, view))["flow"].options
    trainer.advance(60, 25)
    moved = answered(trainer, view, status="training")
    assert asked(view, moved)["flow"].options == options
    assert asked(view, dataclasses.replace(moved, view=view_of(trainer, status="finished")))["flow"].options != options


# -- questions and tools ----------------------------------------------------------------------------------------


def pressed(view: DynamicsView, look: ViewState) -> None:
    """As if somebody pressed the button."""
    (tool,) = [tool for tool in view.tools(look) if tool.field == "find"]
    view.selection = dataclasses.replace(view.selection, find=tool.options[0][0])


def test_a_search_is_made_where_it_is_asked_for_and_nowhere_else() -> None:
    trainer, view = trainer_of(FLIP_FLOP), DynamicsView(DynamicsSelection(inits=128))
    now, past = seen(trainer), seen(trainer, past=True)
    assert "points" not in asked(view, now) and "points" not in asked(view, past)
    pressed(view, now)
    search = asked(view, now)["points"]
    assert search.every == math.inf and search.options["inits"] == 128 and search.options["input"] is None
    assert search.settle > 0 and search.title == "Searching fixed points"
    assert "points" not in asked(view, past), "a look at the past searches nothing"
    view.selection = dataclasses.replace(view.selection, input="1,0,0", inits=512, layer=1)
    assert asked(view, now)["points"].options == search.options, "what is chosen later is searched when asked for"
    pressed(view, now)
    assert asked(view, now)["points"].options["input"] == [1.0, 0.0, 0.0]
    pressed(view, past)
    assert "points" in asked(view, past) and "points" not in asked(view, now)
    view.selection = DynamicsSelection(refresh=5, input="0,1,0")
    assert asked(view, now)["points"].every == 5 and asked(view, now)["points"].options["input"] == [0.0, 1.0, 0.0]


def test_zeros_are_zeros_however_they_are_chosen() -> None:
    trainer, view = trainer_of(FLIP_FLOP), DynamicsView(DynamicsSelection(find=ASKED))
    look = answered(trainer, view)
    view.selection = dataclasses.replace(view.selection, input="0,0,0")
    assert "Out of date" not in named(view.panels(look))["dynamics"].title
    symbol = trainer_of(NAMES).snapshot()
    assert DynamicsSelection(input="0").constant(symbol) == (0.0,), "the first symbol is no zero"


def test_an_answered_search_is_not_made_again() -> None:
    trainer, view = trainer_of(FLIP_FLOP), DynamicsView(DynamicsSelection())
    pressed(view, seen(trainer))
    look = answered(trainer, view)
    assert "points" not in asked(view, look)
    trainer.advance(60, 5)
    assert "points" not in asked(view, seen(trainer)) and "points" not in asked(view, seen(trainer, past=True))
    pressed(view, seen(trainer))
    assert "points" in asked(view, seen(trainer))


def verdicts(panel: Any) -> list[str]:
    return [line["text"] for line in panel.lines]


def symbols(panel: Any) -> list[dict[str, Any]]:
    return [trace for trace in panel.data if trace["name"][0].isdigit() and trace.get("mode") == "markers"]


@pytest.mark.parametrize("what", ["input", "step"])
def test_points_that_hold_no_longer_are_pale_and_nothing_is_said_of_them(what: str) -> None:
    trainer, view = trainer_of(FLIP_FLOP, 10), DynamicsView(DynamicsSelection(find=ASKED, pick="point 1"))
    look = answered(trainer, view)
    fresh = named(view.panels(look))
    assert all(trace.get("opacity", 1) == 1 for trace in symbols(fresh["dynamics"]))
    assert any("let run on" in text for text in verdicts(fresh["found"]))
    if what == "input":
        view.selection = dataclasses.replace(view.selection, input="1,0,0")
        later = look
    else:
        trainer.advance(60, 14)
        later = seen(trainer, look.results)
    panels = named(view.panels(later))
    assert symbols(panels["dynamics"]) and all(trace["opacity"] <= 0.25 for trace in symbols(panels["dynamics"]))
    assert not [trace for trace in symbols(panels["dynamics"]) if "meta" in trace], "none can be chosen"
    assert panels["dynamics"].title.startswith("Out of date: ")
    (text,) = verdicts(panels["found"])
    assert text.startswith(
        "These points were found under input 0" if what == "input" else "These points were found at optimizer step 10"
    )
    assert panels["found"].lines[0]["kind"] == "warning"
    assert "kicked" not in asked(view, later), "a point that holds no longer is not kicked"
    assert not any(trace.get("name", "").endswith("stable") for trace in panels["flow"].data)
    assert len(panels["eigenvalues"].data[1]["x"]) == 0
    pressed(view, later)
    again = answered(trainer, view)
    assert "Out of date" not in named(view.panels(again))["dynamics"].title


def test_a_kick_under_another_input_says_nothing() -> None:
    trainer, view = trainer_of(FLIP_FLOP), DynamicsView(DynamicsSelection(pick="2, 3"))
    look = answered(trainer, view)
    assert any("kicked" in text for text in verdicts(named(view.panels(look))["found"]))
    view.selection = dataclasses.replace(view.selection, input="1,0,0")
    assert not any("kicked by" in text for text in verdicts(named(view.panels(look))["found"]))


def test_while_it_learns_points_of_the_last_search_hold() -> None:
    """They are a few seconds old at most, and another search is on its way."""
    trainer, view = trainer_of(FLIP_FLOP), DynamicsView(DynamicsSelection(refresh=5))
    look = answered(trainer, view)
    trainer.advance(60, 9)
    learning = seen(trainer, look.results, status="training")
    assert "Out of date" not in named(view.panels(learning))["dynamics"].title


@given(st.text(max_size=40))
def test_a_search_that_makes_no_sense_is_none(text: str) -> None:
    found = SearchRequest.read(text)
    assert found is None or SearchRequest.read(found.write()) == found


@given(
    st.integers(0, 10**9 - 1),
    st.integers(-1, 10**9 - 1),
    st.integers(0, 99),
    st.sampled_from(["forward", "backward"]),
    st.sampled_from([128, 1024]),
    st.none() | st.lists(st.floats(-9, 9), min_size=1, max_size=5).map(tuple),
)
def test_a_search_is_written_and_read(
    number: int, past: int, layer: int, direction: str, inits: int, held: Any
) -> None:
    parts = number, past, layer, direction, inits, held
    assert SearchRequest.read(SearchRequest(*parts).write()) == SearchRequest(*parts)


def test_the_constant_input_goes_into_all_questions() -> None:
    trainer = trainer_of(FLIP_FLOP)
    view = DynamicsView(DynamicsSelection(pick="1, 2", input="1,0,-0.5"))
    pressed(view, seen(trainer))
    questions = asked(view, seen(trainer))
    look = answered(trainer, view)
    questions |= asked(view, look)
    for name in ("flow", "points", "spectrum", "kicked"):
        assert questions[name].options["input"] == [1.0, 0.0, -0.5]
        assert look.results[name].value.held.words == "pulse 1 = 1, pulse 3 = -0.5"
    assert "pulse 1 = 1" in named(view.panels(look))["dynamics"].title


@pytest.mark.parametrize("text", ["", "1", "1,2", "1,2,3,4", "a,b,c", "nan,0,0", "1,,2", "inf,0,0"])
def test_an_input_that_makes_no_sense_is_zeros(text: str) -> None:
    snapshot = trainer_of(FLIP_FLOP).snapshot()
    assert DynamicsSelection(input=text).held(snapshot) is None


def test_a_symbol_is_held_by_its_number() -> None:
    trainer = trainer_of(NAMES)
    chosen = DynamicsSelection(input="3")
    assert chosen.held(trainer.snapshot()) == [3.0]
    view = DynamicsView(chosen)
    pressed(view, seen(trainer))
    name = trainer.task.input.names[3]
    assert answered(trainer, view).results["points"].value.held.words == f"input {name!r}"


def test_tools_for_a_choice_are_there_while_something_is_chosen() -> None:
    trainer = trainer_of(FLIP_FLOP)

    def fields(**chosen: Any) -> dict[str, Any]:
        return {tool.field: tool for tool in DynamicsView(DynamicsSelection(**chosen)).tools(seen(trainer))}

    assert set(fields()) == {"find", "refresh", "inits", "dims"}
    assert set(fields(pick="1, 2")) == {"find", "refresh", "inits", "dims", "kick", "pick"}
    assert fields(pick="1, 2")["pick"].options == (("", "Clear"),)
    places = {tool.place for tool in fields(pick="1, 2").values()}
    assert places <= {"bar", *PANELS}


@given(st.dictionaries(st.sampled_from([*DynamicsSelection.__dataclass_fields__, "other"]), st.text(max_size=12)))
def test_any_query_makes_a_selection(query: dict[str, str]) -> None:
    chosen = DynamicsSelection.read(query)
    assert chosen.dims in (2, 3) and chosen.refresh in (0, 5, 15) and chosen.inits in (128, 256, 512, 1024)
    assert chosen.state() is None or min(chosen.state() or ()) >= 0
    assert chosen.point() is None or (chosen.point() or 0) >= 0


def test_a_selection_is_fitted_to_the_model() -> None:
    snapshot = trainer_of(FLIP_FLOP).snapshot()
    fitted = DynamicsSelection(layer=7, direction="backward", pick="3, 11", kick=99.0).fit(snapshot)
    assert (fitted.layer, fitted.direction, fitted.pick, fitted.kick) == (0, "forward", "", 2.0)
    assert DynamicsSelection(pick="8, 10").fit(snapshot).pick == "8, 10"
    assert DynamicsSelection(pick="point 50").fit(snapshot).pick == "point 50"  # until it is known how many there are


class AtOnce:
    """A source that answers every question when it is asked to, by computing it."""

    def __init__(self, trainer: Trainer) -> None:
        self.shown, self.frozen = view_of(trainer), FrozenModel.of(trainer)
        self.waiting: list[Callable[[], None]] = []

    def view(self) -> RunView:
        return self.shown

    def others(self) -> tuple[()]:
        return ()

    def ask(self, kind: str, options: Mapping[str, Any], callback: Any, step: int | None = None) -> Any:
        def reply() -> None:
            value = ask(self.frozen, kind, options)
            callback(Reply(1.0, value, step=self.shown.step))

        self.waiting.append(reply)
        return lambda: None


def test_what_follows_from_an_answer_is_asked_before_all_is_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dynamics, "SETTLE", 0.0)
    engine = AtOnce(trainer_of(FLIP_FLOP))
    looker = Viewer(engine, "dynamics", {"find": ASKED, "pick": "point 1"})
    look = looker.look()
    for _ in range(10):
        if looker.scheduler.settled():
            break
        while engine.waiting:
            engine.waiting.pop()()
        look = looker.look()
    assert look.result("kicked").value is not None, "a download holds the kicked states of a chosen point"
    assert "left alone" in traces(named(looker.view.panels(look))["dynamics"])
