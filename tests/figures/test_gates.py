from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.figures import samples
from rnn_explorer.figures.gates import MOST_UNITS, gates
from rnn_explorer.figures.lab.gate_lines import gate_lines
from rnn_explorer.figures.lab.gate_saturation import gate_saturation
from rnn_explorer.figures.style import GATE_SCALE, INPUT_SCALE, SIGNED_SCALE
from rnn_explorer.training import Trainer


def maps(figure):  # type: ignore[no-untyped-def]
    return [trace for trace in figure.data if trace["colorscale"] != INPUT_SCALE]


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("lstm", ["input gate", "forget gate", "candidate", "output gate", "cell state"]),
        ("gru", ["reset gate", "update gate", "candidate"]),
        ("rnn", ["pre-activation", "hidden state"]),
    ],
)
def test_every_gate_in_order_each_on_its_own_kind_of_scale(cell: str, names: list[str]) -> None:
    layer = samples.layer(cell, 8, 20)
    figure = gates(layer, 1, 15, np.zeros((20, 2)))
    assert [trace["name"] for trace in maps(figure)] == names
    everything = {**layer.gates, **layer.states}
    for trace in maps(figure):
        name = trace["name"].removesuffix(" gate").removesuffix(" state").replace("-", "_")
        np.testing.assert_array_equal(trace["z"], everything[name][1, :15].T)
        assert trace["colorscale"] == (GATE_SCALE if name in layer.bounded else SIGNED_SCALE)
        assert (trace["x0"], trace["y0"]) == (1, 0)
    headings = [note["text"].split(",")[0] for note in figure.layout["annotations"]]
    assert headings == names


def test_each_map_has_the_input_beneath_on_its_own_time_axis() -> None:
    inputs = np.random.default_rng(0).normal(size=(20, 3))
    figure = gates(samples.layer("lstm", 8, 20), 0, 20, inputs)
    strips = [trace for trace in figure.data if trace["colorscale"] == INPUT_SCALE]
    assert [trace["xaxis"] for trace in strips] == [trace["xaxis"] for trace in maps(figure)]
    for strip in strips:
        np.testing.assert_allclose(strip["z"], inputs.T, rtol=1e-6)
    assert {mark.axes for mark in figure.marks} == {(trace["xaxis"], trace["yaxis"]) for trace in figure.data}


def test_symbols_are_rows_that_are_one_where_they_occur() -> None:
    figure = gates(samples.layer("gru", 4, 6), 0, 5, np.array([3, 1, 3, 2, 3, 0]), tuple("abacaz"))
    strip = next(trace for trace in figure.data if trace["colorscale"] == INPUT_SCALE)
    np.testing.assert_array_equal(strip["z"], [[1, 0, 1, 0, 1], [0, 1, 0, 0, 0], [0, 0, 0, 1, 0]])
    assert figure.layout["xaxis"]["ticktext"] == ["a", "b", "a", "c", "a"]
    assert list(figure.table["symbol"][:5]) == list("abaca")


def test_without_inputs_there_is_no_strip() -> None:
    figure = gates(samples.layer("gru", 4, 6), 0, 6, None)
    assert len(figure.data) == 3 and figure.layout["yaxis"]["domain"][0] == 0


def test_many_units_are_thinned_and_it_says_so() -> None:
    layer = samples.layer("gru", 256, 10)
    figure = gates(layer, 0, 10, None)
    trace = figure.data[0]
    assert trace["z"].shape == (MOST_UNITS, 10) and trace["dy"] == 4
    np.testing.assert_array_equal(trace["z"][3], layer.gates["reset"][0, :, 12])
    assert figure.layout["yaxis"]["title"]["text"] == "unit (every 4th of 256)"
    assert len(figure.table["unit"]) == 2560  # the table has them all
    row = 200 * 10 + 4
    assert (figure.table["unit"][row], figure.table["step"][row]) == (200, 5)
    assert figure.table["update"][row] == layer.gates["update"][0, 4, 200]


def test_signed_scales_of_different_length_say_so() -> None:
    figure = gates(samples.layer("lstm", 8, 20, scale=4.0), 0, 20, None)
    notes = [note["text"] for note in figure.layout["annotations"]]
    assert notes[2] == "candidate, ±1" and notes[4].startswith("cell state, ±")
    assert {trace["zmax"] for trace in maps(figure) if trace["colorscale"] == SIGNED_SCALE} != {1.0}


def test_a_unit_as_lines() -> None:
    layer = samples.layer("lstm", 8, 20)
    figure = gate_lines(layer, 2, 13, 5)
    drawn = {trace["name"]: trace for trace in figure.data}
    np.testing.assert_array_equal(drawn["forget gate"]["y"], layer.gates["forget"][2, :13, 5])
    np.testing.assert_array_equal(drawn["cell state"]["y"], layer.states["cell"][2, :13, 5])
    assert drawn["forget gate"]["yaxis"] == "y" and drawn["candidate"]["yaxis"] == "y2"
    styles = [(trace["line"]["color"], trace["line"]["dash"]) for trace in figure.data]
    assert len(set(styles)) == len(styles)
    low, high = figure.layout["yaxis2"]["range"]
    assert low == -high and high >= np.abs(layer.states["cell"][2, :13, 5]).max()


def test_a_unit_that_does_not_exist_is_the_nearest_that_does() -> None:
    assert gate_lines(samples.layer("gru", 4, 6), 0, 6, 99).title.startswith("Unit 3 ")


def test_saturation_counts_real_steps_of_all_sequences() -> None:
    layer = samples.layer("gru", 2, 3, batch=2)
    reset = np.array([[[0.0, 1.0], [0.0, 1.0], [0.5, 0.5]], [[0.95, 0.05], [0.5, 0.5], [0.5, 0.5]]])
    layer = dataclasses.replace(layer, gates={**layer.gates, "reset": reset})
    figure = gate_saturation(layer, np.array([3, 1]))
    dots = figure.data[0]
    np.testing.assert_allclose(dots["x"], [2 / 4, 1 / 4])
    np.testing.assert_allclose(dots["y"], [1 / 4, 2 / 4])
    assert [trace["name"] for trace in figure.data] == ["reset gate", "update gate"]  # not the candidate


def test_saturation_of_a_simple_layer_is_a_bar_a_unit() -> None:
    before = np.array([[[3.0, -1.0], [0.1, -1.0]], [[-3.0, -1.0], [2.0, 0.5]]])
    layer = samples.layer("rnn", 2, 2, batch=2)
    squashed = dataclasses.replace(layer, gates={"pre_activation": before}, states={"hidden": np.tanh(before)})
    figure = gate_saturation(squashed)
    np.testing.assert_allclose(figure.data[0]["y"], [3 / 4, 0])
    assert "|h| > 0.9" in figure.title
    states = {"hidden": np.maximum(before, 0)}
    cut = dataclasses.replace(layer, gates={"pre_activation": before}, states=states, nonlinearity="relu")
    figure = gate_saturation(cut, np.array([2, 1]))
    np.testing.assert_allclose(figure.data[0]["y"], [1 / 3, 1])
    assert "h = 0" in figure.title


@pytest.mark.parametrize("query", ["task=digits", "task=digits&pixels=true", "task=flip_flop&cell=rnn", "cell=gru"])
def test_the_nonlinearity_is_the_models_from_the_first_step_on(query: str) -> None:
    """With blank pixels first, all states are 0 there whatever the function is."""
    trainer = Trainer(Experiment.from_query(query))
    (layer,) = trainer.snapshot().trace.layers
    assert layer.nonlinearity == ("relu" if "task=digits" in query else "tanh")
    if layer.cell == "rnn":
        title = gate_saturation(layer).title
        assert ("h = 0" if layer.nonlinearity == "relu" else "|h| > 0.9") in title


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_at_most_one_color_bar_of_each_kind_and_none_for_the_input(cell: str) -> None:
    shown = [trace for trace in gates(samples.layer(cell, 8, 20), 1, 17, np.ones((20, 2))).data if trace["showscale"]]
    scales = [trace["colorscale"] for trace in shown]
    assert scales.count(GATE_SCALE) <= 1 and scales.count(SIGNED_SCALE) == 1 and len(shown) <= 2
