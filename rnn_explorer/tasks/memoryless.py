"""Memoryless baselines: the best predictor from the present input alone, fitted where no closed form is known.

Fits are deterministic, read the training set alone and take bounded time: well under a fifth of a second.

Sources: D. Böhning, "Multinomial logistic regression algorithm", Annals of the Institute of Statistical Mathematics 44
(1992), for a Hessian that bounds all others; Y. Nesterov, "A method of solving a convex programming problem with
convergence rate O(1/k^2)", Soviet Mathematics Doklady 27 (1983), for the momentum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnn_explorer.tasks.base import Baseline, Batch
from rnn_explorer.trace import Array

ROWS_PER_TERM = 10  # training rows that a term of higher order needs, so that it is not fitted to noise
PRIORS = (1.0, 10.0, 100.0)  # precisions of the Gaussian prior on weights of standardized terms, to choose from
SQUARES = 10.0  # times so much for squares and products
_WORK = 600_000  # rows x terms x classes of a fit, at most
_MOST_ROWS = 20_000
_ITERATIONS = 200
_TINY = 1e-12


def last_steps(batch: Batch) -> Array:
    """(sequences, ...): the input at the last real step of each."""
    length = batch.inputs.shape[1]
    last = np.full(len(batch), length - 1) if batch.lengths is None else batch.lengths - 1
    return np.asarray(batch.inputs[np.arange(len(batch)), last])


def spaced(count: int, most: int) -> Array:
    """At most `most` of the rows 0 to `count` - 1, evenly spaced."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.int64)


def frequencies(inputs: Array, labels: Array, prior: Array) -> Array:
    """(symbols, classes): p(class | symbol), from how often they come together.

    Args:
        inputs: (n,) symbols.
        labels: (n,) their classes.
        prior: (symbols, classes) counts from the start, above 0, so that no class is impossible.
    """
    size, classes = prior.shape
    pairs = np.bincount(inputs * classes + labels, minlength=size * classes).reshape(size, classes)
    shares = pairs + prior
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def of_probabilities(probabilities: Array, right: Array, how: str) -> Baseline:
    """The baseline of a predictor that gives probabilities.

    Args:
        probabilities: (n, classes) rows of sum 1.
        right: (n,) the classes that came.
        how: how it predicts, in words.
    """
    chosen = probabilities[np.arange(len(right)), right]
    return Baseline(
        loss=float(-np.log(np.maximum(chosen, 1e-30)).mean()),  # so that no loss is infinite
        metric=float((probabilities.argmax(axis=1) == right).mean()),
        how=how,
    )


@dataclass(frozen=True)
class LogisticRegression:
    """Multinomial logistic regression on vectors, their squares and products where the training rows bear them.

    Attributes:
        mean, scale: (columns,) by which the columns are standardized.
        weights: (1 + terms, classes), the first row the intercepts.
        quadratic: whether squares and products are among the terms.
    """

    mean: Array
    scale: Array
    weights: Array
    quadratic: bool

    @classmethod
    def fit(cls, vectors: Array, labels: Array, classes: int, judged: Array, right: Array) -> LogisticRegression:
        """Maximize the likelihood times a Gaussian prior on the weights.

        Args:
            vectors: (rows, columns) at least one.
            labels: (rows,) from 0.
            classes: how many there are.
            judged, right: (n, columns) and (n,), on which the best of `PRIORS` is chosen: few rows are not overrated.
        """
        columns = vectors.shape[1]
        squares = columns * (columns + 1) // 2
        quadratic = len(vectors) >= ROWS_PER_TERM * (columns + squares)
        terms = 1 + columns + squares * quadratic
        rows = spaced(len(vectors), max(_WORK // (terms * classes), 200))
        vectors, labels = vectors[rows].astype(np.float64), labels[rows]
        mean, scale = vectors.mean(axis=0), vectors.std(axis=0)
        scale = np.where(scale < _TINY, 1.0, scale)
        made = cls(mean, scale, np.zeros((terms, classes)), quadratic)
        x, target = made._terms(vectors), np.eye(classes)[labels]
        # The prior on the intercepts stays weak: a class that never came is possible, and the frequencies are kept.
        ridges = [np.array([1.0, *[p] * columns, *[p * SQUARES] * (terms - 1 - columns)]) for p in PRIORS]
        fits = [cls(mean, scale, _ascend(x, target, ridge), quadratic) for ridge in ridges]
        return min(fits, key=lambda fitted: of_probabilities(fitted(judged), right, "").loss)

    def __call__(self, vectors: Array) -> Array:
        """(n, classes): the probabilities for (n, columns)."""
        return _softmax(self._terms(vectors) @ self.weights)

    def words(self, of: str) -> str:
        """What it is, such as "a logistic regression on the last row"."""
        more = ", with squares and products" if self.quadratic else ""
        return f"a logistic regression on {of}{more}"

    def _terms(self, vectors: Array) -> Array:
        x = (np.asarray(vectors, dtype=np.float64) - self.mean) / self.scale
        parts = [np.ones((len(x), 1)), x]
        if self.quadratic:
            one, other = np.triu_indices(x.shape[1])
            parts.append(x[:, one] * x[:, other])
        return np.concatenate(parts, axis=1)


def _ascend(x: Array, target: Array, ridge: Array) -> Array:
    """(terms, classes): the weights at the maximum, by accelerated steps with a fixed Hessian.

    Args:
        x: (rows, terms).
        target: (rows, classes) one 1 in each row.
        ridge: (terms,) the precisions of the prior.
    """
    step = np.linalg.inv(0.5 * x.T @ x + np.diag(ridge))
    weights = ahead = np.zeros((x.shape[1], target.shape[1]))
    pace = 1.0
    for _ in range(_ITERATIONS):
        gradient = x.T @ (_softmax(x @ ahead) - target) + ridge[:, None] * ahead
        if np.abs(gradient).max() < 1e-3:
            break
        new = ahead - step @ gradient
        if ((ahead - new) * (new - weights)).sum() > 0:  # it would go uphill: momentum starts anew
            pace = 1.0
        next_pace = (1 + (1 + 4 * pace * pace) ** 0.5) / 2
        ahead = new + (pace - 1) / next_pace * (new - weights)
        weights, pace = new, next_pace
    return ahead


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class NextValue:
    """The next values of a series from the present ones: these, plus a polynomial of them.

    Outside the training part's range the polynomial is held at its end, so that it does not run away.

    Attributes:
        low, high: (columns,) that range.
        weights: (1 + order x columns, columns), the first row the intercepts; None: the present values are repeated.
        order: of the polynomial, 1 or 3.
    """

    low: Array
    high: Array
    weights: Array | None
    order: int

    @classmethod
    def fit(cls, train: Batch, judged: Batch) -> NextValue:
        """Least squares on the steps that count; or the last value repeated, where that is better on `judged`.

        Args:
            train, judged: inputs and targets (batch, time, columns).
        """
        x, y = _steps(train)
        columns = x.shape[1]
        order = 3 if len(x) >= ROWS_PER_TERM * 3 * columns else 1
        low, high = x.min(axis=0), x.max(axis=0)
        terms = _powers(x, order)
        square = terms.T @ terms + 1e-3 * np.eye(terms.shape[1])
        fitted = cls(low, high, np.linalg.solve(square, terms.T @ (y - x)), order)
        repeated = cls(low, high, None, order)
        return min(repeated, fitted, key=lambda predictor: predictor.errors(judged).mean())

    def __call__(self, values: Array) -> Array:
        """(n, columns): the forecast after each of (n, columns)."""
        values = np.asarray(values, dtype=np.float64)
        if self.weights is None:
            return values
        return np.asarray(values + _powers(np.clip(values, self.low, self.high), self.order) @ self.weights)

    def errors(self, batch: Batch) -> Array:
        """(columns,) the mean squared error over the steps that count."""
        x, y = _steps(batch, most=None)
        return np.asarray(((self(x) - y) ** 2).mean(axis=0))

    def words(self) -> str:
        """What it does, such as "repeats the last value"."""
        if self.weights is None:
            return "repeats the last value"
        what = "polynomial of third order" if self.order == 3 else "linear function"
        return f"adds to the last value a {what} of it, fitted to the training part"


def _steps(batch: Batch, most: int | None = _MOST_ROWS) -> tuple[Array, Array]:
    """Inputs and targets (n, columns) of the steps that count, evenly spaced where there are more than `most`."""
    counted = batch.step_mask()
    x, y = batch.inputs[counted], batch.targets[counted]
    rows = slice(None) if most is None else spaced(len(x), most)
    return x[rows].astype(np.float64), y[rows].astype(np.float64)


def _powers(x: Array, order: int) -> Array:
    return np.concatenate([np.ones((len(x), 1)), *(x**power for power in range(1, order + 1))], axis=1)


def next_character(train: Array, usage: Array, batch: Batch, split: str) -> Baseline:
    """Which character comes next, from the present one alone.

    Args:
        train: (n,) the codes of a text that may be learned from.
        usage: (size,) how often each code is used in it.
        batch: inputs and targets, (batch, time) codes, on which it is judged.
        split: the name of the part that they come from.
    """
    # As if each pair had been seen once for a hundred characters of its second kind: no pair is impossible.
    prior = np.tile((usage + 1) / 100, (len(usage), 1))  # (this character, the next)
    return of_probabilities(
        frequencies(train[:-1], train[1:], prior)[batch.inputs.ravel()],
        batch.targets.ravel(),
        "knows the present character alone: how often each character followed it in the training part, "
        f"measured on the {split} part",
    )
