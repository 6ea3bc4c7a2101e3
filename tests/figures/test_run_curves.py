"""The learning curves of several runs."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_explorer.cells import CELLS
from rnn_explorer.figures.curves import running_mean
from rnn_explorer.figures.runs.run_curves import MOST_POINTS, RunCurve, run_curves


def curve(run_id: str, values: list[float] | np.ndarray, cell: str = "lstm") -> RunCurve:
    return RunCurve(run_id, f"run {run_id}", cell, np.arange(1.0, len(values) + 1), np.asarray(values, dtype=float))


def test_a_cell_keeps_its_color_and_dash_and_runs_of_one_cell_look_different() -> None:
    twelve = [curve(f"r{number}", [1, 2]) for number in range(12)]
    figure = run_curves([curve("g", [1, 2], "gru"), *twelve])
    looks = [(trace["line"]["color"], trace["line"]["dash"]) for trace in figure.data]
    assert looks[0] == (CELLS.get("gru").color, CELLS.get("gru").dash)
    assert looks[1] == (CELLS.get("lstm").color, CELLS.get("lstm").dash)
    assert len(set(looks[:7])) == 7 and {trace["legendgroup"] for trace in figure.data} >= {"g", "r0", "r11"}


def test_what_is_drawn_is_thinned_ends_at_the_newest_row_and_can_be_clicked() -> None:
    (trace,) = run_curves([curve("r", np.linspace(2, 1, 10_000))]).data
    assert len(trace["x"]) <= MOST_POINTS and trace["x"][-1] == 10_000
    assert "markers" in trace["mode"] and trace["marker"]["color"] == "rgba(0,0,0,0)"


def test_smoothing_keeps_the_raw_curve() -> None:
    values = np.array([4.0, 0.0, 4.0, 0.0])
    raw, smooth = run_curves([curve("r", values)], half_life=1.0).data
    np.testing.assert_allclose(raw["y"], values)
    np.testing.assert_allclose(smooth["y"], running_mean(values, 1.0), rtol=1e-6)
    assert smooth["y"][1] == pytest.approx(4 / 3) and raw["legendgroup"] == smooth["legendgroup"] == "r"
    assert "running mean" in run_curves([curve("r", values)], half_life=1.0).how_to_read


def test_one_curve_that_blew_up_does_not_flatten_the_others() -> None:
    figure = run_curves([curve("r", [1, 0.5, 0.4] * 30), curve("bad", [1, 1e9])])
    assert figure.layout["yaxis"]["range"][1] < 50


def test_a_log_axis_leaves_out_what_it_cannot_show() -> None:
    figure = run_curves([curve("r", [1.0, 0.0, 0.01, np.nan])], log=True)
    assert figure.data[0]["x"].tolist() == [1.0, 3.0]
    low, high = figure.layout["yaxis"]["range"]
    assert low < -2 < 0 < high
