from __future__ import annotations

import numpy as np
import pytest

from rnn_explorer.analysis.projection import Basis, align, explained, fit, limits, project


def some_states(hidden: int = 6, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    scales = np.arange(hidden, 0, -1.0)
    return (rng.normal(size=(5, 20, hidden)) * scales + 3).astype(np.float32)


def test_agrees_with_the_singular_value_decomposition() -> None:
    states = some_states()
    basis = fit(states, k=3)
    rows = states.reshape(-1, 6).astype(np.float64)
    _, singular, vectors = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    np.testing.assert_allclose(np.abs(np.sum(basis.components * vectors[:3], axis=1)), 1.0, atol=1e-9)
    np.testing.assert_allclose(basis.explained, (singular**2 / np.sum(singular**2))[:3], rtol=1e-9)
    np.testing.assert_allclose(basis.mean, rows.mean(axis=0))


def test_what_a_foreign_basis_explains_is_the_share_of_the_variance_along_it() -> None:
    states, other = some_states(), some_states(seed=4)
    basis = fit(states)
    np.testing.assert_allclose(explained(basis, states), basis.explained, rtol=1e-4)
    rows = other.reshape(-1, 6).astype(np.float64)
    along = [np.var(rows @ axis) for axis in basis.components]
    np.testing.assert_allclose(explained(basis, other), np.array(along) / rows.var(axis=0).sum(), rtol=1e-4)
    assert explained(basis, np.ones((2, 4, 6), dtype=np.float32)).tolist() == [0, 0, 0]
    assert explained(basis, other, np.zeros(5, dtype=int)).tolist() == [0, 0, 0]


def test_all_components_together_explain_everything_and_keep_distances() -> None:
    states = some_states(4)
    basis = fit(states, k=4)
    assert basis.explained.sum() == pytest.approx(1.0)
    assert np.all(np.diff(basis.explained) <= 0)
    projected = project(basis, states)
    assert projected.shape == states.shape
    np.testing.assert_allclose(
        np.linalg.norm(projected[0, 0] - projected[3, 7]), np.linalg.norm(states[0, 0] - states[3, 7]), rtol=1e-5
    )
    np.testing.assert_allclose(projected.reshape(-1, 4).mean(axis=0), 0, atol=1e-5)


def test_the_largest_loading_is_positive_whatever_the_sign_of_the_states() -> None:
    states = some_states()
    for basis in (fit(states), fit(-states)):
        largest = np.abs(basis.components).argmax(axis=1)
        assert np.all(basis.components[np.arange(3), largest] > 0)
    np.testing.assert_allclose(fit(states).components, fit(-states).components, atol=1e-9)


def test_align_undoes_a_permutation_and_flips() -> None:
    old = fit(some_states())
    order, signs = [2, 0, 1], np.array([-1.0, 1.0, -1.0])
    shuffled = Basis(old.mean + 1, old.components[order] * signs[:, None], old.explained[order])
    aligned = align(shuffled, old)
    np.testing.assert_allclose(aligned.components, old.components)
    np.testing.assert_allclose(aligned.explained, old.explained)
    np.testing.assert_allclose(aligned.mean, old.mean + 1)  # the mean stays the new one


def test_align_follows_a_slow_rotation_without_a_jump() -> None:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(400, 2)) * [2.0, 1.5]
    basis = fit(rows, k=2)
    for angle in np.linspace(0, np.pi, 60):  # the rule for signs flips on the way; align must not
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        following = align(fit(rows @ turn.T, k=2), basis)
        assert np.all(np.sum(following.components * basis.components, axis=1) > 0.9)
        basis = following


def test_align_refuses_another_shape() -> None:
    with pytest.raises(ValueError, match="shapes"):
        align(fit(some_states(6)), fit(some_states(5)))


@pytest.mark.parametrize("hidden", [1, 2])
def test_fewer_units_than_components_are_padded_with_zeros(hidden: int) -> None:
    basis = fit(some_states(hidden), k=3)
    assert basis.components.shape == (3, hidden)
    assert np.all(basis.components[hidden:] == 0)
    assert np.all(basis.explained[hidden:] == 0)
    assert basis.explained.sum() == pytest.approx(1.0)
    projected = project(basis, some_states(hidden))
    assert projected.shape[-1] == 3
    assert np.all(projected[..., hidden:] == 0)
    assert align(basis, basis).explained == pytest.approx(basis.explained)


def test_constant_states_explain_nothing_and_lie_at_the_origin() -> None:
    states = np.full((2, 5, 4), 0.7, dtype=np.float32)
    basis = fit(states)
    assert np.all(basis.explained == 0)
    np.testing.assert_allclose(project(basis, states), 0, atol=1e-6)
    np.testing.assert_allclose(basis.components @ basis.components.T, np.eye(3), atol=1e-9)


def test_no_states_at_all() -> None:
    basis = fit(np.zeros((0, 7, 4), dtype=np.float32))
    assert basis.components.shape == (3, 4)
    assert np.all(basis.explained == 0)
    np.testing.assert_array_equal(limits(np.zeros((0, 3))), [[-1, 1]] * 3)


def test_padding_and_what_is_not_finite_are_left_out() -> None:
    states = some_states()
    dirty = np.concatenate([states, np.full((5, 3, 6), 1e6, dtype=np.float32)], axis=1)
    lengths = np.full(5, 20)
    np.testing.assert_allclose(fit(dirty, lengths=lengths).components, fit(states).components)
    broken = np.concatenate([states.reshape(-1, 6), np.full((1, 6), np.nan)])
    np.testing.assert_allclose(fit(broken).components, fit(states).components)
    np.testing.assert_array_equal(limits(dirty, lengths=lengths), limits(states))


def test_k_must_be_at_least_one() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        fit(some_states(), k=0)


def test_limits_hold_everything_and_only_grow() -> None:
    rng = np.random.default_rng(1)
    previous = None
    for scale in (1.0, 2.5, 0.3, 2.6):
        points = rng.uniform(-scale, scale, size=(8, 30, 3))
        now = limits(points, previous)
        assert np.all(now[:, 0] < points.min(axis=(0, 1))) and np.all(now[:, 1] > points.max(axis=(0, 1)))
        if previous is not None:
            assert np.all(now[:, 0] <= previous[:, 0]) and np.all(now[:, 1] >= previous[:, 1])
        previous = now


def test_limits_move_in_jumps() -> None:
    points = np.array([[-1.0, -1.0], [1.0, 1.0]])
    ends = {tuple(map(tuple, limits(points * factor))) for factor in np.linspace(1.0, 1.3, 40)}
    assert len(ends) <= 3


def test_limits_of_a_flat_axis_are_as_long_as_the_longest() -> None:
    ends = limits(np.array([[-2.0, 0.0], [2.0, 0.0]]))
    assert ends[1, 1] - ends[1, 0] >= 4
    np.testing.assert_allclose(ends[1].sum(), 0)
