"""The figures of a layer's dynamics, drawn from made-up records."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from rnn_explorer.analysis.dynamics.fixed_points import Ends
from rnn_explorer.analysis.dynamics.record import Spectrum
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.dynamics.dynamics_path import (
    dynamics_path,
    extent,
)
from rnn_explorer.figures.dynamics.eigenvalues import at_point, at_state, eigenvalues, limit_of
from rnn_explorer.figures.dynamics.findings import dynamics_findings
from rnn_explorer.figures.dynamics.flow import flow
from rnn_explorer.figures.dynamics.point_marks import LEAVES, PICK, STAYS, eigenvalue_words, sides
from rnn_explorer.figures.dynamics.samples import HELD, flow_field, perturbation, place, points, trajectories
from rnn_explorer.figures.style import plain

SIZES = (1, 2, 3, 8)


def named(figure: Figure) -> dict[str, dict[str, Any]]:
    return {trace["name"]: trace for trace in figure.data}


def test_points_are_where_they_project_to_and_say_which_they_are() -> None:
    some, found = trajectories(8), points(8)
    figure = dynamics_path(some, found)
    projected = some.space.project(found.points)
    shown = {}
    for trace in figure.data:
        if trace.get("meta") == PICK and trace["mode"] == "markers":
            for n, pick in enumerate(trace["customdata"]):
                shown[pick] = (trace["x"][n], trace["y"][n])
    assert list(sorted(shown)) == [f"point {n + 1}" for n in range(6)]
    for n in range(6):
        np.testing.assert_allclose(shown[f"point {n + 1}"], projected[n, :2])
    legend = [trace["name"] for trace in figure.data if trace["showlegend"]]
    assert legend == [
        "1 stable",
        "1 marginal",
        "1 saddle, 1 unstable direction",
        "1 saddle, 2 unstable directions",
        "1 unstable",
        "1 slow point",
    ]
    stable = named(figure)["1 stable"]
    assert stable["marker"]["symbol"] == "circle" and stable["marker"]["color"] == STAYS
    np.testing.assert_allclose((stable["x"][0], stable["y"][0]), projected[0, :2])
    said = named(figure)["points"]["text"][0]
    assert said.startswith("point 1: stable<br>predicts ") and "20 % of the searches" in said
    solid = named(dynamics_path(some, found, dims=3))["1 stable"]
    assert solid["customdata"] == ["point 1"] and solid["text"] == [said]
    assert figure.title == "Fixed points of GRU layer 1 under input &lt;b&gt;'a', found at optimizer step 70"


def test_states_say_which_they_are() -> None:
    (paths,) = [trace for trace in dynamics_path(trajectories(3)).data if trace["name"] == "sequences"]
    assert paths["customdata"] == [
        *(f"1, {t}" for t in range(1, 10)),
        "",
        *(f"2, {t}" for t in range(1, 5)),
        "",
        "3, 1",
    ]
    np.testing.assert_array_equal(np.isnan(paths["x"]), [pick == "" for pick in paths["customdata"]])
    some = trajectories(3)
    np.testing.assert_allclose(paths["y"][10], some.space.project(some.states)[1, 0, 1])


def test_unstable_directions_are_as_long_as_their_eigenvalues_are_large() -> None:
    some = trajectories(2)  # drawn in the state's own numbers
    found = points(2)
    lines = named(dynamics_path(some, found, limits=np.array([[-2, 2], [-1, 1], [-1, 1.0]])))["unstable directions"]
    ends = np.stack([lines["x"], lines["y"]], axis=1).reshape(-1)
    runs = np.split(np.append(ends, [np.nan, np.nan]).reshape(-1, 3, 2), len(ends) // 6 + 1)
    lengths = [float(np.linalg.norm(run[0, 1] - run[0, 0])) for run in runs]
    # A saddle with 1.5, two directions of 2 of an unstable point, a slow one with 1.2; 0.05 of 4, both ways.
    np.testing.assert_allclose(lengths, [0.4 * 1.5, 0.4 * 2, 0.4 * 2, 0.4 * 1.2], rtol=1e-5)
    np.testing.assert_allclose((runs[0][0, 0] + runs[0][0, 1]) / 2, found.points[2], atol=1e-6)
    assert lines["line"]["color"] == LEAVES


def test_a_spiral_has_two_lines() -> None:
    found = points(3)
    spiral = dataclasses.replace(
        found,
        points=found.points[3:4],
        q=found.q[3:4],
        natures=found.natures[3:4],
        eigenvalues=found.eigenvalues[3:4],
        growth=found.growth[3:4],
        directions=found.directions[3:4],
        found=found.found[3:4],
    )
    assert spiral.growth[0].shape == (1,)
    assert len(named(dynamics_path(trajectories(3), spiral))["unstable directions"]["x"]) == 2 + 1 + 2


def test_kicked_states_are_told_apart_by_whether_they_return() -> None:
    some, kicked = trajectories(3), perturbation(3)
    traces = named(dynamics_path(some, None, kicked))
    projected = some.space.project(kicked.states)
    np.testing.assert_allclose(traces["left alone"]["x"], projected[0, :, 0])
    np.testing.assert_allclose(traces["2 kicked, do not"]["x"][8:], projected[4, :, 0])
    np.testing.assert_allclose(traces["2 kicked, return"]["x"][:7], projected[1, :, 0])
    np.testing.assert_allclose(traces["where they end"]["y"], projected[:, -1, 1])


def test_the_axes_hold_everything_and_only_grow() -> None:
    some, found = trajectories(8), points(8)
    ends = extent(some.space, some, found)
    real = np.concatenate([states[:length] for states, length in zip(some.states, some.lengths, strict=True)])
    inside = some.space.project(np.concatenate([real, found.points]))
    assert (ends[:, 0] < inside.min(axis=0)).all() and (inside.max(axis=0) < ends[:, 1]).all()
    assert (np.ptp(ends, axis=1) < 1.6 * np.ptp(inside, axis=0)).all()  # and are not much wider
    wide = ends + np.array([[-0.3, 0.2], [0.1, 0.4], [0.0, -0.1]])
    grown = extent(some.space, some, found, previous=wide)
    np.testing.assert_array_equal(grown[:, 0], np.minimum(ends[:, 0], wide[:, 0]))
    np.testing.assert_array_equal(grown[:, 1], np.maximum(ends[:, 1], wide[:, 1]))
    np.testing.assert_array_equal(extent(some.space, some, found, previous=3 * ends), ends)  # too far out to be of use
    for dims in (2, 3):
        layout = dynamics_path(some, found, dims=dims, limits=ends).layout
        axes = layout if dims == 2 else layout["scene"]
        np.testing.assert_array_equal(axes["yaxis"]["range"], ends[1])
    one = extent(trajectories(1).space, trajectories(1))
    assert (np.ptp(one, axis=1) > 0.1).all()


def test_before_a_search_it_says_what_to_press() -> None:
    (hint,) = dynamics_path(trajectories(3)).layout["annotations"]
    assert "Find fixed points" in hint["text"]
    assert "annotations" not in dynamics_path(trajectories(3), points(3)).layout


def test_the_table_holds_states_points_and_kicks() -> None:
    table = dynamics_path(trajectories(3), points(3), perturbation(3)).table
    what = list(table["what"])
    assert [what.count(kind) for kind in ("state", "point", "kicked state")] == [14, 6, 35]
    assert set(table) == {"what", "number", "step", "words", "PC 1", "PC 2", "PC 3"}


def test_eigenvalues_inside_on_and_outside_the_circle() -> None:
    values = np.array([1.3, 1.0005, 0.6 + 0.7j, 0.6 - 0.7j, -0.2])
    figure = eigenvalues(values, "at a <state>")
    circle, outside, on, inside = figure.data
    np.testing.assert_allclose(circle["x"] ** 2 + circle["y"] ** 2, 1, rtol=1e-6)
    assert [trace["name"] for trace in (outside, on, inside)] == ["1 outside", "1 on it", "3 inside"]
    assert outside["marker"]["color"] == LEAVES and inside["marker"]["color"] == STAYS
    np.testing.assert_allclose(inside["y"], [0.7, -0.7, 0], rtol=1e-6)
    assert figure.layout["yaxis"]["scaleanchor"] == "x" and figure.layout["yaxis"]["scaleratio"] == 1
    assert figure.layout["xaxis"]["range"] == [-1.5, 1.5]
    np.testing.assert_allclose(figure.table["time constant (time steps)"][0], -1 / math.log(1.3))
    assert figure.title == "Eigenvalues at a &lt;state&gt;"
    assert "0.600 − 0.700i" in inside["text"][1] and "turns once in 7.29 time steps" in inside["text"][1]


def test_an_eigenvalue_in_words() -> None:
    assert eigenvalue_words(math.exp(-0.1)) == "|λ| = 0.905: comes back, 1/e in 10 time steps"
    assert eigenvalue_words(math.exp(0.25)) == "|λ| = 1.284: leaves, times e, in 4 time steps"
    assert eigenvalue_words(1.0) == "|λ| = 1.000: neither comes back nor leaves"
    assert eigenvalue_words(-0.5).endswith("; turns once in 2 time steps")
    assert eigenvalue_words(0.0) == "|λ| = 0.000: comes back, 1/e in 0 time steps"


def test_titles_of_eigenvalues() -> None:
    assert at_point(points(3), 2).title == "Eigenvalues at point 3 (saddle) of GRU layer 1"
    spectrum = Spectrum(place(3), HELD, "the state at t = 2 of sequence 1", np.zeros(3), np.ones(3) + 0j, 0.1)
    assert at_state(spectrum).title.startswith("Eigenvalues at t = 2 of sequence 1, GRU layer 1")


def test_limits_of_eigenvalues_hold_the_circle_and_leave_out_the_absurd() -> None:
    assert limit_of(np.array([0.1])) == 1.2
    assert limit_of(np.array([[2.0, 1e9], [0.1, 3j]])) >= 3
    assert limit_of(np.array([1e9])) == 1.2
    assert eigenvalues(np.array([0.1 + 0j]), "x", limit=3.0).layout["yaxis"]["range"] == [-3, 3]


def test_arrows_point_along_the_flow() -> None:
    record = flow_field(2)
    figure = flow(record)
    arrows = np.stack([figure.data[1]["x"], figure.data[1]["y"]], axis=1).reshape(-1, 6, 2)
    assert len(arrows) == 14  # one of the fifteen, at (0, 2), stands still
    cell = np.array([0.5, 2.0])
    moving = record.velocity.reshape(-1, 2)[record.speed.ravel() > 0]
    for stroke, velocity in zip(arrows, moving, strict=True):
        along = (stroke[1] - stroke[0]) / cell
        wanted = velocity / cell
        np.testing.assert_allclose(along / np.linalg.norm(along), wanted / np.linalg.norm(wanted), atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(along), 0.76, rtol=1e-5)
    assert figure.title.startswith("Flow (exact) of GRU layer 1")
    assert flow(flow_field(3)).title.startswith("Flow (a slice) of GRU layer 1")
    assert "may leave" in flow(flow_field(3)).how_to_read and "may leave" not in figure.how_to_read


def test_the_colors_of_speed_end_at_round_numbers() -> None:
    speed = flow(flow_field(2)).data[0]
    fastest = float(flow_field(2).speed.max())  # 5
    assert speed["zmax"] == pytest.approx(math.log10(5)) and fastest == 5
    assert speed["zmin"] == 0  # the slowest that moves at all has speed 1
    slow = dataclasses.replace(flow_field(2), speed=np.geomspace(1e-9, 5, 15).reshape(3, 5).astype(np.float32))
    assert flow(slow).data[0]["zmin"] == pytest.approx(math.log10(5e-4))  # four decades are told apart
    assert speed["colorbar"]["ticktext"][-1] == "5"


def lines(*about: Any) -> list[tuple[str, str]]:
    return [(line["kind"], line["text"]) for line in dynamics_findings(*about).lines]


def test_words_before_anything_is_known_say_what_to_do() -> None:
    ((kind, text),) = lines(None, None, None)
    assert kind == "fact" and "Press “Find fixed points”" in text


def test_words_for_every_kind_of_point_with_its_numbers() -> None:
    told = lines(points(8), None, None)
    assert told == [
        (
            "warning",
            "Of 300 searches 3 did not converge, 2 stopped at slow points that are no fixed points, 1 far from all "
            "trajectories.",
        ),
        ("warning", "The layers below do not come to rest under this input; what they did last is held."),
        ("fact", "1 stable: states nearby come back; slowest time constant 1.44 time steps."),
        ("fact", "1 marginal: along 1 direction states neither come back nor leave within a thousand time steps."),
        (
            "fact",
            "1 saddle, 1 unstable direction; 1 saddle, 2 unstable directions: states nearby leave along some "
            "directions, at the quickest by a factor e in 2.5 time steps.",
        ),
        (
            "fact",
            "1 unstable: states nearby leave in every direction, at the quickest by a factor e in 1.4 time steps.",
        ),
        ("fact", "1 slow point: no fixed points, but states pass at 1e-10 a time step or slower."),
    ]
    assert dynamics_findings(points(8), None, None).title == "Findings at optimizer step 70"


def test_words_when_nothing_was_found() -> None:
    told = lines(points(3, 0), None, None)
    assert told[0] == ("warning", "None of 300 searches ended at a fixed point near the trajectories.")
    assert told[1][1].startswith("Of 300 searches")


def ended(at: tuple[int, ...], **more: Any) -> list[tuple[str, str]]:
    """What is said of states that ended so."""
    about = {"places": sum(number > 0 for number in at), "elsewhere": 0, "cycles": {}, "moving": 0, "away": 0, **more}
    others = about["elsewhere"] + about["moving"] + about["away"] + sum(about["cycles"].values())
    found = dataclasses.replace(points(3), ends=Ends(sum(at) + others, 500, at, **about))
    return [(kind, text) for kind, text in lines(found, None, None) if "let run on" in text or "states l" in text]


def test_one_place_stores_nothing_and_several_do() -> None:
    says = points(3).holds(0)
    ((kind, text),) = ended((64, 0, 0, 0, 0, 0))
    assert kind == "fact" and text == (
        f"Of 64 states of the sequences, let run on for 500 time steps, all end at point 1 ({plain(says)}), wherever "
        "they began: under this input nothing is stored for good."
    )
    ((kind, text),) = ended((40, 24, 0, 0, 0, 0))
    assert kind == "good" and "64 end at 2 different places: where a state ends depends on where it began" in text
    ((kind, text),) = ended((0, 64, 0, 0, 0, 0), places=1)
    assert kind == "fact" and "nothing is stored" in text, "also where the point is marginal"
    ((kind, text),) = ended((0, 64, 0, 0, 0, 0), places=9)
    assert kind == "good" and "9 different places along marginal directions" in text
    ((kind, text),) = ended((0,) * 6, elsewhere=64, places=1)
    assert "all end at one place" in text and "nothing is stored" in text


def test_cycles_and_states_that_still_move_are_no_attractors() -> None:
    ((kind, text),) = ended((0,) * 6, cycles={2: 60, 7: 4})
    assert (kind, text) == (
        "fact",
        "Of 64 states of the sequences, let run on for 500 time steps, 60 go round a cycle of 2 time steps "
        "and 4 go round a cycle of 7 time steps.",
    )
    first, second = ended((50, 0, 0, 0, 0, 0), cycles={3: 10}, moving=4), lines(points(3), None, None)
    assert [kind for kind, _ in first] == ["fact"] and "50 end at point 1" in first[0][1]
    assert "nothing is stored" not in first[0][1], "others end elsewhere"
    assert not any("let run on" in text for _, text in second), "where nobody looked, nothing is said"
    assert ended((0,) * 6, away=64)[0][0] == "warning"


def test_out_of_date_points_get_one_caution_and_no_verdict() -> None:
    told = lines(points(3), None, None, "under input 0, and another input is held now")
    assert told == [
        (
            "warning",
            "These points were found under input 0, and another input is held now: they are drawn pale and hold no "
            "longer. Search again.",
        )
    ]
    kicked = lines(points(3), perturbation(3), None, "under input 0, and another input is held now")
    assert kicked[1][1].endswith("2 of 4 kicked states return."), "to no point"


def test_words_say_where_kicked_states_go() -> None:
    found, kicked = points(3), perturbation(3)
    name = [f"point {index + 1} ({plain(found.holds(index))})" for index in range(6)]
    states = kicked.states.copy()
    states[:, -1] = found.points[[0, 0, 2, 0, 5]]
    kicked = dataclasses.replace(kicked, states=states)

    def said(*about: Any) -> list[str]:
        return [text for kind, text in lines(*about) if kind != "warning"]

    first, second, *_ = said(found, kicked, 1)
    assert first == (
        f"P{name[1][1:]} of GRU layer 1, kicked by 0.4: 2 of 4 kicked states return to {name[0]}; 1 ends at {name[2]}, "
        f"1 ends at {name[5]}."
    )
    assert second.startswith("Point 2 is chosen: marginal, 1 marginal direction, where the model predicts ")
    assert said(None, kicked, None)[0] == (
        "The state at t = 2 of sequence 1 of GRU layer 1, kicked by 0.4: 2 of 4 kicked states return."
    )
    states[2:, -1] = 50.0
    assert said(found, dataclasses.replace(kicked, states=states), None)[0].endswith(
        f"2 of 4 kicked states return to {name[0]}; 2 end elsewhere."
    )
    assert "return" not in said(found, dataclasses.replace(kicked, kick=0.0), 1)[0], "nothing was kicked"


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ((-0.98, -1.04, 0.95), "−1, −1, 1"),
        ((0.02, -0.03, 1.0), "0, 0, 1"),
        ((-0.5, 1.0, 1.0), "−0.5, 1, 1"),
        ((1.0, 2.0, 3.0, 4.0, 5.0), "1, 2, 3, 4, …"),
    ],
)
def test_a_point_is_named_by_the_values_that_the_model_gives_there(values: tuple[float, ...], name: str) -> None:
    found = dataclasses.replace(points(3, 1), answers=np.array([values]), classes=False)
    assert found.holds(0) == name
    assert dataclasses.replace(found, answers=None).holds(0) == ""


def test_names_stand_beside_points_that_hold_states() -> None:
    found = dataclasses.replace(points(3), answers=np.eye(6)[:, :3], answer_names=("a", "b", "<i>c"))
    (names,) = [trace for trace in dynamics_path(trajectories(3), found).data if trace.get("mode") == "text"]
    assert [text.strip() for text in names["text"]] == ["<b>a</b>", "<b>b</b>"], "of the stable and the marginal one"
    np.testing.assert_allclose(names["x"], found.space.project(found.points[:2])[:, 0])
    assert not [t for t in dynamics_path(trajectories(3), found, stale="then").data if t.get("mode") == "text"]


def test_names_of_points_close_together_do_not_meet() -> None:
    places = np.array([[0.0, 0.0], [0.1, 0.0], [0.05, 0.01], [1.0, 3.0], [1.9, 1.0], [-1.9, 1.0]])
    assert sides(places, np.array([[-2.0, 2.0], [-2.0, 4.0]]), ["1"] * 6) == [
        "middle left",
        "middle right",
        "top center",
        "middle right",
        "top left",
        "top right",
    ]


def test_a_long_name_keeps_clear_of_the_edge() -> None:
    """A name of 18 letters takes 146 pixels of a plot that may be 480 wide, so from 0.7 of the width it turns back."""
    places, limits = np.array([[0.75, 0.5], [0.25, 0.5]]), np.array([[0.0, 1.0], [0.0, 1.0]])
    assert sides(places, limits, ["-1, -1, 1"] * 2) == ["middle right"] * 2
    assert sides(places, limits, ["-1.05, -0.98, 1.02"] * 2) == ["top left", "top right"]
