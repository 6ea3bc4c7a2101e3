"""Principal components of hidden states: the plane or space in which a trajectory is drawn.

With h-bar the mean of the states and C = mean (h - h-bar)(h - h-bar)^T, the components are the eigenvectors v_j of C
with the largest eigenvalues l_j; a state's coordinates are (h - h-bar) . v_j, and component j explains l_j / trace C of
the variance.

An eigenvector's sign is arbitrary, and two eigenvalues can change places while a model trains. `fit` fixes signs by a
rule and `align` carries order and signs over from an earlier basis, so that a trajectory moves only when the states do.

Sources: K. Pearson, "On lines and planes of closest fit to systems of points in space", Philosophical Magazine 2
(1901); I. T. Jolliffe, "Principal Component Analysis", 2nd edition, Springer (2002).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rnn_explorer.trace import Array

_TINY = 1e-12  # a variance below this, relative to the states' own size, is rounding


@dataclass(frozen=True)
class Basis:
    """Where the axes of a projection lie.

    Attributes:
        mean: (hidden,) the center.
        components: (k, hidden) orthonormal rows, the most variance first; rows of zeros where there are fewer
            than k units.
        explained: (k,) the share of the variance along each, 0 to 1; all 0 when the states do not vary.
    """

    mean: Array
    components: Array
    explained: Array


def valid(states: Array, lengths: Array | None = None) -> Array:
    """(n, hidden): the states of real steps, finite ones only.

    Args:
        states: (batch, time, hidden), or (n, hidden).
        lengths: (batch,) real steps of each sequence; None: all steps are real.
    """
    hidden_size = states.shape[-1]
    if lengths is not None:
        states = states[np.arange(states.shape[1])[None, :] < np.asarray(lengths)[:, None]]
    rows = states.reshape(-1, hidden_size)
    finite = np.isfinite(rows).all(axis=1)
    return rows if finite.all() else rows[finite]


def fit(states: Array, k: int = 3, lengths: Array | None = None) -> Basis:
    """The first k principal components.

    The sign of each is such that its loading of largest magnitude is positive.

    Args:
        states: (batch, time, hidden), or (n, hidden).
        k: components wanted, at least 1.
        lengths: (batch,) real steps of each sequence; later steps are left out.

    Raises:
        ValueError: when k is below 1.
    """
    if k < 1:
        raise ValueError(f"k is {k}, but must be at least 1")
    rows = valid(states, lengths).astype(np.float64)  # (n, hidden)
    hidden_size = states.shape[-1]
    components, explained = np.zeros((k, hidden_size)), np.zeros(k)
    if len(rows) == 0:
        components[:hidden_size] = np.eye(hidden_size)[:k]
        return Basis(np.zeros(hidden_size), components, explained)
    mean = rows.mean(axis=0)
    centered = rows - mean
    values, vectors = np.linalg.eigh(centered.T @ centered / len(rows))  # ascending; vectors in columns
    found = min(k, hidden_size)
    components[:found] = vectors.T[::-1][:found]
    largest = np.abs(components).argmax(axis=1)
    components *= np.where(components[np.arange(k), largest] < 0, -1.0, 1.0)[:, None]
    total = float(np.clip(values, 0, None).sum())
    if total > _TINY * max(1.0, float(np.square(mean).sum())):
        explained[:found] = np.clip(values[::-1][:found], 0, None) / total
    return Basis(mean, components, explained)


def align(new: Basis, old: Basis, slack: float = 1.25) -> Basis:
    """`new` with the order and signs of its components as near to `old` as they come.

    Pairs are made greedily, the most parallel first. Mean and spanned space stay those of `new`. The order gives way
    where it would hide what matters: a component never comes before one with more than `slack` times its variance.

    Raises:
        ValueError: when the two are not of one shape.
    """
    if new.components.shape != old.components.shape:
        raise ValueError(f"bases of different shapes: {new.components.shape} and {old.components.shape}")
    cosines = old.components @ new.components.T  # (k old, k new)
    free = np.abs(cosines)
    k = len(free)
    order, signs = np.zeros(k, dtype=int), np.ones(k)
    for _ in range(k):
        place, taken = divmod(int(free.argmax()), k)
        order[place] = taken
        signs[place] = -1.0 if cosines[place, taken] < 0 else 1.0
        free[place, :] = free[:, taken] = -1.0
    components, explained = new.components[order] * signs[:, None], new.explained[order]
    for end in range(k - 1, 0, -1):
        for place in range(end):
            if explained[place + 1] > slack * explained[place]:
                pair = [place + 1, place]
                components[place : place + 2] = components[pair]
                explained[place : place + 2] = explained[pair]
    return Basis(new.mean, components, explained)


def project(basis: Basis, states: Array) -> Array:
    """(..., k): the coordinates of states (..., hidden) in a basis."""
    return ((states - basis.mean) @ basis.components.T).astype(np.float32)


def explained(basis: Basis, states: Array, lengths: Array | None = None) -> Array:
    """(k,) the share of the variance of some states along each axis of a basis that was fitted to others.

    Args:
        basis: the axes.
        states: (batch, time, hidden), or (n, hidden).
        lengths: (batch,) real steps of each sequence; later steps are left out.

    Returns:
        0 to 1; all 0 where the states do not vary.
    """
    rows = valid(states, lengths).astype(np.float64)
    if not len(rows):
        return np.zeros(len(basis.components))
    mean = rows.mean(axis=0)
    rows -= mean
    total = float(np.vdot(rows, rows))
    if not total > len(rows) * _TINY * max(1.0, float(mean @ mean)):
        return np.zeros(len(basis.components))
    along = rows @ basis.components.T
    return np.asarray(np.einsum("nk,nk->k", along, along) / total)


def limits(projected: Array, previous: Array | None = None, lengths: Array | None = None) -> Array:
    """(k, 2): the least and greatest value of each axis, with a margin of at least a twentieth on both sides.

    Ends lie on a coarse grid, so they move in jumps; given `previous`, they only ever move outwards. An axis along
    which nothing varies is as long as the longest.

    Args:
        projected: (batch, time, k), or (n, k).
        previous: (k, 2) limits so far.
        lengths: (batch,) real steps of each sequence; later steps are left out.
    """
    k = projected.shape[-1]
    rows = valid(projected, lengths)
    if len(rows) == 0:
        return np.tile([-1.0, 1.0], (k, 1)) if previous is None else np.array(previous, dtype=np.float64)
    low, high = rows.min(axis=0).astype(np.float64), rows.max(axis=0).astype(np.float64)
    span = high - low
    longest, largest = float(span.max()), float(np.abs(rows).max())
    if longest < max(1e-9, 1e-12 * largest):
        longest = max(1.0, 1e-6 * largest)
    flat = span < 1e-6 * longest
    center = (low + high) / 2
    low, high = np.where(flat, center - longest / 2, low), np.where(flat, center + longest / 2, high)
    grid = np.array([_grid(float(width)) for width in high - low])
    margin = (high - low) / 20
    ends = np.stack([np.floor((low - margin) / grid) * grid, np.ceil((high + margin) / grid) * grid], axis=1)
    if previous is not None:
        ends = np.stack([np.minimum(ends[:, 0], previous[:, 0]), np.maximum(ends[:, 1], previous[:, 1])], axis=1)
    return ends


def _grid(width: float) -> float:
    """A round step (1, 2 or 5 times a power of ten) of a fifth to a half of `width`, more or less."""
    target = width / 4
    power = 10.0 ** math.floor(math.log10(target))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= target * 0.999)
