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
from rnn_explorer.analysis.arguments import check_number, check_whole, finite_number
from rnn_explorer.analysis.dynamics.layer_map import LayerMap
from rnn_explorer.analysis.dynamics.record import (
    HOLDING,
    RETURN,
    ConstantInput,
    Ends,
    Flow,
    Perturbation,
    Spectrum,
    Trajectories,
)
from rnn_explorer.analysis.dynamics.search import FLOPS, RUN_ON, eigen, run_on, search, sorted_out
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import ANALYSES, Progress
from rnn_explorer.errors import UserError
from rnn_explorer.trace import Array, Direction

_RUNNERS = 64  # states that are let run on to see where they end


# -- the questions ----------------------------------------------------------------------------------------------


@ANALYSES.register("trajectories")
def trajectories(subject: FrozenModel, *, layer: int = 0, direction: Direction = "forward") -> Progress:
    """The joined states of the probe sequences, and the axes in which all answers about this layer are drawn.

    Args:
        subject: the model.
        layer: from 0, nearest the input first.
        direction: "forward" or "backward".

    Returns:
        A `Trajectories`.

    Raises:
        UserError: for a layer or direction that there is not.
    """
    scene = yield from LayerMap.read(subject, layer, direction)
    states, lengths = scene.probe()
    labels, names = subject.task.labels(subject.probe.numpy())
    return Trajectories(
        place=scene.place,
        space=scene.space,
        states=states.float().numpy(),
        lengths=lengths.numpy().copy(),
        labels=np.asarray(labels),
        label_names=tuple(map(str, names)),
        spread=scene.spread,
    )


@ANALYSES.register("fixed_points")
def fixed_points(
    subject: FrozenModel,
    *,
    layer: int = 0,
    direction: Direction = "forward",
    input: Sequence[float] | None = None,
    inits: int = 512,
    noise: float = 0.3,
    tolerance: float = 1e-18,
    slow_tolerance: float = 1e-5,
    seed: int = 0,
    max_iterations: int = 100,
) -> Progress:
    """Fixed and slow points of a layer under a constant input.

    Searches start at states of the validation sequences, drawn at random, with Gaussian noise. Some of these states are
    also let run on, since a search says nothing of how many states a point draws in.

    Args:
        subject: the model.
        layer: from 0, nearest the input first.
        direction: "forward" or "backward".
        input: the numbers that enter the network, or the number of one symbol as a sequence of one; None: zeros.
        inits: searches, 1 to 4096.
        noise: added to each start, in standard deviations of each number of the state, 0 to 10.
        tolerance: q up to which a point is a fixed point, above 0.
        slow_tolerance: q up to which a minimum of q is a slow point, at least `tolerance`; at the default one step
            takes a state less than .005.
        seed: of the starts.
        max_iterations: of each search, 1 to 5000.

    Returns:
        A `FixedPoints`.

    Raises:
        UserError: for options out of range, and when the states are no longer finite.
    """
    check_whole("inits", inits, 1, 4096)
    check_number("noise", noise, 0, 10)
    check_number("tolerance", tolerance, 1e-30, 1)
    check_number("slow_tolerance", slow_tolerance, tolerance, 100)
    check_whole("seed", seed, 0, 2**31 - 1)
    check_whole("max_iterations", max_iterations, 1, 5000)
    scene = yield from _part(LayerMap.read(subject, layer, direction), 0.0, 0.1)
    step, jacobian, held = yield from _part(scene.hold(input), 0.1, 0.15)
    starts = scene.draw(inits, noise, seed)
    found = yield from _part(search(step, jacobian, starts, tolerance, max_iterations), 0.15, 0.8)
    points = yield from _part(sorted_out(scene, held, jacobian, found, tolerance, slow_tolerance), 0.8, 0.9)
    tail = yield from _part(run_on(step, scene.draw(_RUNNERS, 0.0, seed)), 0.9, 1.0)
    holding = np.array([nature.kind in HOLDING for nature in points.natures], dtype=bool)
    ends = Ends.of(tail.numpy(), points.points, holding, scene.spread, RUN_ON)
    return dataclasses.replace(points, ends=ends)


@ANALYSES.register("spectrum")
def spectrum(
    subject: FrozenModel,
    *,
    layer: int = 0,
    direction: Direction = "forward",
    sequence: int = 0,
    time: int = 0,
    state: Sequence[float] = (),
    input: Sequence[float] | None = None,
    own_input: bool = False,
) -> Progress:
    """Eigenvalues of the Jacobian dF/ds at one state.

    Args:
        subject: the model.
        layer: from 0, nearest the input first.
        direction: "forward" or "backward".
        sequence: which of the probe sequences, from 0.
        time: the state is the one after this input, from 0.
        state: a joined state instead of one of a sequence.
        input: held constant, as for `fixed_points`.
        own_input: instead of `input` hold what enters the layer at that step of the sequence.

    Returns:
        A `Spectrum`.

    Raises:
        UserError: for a sequence, step, state or input that there is not.
    """
    scene = yield from _part(LayerMap.read(subject, layer, direction), 0.0, 0.8)
    start, words = scene.state(sequence, time, state)
    if own_input:
        if state or input is not None:
            raise UserError("own_input goes with a state of a sequence and without input; leave out the other two")
        x = scene.inputs(sequence, time)
        step, jacobian = scene.map(x)
        held = ConstantInput(None, f"the input at t = {time + 1}")
    else:
        step, jacobian, held = yield from _part(scene.hold(input), 0.8, 0.9)
    eigenvalues, _ = eigen(jacobian(start[None])[0])
    return Spectrum(
        place=scene.place,
        held=held,
        words=words,
        state=start.numpy(),
        eigenvalues=eigenvalues,
        speed=float((step(start[None])[0] - start).norm()),
    )


@ANALYSES.register("flow")
def flow(
    subject: FrozenModel,
    *,
    layer: int = 0,
    direction: Direction = "forward",
    input: Sequence[float] | None = None,
    grid: int = 21,
    limits: Sequence[Sequence[float]] = (),
    mean: Sequence[float] = (),
    components: Sequence[Sequence[float]] = (),
) -> Progress:
    """Where one step takes the states of a grid in the plane of the first two axes.

    It is exact where a state has one or two numbers; else it is a slice of the states there are, through their mean.

    Args:
        subject: the model.
        layer: from 0, nearest the input first.
        direction: "forward" or "backward".
        input: held constant, as for `fixed_points`.
        grid: points along each axis, 3 to 101.
        limits: ((low, high), (low, high)) of the two axes; empty: round the trajectories.
        mean: a point of the plane, for axes other than the layer's own.
        components: two or more orthonormal axes as rows, of which the first two span the plane; goes with `mean`.

    Returns:
        A `Flow`.

    Raises:
        UserError: for limits, axes or an input that cannot be.
    """
    check_whole("grid", grid, 3, 101)
    scene = yield from _part(LayerMap.read(subject, layer, direction), 0.0, 0.7)
    space = scene.space if not len(mean) and not len(components) else scene.given_space(mean, components)
    step, _, held = yield from _part(scene.hold(input), 0.7, 0.8)
    ends = _ends(limits) if len(limits) else projection.limits(space.project(scene.rows))[:2]
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


@ANALYSES.register("perturb")
def perturb(
    subject: FrozenModel,
    *,
    layer: int = 0,
    direction: Direction = "forward",
    sequence: int = 0,
    time: int = 0,
    state: Sequence[float] = (),
    size: float = 0.3,
    directions: int = 12,
    steps: int = 60,
    input: Sequence[float] | None = None,
    points: Sequence[Sequence[float]] = (),
    seed: int = 0,
) -> Progress:
    """Kick one state in random directions, and let it run on under a constant input.

    Args:
        subject: the model.
        layer: from 0, nearest the input first.
        direction: "forward" or "backward".
        sequence: which of the probe sequences, from 0.
        time: the state is the one after this input, from 0.
        state: a joined state instead of one of a sequence.
        size: how far, in units of the states' spread (root mean square distance from their mean), 0 to 10.
        directions: kicks, 1 to 64. They are orthonormal as long as there are as many directions, then their opposites.
        steps: 1 to 1000.
        input: held constant, as for `fixed_points`.
        points: joined states, such as fixed points: which is each path's end nearest to?
        seed: of the directions.

    Returns:
        A `Perturbation`; with more kicks than twice the state's numbers, that many are made.

    Raises:
        UserError: for a sequence, step, state or input that there is not, or options out of range.
    """
    check_number("size", size, 0, 10)
    check_whole("directions", directions, 1, 64)
    check_whole("steps", steps, 1, 1000)
    check_whole("seed", seed, 0, 2**31 - 1)
    scene = yield from _part(LayerMap.read(subject, layer, direction), 0.0, 0.6)
    start, words = scene.state(sequence, time, state)
    goals = torch.stack([scene.vector("points", point) for point in points]) if len(points) else None
    step, _, held = yield from _part(scene.hold(input), 0.6, 0.7)
    kick = size * scene.spread
    now = start + kick * _kicks(len(start), directions, seed)  # (1 + kicks, size)
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


# -- the search -------------------------------------------------------------------------------------------------


# -- one layer and its surroundings -----------------------------------------------------------------------------


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
