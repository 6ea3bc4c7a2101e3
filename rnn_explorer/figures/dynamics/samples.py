"""Made-up records of a layer's dynamics, for examples and tests of figures."""

from __future__ import annotations

import math

import numpy as np

from rnn_explorer.analysis.dynamics.fixed_points import FixedPoints
from rnn_explorer.analysis.dynamics.record import Flow, Perturbation, Trajectories
from rnn_explorer.analysis.dynamics.space import ConstantInput, LayerRef, Space
from rnn_explorer.analysis.dynamics.stability import Stability, largest_first
from rnn_explorer.trace import Array

HELD = ConstantInput((1.0,), "input <b>'a'", False)


def place(size: int) -> LayerRef:
    """A GRU layer of `size` units."""
    return LayerRef("gru", 0, "forward", size, ("hidden",), 70)


def trajectories(size: int, labels: bool = False) -> Trajectories:
    """Three sequences of 9, 4 and 1 time steps, with or without classes."""
    rng = np.random.default_rng(size)
    states = np.tanh(rng.normal(size=(3, 9, size))).astype(np.float32)
    return Trajectories(
        place=place(size),
        space=Space.of(states.reshape(-1, size), ("hidden",)),
        states=states,
        lengths=np.array([9, 4, 1]),
        labels=np.array([0, 1, 0]) if labels else np.full(3, -1),
        label_names=("<i>odd", "even") if labels else (),
        spread=1.3,
    )


def matrices(size: int) -> list[Array]:
    """Jacobians of a stable point, a marginal one, saddles with one and two directions, an unstable and a slow one."""
    rest = [0.5] * size
    diagonals = [rest, [1.0, *rest][:size], [1.5, *rest][:size], [2.0] * size, [1.2, *rest][:size]]
    found = [np.diag(diagonal) for diagonal in diagonals]
    if size > 2:
        turn = np.diag(rest)
        turn[:2, :2] = [[1.1, -0.8], [0.8, 1.1]]
        found.insert(3, turn)
    return found


def points(size: int, number: int | None = None) -> FixedPoints:
    """A point for each of `matrices`, or for the first `number` of them."""
    rng = np.random.default_rng(1)
    jacobians = matrices(size)
    if number is not None:
        jacobians = jacobians[:number]
    pairs = [largest_first(*(part.astype(complex) for part in np.linalg.eig(matrix))) for matrix in jacobians]
    natures = [Stability.of(values, slow=n == len(matrices(size)) - 1) for n, (values, _) in enumerate(pairs)]
    upward = [
        [j for j in range(nature.unstable) if values[j].imag >= 0]
        for nature, (values, _) in zip(natures, pairs, strict=True)
    ]
    return FixedPoints(
        place=place(size),
        held=HELD,
        space=trajectories(size).space,
        points=rng.uniform(-0.9, 0.9, (len(pairs), size)),
        q=np.full(len(pairs), 1e-20),
        natures=tuple(natures),
        eigenvalues=np.array([values for values, _ in pairs]).reshape(-1, size),
        growth=tuple(values[up] for (values, _), up in zip(pairs, upward, strict=True)),
        directions=tuple(vectors[up] for (_, vectors), up in zip(pairs, upward, strict=True)),
        found=np.arange(len(pairs), 0, -1) * 10,
        answers=rng.uniform(0, 1, (len(pairs), 2)),
        answer_names=("<i>odd", "even"),
        classes=True,
        inits=300,
        far=1,
        fast=2,
        unsettled=3,
        left_out=0,
        iterations=12,
        tolerance=1e-18,
        slow_tolerance=1e-5,
        spread=1.3,
    )


def perturbation(size: int) -> Perturbation:
    """A state left alone, and four kicked ones of which two return."""
    states = np.random.default_rng(2).normal(size=(5, 7, size)).astype(np.float32)
    return Perturbation(
        place=place(size),
        held=HELD,
        words="the state at t = 2 of sequence 1",
        kick=0.4,
        states=states,
        moved=np.zeros(5),
        gap=np.array([0, 0.1, 3, 0.1, 2]),
        returned=np.array([True, True, False, True, False]),
        nearest=np.full(5, -1),
        distance=np.full(5, math.nan),
    )


def flow_field(size: int, factor: float = 1.0) -> Flow:
    """A grid of 5 x 3 states whose velocities are scaled by `factor`."""
    x, y = np.linspace(-1, 1, 5), np.linspace(-2, 2, 3)
    places = np.stack(np.meshgrid(x, y), axis=-1)
    velocity = factor * np.stack([places[..., 1] - 2, -3 * places[..., 0]], axis=-1)
    return Flow(
        place=place(size),
        held=HELD,
        space=trajectories(size).space,
        x=x,
        y=y,
        velocity=velocity.astype(np.float32),
        speed=np.linalg.norm(velocity, axis=-1).astype(np.float32),
        slice=size > 2,
    )
