from __future__ import annotations

import dataclasses

import numpy as np

from rnn_explorer.figures import samples
from rnn_explorer.figures.lab.state_trajectory import state_trajectory
from rnn_explorer.figures.states import MOST_UNITS, states
from rnn_explorer.figures.style import CLASS_COLORS, SIGNED_SCALE

PROJECTED = np.random.default_rng(0).normal(size=(4, 12, 3)).astype(np.float32)
LENGTHS = np.array([12, 5, 1, 9])
EXPLAINED = np.array([0.62, 0.2, 0.1])


def test_states_are_drawn_up_to_the_length() -> None:
    layer = samples.layer("lstm", 6, 20)
    figure = states(layer, 2, 13, ", a 7")
    (trace,) = figure.data
    np.testing.assert_array_equal(trace["z"], layer.states["hidden"][2, :13].T)
    assert (trace["zmin"], trace["zmax"], trace["x0"]) == (-1, 1, 1)
    assert trace["colorscale"] == SIGNED_SCALE
    assert figure.layout["xaxis"]["range"] == [0.5, 13.5]
    assert figure.title == "Hidden state, LSTM layer 1, a 7"


def test_states_of_many_units_are_thinned_and_it_says_so() -> None:
    figure = states(samples.layer("gru", 256, 9), 0, 9)
    assert figure.data[0]["z"].shape == (MOST_UNITS, 9)
    assert figure.layout["yaxis"]["title"]["text"] == "unit (every 2nd of 256)"
    assert len(figure.table["hidden"]) == 256 * 9


def test_unbounded_states_have_a_robust_range_that_grows_in_jumps() -> None:
    layer = samples.layer("rnn", 32, 20, relu=True)

    def end(factor: float, outlier: float = 0.0) -> float:
        values = layer.states["hidden"] * factor
        values[0, 0, 0] += outlier
        return states(dataclasses.replace(layer, states={"hidden": values}), 0, 20).data[0]["zmax"]

    assert len({end(factor) for factor in np.linspace(1, 3, 40)}) <= 5
    assert end(10) > end(1)
    assert end(1, outlier=1e6) == end(1)


def draw(**more):  # type: ignore[no-untyped-def]
    given = {"labels": np.array([0, 1, 1, -1]), "label_names": ("odd", "even"), "chosen": 1, **more}
    return state_trajectory(PROJECTED, LENGTHS, EXPLAINED, **given)


def test_the_chosen_path_is_its_real_steps_colored_by_time() -> None:
    figure = draw()
    bold = figure.data[figure.marks[0].trace]
    np.testing.assert_array_equal(np.stack([bold["x"], bold["y"]], axis=1), PROJECTED[1, :5, :2])
    np.testing.assert_array_equal(bold["marker"]["color"], [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(bold["customdata"], [1, 2, 3, 4, 5])
    assert figure.layout["xaxis"]["title"]["text"] == "PC 1 (62 %)"
    assert figure.title == "Hidden-state trajectories (PCA, 82 % of variance)"


def test_the_other_paths_are_one_trace_with_gaps_between() -> None:
    (others,) = [trace for trace in draw().data if trace["name"] == "other sequences"]
    assert len(others["x"]) == 12 + 1 + 1 + 1 + 9
    np.testing.assert_array_equal(np.isnan(others["x"]), np.isin(np.arange(24), [12, 14]))
    np.testing.assert_array_equal(others["y"][15:], PROJECTED[3, :9, 1])


def test_starts_are_marked() -> None:
    (starts,) = [trace for trace in draw().data if trace["name"] == "t = 1"]
    np.testing.assert_array_equal(starts["x"], PROJECTED[:, 0, 0])


def test_by_class_the_legend_names_the_classes() -> None:
    figure = draw(color_by="class")
    named = {trace["name"]: trace for trace in figure.data if trace["showlegend"]}
    assert set(named) == {"odd", "even", "t = 1"}
    assert named["even"]["line"]["color"] == CLASS_COLORS[1]
    bold = figure.data[figure.marks[0].trace]
    assert bold["marker"]["color"] == CLASS_COLORS[1]
    np.testing.assert_array_equal(named["even"]["x"], PROJECTED[2, :1, 0])  # the chosen one is drawn apart


def test_given_limits_are_the_ranges() -> None:
    limits = np.array([[-3.0, 3.0], [-2.0, 2.0], [-1.0, 1.0]])
    assert draw(limits=limits).layout["yaxis"]["range"] == [-2.0, 2.0]
    scene = draw(limits=limits, dims=3).layout["scene"]
    assert [scene[f"{axis}axis"]["range"] for axis in "xyz"] == limits.tolist()


def test_no_sequences_at_all() -> None:
    figure = state_trajectory(np.zeros((0, 0, 3)), np.zeros(0), np.zeros(3), np.zeros(0), (), 0)
    assert len(figure.data[figure.marks[0].trace]["x"]) == 0
    figure.to_plotly()


def test_a_class_that_only_the_chosen_path_has_is_in_the_legend() -> None:
    figure = draw(color_by="class", chosen=0)
    bold = figure.data[figure.marks[0].trace]
    assert bold["name"] == "odd" and bold["showlegend"]
    assert [trace["name"] for trace in figure.data].count("odd") == 1
