"""Where states end that are let run on: maps whose attractors are known, and the sorting itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnn_explorer.analysis.dynamics.fixed_points import PERIODS, Ends
from tests.analysis.test_dynamics import ask, frozen, positive_matrix

TANH = "task=flip_flop&seq_len=12&hidden_size=4&cell=rnn"
RELU = f"{TANH}&nonlinearity=relu"


def ends(query: str, matrix: Any, weight_ih: Any = 0.3, bias: Any = 0.0) -> Ends:
    weights = {"weight_hh": matrix, "weight_ih": weight_ih, "bias_ih": bias, "bias_hh": 0.0}
    found = ask(frozen(query, weights), "fixed_points", inits=64).ends
    assert found.total == 64
    assert sum(found.at) + found.elsewhere + sum(found.cycles.values()) + found.moving + found.away == 64
    return found


def test_one_attractor_takes_all() -> None:
    found = ends(RELU, positive_matrix(4, 0.9), 0.02, [0.5, 1.0, 0.2, 0.1])
    assert found.at == (64,) and found.places == 1


def test_many_attractors_share_them_out() -> None:
    apart = np.random.default_rng(0).normal(size=(4, 3))
    found = ends(TANH, 2 * np.eye(4), apart)
    assert sum(found.at) == 64 and found.places == sum(number > 0 for number in found.at) > 1


@pytest.mark.parametrize(("matrix", "period"), [(-2 * np.eye(4), 2), (np.kron(np.eye(2), [[0, -2], [2, 0]]), 4)])
def test_a_cycle_is_told_by_its_period(matrix: np.ndarray, period: int) -> None:
    found = ends(TANH, matrix, np.random.default_rng(0).normal(size=(4, 3)))
    assert found.cycles == {period: 64} and found.places == 0


def test_on_a_line_every_place_is_an_end() -> None:
    found = ends(RELU, np.eye(4), 0.3, 0.0)  # relu(h) = h wherever h is not below 0
    assert sum(found.at) + found.elsewhere == 64 and found.places > 2


def test_what_explodes_is_away() -> None:
    assert ends(RELU, 1.5 * np.eye(4), 0.3, 0.1).away == 64


def test_a_slow_state_is_still_moving() -> None:
    """A turn by one radian comes back to no place within the periods that are looked for."""
    angle = np.arange(PERIODS + 1.0)
    tail = np.stack([np.cos(angle), np.sin(angle)], axis=-1)[:, None]
    found = Ends.of(tail, np.zeros((1, 2)), np.array([True]), 1.0, 500)
    assert (found.moving, found.cycles, found.at) == (1, {}, (0,))


def test_saddles_hold_nothing() -> None:
    tail = np.zeros((PERIODS + 1, 1, 2))
    assert Ends.of(tail, np.zeros((1, 2)), np.array([False]), 1.0, 500).elsewhere == 1
    assert Ends.of(tail, np.zeros((0, 2)), np.zeros(0, dtype=bool), 1.0, 500).elsewhere == 1
