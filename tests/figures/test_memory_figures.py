"""The figures of memory through time: complete and valid in every shape, and steady while a model trains."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rnn_explorer.analysis.memory.cell_memory import CellMemory, GateStatistics, fit_decay, time_constants
from rnn_explorer.analysis.memory.record import Finding, InputSaliency, JacobianNorms
from rnn_explorer.analysis.saturation import saturation
from rnn_explorer.figures import log_axis
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.memory.gate_statistics import gate_statistics
from rnn_explorer.figures.memory.gradient import Pinned, gradient
from rnn_explorer.figures.memory.gradient_norm import gradient_norm
from rnn_explorer.figures.memory.jacobian_norms import HIGHEST, LOWEST, MEMORY_SCALE, jacobian_norms
from rnn_explorer.figures.memory.loss_gradient import loss_gradient
from rnn_explorer.figures.memory.saliency import saliency
from rnn_explorer.figures.style import cell_color
from rnn_explorer.figures.text_panel import findings

KEEPERS = {"lstm": "forget", "gru": "update", "rnn": ""}


def statistics(cell: str, hidden: int = 6) -> GateStatistics:
    values = np.random.default_rng(hidden).uniform(0.05, 0.99, (2, 30, hidden))
    name = KEEPERS[cell] or "slope"
    kept = np.log(values).mean(axis=(0, 1)) if KEEPERS[cell] else np.zeros(0)
    return GateStatistics(
        KEEPERS[cell],
        {name: np.histogram(values, 20, (0, 1))[0] / values.size},
        {name: values.mean(axis=(0, 1))},
        {name: saturation(values)},
        time_constants(kept),
        "tanh" if cell == "rnn" else "",
    )


def made(cell: str = "lstm", length: int = 50, rho: float = 0.8, layer: int = 0, **more: Any) -> CellMemory:
    curve = np.arange(length) * math.log10(rho)
    loss = 0.5 * rho ** np.arange(length)[::-1]
    of = CellMemory(cell, layer, "forward", curve, loss, fit_decay(curve), statistics(cell))
    return dataclasses.replace(of, **more)


def broken(nothing: float) -> CellMemory:
    curve = np.array([0.0, *[nothing] * 9])
    return made(length=10, log10_norm=curve, loss_gradient=np.full(10, 0.0 if nothing < 0 else nothing))


def asked(length: int = 12, symbols: bool = False, **more: Any) -> InputSaliency:
    norm = np.linspace(0, 3, length)
    letters = tuple("<b>& ade fghij"[n % 14] for n in range(length)) if symbols else ()
    return dataclasses.replace(InputSaliency(1, "<i>sum", length, 0.4, not symbols, norm, letters), **more)


def table(points: int, stride: int = 1) -> JacobianNorms:
    norms = np.where(np.tri(points) > 0, -0.3 * (np.arange(points)[:, None] - np.arange(points)), np.nan)
    steps = np.arange(1, points + 1) * stride
    return JacobianNorms("gru", 1, "backward", 0, steps, norms, stride, points * stride)


def curve(rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    before = np.geomspace(20, 0.02, rows) if rows else np.zeros(0)
    return np.arange(1, rows + 1) * 2, before, np.minimum(before, 1.0)


PIN = Pinned("RNN layer 1, step <400>", "rnn", np.arange(30) * -0.4)
GROUPS = {
    "nothing": [],
    "one": [made()],
    "rnn": [made("rnn", rho=0.2)],
    "gru, one step": [made("gru", 1)],
    "two steps": [made(length=2)],
    "layers and directions": [
        made("gru", layer=n, direction=d)  # type: ignore[arg-type]
        for n in range(4)
        for d in ("forward", "backward")
    ],
    "zeros": [broken(-math.inf)],
    "not numbers": [broken(math.nan)],
    "exploding": [made(rho=30.0)],
}


def cases() -> Iterator[tuple[str, Callable[[], Figure]]]:
    for name, cells in GROUPS.items():
        yield f"gradient {name}", lambda c=cells: gradient(c)
        yield f"gradient {name} pinned", lambda c=cells: gradient(c, [PIN, PIN], ", a 7")
        yield f"loss {name}", lambda c=cells: loss_gradient(c)
        yield f"gates {name}", lambda c=cells: gate_statistics(c, 50)
    yield "gates, no mark", lambda: gate_statistics([made()])
    endless = dataclasses.replace(statistics("lstm"), time_constants=np.array([np.inf, 0.0, 5.0, np.inf, 1.0, 2.0]))
    yield "gates, endless", lambda: gate_statistics([made(gates=endless)], 9)
    for points, stride in ((1, 1), (2, 1), (50, 1), (33, 3)):
        yield f"jacobian norms {points}", lambda p=points, s=stride: jacobian_norms(table(p, s))
    yield "jacobian norms nothing", lambda: jacobian_norms(None)
    yield (
        "jacobian norms zeros",
        lambda: jacobian_norms(dataclasses.replace(table(5), log10_norm=np.full((5, 5), -np.inf))),
    )
    for length in (1, 12, 100):
        yield f"saliency {length}", lambda n=length: saliency(asked(n), "gru")
        yield f"saliency {length} symbols", lambda n=length: saliency(asked(n, True), "rnn")
    yield "saliency nothing", lambda: saliency(None)
    yield "saliency zero", lambda: saliency(asked(norm=np.zeros(12)))
    yield "saliency not numbers", lambda: saliency(asked(norm=np.full(12, np.nan)))
    for rows in (0, 1, 2, 5000):
        for clip in (0.0, 1.0, 1e-5):
            yield f"norm {rows} {clip}", lambda r=rows, c=clip: gradient_norm(*curve(r), clip_norm=c, cell="gru")
    yield "norm not numbers", lambda: gradient_norm(np.arange(3), np.array([np.nan, 1, np.inf]), np.full(3, np.nan))


CASES = dict(cases())


@pytest.mark.parametrize("name", CASES)
def test_conforms(name: str) -> None:
    figure = CASES[name]()
    assert figure.title and "\n" not in figure.how_to_read and figure.how_to_read.endswith(".")
    assert not {"title", "font", "template", "paper_bgcolor", "plot_bgcolor"} & set(figure.layout)
    axes = {key: axis for key, axis in figure.layout.items() if "axis" in key}
    assert all(axis["title"]["text"] and axis["range"] for axis in axes.values())
    for trace in figure.data:
        ids = {trace.get("xaxis", "x"), trace.get("yaxis", "y")}
        assert ids <= {key.replace("axis", "") for key in axes}
        assert not isinstance(trace.get("colorscale", []), str)
        if "y" in trace and trace["type"] != "heatmap":
            assert len(trace["x"]) == len(trace["y"]) and trace["y"].dtype == np.float32
            assert np.isfinite(trace["y"]).all() or "not numbers" in name or trace["name"] == "fit" or "pinned" in name
    for mark in figure.marks:
        assert mark.kind == "line" or len(figure.data[mark.trace]["x"]) == len(figure.data[mark.trace]["y"])
    rows = list(csv.reader(io.StringIO(figure.to_csv())))
    assert len(rows[0]) == len(set(rows[0])) and all(len(row) == len(rows[0]) for row in rows)
    for theme in ("light", "dark"):
        assert figure.to_plotly(theme).layout.title.text  # type: ignore[arg-type]


# -- the axes ---------------------------------------------------------------------------------------------------


def test_axes_end_at_every_third_power_of_ten_within_bounds() -> None:
    assert log_axis.ends(np.array([0.0, -2.9]), -3, 1) == (-3, 1)
    assert log_axis.ends(np.array([0.0, -3.1]), -3, 1) == (-6, 1)
    assert log_axis.ends(np.array([-400.0, 400.0]), -3, 1) == (log_axis.LOWEST, log_axis.HIGHEST)
    assert log_axis.ends(np.array([1.5, -np.inf, np.nan]), -3, 1) == (-3, 4)
    assert log_axis.ends(np.zeros(0), -3, 1) == (-3, 1)


def test_an_axis_does_not_jump_where_a_curve_hovers() -> None:
    seen = {tuple(gradient([made(rho=rho)]).layout["yaxis"]["range"]) for rho in np.linspace(0.66, 0.74, 50)}
    assert len(seen) == 1
    layouts = [gradient([made(rho=rho)]).layout for rho in (0.66, 0.74)]
    assert layouts[0] == layouts[1], "only values change"


def test_what_lies_outside_the_axis_is_said() -> None:
    assert "Values below 1e-12 lie outside the picture." in gradient([made(rho=0.1)]).how_to_read
    assert "Values above 1e6 lie outside the picture." in gradient([made(rho=30.0)]).how_to_read
    assert "below 1e-3" in gradient([broken(-math.inf)]).how_to_read
    assert "outside" not in gradient([made(rho=0.6)]).how_to_read


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
    cell = made(rho=0.8, length=30)
    figure = gradient([cell])
    line, fit, memory = figure.data
    np.testing.assert_allclose(line["y"], 0.8 ** line["x"], rtol=1e-5)
    np.testing.assert_allclose(fit["y"], 0.8 ** fit["x"], rtol=1e-5)
    assert memory["x"][0] == 20 == cell.effective_memory and memory["text"][0] == "20 time steps"
    assert memory["y"][0] == pytest.approx(0.8**20, rel=1e-5)
    assert line["line"]["color"] == cell_color("lstm") and line["line"]["dash"] == "solid"
    assert [shape["y0"] for shape in figure.layout["shapes"]] == [0.01]
    longer = gradient([made(rho=0.5)])
    assert [shape["y0"] for shape in longer.layout["shapes"]] == [0.01, 1e-6]


def test_a_time_step_is_marked_at_its_lag() -> None:
    for direction, lag in (("forward", 29), ("backward", 0)):
        figure = gradient([made(length=30, direction=direction)])  # type: ignore[arg-type]
        (mark,) = figure.marks
        assert mark.kind == "point" and figure.data[mark.trace]["x"][0] == lag  # of time step 1


def test_a_memory_of_the_whole_sequence_is_at_least_that() -> None:
    memory = gradient([made(rho=0.99)]).data[2]
    assert memory["text"] == ["at least 49 time steps"] and memory["textposition"] == "top left"
    assert len(gradient([broken(math.nan)]).data[2]["x"]) == 0


def test_several_layers_have_their_words_in_the_legend_and_looks_of_their_own() -> None:
    cells = GROUPS["layers and directions"]
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
    figure = gradient([made()], [PIN])
    pinned = figure.data[-1]
    assert pinned["name"] == "RNN layer 1, step &lt;400&gt;" and pinned["line"]["color"].startswith("rgba(0,114,178")
    np.testing.assert_allclose(pinned["y"], 10.0 ** (-0.4 * np.arange(30)), rtol=1e-4)
    assert "pinned: RNN layer 1, step <400>" in figure.table["curve"]
    assert len(figure.table["lag"]) == 50 + 30


def test_the_table_keeps_what_single_precision_cannot_hold() -> None:
    figure = gradient([made(rho=1e-20)])
    assert figure.table["log10_norm"][49] == pytest.approx(-980.0)


def test_the_loss_gradient_can_be_read_relative_to_the_last_step() -> None:
    (line,) = loss_gradient([made(rho=0.5, length=49)]).data
    np.testing.assert_allclose(line["y"], 0.5 * 0.5 ** np.arange(49)[::-1], rtol=1e-4)
    assert line["customdata"][0] == pytest.approx(0.5**48, rel=1e-3) and line["customdata"][-1] == 1
    backward = made(rho=0.5, length=10, direction="backward")
    assert loss_gradient([backward]).data[0]["customdata"][0] == 1  # a backward cell reads step 1 last


def test_the_triangle_keeps_its_own_scale() -> None:
    figure = jacobian_norms(table(33, 3))
    (heat,) = figure.data
    assert (heat["zmin"], heat["zmax"], heat["colorscale"]) == (LOWEST, HIGHEST, MEMORY_SCALE)
    assert (heat["x0"], heat["dx"]) == (3, 3) and figure.how_to_read.endswith("Drawn is one time step in 3.")
    assert heat["z"][2, 0] == pytest.approx(-0.6) and np.isnan(heat["z"][0, 2])
    assert np.isfinite(
        jacobian_norms(dataclasses.replace(table(2), log10_norm=np.full((2, 2), -np.inf))).data[0]["z"]
    ).all()
    assert figure.table["k"][1] == 6 and figure.table["t"][1] == 3
    one = [place for place, color in MEMORY_SCALE if color == "#F6E3D0"]
    assert LOWEST + one[0] * (HIGHEST - LOWEST) == 0  # the palest color means 1


def test_saliency_is_relative_and_absolute_with_the_symbols_beneath() -> None:
    figure = saliency(asked(12, symbols=True), "gru")
    bars, line = figure.data
    np.testing.assert_allclose(bars["y"], np.linspace(0, 1, 12), atol=1e-6)
    np.testing.assert_allclose(line["y"][1:], np.linspace(0, 3, 12)[1:], rtol=1e-5)
    assert figure.layout["xaxis"]["ticktext"][:5] == ["&lt;", "b", "&gt;", "&amp;", "␣"]
    assert "“&lt;i&gt;sum” at t = 12" in figure.title
    assert "ticktext" not in saliency(asked(100, True)).layout["xaxis"]
    assert set(figure.table) == {"step", "symbol", "absolute", "relative"}


def test_gate_statistics_are_sorted_and_cut_at_the_ends_of_the_scale() -> None:
    constants = np.array([np.inf, 0.0, 5.0, 1e9, 1.0, 2.0])
    gates = dataclasses.replace(statistics("lstm"), time_constants=constants)
    figure = gate_statistics([made(gates=gates)], 50)
    drawn = figure.data[1]
    np.testing.assert_allclose(drawn["y"], [0.1, 1, 2, 5, 1e4, 1e4])
    np.testing.assert_allclose(drawn["customdata"], sorted(constants))
    assert figure.table["time_constant"] == constants.tolist() and figure.table["unit"] == list(range(6))
    histogram = figure.data[0]
    assert histogram["x"].tolist() == pytest.approx(np.linspace(0, 1, 21).tolist()) and histogram["y"][:-1].sum() == 1
    assert [shape["y0"] for shape in figure.layout["shapes"]] == [50]
    slopes = gate_statistics([made("rnn")], 50)
    assert "lope" in slopes.title and np.all(np.diff(slopes.data[1]["y"]) >= 0) and not slopes.layout["shapes"]


def test_the_gradient_norm_shows_what_clipping_did() -> None:
    step, before, after = curve(100)
    figure = gradient_norm(step, before, after, 1.0, "lstm")
    np.testing.assert_allclose(figure.data[0]["y"], before, rtol=1e-5)
    np.testing.assert_allclose(figure.data[1]["y"], after, rtol=1e-5)
    assert f"{int((before > 1).sum())} of 100 were clipped" in figure.how_to_read
    assert figure.layout["shapes"][0]["y0"] == 1.0 and not gradient_norm(step, before, before).layout["shapes"]
    (note,) = figure.layout["annotations"]
    assert (note["x"], note["xanchor"]) == (1, "left") and figure.layout["margin"]["r"] > 40, "beside the curves"
    assert "nothing is clipped" in gradient_norm(step, before, before).how_to_read
    long = gradient_norm(*curve(5000), clip_norm=1.0)
    assert len(long.data[0]["x"]) <= 400 and len(long.table["step"]) == 5000


def test_findings_put_warnings_first() -> None:
    said = findings([Finding("a", "fact", "A."), Finding("b", "good", "B."), Finding("c", "warning", "C.")], 40)
    assert [line["kind"] for line in said.lines] == ["warning", "good", "fact"]
    assert said.title.endswith("at optimizer step 40") and said.to_csv().splitlines()[1] == "warning,c,C."
    assert findings([]).to_csv().strip() == "severity,name,text"
