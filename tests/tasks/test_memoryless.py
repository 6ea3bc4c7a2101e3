"""What the memoryless baselines are fitted with, against closed forms and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.base import Batch
from rnn_explorer.tasks.memoryless import (
    LogisticRegression,
    NextValue,
    frequencies,
    last_steps,
    of_probabilities,
    spaced,
)


def classes(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two columns, and three classes that follow from them by a softmax of known weights."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 2)) * [1.0, 20.0] + [0.0, 100.0]
    logits = ((x - [0.0, 100.0]) / [1.0, 20.0]) @ [[2.0, -2.0, 0.0], [0.0, 1.0, -1.0]]
    labels = (logits + rng.gumbel(size=(count, 3))).argmax(axis=1)
    return x, labels


def test_logistic_regression_finds_the_weights_that_made_the_data() -> None:
    (x, y), (other, right) = classes(4000), classes(2000, 1)
    fitted = LogisticRegression.fit(x, y, 3, other, right)
    truth = ((other - [0.0, 100.0]) / [1.0, 20.0]) @ [[2.0, -2.0, 0.0], [0.0, 1.0, -1.0]]
    said = np.exp(truth) / np.exp(truth).sum(axis=1, keepdims=True)
    assert np.abs(fitted(other) - said).mean() < 0.02
    assert of_probabilities(fitted(other), right, "").loss < of_probabilities(said, right, "").loss + 0.01


def test_it_is_at_the_maximum_of_the_posterior() -> None:
    x, y = classes(60)
    fitted = LogisticRegression.fit(x, y, 3, x, y)  # judged on itself, the weakest prior is best
    z = (x - x.mean(axis=0)) / x.std(axis=0)
    terms = np.stack([np.ones(60), z[:, 0], z[:, 1], z[:, 0] ** 2, z[:, 0] * z[:, 1], z[:, 1] ** 2], axis=1)
    precision = np.array([1, 1, 1, 10, 10, 10])[:, None]

    def posterior(weights: np.ndarray) -> float:
        logits = terms @ weights
        likelihood = logits[np.arange(60), y] - np.log(np.exp(logits).sum(axis=1))
        return float(likelihood.sum() - (precision * weights**2).sum() / 2)

    assert fitted.quadratic and fitted.weights.shape == (6, 3)
    best = posterior(fitted.weights)
    for place in np.ndindex(6, 3):
        for change in (-0.05, 0.05):
            moved = fitted.weights.copy()
            moved[place] += change
            assert posterior(moved) < best


def test_what_says_nothing_gives_the_class_frequencies() -> None:
    y = np.repeat([0, 1, 2], [60, 30, 10])
    fitted = LogisticRegression.fit(np.full((100, 3), 7.0), y, 4, np.full((9, 3), 7.0), np.zeros(9, dtype=int))
    np.testing.assert_allclose(fitted(np.full((1, 3), 7.0))[0], [0.6, 0.3, 0.1, 0.0], atol=0.03)
    assert fitted(np.full((1, 3), 7.0))[0, 3] > 1e-3, "a class that never came is possible"


def test_squares_tell_what_lines_cannot() -> None:
    x = np.random.default_rng(0).normal(size=(500, 1))
    y = (np.abs(x[:, 0]) > 1).astype(int)
    assert of_probabilities(LogisticRegression.fit(x, y, 2, x, y)(x), y, "").metric > 0.95
    few = LogisticRegression.fit(x[:12], y[:12], 2, x, y)
    assert not few.quadratic and few.words("x") == "a logistic regression on x"


def test_few_rows_of_noise_are_not_overrated() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 20)), np.arange(30) % 3
    judged, right = rng.normal(size=(300, 20)), rng.integers(3, size=300)
    assert of_probabilities(LogisticRegression.fit(x, y, 3, judged, right)(judged), right, "").loss < 1.1 * math.log(3)


def test_frequencies_by_counting() -> None:
    found = frequencies(np.array([0, 0, 0, 1]), np.array([1, 1, 0, 0]), np.full((3, 2), 0.5))
    np.testing.assert_allclose(found, [[1.5 / 4, 2.5 / 4], [1.5 / 2, 0.5 / 2], [0.5, 0.5]])
    judged = of_probabilities(found[[0, 1]], np.array([1, 1]), "counts")
    assert judged.loss == pytest.approx(-(math.log(2.5 / 4) + math.log(0.25)) / 2) and judged.metric == 0.5


def test_last_steps_are_the_last_real_ones() -> None:
    inputs = np.arange(12).reshape(2, 3, 2)
    assert last_steps(Batch(inputs, np.zeros(2))).tolist() == [[4, 5], [10, 11]]
    assert last_steps(Batch(inputs, np.zeros(2), np.array([2, 1]))).tolist() == [[2, 3], [6, 7]]
    assert spaced(5, 9).tolist() == [0, 1, 2, 3, 4] and spaced(101, 3).tolist() == [0, 50, 100]


def series(values: np.ndarray, window: int = 10) -> Batch:
    found = np.lib.stride_tricks.sliding_window_view(values, window + 1).astype(np.float32)[:, :, None]
    return Batch(found[:, :-1], found[:, 1:])


def test_the_next_value_of_a_cubic_map_is_known_and_of_a_walk_is_the_last() -> None:
    x = [0.3]
    for _ in range(600):
        x.append(3.9 * x[-1] * (1 - x[-1]))  # chaotic, but a polynomial of the last value
    train, judged = series(np.array(x[:400])), series(np.array(x[400:]))
    fitted = NextValue.fit(train, judged)
    assert fitted.errors(judged).max() < 1e-5 and fitted.order == 3
    lazy = ((judged.inputs - judged.targets) ** 2).mean()
    assert lazy > 0.1
    walk = np.random.default_rng(3).normal(size=600).cumsum()
    walked = NextValue.fit(series(walk[:400]), series(walk[400:]))
    assert walked.weights is None and walked.words() == "repeats the last value"


def test_beyond_what_was_seen_the_polynomial_is_held() -> None:
    values = np.linspace(-1, 1, 300) ** 3
    fitted = NextValue.fit(series(values), series(values))
    assert fitted.weights is not None
    far, end = fitted(np.array([[50.0]])) - 50.0, fitted(np.array([[1.0]])) - 1.0
    np.testing.assert_allclose(far, end, atol=1e-6)


@pytest.mark.parametrize("query", ["task=parity", "task=temporal_order", "task=local_peak", "task=flip_flop"])
def test_closed_forms_are_what_a_table_of_the_present_input_comes_to(query: str) -> None:
    """Fitted and judged on halves of one large batch, by the input at the step alone."""
    task = Experiment.from_query(query).make_task()
    rng = np.random.default_rng(0)
    batch = task.generate(rng, 6000) if not task.finite else task.finite_set("train")
    if task.output.per_step:
        counted = batch.step_mask()
        counted[:, 0] = True
        seen, right = batch.inputs[counted], batch.targets[counted]
    else:
        seen, right = last_steps(batch), batch.targets
    if query == "task=local_peak":
        seen = np.floor(seen * 200)
        keep = batch.step_mask()
        seen, right = np.floor(batch.inputs[keep] * 200), batch.targets[keep]
    if query == "task=flip_flop":
        seen, right = batch.inputs.reshape(-1, 1), batch.targets.reshape(-1)
    _, cell = np.unique(seen, axis=0, return_inverse=True)
    cell = cell.ravel()
    if task.output.classes:
        shares = frequencies(cell, right, np.full((cell.max() + 1, task.output.size), 0.5))
        found = of_probabilities(shares[cell], right, "")
        assert task.baseline().metric == pytest.approx(found.metric, abs=0.03)
    else:
        mean = np.bincount(cell, right) / np.bincount(cell)
        found = of_probabilities(np.ones((1, 1)), np.zeros(1, dtype=int), "")
        found = type(found)(float(((right - mean[cell]) ** 2).mean()), 0.0, "")
    assert task.baseline().loss == pytest.approx(found.loss, rel=0.03)
