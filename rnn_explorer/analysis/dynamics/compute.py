"""Analyses of a layer as a dynamical system: fixed points, eigenvalues, flow, and the response to a perturbation.

One time step of a layer under a constant input x* is a map s -> F(s) of its joined state (`layer_map`). Fixed points
are zeros of F(s) - s, found by `search`.

Source: D. Sussillo and O. Barak, "Opening the black box: low-dimensional dynamics in high-dimensional recurrent neural
networks", Neural Computation 25 (2013).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnn_explorer.analysis import projection
from rnn_explorer.analysis.arguments import finite_number
from rnn_explorer.analysis.dynamics.fixed_points import RETURN, Ends
from rnn_explorer.analysis.dynamics.layer_map import LayerMap
from rnn_explorer.analysis.dynamics.record import (
    FixedPointOptions,
    Flow,
    FlowOptions,
    Perturbation,
    PerturbOptions,
    Spectrum,
    SpectrumOptions,
    Trajectories,
    TrajectoryOptions,
)
from rnn_explorer.analysis.dynamics.search import FLOPS, RUN_ON, eigen, run_on, search, sorted_out
from rnn_explorer.analysis.dynamics.space import ConstantInput
from rnn_explorer.analysis.dynamics.stability import HOLDING
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import Progress, analysis
from rnn_explorer.errors import UserError
from rnn_explorer.trace import Array

_RUNNERS = 64  # states that are let run on to see where they end


# -- the analyses -----------------------------------------------------------------------------------------------


@analysis("trajectories", TrajectoryOptions)
def trajectories(frozen: FrozenModel, options: TrajectoryOptions) -> Progress:
    """The joined states of the probe sequences, and the axes in which all answers about this layer are drawn.

    Returns:
        A `Trajectories`.

    Raises:
        UserError: for a layer or direction that there is not.
    """
    scene = yield from LayerMap.read(frozen, options)
    states, lengths = scene.probe()
    labels, names = frozen.task.labels(frozen.probe.numpy())
    return Trajectories(
        place=scene.place,
        space=scene.space,
        states=states.float().numpy(),
        lengths=lengths.numpy().copy(),
        labels=np.asarray(labels),
        label_names=tuple(map(str, names)),
        spread=scene.spread,
    )


@analysis("fixed_points", FixedPointOptions)
def fixed_points(frozen: FrozenModel, options: FixedPointOptions) -> Progress:
    """Fixed and slow points of a layer under a constant input.

    Searches start at states of the validation sequences, drawn at random, with Gaussian noise. Some of these states are
    also let run on, since a search says nothing of how many states a point draws in.

    Returns:
        A `FixedPoints`.

    Raises:
        UserError: for a layer, direction or input that there is not, and when the states are no longer finite.
    """
    scene = yield from _part(LayerMap.read(frozen, options), 0.0, 0.1)
    step, jacobian, held = yield from _part(scene.hold(options.input), 0.1, 0.15)
    starts = scene.draw(options.inits, options.noise, options.seed)
    found = yield from _part(search(step, jacobian, starts, options.tolerance, options.max_iterations), 0.15, 0.8)
    points = yield from _part(sorted_out(scene, held, jacobian, found, options), 0.8, 0.9)
    tail = yield from _part(run_on(step, scene.draw(_RUNNERS, 0.0, options.seed)), 0.9, 1.0)
    holding = np.array([nature.kind in HOLDING for nature in points.natures], dtype=bool)
    ends = Ends.of(tail.numpy(), points.points, holding, scene.spread, RUN_ON)
    return dataclasses.replace(points, ends=ends)


@analysis("spectrum", SpectrumOptions)
def spectrum(frozen: FrozenModel, options: SpectrumOptions) -> Progress:
    """Eigenvalues of the Jacobian dF/ds at one state.

    Returns:
        A `Spectrum`.

    Raises:
        UserError: for a sequence, step, state or input that there is not.
    """
    scene = yield from _part(LayerMap.read(frozen, options), 0.0, 0.8)
    start, words = scene.state(options)
    if options.own_input:
        x = scene.inputs(options.sequence, options.time)
        step, jacobian = scene.map(x)
        held = ConstantInput(None, f"the input at t = {options.time + 1}")
    else:
        step, jacobian, held = yield from _part(scene.hold(options.input), 0.8, 0.9)
    eigenvalues, _ = eigen(jacobian(start[None])[0])
    return Spectrum(
        place=scene.place,
        held=held,
        words=words,
        state=start.numpy(),
        eigenvalues=eigenvalues,
        speed=float((step(start[None])[0] - start).norm()),
    )


@analysis("flow", FlowOptions)
def flow(frozen: FrozenModel, options: FlowOptions) -> Progress:
    """Where one step takes the states of a grid in the plane of the first two axes.

    It is exact where a state has one or two numbers; else it is a slice of the states there are, through their mean.

    Returns:
        A `Flow`.

    Raises:
        UserError: for limits, axes or an input that cannot be.
    """
    grid, mean, components = options.grid, options.mean, options.components
    scene = yield from _part(LayerMap.read(frozen, options), 0.0, 0.7)
    space = scene.space if not len(mean) and not len(components) else scene.given_space(mean, components)
    step, _, held = yield from _part(scene.hold(options.input), 0.7, 0.8)
    ends = _ends(options.limits) if len(options.limits) else projection.limits(space.project(scene.rows))[:2]
    x, y = (np.linspace(low, high, grid) for low, high in ends)
    plane = space.basis.components[:2]  # (2, size)
    places = np.stack(np.meshgrid(x, y), axis=-1)  # (rows, columns, 2)
    states = torch.from_numpy(space.basis.mean + places @ plane).flatten(0, 1)  # (rows x columns, size)
    moves, done = [], 0
    for part in states.split(max(1, FLOPS // states.shape[1] ** 2)):
        moves.append(step(part) - part)
        done += len(part)
        yield 0.8 + 0.2 * done / len(states)
    move = torch.cat(moves).unflatten(0, (grid, grid)).numpy()  # (rows, columns, size)
    return Flow(
        place=scene.place,
        held=held,
        space=space,
        x=x,
        y=y,
        velocity=_single(move @ plane.T),
        speed=_single(np.linalg.norm(move, axis=-1)),
        slice=not space.whole,
    )


@analysis("perturb", PerturbOptions)
def perturb(frozen: FrozenModel, options: PerturbOptions) -> Progress:
    """Kick one state in random directions, and let it run on under a constant input.

    The directions are orthonormal as long as there are as many, then their opposites.

    Returns:
        A `Perturbation`; with more kicks than twice the state's numbers, that many are made.

    Raises:
        UserError: for a sequence, step, state or input that there is not.
    """
    points, steps = options.points, options.steps
    scene = yield from _part(LayerMap.read(frozen, options), 0.0, 0.6)
    start, words = scene.state(options)
    goals = torch.stack([scene.vector("points", point) for point in points]) if len(points) else None
    step, _, held = yield from _part(scene.hold(options.input), 0.6, 0.7)
    kick = options.size * scene.spread
    now = start + kick * _kicks(len(start), options.directions, options.seed)  # (1 + kicks, size)
    path = [now]
    for number in range(steps):
        path.append(step(path[-1]))
        yield 0.7 + 0.3 * (number + 1) / steps
    end = path[-1]
    gap = (end - end[:1]).norm(dim=1)
    apart = torch.full((len(end), 1), math.nan) if goals is None else torch.cdist(end, goals)  # (1 + kicks, points)
    distance, nearest = apart.min(dim=1)
    return Perturbation(
        place=scene.place,
        held=held,
        words=words,
        kick=kick,
        states=torch.stack(path, dim=1).float().numpy(),
        moved=(step(end) - end).norm(dim=1).numpy(),
        gap=gap.numpy(),
        returned=(gap <= RETURN * max(scene.spread, 1e-12)).numpy(),
        nearest=np.full(len(end), -1) if goals is None else nearest.numpy(),
        distance=distance.numpy(),
    )


def _kicks(size: int, wanted: int, seed: int) -> Tensor:
    """(1 + kicks, size): zero, then unit vectors in random directions at right angles, then their opposites."""
    generator = torch.Generator().manual_seed(seed)
    square = torch.randn(size, size, generator=generator, dtype=torch.float64)
    axes = torch.linalg.qr(square).Q.T
    return torch.cat([torch.zeros(1, size, dtype=torch.float64), torch.cat([axes, -axes])[:wanted]])


# -- what is given ----------------------------------------------------------------------------------------------


def _ends(limits: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    if len(limits) < 2 or any(len(pair) != 2 for pair in limits):
        raise UserError("limits must be a pair (low, high) for each of the two axes")
    ends = [(finite_number("limits", low), finite_number("limits", high)) for low, high in limits[:2]]
    if any(low >= high for low, high in ends):
        raise UserError("limits must be pairs (low, high) with low below high")
    return ends


def _single(values: Array) -> Array:
    """In single precision; what is too large for it becomes infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _part(progress: Generator[float, None, Any], low: float, high: float) -> Generator[float, None, Any]:
    """Pass on how far a part has come, as a share of the whole."""
    while True:
        try:
            share = next(progress)
        except StopIteration as end:
            return end.value
        yield low + (high - low) * share
