"""Questions about a layer as a dynamical system: fixed points, eigenvalues, flow, and what becomes of a kicked state.

One step of a layer under a constant input x* is a map s -> F(s) of its joined state (see `fixed_points` for what is
asked of it). A layer above the first has as its constant input what the layers below put out at their own fixed point,
found by letting them run on from their mean state; a bidirectional layer is two maps, one for each direction.

Fixed points are zeros of r(s) = F(s) - s, searched for by Levenberg's and Marquardt's damped least squares from many
states at once, all in float64:

    (A^T A + mu |r| I) d = -A^T r,    A = dF/ds - I,    s <- s + d where that makes q = 1/2 |r|^2 smaller

with a damping mu for each search that falls after a step that did what it promised and grows after another. Near a
fixed point this doubles the digits with every step, also where fixed points fill a line, and it finds unstable points
as well as stable ones. (Gradient descent on q takes thousands of steps for what this does in ten to twenty.)

Sources: D. Sussillo and O. Barak, "Opening the black box: low-dimensional dynamics in high-dimensional recurrent neural
networks", Neural Computation 25 (2013), whose q = 1/2 |dx/dt|^2 in continuous time is here that of a step; K.
Levenberg, Quarterly of Applied Mathematics 2 (1944); D. Marquardt, SIAM Journal 11 (1963); damping in proportion to
|r|: J. Fan and Y. Yuan, "On the quadratic convergence of the Levenberg-Marquardt method without nonsingularity
assumption", Computing 74 (2005).
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnn_explorer.analysis import projection
from rnn_explorer.analysis.fixed_points import (
    FAR,
    HOLDING,
    KINDS,
    MERGE,
    PERIODS,
    RETURN,
    ConstantInput,
    Ends,
    FixedPoints,
    Flow,
    LayerRef,
    Perturbation,
    Space,
    Spectrum,
    Stability,
    Trajectories,
    largest_first,
    merge,
)
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.projection import Basis
from rnn_explorer.analysis.registry import ANALYSES, Progress
from rnn_explorer.cells.base import RecurrentCell
from rnn_explorer.errors import UserError
from rnn_explorer.model import SequenceModel, along_time, reversal
from rnn_explorer.tasks.base import Batch
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.trace import Array, Direction

SEQUENCES = 128  # validation sequences at most whose states are looked at
_NUMBERS = 1_000_000  # in their states at most: bounds the memory
_AT_ONCE = 32  # sequences read between two words on progress
_LARGEST = 1e15  # a state beyond this has exploded and counts as no number
_FLOPS = 4_000_000  # size^3 x searches handled between two words on progress: some milliseconds
_FIRST_DAMPING, _LESS, _MORE = 1.0, 0.25, 4.0
_LEAST_DAMPING, _MOST_DAMPING = 1e-14, 1e8
_KEPT = 0.25  # of the fall that the linear model promises: a step that brings less asks for more damping
_FLAT = 1e-6  # |grad q| / |r| below this: q has a minimum here
_POINTS = 200  # kept at most
_RUNNERS, _RUN_ON = 64, 500  # states that are let run on to see where they end, and for how many steps
_REST, _REST_STEPS = 1e-9, 2000  # speed below which layers below are at rest, and steps they are given to come to it

Map = Callable[[Tensor], Tensor]  # (n, size) -> (n, size), or to (n, size, size) for a Jacobian


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
    _between("inits", inits, 1, 4096, whole=True)
    _between("noise", noise, 0, 10)
    _between("tolerance", tolerance, 1e-30, 1)
    _between("slow_tolerance", slow_tolerance, tolerance, 100)
    _between("seed", seed, 0, 2**31 - 1, whole=True)
    _between("max_iterations", max_iterations, 1, 5000, whole=True)
    scene = yield from _part(LayerMap.read(subject, layer, direction), 0.0, 0.1)
    step, jacobian, held = yield from _part(scene.hold(input), 0.1, 0.15)
    starts = scene.draw(inits, noise, seed)
    found = yield from _part(search(step, jacobian, starts, tolerance, max_iterations), 0.15, 0.8)
    points = yield from _part(_sorted_out(scene, held, jacobian, found, tolerance, slow_tolerance), 0.8, 0.9)
    tail = yield from _part(_run_on(step, scene.draw(_RUNNERS, 0.0, seed)), 0.9, 1.0)
    holding = np.array([nature.kind in HOLDING for nature in points.natures], dtype=bool)
    ends = Ends.of(tail.numpy(), points.points, holding, scene.spread, _RUN_ON)
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
    eigenvalues, _ = _eigen(jacobian(start[None])[0])
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
    _between("grid", grid, 3, 101, whole=True)
    scene = yield from _part(LayerMap.read(subject, layer, direction), 0.0, 0.7)
    space = scene.space if not len(mean) and not len(components) else scene.given_space(mean, components)
    step, _, held = yield from _part(scene.hold(input), 0.7, 0.8)
    ends = _ends(limits) if len(limits) else projection.limits(space.project(scene.rows))[:2]
    x, y = (np.linspace(low, high, grid) for low, high in ends)
    plane = space.basis.components[:2]  # (2, size)
    places = np.stack(np.meshgrid(x, y), axis=-1)  # (rows, columns, 2)
    states = torch.from_numpy(space.basis.mean + places @ plane).flatten(0, 1)  # (rows x columns, size)
    moves, done = [], 0
    for part in states.split(max(1, _FLOPS // states.shape[1] ** 2)):
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
    _between("size", size, 0, 10)
    _between("directions", directions, 1, 64, whole=True)
    _between("steps", steps, 1, 1000, whole=True)
    _between("seed", seed, 0, 2**31 - 1, whole=True)
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


@dataclass(frozen=True)
class Found:
    """Where searches ended.

    Attributes:
        states: (n, size).
        q: (n,) 1/2 |F(s) - s|^2.
        settled: (n,) whether q is at most the tolerance, or has a minimum.
        iterations: of the longest.
    """

    states: Tensor
    q: Tensor
    settled: Tensor
    iterations: int


@torch.no_grad()
def search(
    step: Map, jacobian: Map, starts: Tensor, tolerance: float, max_iterations: int
) -> Generator[float, None, Found]:
    """Go down q = 1/2 |F(s) - s|^2 from every start at once; a search that has ended costs nothing any more.

    Args:
        step: F, (n, size) -> (n, size).
        jacobian: dF/ds, (n, size) -> (n, size, size).
        starts: (n, size) float64; left as they are.
        tolerance: q at which a search ends.
        max_iterations: of each.

    Yields:
        The share of the searches that have ended, or of the iterations where that is more.
    """
    states, (count, size) = starts.clone(), starts.shape
    q = _half_square(step(states) - states)
    damping = torch.full_like(q, _FIRST_DAMPING)
    settled = q <= tolerance
    active, iterations = torch.arange(count)[~settled], 0
    while len(active) and iterations < max_iterations:
        iterations += 1
        for part in active.split(max(1, _FLOPS // size**3)):
            now = states[part]
            to, to_q, promised, flat = _descend(step, jacobian, now, damping[part])
            fall = q[part] - to_q  # below 0, infinitely so or no number where the step leads astray
            better = fall > 0
            states[part] = torch.where(better[:, None], to, now)
            q[part] = torch.where(better, to_q, q[part])
            damping[part] *= torch.where(fall > _KEPT * promised, _LESS, _MORE).to(damping)
            settled[part] = flat | (q[part] <= tolerance) | (damping[part] > _MOST_DAMPING)
            yield max(1 - len(active) / count, (iterations - 1) / max_iterations)
        damping.clamp_(min=_LEAST_DAMPING)
        active = active[~settled[active]]
    return Found(states, q, settled, iterations)


def _descend(step: Map, jacobian: Map, states: Tensor, damping: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One damped step from each of (n, size) states.

    Returns:
        (n, size) where it leads, (n,) q there, (n,) how far q would fall were F linear, and (n,) whether q has a
        minimum where the step started.
    """
    r = step(states) - states
    a = jacobian(states) - torch.eye(states.shape[1], dtype=states.dtype)  # (n, size, size)
    gradient = a.mT @ r[:, :, None]  # (n, size, 1)
    length = r.norm(dim=1)
    push = (damping * length)[:, None]
    normal = a.mT @ a
    normal.diagonal(dim1=1, dim2=2).add_(push)
    factor, failed = torch.linalg.cholesky_ex(normal)
    d = -torch.cholesky_solve(gradient, factor)[:, :, 0]
    gradient = gradient[:, :, 0]
    q = _half_square(step(states + d) - states - d)
    promised = (d * (push * d - gradient)).sum(dim=1) / 2
    return states + d, torch.where(failed == 0, q, math.inf), promised, gradient.norm(dim=1) <= _FLAT * length


def _half_square(r: Tensor) -> Tensor:
    return r.square().sum(dim=1) / 2


def _sorted_out(
    scene: LayerMap, held: ConstantInput, jacobian: Map, found: Found, tolerance: float, slow_tolerance: float
) -> Generator[float, None, FixedPoints]:
    """Leave out what is no point, merge what is one, and say what each is."""
    states, q = found.states.numpy(), found.q.numpy()
    near = np.linalg.norm(states - scene.mean, axis=1) <= FAR * scene.reach
    fixed = q <= tolerance
    settled = found.settled.numpy()
    slow = ~fixed & settled & (q <= slow_tolerance)
    good = near & (fixed | slow)
    points, speeds = states[good], q[good]
    chosen, belongs = merge(points, speeds, MERGE * scene.spread)
    hits = np.bincount(belongs, minlength=len(chosen))
    keep = np.argsort(-hits, kind="stable")[:_POINTS]
    about: list[_Point] = []
    for number, index in enumerate(keep):
        state, speed = points[chosen[index]], float(speeds[chosen[index]])
        values, vectors = _eigen(jacobian(torch.from_numpy(state)[None])[0])
        nature = Stability.of(values, slow=speed > tolerance)
        about.append(_Point(state, speed, int(hits[index]), nature, values, vectors))
        yield (number + 1) / len(keep)
    about.sort(key=lambda point: (KINDS.index(point.nature.kind), point.nature.unstable, -point.found))
    upward = [point.upward() for point in about]
    size = states.shape[1]
    stacked = np.array([point.state for point in about]).reshape(-1, size)
    return FixedPoints(
        place=scene.place,
        held=held,
        space=scene.space,
        points=stacked,
        q=np.array([point.q for point in about]),
        natures=tuple(point.nature for point in about),
        eigenvalues=np.array([point.eigenvalues for point in about], dtype=np.complex128).reshape(-1, size),
        growth=tuple(point.eigenvalues[up] for point, up in zip(about, upward, strict=True)),
        directions=tuple(point.vectors[up] for point, up in zip(about, upward, strict=True)),
        found=np.array([point.found for point in about], dtype=int),
        answers=scene.answers(stacked),
        answer_names=tuple(map(str, scene.model.output_spec.names)),
        classes=scene.model.output_spec.classes,
        inits=len(states),
        far=int((~near & (fixed | slow)).sum()),
        fast=int((settled & ~fixed & ~slow).sum()),
        unsettled=int((~settled & ~fixed).sum()),
        left_out=len(chosen) - len(keep),
        iterations=found.iterations,
        tolerance=tolerance,
        slow_tolerance=slow_tolerance,
        spread=scene.spread,
    )


@torch.no_grad()
def _run_on(step: Map, starts: Tensor) -> Generator[float, None, Tensor]:
    """Let states (k, size) run on; returns the last (`PERIODS` + 1, k, size), NaN beyond all bounds."""
    tail = [starts]
    for number in range(_RUN_ON):
        now = step(tail[-1])
        tail = [*tail[-PERIODS:], torch.where(now.abs() < _LARGEST, now, math.nan)]
        yield (number + 1) / _RUN_ON
    return torch.stack(tail)


@dataclass(frozen=True)
class _Point:
    """One fixed or slow point: its joined state, its speed, the searches that ended there, and its eigenvalues."""

    state: Array
    q: float
    found: int
    nature: Stability
    eigenvalues: Array
    vectors: Array

    def upward(self) -> Array:
        """(k,): which eigenvalues lead away; of a complex pair the upper one."""
        leading = np.arange(self.nature.unstable)  # the largest come first
        return leading[self.eigenvalues[leading].imag >= 0]


def _eigen(jacobian: Tensor) -> tuple[Array, Array]:
    """Eigenvalues of (size, size), the largest first, and their right eigenvectors of length 1, in rows."""
    if not jacobian.isfinite().all():
        raise UserError("the Jacobian at this state is not finite; ask about an earlier step")
    values, vectors = torch.linalg.eig(jacobian)  # numpy's would not keep to one thread
    return largest_first(values.numpy(), vectors.numpy())


# -- one layer and its surroundings -----------------------------------------------------------------------------


@dataclass(frozen=True)
class LayerMap:
    """One layer of a copy of the model in float64, with its states over the validation sequences.

    Attributes:
        subject: what is asked about.
        model: the copy.
        cell: the layer's cell in the copy.
        place, space: for the records.
        rows: (n, size) its joined states at all real steps.
        means: for each cell below, in the order of computation, its mean joined state (size,).
    """

    subject: FrozenModel
    model: SequenceModel
    cell: RecurrentCell
    place: LayerRef
    space: Space
    rows: Array
    means: tuple[Array, ...]

    @classmethod
    def read(cls, subject: FrozenModel, layer: int, direction: Direction) -> Generator[float, None, LayerMap]:
        """Run the validation sequences through the layers up to this one."""
        subject.cell(layer, direction)  # says what is wrong
        yield 0.0
        model = copy.deepcopy(subject.model).double().requires_grad_(False)
        both = model.stack()[layer]
        cell = both.forwards if direction == "forward" else both.backwards
        assert cell is not None
        batch = _validation(subject, cell)
        own: list[Array] = []
        below: dict[tuple[int, str], list[Array]] = {}
        for start in range(0, len(batch), _AT_ONCE):
            part = TensorBatch.of(batch.select(slice(start, start + _AT_ONCE)))
            for where, _, states in _layers(model, part, layer):
                found = projection.valid(states.numpy(), _lengths(part).numpy())
                found = found[np.abs(found).max(axis=1) < _LARGEST]
                if where == (layer, direction):
                    own.append(found)
                elif where[0] < layer:
                    below.setdefault(where, []).append(found)
                yield start / len(batch)
        rows = np.concatenate(own)
        if not len(rows):
            raise UserError("the states of this layer are no longer finite numbers; ask about an earlier step")
        place = LayerRef(cell.key, layer, direction, cell.hidden_size, tuple(cell.state_names), subject.step)
        means = tuple(np.concatenate(found).mean(axis=0) for found in below.values())  # in the order of computation
        return cls(subject, model, cell, place, Space.of(rows, place.state_names), rows, means)

    @property
    def mean(self) -> Array:
        """(size,) of the states."""
        return self.rows.mean(axis=0)

    @property
    def spread(self) -> float:
        """Root mean square distance of the states from their mean; 1 where they do not differ."""
        return float(np.sqrt(self.rows.var(axis=0).sum())) or 1.0

    @property
    def reach(self) -> float:
        """Distance of the furthest state from their mean; 1 where they do not differ."""
        return float(np.linalg.norm(self.rows - self.mean, axis=1).max()) or 1.0

    def draw(self, count: int, noise: float, seed: int) -> Tensor:
        """(count, size): states drawn at random, with noise."""
        generator = torch.Generator().manual_seed(seed)
        rows = torch.from_numpy(self.rows)
        chosen = rows[torch.randint(len(rows), (count,), generator=generator)]
        normal = torch.randn(chosen.shape, generator=generator, dtype=chosen.dtype)
        return chosen + noise * rows.std(dim=0, correction=0) * normal

    def map(self, x: Tensor) -> tuple[Map, Map]:
        """F and dF/ds for a constant input (1, input_size) of this layer."""
        return _joined_step(self.cell, x), _joined_jacobian(self.cell, x)

    @torch.no_grad()
    def hold(self, values: Sequence[float] | None) -> Generator[float, None, tuple[Map, Map, ConstantInput]]:
        """F and dF/ds under a constant input of the network, and what that is in words."""
        x, held = _constant_input(self.model, values)
        settled, layers, done = True, self.model.stack()[: self.place.layer], 0
        for both in layers:
            outputs = []
            for cell in (both.forwards, both.backwards):
                if cell is None:
                    continue
                step, state = _joined_step(cell, x), torch.from_numpy(self.means[done])[None]
                for passed in range(_REST_STEPS):
                    state, before = step(state), state
                    if passed % 50 == 0:
                        yield (done + passed / _REST_STEPS) / len(self.means)
                    if float((state - before).norm()) <= _REST:
                        break
                else:
                    settled = False
                done += 1
                outputs.append(state[:, : cell.hidden_size])  # the hidden state comes first
            x = torch.cat(outputs, dim=-1)
        return *self.map(x), ConstantInput(held.values, held.words, settled if layers else None)

    def probe(self) -> tuple[Tensor, Tensor]:
        """Joined states (batch, time, size) and lengths (batch,) of the probe sequences; padding holds the last."""
        _, states = self._probe()
        lengths = _lengths(self.subject.probe)
        held = torch.arange(states.shape[1])[None, :].minimum(lengths[:, None] - 1)
        return along_time(states, held), lengths

    def _probe(self) -> tuple[Tensor, Tensor]:
        """What enters this layer, (batch, time, input_size), and its joined states, (batch, time, size)."""
        wanted = (self.place.layer, self.place.direction)
        layers = _layers(self.model, self.subject.probe, self.place.layer)
        return next((x, states) for place, x, states in layers if place == wanted)

    def inputs(self, sequence: int, time: int) -> Tensor:
        """(1, input_size): what enters this layer at one step of a probe sequence."""
        return self._probe()[0][sequence, time][None]

    def state(self, sequence: int, time: int, given: Sequence[float]) -> tuple[Tensor, str]:
        """(size,): a state after one step of a probe sequence, or one that is given; and which it is, in words."""
        if len(given):
            return self.vector("state", given), "a given state"
        states, lengths = self.probe()
        _between("sequence", sequence, 0, len(states) - 1, whole=True)
        _between("time", time, 0, int(lengths[sequence]) - 1, whole=True)
        return states[sequence, time], f"the state at t = {time + 1} of sequence {sequence + 1}"

    def vector(self, name: str, given: Sequence[float]) -> Tensor:
        """(size,): numbers given as a joined state."""
        if len(given) != self.place.size:
            names = " and ".join(self.place.state_names)
            raise UserError(
                f"{name} has {len(given)} numbers, but a state of this layer has {self.place.size} ({names})"
            )
        return torch.tensor([_finite(name, value) for value in given], dtype=torch.float64)

    def given_space(self, mean: Sequence[float], components: Sequence[Sequence[float]]) -> Space:
        """Axes that are given; those beyond the third are not needed."""
        center = self.vector("mean", mean).numpy()
        rows = np.zeros((3, self.place.size))
        for number, row in enumerate(components[:3]):
            rows[number] = self.vector("components", row).numpy()
        norms = rows @ rows.T
        two = 2 if self.place.size > 1 else 1
        if len(components) < 2 or np.abs(norms[:two, :two] - np.eye(two)).max() > 1e-3:
            raise UserError("components must be two or three axes at right angles, each of length 1")
        return Space(Basis(center, rows, self._explained(rows)), self.space.names)

    def _explained(self, components: Array) -> Array:
        """(k,): the share of the states' variance along each axis."""
        along = ((self.rows - self.mean) @ components.T).var(axis=0)
        return along / max(float(self.rows.var(axis=0).sum()), 1e-300)

    @torch.no_grad()
    def answers(self, points: Array) -> Array | None:
        """(n, output_size): what the model says in these joined states, where they alone decide."""
        top = self.place.layer == len(self.model.stack()) - 1
        if not top or self.model.settings.bidirectional:
            return None
        outputs = self.model.read_out(torch.from_numpy(points[:, : self.place.hidden_size]))
        return (outputs.softmax(dim=-1) if self.model.output_spec.classes else outputs).numpy()


def _validation(subject: FrozenModel, cell: RecurrentCell) -> Batch:
    """The first of the validation sequences; of the test sequences, where those are none."""
    batch = subject.task.evaluation("validation")
    batch = batch if len(batch) else subject.task.evaluation("test")
    numbers = batch.inputs.shape[1] * cell.hidden_size * len(cell.state_names)
    count = min(len(batch), SEQUENCES, max(1, _NUMBERS // numbers))
    return batch.select(slice(count))


def _lengths(batch: TensorBatch) -> Tensor:
    """(batch,) real steps."""
    return torch.full((len(batch),), batch.inputs.shape[1]) if batch.lengths is None else batch.lengths


def _layers(
    model: SequenceModel, batch: TensorBatch, last: int
) -> Generator[tuple[tuple[int, Direction], Tensor, Tensor], None, None]:
    """Every cell up to layer `last` over a batch: its place, what enters it and its joined states.

    Both tensors are (batch, time, feature), float64, and index t on the time axis belongs to input t in either
    direction.
    """
    x = model.encode(batch.inputs).double()
    reverse = reversal(len(batch), batch.inputs.shape[1], batch.lengths)
    for number, both in enumerate(model.stack()[: last + 1]):
        seen = both.forwards.trace(x)
        outputs = [seen["hidden"]]
        yield (number, "forward"), x, torch.cat([seen[name] for name in both.forwards.state_names], dim=-1)
        if both.backwards is not None:
            seen = both.backwards.trace(along_time(x, reverse))
            states = torch.cat([seen[name] for name in both.backwards.state_names], dim=-1)
            states = along_time(states, reverse)
            outputs.append(states[..., : both.backwards.hidden_size])
            yield (number, "backward"), x, states
        x = torch.cat(outputs, dim=-1)


def _joined_step(cell: RecurrentCell, x: Tensor) -> Map:
    """F for a constant input (1, input_size): (n, size) -> (n, size)."""

    def step(states: Tensor) -> Tensor:
        parts = states.chunk(len(cell.state_names), dim=-1)
        return torch.cat(cell.step(x.expand(len(states), -1), parts)[0], dim=-1)

    return step


def _joined_jacobian(cell: RecurrentCell, x: Tensor) -> Map:
    """dF/ds for a constant input (1, input_size): (n, size) -> (n, size, size)."""

    def jacobian(states: Tensor) -> Tensor:
        return cell.jacobian(x.expand(len(states), -1), states.chunk(len(cell.state_names), dim=-1))

    return jacobian


def _kicks(size: int, wanted: int, seed: int) -> Tensor:
    """(1 + kicks, size): zero, then unit vectors in random directions at right angles, then their opposites."""
    generator = torch.Generator().manual_seed(seed)
    square = torch.randn(size, size, generator=generator, dtype=torch.float64)
    axes = torch.linalg.qr(square).Q.T
    return torch.cat([torch.zeros(1, size, dtype=torch.float64), torch.cat([axes, -axes])[:wanted]])


# -- what is given ----------------------------------------------------------------------------------------------


def _constant_input(model: SequenceModel, values: Sequence[float] | None) -> tuple[Tensor, ConstantInput]:
    """What enters the first layer, (1, input_size), and what that is in words."""
    spec = model.input_spec
    width = model.stack()[0].forwards.input_size
    if values is None:
        return torch.zeros(1, width, dtype=torch.float64), ConstantInput(
            None, "no symbol" if spec.kind == "symbols" else "input 0"
        )
    if spec.kind == "symbols":
        if len(values) != 1:
            raise UserError(f"input has {len(values)} numbers, but must be the number of one symbol")
        _between("the symbol of input", values[0], 0, spec.size - 1, whole=True)
        symbol = int(values[0])
        return model.encode(torch.tensor([symbol])).double(), ConstantInput(
            (float(symbol),), f"input {str(spec.names[symbol] or '∅')!r}"
        )
    if len(values) != spec.size:
        raise UserError(f"input has {len(values)} numbers, but must have {spec.size}: {', '.join(spec.names[:8])}")
    numbers = tuple(_finite("input", value) for value in values)
    others = [f"{name} = {value:.3g}" for name, value in zip(spec.names, numbers, strict=True) if value]
    words = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    return torch.tensor([numbers], dtype=torch.float64), ConstantInput(numbers, words or "input 0")


def _ends(limits: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    if len(limits) < 2 or any(len(pair) != 2 for pair in limits):
        raise UserError("limits must be a pair (low, high) for each of the two axes")
    ends = [(_finite("limits", low), _finite("limits", high)) for low, high in limits[:2]]
    if any(low >= high for low, high in ends):
        raise UserError("limits must be pairs (low, high) with low below high")
    return ends


def _between(name: str, value: Any, low: float, high: float, whole: bool = False) -> None:
    number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not number or not low <= value <= high or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        raise UserError(f"{name} is {_short(value)}, but must be {kind} from {low:g} to {high:g}")


def _finite(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not math.isfinite(value):
        raise UserError(f"{name} holds {_short(value)}, but must be made of finite numbers")
    return float(value)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


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
