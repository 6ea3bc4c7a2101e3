"""The figures of memory through time: what they show, and that they are steady while a model trains."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from rnn_explorer.analysis.memory.record import Finding
from rnn_explorer.figures import log_axis
from rnn_explorer.figures.memory.findings import findings
from rnn_explorer.figures.memory.gate_statistics import gate_statistics
from rnn_explorer.figures.memory.gradient import Pinned, gradient
from rnn_explorer.figures.memory.gradient_norm import gradient_norm
from rnn_explorer.figures.memory.jacobian_norms import HIGHEST, LOWEST, MEMORY_SCALE, jacobian_norms
from rnn_explorer.figures.memory.loss_gradient import loss_gradient
from rnn_explorer.figures.memory.saliency import saliency
from rnn_explorer.figures.memory.samples import (
    broken_memory,
    cell_memory,
    every_layer,
    gradient_norms,
    input_saliency,
    norms,
    statistics,
)
from rnn_explorer.figures.style import cell_color

PIN = Pinned("RNN layer 1, step <400>", "rnn", np.arange(30) * -0.4)
# -- the axes ---------------------------------------------------------------------------------------------------


def test_axes_end_at_every_third_power_of_ten_within_bounds() -> None:
    assert log_axis.ends(np.array([0.0, -2.9]), -3, 1) == (-3, 1)
    assert log_axis.ends(np.array([0.0, -3.1]), -3, 1) == (-6, 1)
    assert log_axis.ends(np.array([-400.0, 400.0]), -3, 1) == (log_axis.LOWEST, log_axis.HIGHEST)
    assert log_axis.ends(np.array([1.5, -np.inf, np.nan]), -3, 1) == (-3, 4)
    assert log_axis.ends(np.zeros(0), -3, 1) == (-3, 1)


def test_an_axis_does_not_jump_where_a_curve_hovers() -> None:
    seen = {tuple(gradient([cell_memory(rho=rho)]).layout["yaxis"]["range"]) for rho in np.linspace(0.66, 0.74, 50)}
    assert len(seen) == 1
    layouts = [gradient([cell_memory(rho=rho)]).layout for rho in (0.66, 0.74)]
    assert layouts[0] == layouts[1], "only values change"


def test_what_lies_outside_the_axis_is_said() -> None:
    assert "Values below 1e-12 lie outside the picture." in gradient([cell_memory(rho=0.1)]).how_to_read
    assert "Values above 1e6 lie outside the picture." in gradient([cell_memory(rho=30.0)]).how_to_read
    assert "below 1e-3" in gradient([broken_memory(-math.inf)]).how_to_read
    assert "outside" not in gradient([cell_memory(rho=0.6)]).how_to_read


def test_powers_survive_single_precision() -> None:
    drawn = log_axis.powers(np.array([-400.0, -np.inf, 0.0, 400.0, np.nan]))
    assert drawn.dtype == np.float32 and drawn[2] == 1 and 0 < drawn[0] == drawn[1] and np.isfinite(drawn[3])
    assert np.isnan(drawn[4])
    assert log_axis.logs(np.array([0.0, 100.0])).tolist() == [-np.inf, 2.0]


def test_powers_of_ten_are_written_out() -> None:
    axis = log_axis.axis("norm", -3, 1)
    assert axis["ticktext"] == ["10<sup>−3</sup>", "10<sup>−2</sup>", "10<sup>−1</sup>", "1", "10<sup>1</sup>"]
    assert axis["tickvals"] == [0.001, 0.01, 0.1, 1.0, 10.0] and axis["range"] == [-3, 1]
    assert len(log_axis.axis("norm", -12, 6)["tickvals"]) <= 8


# -- each figure ------------------------------------------------------------------------------------------------


def test_the_curve_its_fit_and_the_effective_memory() -> None:
    cell = cell_memory(rho=0.8, length=30)
    figure = gradient([cell])
    line, fit, memory = figure.data
    np.testing.assert_allclose(line["y"], 0.8 ** line["x"], rtol=1e-5)
    np.testing.assert_allclose(fit["y"], 0.8 ** fit["x"], rtol=1e-5)
    assert memory["x"][0] == 20 == cell.effective_memory and memory["text"][0] == "20 time steps"
    assert memory["y"][0] == pytest.approx(0.8**20, rel=1e-5)
    assert line["line"]["color"] == cell_color("lstm") and line["line"]["dash"] == "solid"
    assert [shape["y0"] for shape in figure.layout["shapes"]] == [0.01]
    longer = gradient([cell_memory(rho=0.5)])
    assert [shape["y0"] for shape in longer.layout["shapes"]] == [0.01, 1e-6]


def test_a_time_step_is_marked_at_its_lag() -> None:
    for direction, lag in (("forward", 29), ("backward", 0)):
        figure = gradient([cell_memory(length=30, direction=direction)])  # type: ignore[arg-type]
        (mark,) = figure.marks
        assert mark.kind == "point" and figure.data[mark.trace]["x"][0] == lag  # of time step 1


def test_a_memory_of_the_whole_sequence_is_at_least_that() -> None:
    memory = gradient([cell_memory(rho=0.99)]).data[2]
    assert memory["text"] == ["at least 49 time steps"] and memory["textposition"] == "top left"
    assert len(gradient([broken_memory(math.nan)]).data[2]["x"]) == 0


def test_several_layers_have_their_words_in_the_legend_and_looks_of_their_own() -> None:
    cells = every_layer()
    figure = gradient(cells)
    curves = [trace for trace in figure.data if trace.get("showlegend", True)]
    assert curves[0]["name"] == "layer 1: 20 time steps" and len({trace["name"] for trace in curves}) == 8
    assert not any("".join(trace["text"]) for trace in figure.data if trace["name"] == "effective memory")
    assert len({trace["line"]["color"] for trace in curves}) == 8, "no two in one color"
    assert curves[0]["line"]["color"] == cell_color(cells[0].cell)
    shapes = {(trace["line"]["dash"], trace["marker"]["symbol"]) for trace in curves}
    assert len(shapes) == 8, "and without colors, dash and mark tell them apart"
    other = loss_gradient(cells).data
    assert [trace["line"]["color"] for trace in other] == [trace["line"]["color"] for trace in curves]
    assert {trace["marker"]["symbol"] for trace in other} == {trace["marker"]["symbol"] for trace in curves}


def test_pinned_curves_are_drawn_beside_in_the_colors_of_their_cells() -> None:
    figure = gradient([cell_memory()], [PIN])
    pinned = figure.data[-1]
    assert pinned["name"] == "RNN layer 1, step &lt;400&gt;" and pinned["line"]["color"].startswith("rgba(0,114,178")
    np.testing.assert_allclose(pinned["y"], 10.0 ** (-0.4 * np.arange(30)), rtol=1e-4)
    assert "pinned: RNN layer 1, step <400>" in figure.table["curve"]
    assert len(figure.table["lag"]) == 50 + 30


def test_the_table_keeps_what_single_precision_cannot_hold() -> None:
    figure = gradient([cell_memory(rho=1e-20)])
    assert figure.table["log10_norm"][49] == pytest.approx(-980.0)


def test_the_loss_gradient_can_be_read_relative_to_the_last_step() -> None:
    (line,) = loss_gradient([cell_memory(rho=0.5, length=49)]).data
    np.testing.assert_allclose(line["y"], 0.5 * 0.5 ** np.arange(49)[::-1], rtol=1e-4)
    assert line["customdata"][0] == pytest.approx(0.5**48, rel=1e-3) and line["customdata"][-1] == 1
    backward = cell_memory(rho=0.5, length=10, direction="backward")
    assert loss_gradient([backward]).data[0]["customdata"][0] == 1  # a backward cell reads step 1 last


def test_the_triangle_keeps_its_own_scale() -> None:
    figure = jacobian_norms(norms(33, 3))
    (heat,) = figure.data
    assert (heat["zmin"], heat["zmax"], heat["colorscale"]) == (LOWEST, HIGHEST, MEMORY_SCALE)
    assert (heat["x0"], heat["dx"]) == (3, 3) and figure.how_to_read.endswith("Drawn is one time step in 3.")
    assert heat["z"][2, 0] == pytest.approx(-0.6) and np.isnan(heat["z"][0, 2])
    assert np.isfinite(
        jacobian_norms(dataclasses.replace(norms(2), log10_norm=np.full((2, 2), -np.inf))).data[0]["z"]
    ).all()
    assert figure.table["k"][1] == 6 and figure.table["t"][1] == 3
    one = [place for place, color in MEMORY_SCALE if color == "#F6E3D0"]
    assert LOWEST + one[0] * (HIGHEST - LOWEST) == 0  # the palest color means 1


def test_saliency_is_relative_and_absolute_with_the_symbols_beneath() -> None:
    figure = saliency(input_saliency(12, symbols=True), "gru")
    bars, line = figure.data
    np.testing.assert_allclose(bars["y"], np.linspace(0, 1, 12), atol=1e-6)
    np.testing.assert_allclose(line["y"][1:], np.linspace(0, 3, 12)[1:], rtol=1e-5)
    assert figure.layout["xaxis"]["ticktext"][:5] == ["&lt;", "b", "&gt;", "&amp;", "␣"]
    assert "“&lt;i&gt;sum” at t = 12" in figure.title
    assert "ticktext" not in saliency(input_saliency(100, True)).layout["xaxis"]
    assert set(figure.table) == {"step", "symbol", "absolute", "relative"}


def test_gate_statistics_are_sorted_and_cut_at_the_ends_of_the_scale() -> None:
    constants = np.array([np.inf, 0.0, 5.0, 1e9, 1.0, 2.0])
    gates = dataclasses.replace(statistics("lstm"), time_constants=constants)
    figure = gate_statistics([cell_memory(gates=gates)], 50)
    drawn = figure.data[1]
    np.testing.assert_allclose(drawn["y"], [0.1, 1, 2, 5, 1e4, 1e4])
    np.testing.assert_allclose(drawn["customdata"], sorted(constants))
    assert figure.table["time_constant"] == constants.tolist() and figure.table["unit"] == list(range(6))
    histogram = figure.data[0]
    assert histogram["x"].tolist() == pytest.approx(np.linspace(0, 1, 21).tolist()) and histogram["y"][:-1].sum() == 1
    assert [shape["y0"] for shape in figure.layout["shapes"]] == [50]
    slopes = gate_statistics([cell_memory("rnn")], 50)
    assert "lope" in slopes.title and np.all(np.diff(slopes.data[1]["y"]) >= 0) and not slopes.layout["shapes"]


def test_the_gradient_norm_shows_what_clipping_did() -> None:
    step, before, after = gradient_norms(100)
    figure = gradient_norm(step, before, after, 1.0, "lstm")
    np.testing.assert_allclose(figure.data[0]["y"], before, rtol=1e-5)
    np.testing.assert_allclose(figure.data[1]["y"], after, rtol=1e-5)
    assert f"{int((before > 1).sum())} of 100 were clipped" in figure.how_to_read
    assert figure.layout["shapes"][0]["y0"] == 1.0 and not gradient_norm(step, before, before).layout["shapes"]
    (note,) = figure.layout["annotations"]
    assert (note["x"], note["xanchor"]) == (1, "left") and figure.layout["margin"]["r"] > 40, "beside the curves"
    assert "nothing is clipped" in gradient_norm(step, before, before).how_to_read
    long = gradient_norm(*gradient_norms(5000), clip_norm=1.0)
    assert len(long.data[0]["x"]) <= 400 and len(long.table["step"]) == 5000


def test_findings_put_warnings_first() -> None:
    said = findings([Finding("a", "fact", "A."), Finding("b", "good", "B."), Finding("c", "warning", "C.")], 40)
    assert [line["kind"] for line in said.lines] == ["warning", "good", "fact"]
    assert said.title.endswith("at optimizer step 40") and said.to_csv().splitlines()[1] == "warning,c,C."
    assert findings([]).to_csv().strip() == "severity,name,text"


def test_no_finding_is_told_from_none_yet() -> None:
    assert list(findings(()).lines) != list(findings(None).lines)
