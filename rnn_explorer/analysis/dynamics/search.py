"""The search for fixed points: damped least squares from many states at once.

Fixed points are zeros of r(s) = F(s) - s, searched for by Levenberg's and Marquardt's damped least squares, all in
float64:

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

import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rnn_explorer.analysis.dynamics.fixed_points import FAR, MERGE, PERIODS, FixedPoints, merge
from rnn_explorer.analysis.dynamics.layer_map import LARGEST, LayerMap, Map
from rnn_explorer.analysis.dynamics.record import FixedPointOptions
from rnn_explorer.analysis.dynamics.space import ConstantInput
from rnn_explorer.analysis.dynamics.stability import KINDS, Stability, largest_first
from rnn_explorer.errors import UserError
from rnn_explorer.trace import Array

FLOPS = 4_000_000  # size^3 x searches handled between two words on progress: some milliseconds
_FIRST_DAMPING, _LESS, _MORE = 1.0, 0.25, 4.0
_LEAST_DAMPING, _MOST_DAMPING = 1e-14, 1e8
RUN_ON = 500  # time steps that states are let run on, to see where they end
_KEPT = 0.25  # of the fall that the linear model promises: a step that brings less asks for more damping
_FLAT = 1e-6  # |grad q| / |r| below this: q has a minimum here
_POINTS = 200  # kept at most


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
        for part in active.split(max(1, FLOPS // size**3)):
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


def sorted_out(
    scene: LayerMap, held: ConstantInput, jacobian: Map, found: Found, options: FixedPointOptions
) -> Generator[float, None, FixedPoints]:
    """Leave out what is no point, merge what is one, and say what each is."""
    states, q = found.states.numpy(), found.q.numpy()
    near = np.linalg.norm(states - scene.mean, axis=1) <= FAR * scene.reach
    fixed = q <= options.tolerance
    settled = found.settled.numpy()
    slow = ~fixed & settled & (q <= options.slow_tolerance)
    good = near & (fixed | slow)
    points, speeds = states[good], q[good]
    chosen, belongs = merge(points, speeds, MERGE * scene.spread)
    hits = np.bincount(belongs, minlength=len(chosen))
    keep = np.argsort(-hits, kind="stable")[:_POINTS]
    about: list[Point] = []
    for number, index in enumerate(keep):
        state, speed = points[chosen[index]], float(speeds[chosen[index]])
        values, vectors = eigen(jacobian(torch.from_numpy(state)[None])[0])
        nature = Stability.of(values, slow=speed > options.tolerance)
        about.append(Point(state, speed, int(hits[index]), nature, values, vectors))
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
        tolerance=options.tolerance,
        slow_tolerance=options.slow_tolerance,
        spread=scene.spread,
    )


@torch.no_grad()
def run_on(step: Map, starts: Tensor) -> Generator[float, None, Tensor]:
    """Let states (k, size) run on; returns the last (`PERIODS` + 1, k, size), NaN beyond all bounds."""
    tail = [starts]
    for number in range(RUN_ON):
        now = step(tail[-1])
        tail = [*tail[-PERIODS:], torch.where(now.abs() < LARGEST, now, math.nan)]
        yield (number + 1) / RUN_ON
    return torch.stack(tail)


@dataclass(frozen=True)
class Point:
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


def eigen(jacobian: Tensor) -> tuple[Array, Array]:
    """Eigenvalues of (size, size), the largest first, and their right eigenvectors of length 1, in rows."""
    if not jacobian.isfinite().all():
        raise UserError("the Jacobian at this state is not finite; ask about an earlier step")
    values, vectors = torch.linalg.eig(jacobian)  # numpy's would not keep to one thread
    return largest_first(values.numpy(), vectors.numpy())
