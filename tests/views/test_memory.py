"""The memory page's view without a server: its panels in every state of knowledge, its tools, and pinned curves."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import ANALYSES
from rnn_explorer.analysis.registry import load as load_questions
from rnn_explorer.engine.base import RunView
from rnn_explorer.engine.file_makers import file_of
from rnn_explorer.engine.frames import pack, unpack
from rnn_explorer.engine.pictures import Encoder
from rnn_explorer.experiment import Experiment
from rnn_explorer.figures.text_panel import TextPanel
from rnn_explorer.slices import run_to_end
from rnn_explorer.training import Trainer
from rnn_explorer.views.base import AnalysisResult, ViewState
from rnn_explorer.views.memory import LONGEST_PINS, MOST_PINS, MemorySelection, MemoryView, read_pins, write_pins

PANELS = ["gradient", "findings", "loss_gradient", "jacobian_norms", "saliency", "gate_statistics", "gradient_norm"]
QUERIES = [
    "task=adding&cell=rnn&hidden_size=4&seq_len=12",
    "task=adding&cell=rnn&nonlinearity=relu&hidden_size=4&seq_len=12",
    "task=flip_flop&cell=lstm&hidden_size=4&seq_len=10&num_layers=2&bidirectional=true",
    "task=names&train_size=64&cell=gru&hidden_size=4",
    "task=temporal_order&cell=lstm&hidden_size=4&seq_len=12",
]
every = pytest.mark.parametrize("query", QUERIES)


load_questions()


def trainer_of(query: str) -> Trainer:
    return Trainer(Experiment.from_query(query))


def view_of(trainer: Trainer, **more: Any) -> RunView:
    steps = np.arange(1, trainer.step_count + 1)
    values = np.linspace(2, 0.5, len(steps))
    none = {"step": np.zeros(0, dtype=int), "loss": np.zeros(0), "metric": np.zeros(0)}
    fields: dict[str, Any] = {
        "run_id": "made", "experiment": trainer.experiment, "status": "paused", "message": "",
        "step": trainer.step_count, "epoch": 0.0, "target": trainer.target, "steps_per_epoch": 50,
        "steps_per_second": 0.0,
        "train": {"step": steps, **dict.fromkeys(("loss", "metric", "grad_norm"), values), "applied_norm": values / 2},
        "validation": none, "test": None, "baseline": None, "metric_name": "", "summary": (), "parameters": 1,
        "keras_parameters": 1, "snapshot": trainer.snapshot(), "kept_steps": (0,), "origin": None, "version": 1,
    }  # fmt: skip
    return RunView(**{**fields, **more})


def seen(trainer: Trainer, answers: Mapping[str, AnalysisResult] | None = None, **more: Any) -> ViewState:
    run_view = view_of(trainer, **more)
    return ViewState(run_view, run_view.step, results=answers or {})


def answered(trainer: Trainer, view: MemoryView) -> ViewState:
    """As the view would see it once all its questions are answered."""
    frozen = FrozenModel.of(trainer)
    answers = {
        question.name: AnalysisResult(
            run_to_end(ANALYSES.get(question.kind)(frozen, **question.options)), trainer.step_count
        )
        for question in view.analyses(seen(trainer))
    }
    return seen(trainer, answers)


def named(panels: Any) -> dict[str, Any]:
    return {panel.name: panel for panel in panels}


# -- the panels --------------------------------------------------------------------------------------------------


@every
def test_there_are_always_the_same_panels(query: str) -> None:
    trainer, view = trainer_of(query), MemoryView(MemorySelection())
    trainer.advance(60, 2)
    for known in (seen(trainer, snapshot=None), seen(trainer), answered(trainer, view)):
        assert [panel.name for panel in view.panels(known)] == PANELS
        unpack(Encoder(view).frame(known))


@every
def test_what_was_found_is_drawn(query: str) -> None:
    trainer, view = trainer_of(query), MemoryView(MemorySelection(sequence=2))
    trainer.advance(60, 3)
    known = answered(trainer, view)
    report = known.results["memory"].value
    panels = named(view.panels(known))
    assert isinstance(panels["findings"], TextPanel) and "at optimizer step 3" in panels["findings"].title
    assert {line["text"] for line in panels["findings"].lines} == {found.text for found in report.findings}
    curves = [trace for trace in panels["gradient"].data if trace["name"] not in ("fit", "effective memory")]
    assert len(curves) == len(report.cells) == len(panels["loss_gradient"].data)
    assert len(panels["jacobian_norms"].data[0]["z"]) == report.length
    np.testing.assert_allclose(panels["saliency"].data[0]["y"], report.saliency.relative, atol=1e-6)
    assert panels["gradient_norm"].data[0]["x"].tolist() == [1, 2, 3]
    assert panels["gradient_norm"].layout["shapes"][0]["y0"] == trainer.experiment.training.clip_norm


def test_a_frame_holds_the_sentences_and_then_only_what_changed() -> None:
    trainer, view = trainer_of(QUERIES[0]), MemoryView(MemorySelection())
    encoder, known = Encoder(view), answered(trainer, view)
    first = unpack(encoder.frame(known))
    assert set(first["figures"]) == set(PANELS) and first["panels"] == PANELS
    lines = first["figures"]["findings"]["lines"]
    assert lines and {"kind", "text"} == set(lines[0]) and "svg" not in first["figures"]["findings"]
    assert unpack(encoder.frame(known))["figures"] == {}
    assert file_of(named(view.panels(known))["findings"], "csv")[0].startswith("severity,name,text")  # type: ignore[index]
    assert file_of(named(view.panels(known))["findings"], "html") is None


def test_layouts_stay_while_only_values_change() -> None:
    trainer, view = trainer_of(QUERIES[2]), MemoryView(MemorySelection())
    trainer.advance(60, 2)
    before = named(view.panels(answered(trainer, view)))
    trainer.change(learning_rate=1e-6)
    trainer.step()
    after = named(view.panels(answered(trainer, view)))
    for name in ("gradient", "loss_gradient", "jacobian_norms", "saliency", "gate_statistics", "gradient_norm"):
        assert pack(before[name].layout) == pack(after[name].layout), name


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@every
def test_exploded_weights_can_be_sent(query: str) -> None:
    trainer, view = trainer_of(query), MemoryView(MemorySelection())
    encoder = Encoder(view)
    for grown in (1e6, 1e18, 1e38, math.inf, math.nan):
        with torch.no_grad():
            for cell in trainer.model.cells():
                cell.weight_hh.fill_(grown)
        worst = np.array([grown])
        train = {"step": np.array([1]), "loss": worst, "metric": worst, "grad_norm": worst, "applied_norm": worst}
        known = answered(trainer, view)
        frame = unpack(encoder.frame(seen(trainer, known.results, train=train)))
        assert frame["status"]["status"] == "paused"


# -- what is chosen ---------------------------------------------------------------------------------------------


@given(st.dictionaries(st.sampled_from([*MemorySelection.__dataclass_fields__, "other"]), st.text(max_size=8)))
def test_any_query_makes_a_selection(query: dict[str, str]) -> None:
    assert isinstance(MemorySelection.read(query), MemorySelection)


def test_a_selection_is_fitted_to_the_sequence() -> None:
    snapshot = trainer_of(QUERIES[3]).snapshot()
    length = int(snapshot.trace.lengths[1])
    read = MemorySelection.read({"sequence": "1", "answer_step": "99", "output": "77", "layer": "5", "pins": "3"})
    fitted = read.fit(snapshot)
    assert (fitted.answer_step, fitted.output, fitted.layer, fitted.pins) == (length, -1, 0, "3")
    fitted = MemorySelection(sequence=1, answer_step=2, output=9).fit(snapshot)
    assert (fitted.answer_step, fitted.output) == (2, 9)
    assert MemorySelection(answer_step=-4, output=-9).fit(snapshot).output == -1


def test_the_questions_are_about_what_is_chosen() -> None:
    trainer = trainer_of(QUERIES[2])
    view = MemoryView(MemorySelection(sequence=3, layer=1, direction="backward", output=2, answer_step=4))
    memory, norms = view.analyses(seen(trainer))
    assert memory.options == {"sequence": 3, "output": 2, "time_step": 4}
    assert norms.options == {"sequence": 3, "layer": 1, "direction": "backward"}
    assert memory.every < 1 < norms.every and not memory.title and not norms.title
    plain = MemoryView(MemorySelection()).analyses(seen(trainer))[0]
    assert plain.options == {"sequence": 0, "output": None, "time_step": None}
    large = MemoryView(MemorySelection()).analyses(seen(trainer_of("task=adding&cell=lstm&hidden_size=65")))
    assert large[1].title  # takes long enough to show how far it has come


def test_there_are_tools_as_far_as_there_is_a_choice() -> None:
    def fields(query: str) -> dict[str, Any]:
        view = MemoryView(MemorySelection())
        return {tool.field: tool for tool in view.tools(seen(trainer_of(query)))}

    assert set(fields(QUERIES[0])) == {"sequence", "answer_step", "pins"}
    tools = fields(QUERIES[2])
    assert set(tools) == {"sequence", "layer", "direction", "output", "answer_step", "pins"}
    assert tools["output"].options == ((-1, "its first value"), (0, "value 1"), (1, "value 2"), (2, "value 3"))
    assert (tools["answer_step"].low, tools["answer_step"].high) == (1, 10)
    classes = fields(QUERIES[4])["output"].options
    assert classes[0] == (-1, "its prediction") and len(classes) == 5


# -- pinned curves ----------------------------------------------------------------------------------------------


def labels(trainer: Trainer, pins: str = "") -> list[str]:
    view = MemoryView(MemorySelection(pins=pins))
    figure = named(view.panels(answered(trainer, view)))["gradient"]
    return [trace["name"] for trace in figure.data if "step" in trace["name"]]


def pressed(trainer: Trainer, pins: str, button: str = "Pin this curve") -> str:
    """What the browser keeps once the button is pressed."""
    view = MemoryView(MemorySelection(pins=pins))
    tools = {tool.label: tool for tool in view.tools(answered(trainer, view))}
    assert tools[button].field == "pins"
    return tools[button].options[0][0]


def test_a_pinned_curve_stays_while_the_step_and_the_cell_change() -> None:
    rnn = trainer_of("task=adding&cell=rnn&hidden_size=4&seq_len=12")
    assert labels(rnn) == []
    once = pressed(rnn, "")
    assert labels(rnn, once) == ["RNN layer 1, step 0"] and pressed(rnn, once) == once
    rnn.step()
    assert labels(rnn, once) == ["RNN layer 1, step 0"]
    twice = pressed(rnn, once)
    assert labels(rnn, twice) == ["RNN layer 1, step 0", "RNN layer 1, step 1"]
    # Nothing of it is kept beside the run: the next one may be in another worker.
    lstm = trainer_of("task=adding&cell=lstm&hidden_size=4&seq_len=12")
    assert labels(lstm, twice) == ["RNN layer 1, step 0", "RNN layer 1, step 1"]
    assert pressed(lstm, twice, "Clear pins") == ""


def test_curves_of_another_task_are_kept_but_not_drawn() -> None:
    adding, other = trainer_of(QUERIES[0]), trainer_of("task=flip_flop&cell=gru&hidden_size=4&seq_len=10")
    pins = pressed(adding, "")
    assert labels(other, pins) == []
    pins = pressed(other, pins)
    assert labels(other, pins) == ["GRU layer 1, step 0"] and labels(adding, pins) == ["RNN layer 1, step 0"]
    assert labels(adding, pressed(other, pins, "Clear pins")) == ["RNN layer 1, step 0"]


def test_pins_are_bounded_and_come_back_as_they_were() -> None:
    rnn, pins = trainer_of(QUERIES[0]), ""
    for _ in range(MOST_PINS + 2):
        rnn.step()
        pins = pressed(rnn, pins)
    assert labels(rnn, pins) == [f"RNN layer 1, step {step}" for step in range(3, MOST_PINS + 3)]
    read = read_pins(pins)
    assert write_pins(read) == pins and read[0][1].log10_norm.shape == (12,)
    long = [(task, dataclasses.replace(pin, log10_norm=np.full(200, -12.345))) for task, pin in read]
    text = write_pins(long)
    assert len(text) <= LONGEST_PINS and 0 < len(read_pins(text)) < MOST_PINS
    assert read_pins(text)[-1][1].label == f"RNN layer 1, step {MOST_PINS + 2}", "the newest stay"
    odd = [("adding", dataclasses.replace(read[0][1], log10_norm=np.array([0.0, -np.inf, np.nan])))]
    np.testing.assert_array_equal(read_pins(write_pins(odd))[0][1].log10_norm, [0.0, -400.0, np.nan])


@pytest.mark.parametrize(
    "text",
    ["x", "3", "[[]]", '[["a","b","c",1]]', '[["a","b","c",[[1]]]]', '[["a","b","c",["x"]]]', "[" * 9000, '{"a":1}',
     '[["a","b","c",[' + "9" * 400 + "]]]"],
)  # fmt: skip
def test_what_is_no_text_of_pins_pins_nothing(text: str) -> None:
    assert read_pins(text) == []
    assert labels(trainer_of(QUERIES[0]), text) == []


def test_foreign_pins_can_be_drawn() -> None:
    rnn = trainer_of(QUERIES[0])
    assert labels(rnn, '[["adding","<b>step","nosuch",[1e308,-1e308,NaN]],["adding","step","",[]]]')
    view = MemoryView(MemorySelection(pins='[["adding","step","rnn",[1e308,-1e308,NaN]]]'))
    Encoder(view).frame(answered(rnn, view))


def test_nothing_is_pinned_before_there_is_a_curve() -> None:
    view = MemoryView(MemorySelection())
    tools = {tool.label: tool for tool in view.tools(seen(trainer_of(QUERIES[0])))}
    assert tools["Pin this curve"].options == (("", ""),)
