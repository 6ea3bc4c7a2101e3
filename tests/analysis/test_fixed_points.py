"""Eigenvalues in words, merging, axes and records of fixed points, without a model."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.analysis import projection
from rnn_explorer.analysis.dynamics.fixed_points import FixedPoints, merge
from rnn_explorer.analysis.dynamics.record import Perturbation
from rnn_explorer.analysis.dynamics.space import ConstantInput, LayerRef, Space
from rnn_explorer.analysis.dynamics.stability import BAND, Stability, largest_first, period, time_constant


def test_time_constants_and_periods_by_hand() -> None:
    values = np.array([math.exp(-0.1), -math.exp(-0.1), math.exp(0.5), 1.0, 0.0, 0.5j, -0.5j])
    np.testing.assert_allclose(
        time_constant(values), [10, 10, -2, math.inf, 0, 1 / math.log(2), 1 / math.log(2)], atol=1e-12
    )
    np.testing.assert_allclose(period(values), [math.inf, 2, math.inf, math.inf, math.inf, 4, 4])


@given(st.floats(0.05, 0.99), st.floats(0.05, 3.0))
def test_they_say_what_powers_of_an_eigenvalue_do(size: float, angle: float) -> None:
    value = size * np.exp(1j * angle)
    assert abs(value ** float(time_constant(value))) == pytest.approx(math.exp(-1))
    turned = np.exp(1j * angle * float(period(value)))
    assert turned == pytest.approx(1)


def test_eigenvalues_come_largest_first_with_their_right_vectors() -> None:
    # A turn by 60 degrees that grows by 1.2, and one shrinking direction.
    turn = 1.2 * np.array([[0.5, -math.sqrt(0.75)], [math.sqrt(0.75), 0.5]])
    matrix = np.zeros((3, 3))
    matrix[1:, 1:], matrix[0, 0] = turn, -0.3
    values, vectors = largest_first(*np.linalg.eig(matrix))
    np.testing.assert_allclose(values, [1.2 * np.exp(1j * math.pi / 3), 1.2 * np.exp(-1j * math.pi / 3), -0.3])
    for value, vector in zip(values, vectors, strict=True):
        np.testing.assert_allclose(matrix @ vector, value * vector, atol=1e-12)
        assert np.linalg.norm(vector) == pytest.approx(1)
    assert abs(vectors[2, 0]) == pytest.approx(1)


@pytest.mark.parametrize(
    "values, slow, kind, unstable, marginal, words",
    [
        ([0.9, 0.5], False, "stable", 0, 0, "stable"),
        ([1.2, 0.5], False, "saddle", 1, 0, "saddle, 1 unstable direction"),
        ([0.8 + 0.8j, 0.8 - 0.8j, 0.1], False, "saddle", 2, 0, "saddle, 2 unstable directions"),
        ([1.2, -1.1], False, "unstable", 2, 0, "unstable in all directions"),
        ([1 + BAND / 2, 0.4], False, "marginal", 0, 1, "marginal, 1 marginal direction"),
        ([-1 - BAND / 2, 1.5], False, "saddle", 1, 1, "saddle, 1 unstable direction, 1 marginal direction"),
        ([1 + 2 * BAND, 0.4], False, "saddle", 1, 0, "saddle, 1 unstable direction"),
        ([1 - 2 * BAND, 0.4], False, "stable", 0, 0, "stable"),
        ([1.0, 0.4], True, "slow", 0, 1, "slow point"),
        ([1.3, 1.0], True, "slow", 1, 1, "slow point, 1 unstable direction"),
    ],
)
def test_words(values, slow, kind, unstable, marginal, words) -> None:
    nature = Stability.of(np.array(values, dtype=complex), slow)
    assert (nature.kind, nature.unstable, nature.marginal, nature.words) == (kind, unstable, marginal, words)


def test_groups_of_a_legend() -> None:
    assert Stability("stable", 0, 0).group(8) == "8 stable"
    assert Stability("saddle", 1, 0).group(12) == "12 saddles, 1 unstable direction"
    assert Stability("saddle", 2, 0).group(1) == "1 saddle, 2 unstable directions"
    assert Stability("slow", 1, 0).group(2) == "2 slow points"


def test_merging_keeps_the_slowest_of_each_heap() -> None:
    points = np.array([[0.0, 0.0], [5.0, 0.0], [0.0, 0.001], [5.0, 0.0005], [9.0, 9.0]])
    chosen, belongs = merge(points, np.array([2e-9, 1e-9, 1e-9, 3e-9, 0.0]), 0.01)
    assert sorted(chosen) == [1, 2, 4]
    assert chosen[belongs].tolist() == [2, 1, 2, 1, 4]


def test_a_point_between_two_heaps_belongs_to_the_slower() -> None:
    chosen, belongs = merge(np.array([[0.0], [0.09], [0.18]]), np.array([0.0, 2.0, 1.0]), 0.1)
    assert chosen.tolist() == [0, 2] and belongs.tolist() == [0, 0, 1]


@given(st.integers(0, 2**31), st.integers(1, 40))
def test_merging_does_not_depend_on_the_order(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 6, (count, 2)) * 0.1 + rng.normal(0, 0.02, (count, 2))
    q = rng.integers(0, 3, count).astype(float)
    shuffle = rng.permutation(count)
    chosen, belongs = merge(points, q, 0.08)
    again, belongs_again = merge(points[shuffle], q[shuffle], 0.08)
    assert sorted(shuffle[again]) == sorted(chosen)
    np.testing.assert_array_equal(shuffle[again][belongs_again], chosen[belongs][shuffle])
    assert (np.linalg.norm(points - points[chosen][belongs], axis=1) <= 0.08).all()


def test_merging_nothing() -> None:
    chosen, belongs = merge(np.zeros((0, 3)), np.zeros(0), 1.0)
    assert len(chosen) == len(belongs) == 0


def test_axes_of_many_numbers_are_principal_components() -> None:
    states = np.random.default_rng(0).normal(size=(50, 6)) * [5, 4, 1, 1, 1, 1]
    space = Space.of(states, ("hidden", "cell"))
    basis = projection.fit(states, 3)
    np.testing.assert_allclose(space.project(states), projection.project(basis, states))
    assert space.names == ("PC 1", "PC 2", "PC 3") and not space.whole


def test_axes_of_two_numbers_are_these_numbers() -> None:
    states = np.array([[1.0, 2.0], [1.0, 6.0], [3.0, 2.0], [3.0, 6.0]])
    for names, expected in ((("hidden",), ("hidden 0", "hidden 1")), (("hidden", "cell"), ("hidden 0", "cell 0"))):
        space = Space.of(states, names)
        np.testing.assert_allclose(space.project(states)[:, :2], states)
        np.testing.assert_allclose(space.basis.explained, [0.2, 0.8, 0])
        assert space.names == expected and space.whole
    one = Space.of(states[:, :1], ("hidden",))
    np.testing.assert_allclose(one.project(states[:, :1]), np.pad(states[:, :1], ((0, 0), (0, 2))))
    assert one.names == ("hidden 0",)


def record(**more) -> FixedPoints:
    values = {
        "place": LayerRef("lstm", 1, "backward", 1, ("hidden", "cell"), 400),
        "held": ConstantInput((1.0, 0.0), "pulse 1 = 1", True),
        "space": Space.of(np.eye(2), ("hidden", "cell")),
        "points": np.array([[0.5, 1.0], [-0.5, -1.0], [0.0, 0.0]]),
        "q": np.array([1e-30, 1e-31, 1e-7]),
        "natures": (Stability("stable", 0, 0), Stability("saddle", 1, 0), Stability("slow", 1, 1)),
        "eigenvalues": np.array([[0.5, 0.1], [1.5, 0.2], [1.2, 1.0]], dtype=complex),
        "growth": (np.zeros(0, complex), np.array([1.5 + 0j]), np.array([1.2 + 0j])),
        "directions": (np.zeros((0, 2), complex), np.array([[1, 0j]]), np.array([[0, 1 + 0j]])),
        "found": np.array([20, 9, 1]),
        "answers": np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]]),
        "answer_names": ("odd", "even"),
        "classes": True,
        "inits": 40,
        "far": 4,
        "fast": 0,
        "unsettled": 6,
        "left_out": 0,
        "iterations": 17,
        "tolerance": 1e-18,
        "slow_tolerance": 1e-5,
        "spread": 2.0,
    }
    return FixedPoints(**{**values, **more})


def test_a_record_in_words() -> None:
    found = record()
    assert found.sentence() == (
        "1 stable; 1 saddle, 1 unstable direction; 1 slow point. "
        "Of 40 searches 6 did not converge, 4 far from all trajectories."
    )
    assert found.groups() == [("1 stable", [0]), ("1 saddle, 1 unstable direction", [1]), ("1 slow point", [2])]
    np.testing.assert_allclose(found.share, [0.5, 0.225, 0.025])
    assert found.answer_words(0) == "odd (90 %)"
    assert record(classes=False).answer_words(1) == "0.20, 0.80"
    assert record(answers=None).answer_words(1) == ""


def test_a_record_as_json_and_back_from_a_pickle() -> None:
    told = json.loads(json.dumps(pickle.loads(pickle.dumps(record())).to_dict(), allow_nan=False))
    assert told["input"] == {"values": [1.0, 0.0], "words": "pulse 1 = 1", "layers_below_settled": True}
    saddle = told["points"][1]
    assert saddle["eigenvalues"] == [[1.5, 0.0], [0.2, 0.0]]
    assert saddle["time_constants"][0] == pytest.approx(-1 / math.log(1.5))
    assert saddle["periods"] == [None, None]
    assert saddle["answer"] == [0.2, 0.8] and saddle["found"] == 9 and saddle["words"] == "saddle, 1 unstable direction"


def test_a_perturbation_in_words() -> None:
    found = Perturbation(
        place=record().place,
        held=record().held,
        words="the state at t = 3 of sequence 1",
        kick=0.5,
        states=np.zeros((4, 3, 2), np.float32),
        moved=np.zeros(4),
        gap=np.array([0, 0, 0, 2.0]),
        returned=np.array([True, True, True, False]),
        nearest=np.full(4, -1),
        distance=np.full(4, np.nan),
    )
    assert found.sentence() == "2 of 3 kicked states return"
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["distance"] == [None] * 4
