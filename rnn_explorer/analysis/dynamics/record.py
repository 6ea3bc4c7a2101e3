"""What was found of a recurrent layer's dynamics, as plain numpy data: fixed points, eigenvalues, flow, kicked states.

Under a constant input x* one step of a layer is a map F of its state; for an LSTM the state is hidden and cell state
joined, since both are carried on. A fixed point is a state with F(s) = s; how states near it move is told by the
eigenvalues l of the Jacobian dF/ds there. Along an eigenvector with |l| < 1 a state comes back, with |l| > 1 it leaves:
a point is stable where all are below 1, a saddle where some are not. The distance shrinks by 1/e in -1/ln|l| steps,
and a complex pair turns once round in 2 pi / |arg l| steps. The speed of a state is q = 1/2 |F(s) - s|^2; a slow point
is a minimum of q where q is small but not zero.

Source: D. Sussillo and O. Barak, "Opening the black box: low-dimensional dynamics in high-dimensional recurrent neural
networks", Neural Computation 25 (2013), section 2, which has q = 1/2 |dx/dt|^2 in continuous time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnn_explorer.analysis import projection
from rnn_explorer.analysis.projection import Basis
from rnn_explorer.jsonable import jsonable
from rnn_explorer.readable import counted
from rnn_explorer.trace import Array, Direction

BAND = 1e-3  # an eigenvalue within 1 -+ this is marginal: it takes over a thousand steps to come back or to leave
MERGE = 1e-3  # points nearer than this, in units of the states' spread, are one
FAR = 3.0  # a point further from the states' mean than this many times the furthest state is left out
LEADING = 10  # eigenvalues of each point that are written as JSON
KINDS = ("stable", "marginal", "saddle", "unstable", "slow")
HOLDING = ("stable", "marginal")  # kinds of points at which states stay


# -- where ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LayerRef:
    """One layer of a model, read in one direction.

    Attributes:
        cell: the cell's key.
        layer: from 0, nearest the input first.
        direction: "forward" or "backward".
        hidden_size: units.
        state_names: the states that are joined, in this order.
        step: optimizer steps that the model had made.
    """

    cell: str
    layer: int
    direction: Direction
    hidden_size: int
    state_names: tuple[str, ...]
    step: int

    @property
    def size(self) -> int:
        """Numbers in the joined state."""
        return self.hidden_size * len(self.state_names)

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON."""
        return {
            "cell": self.cell,
            "layer": self.layer,
            "direction": self.direction,
            "hidden_size": self.hidden_size,
            "state_names": list(self.state_names),
            "step": self.step,
        }


@dataclass(frozen=True)
class ConstantInput:
    """The input that is held constant.

    Attributes:
        values: the numbers that enter the network, or the one number of a symbol; None: zeros.
        words: the same for a person.
        settled: whether the layers below came to rest under it, which makes this layer's own input constant too; None
            where there is no layer below, or its states were taken as they were at one step.
    """

    values: tuple[float, ...] | None
    words: str
    settled: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON."""
        return {
            "values": None if self.values is None else list(self.values),
            "words": self.words,
            "layers_below_settled": self.settled,
        }


@dataclass(frozen=True)
class Space:
    """The axes in which the states of a layer are drawn.

    Attributes:
        basis: three axes of the joined state: principal components over the validation sequences, or for a state of one
            or two numbers these numbers themselves. For an LSTM the joined state is the honest one: two states with
            the same hidden state and different cell states go different ways.
        names: of the axes that there are, at most three.
    """

    basis: Basis
    names: tuple[str, ...]

    @classmethod
    def of(cls, states: Array, state_names: tuple[str, ...]) -> Space:
        """The axes for states (n, size), joined in the order of `state_names`."""
        basis, size = projection.fit(states, 3), states.shape[-1]
        if size > 2:
            return cls(basis, ("PC 1", "PC 2", "PC 3"))
        variance = states.var(axis=0) if len(states) else np.zeros(size)
        explained = np.zeros(3)
        explained[:size] = variance / variance.sum() if variance.sum() > 0 else 0.0
        units = size // len(state_names)
        names = (f"{name} {unit}" for name in state_names for unit in range(units))
        return cls(Basis(np.zeros(size), np.eye(3, size), explained), tuple(names))

    @property
    def whole(self) -> bool:
        """Whether the first two axes hold all of the state."""
        return self.basis.components.shape[1] <= 2

    def project(self, states: Array) -> Array:
        """(..., 3) float32: the coordinates of joined states (..., size); no numbers for states beyond all bounds."""
        with np.errstate(all="ignore"):
            projected = projection.project(self.basis, states)
        projected[~np.isfinite(projected).all(axis=-1)] = np.nan
        return projected

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON."""
        return {
            "names": list(self.names),
            "mean": jsonable(self.basis.mean),
            "components": jsonable(self.basis.components),
            "explained": jsonable(self.basis.explained),
        }


# -- eigenvalues ------------------------------------------------------------------------------------------------


def time_constant(eigenvalues: Array) -> Array:
    """-1 / ln|l|: steps in which a distance shrinks by 1/e; below 0 where it grows instead, by e in as many steps.

    Args:
        eigenvalues: complex, any shape.

    Returns:
        float64 of that shape; infinite where |l| is 1, 0 where l is 0.
    """
    with np.errstate(divide="ignore"):
        logarithm = np.log(np.abs(eigenvalues))
        return np.where(logarithm == 0, math.inf, -1 / logarithm)


def period(eigenvalues: Array) -> Array:
    """2 pi / |arg l|: steps in which a state turns once round; infinite for l > 0, 2 for l < 0, infinite for 0."""
    with np.errstate(divide="ignore"):
        return 2 * math.pi / np.abs(np.angle(eigenvalues))


def largest_first(values: Array, vectors: Array) -> tuple[Array, Array]:
    """Eigenvalues (size,) by falling size, with their eigenvectors, which come as columns of (size, size).

    Of a complex pair the one with the positive imaginary part comes first.

    Returns:
        (size,) and (size, size) complex128; row j of the second belongs to eigenvalue j.
    """
    order = np.lexsort((-values.imag, -np.abs(values).round(12)))
    return values[order].astype(np.complex128), vectors.T[order].astype(np.complex128)


@dataclass(frozen=True)
class Stability:
    """What the eigenvalues at a point make of it.

    Attributes:
        kind: "stable": all |l| below 1. "marginal": none above 1, some at 1. "saddle": some above 1. "unstable": all.
        unstable: how many are above 1.
        marginal: how many are at 1, give or take `BAND`.
    """

    kind: str
    unstable: int
    marginal: int

    @classmethod
    def of(cls, eigenvalues: Array, slow: bool = False) -> Stability:
        """Classify eigenvalues (size,) at a fixed point, or with `slow` at a slow point."""
        size = np.abs(eigenvalues)
        unstable = int((size > 1 + BAND).sum())
        marginal = int((np.abs(size - 1) <= BAND).sum())
        kind = "unstable" if unstable == len(size) else "saddle" if unstable else "marginal" if marginal else "stable"
        return cls("slow" if slow else kind, unstable, marginal)

    @property
    def words(self) -> str:
        """ "saddle, 1 unstable direction", "slow point"."""
        told = {"slow": "slow point", "unstable": "unstable in all directions"}.get(self.kind, self.kind)
        if self.unstable and self.kind in ("saddle", "slow"):
            told += f", {counted(self.unstable, 'unstable direction')}"
        if self.marginal and self.kind != "slow":
            told += f", {counted(self.marginal, 'marginal direction')}"
        return told

    def group(self, number: int) -> str:
        """So many points of this nature, for a legend: "8 stable", "12 saddles, 1 unstable direction"."""
        noun = {"saddle": "saddle", "slow": "slow point"}.get(self.kind)
        told = f"{number} {self.kind}" if noun is None else counted(number, noun)
        return f"{told}, {counted(self.unstable, 'unstable direction')}" if self.kind == "saddle" else told


def merge(points: Array, q: Array, distance: float) -> tuple[Array, Array]:
    """Take points that lie together for one.

    The slowest point of all stands for those within `distance` of it, then the slowest of the rest, and so on: so the
    order in which points are given changes nothing.

    Args:
        points: (n, size).
        q: (n,) their speeds.
        distance: at least 0.

    Returns:
        (m,) which points stand for the others, and (n,) to which of these m each point belongs.
    """
    order = np.lexsort((*points.T[::-1], q)) if len(points) else np.zeros(0, dtype=int)
    belongs, chosen = np.full(len(points), -1), list[int]()
    for candidate in order:
        if belongs[candidate] >= 0:
            continue
        near = (np.square(points - points[candidate]).sum(axis=1) <= distance**2) & (belongs < 0)
        belongs[near] = len(chosen)
        chosen.append(int(candidate))
    return np.array(chosen, dtype=int), belongs


# -- where states end --------------------------------------------------------------------------------------------

AT_REST = 1e-3  # of the states' spread: a state that moves less than this in a step is taken to be at rest
PERIODS = 32  # longest period that a cycle is recognized by


@dataclass(frozen=True)
class Ends:
    """Where states of sequences come to when they are let run on under the constant input.

    Attributes:
        total: how many were let run on.
        steps: for how long.
        at: (n,) how many end at each of the search's points, which may be 0; only stable and marginal ones hold any.
        places: how many different places those that are at rest end at, `RETURN` of the spread apart.
        elsewhere: how many are at rest at no point of the search.
        cycles: period in steps -> how many go round and round with it.
        moving: how many still move in another way.
        away: how many have left for values beyond all bounds.
    """

    total: int
    steps: int
    at: tuple[int, ...]
    places: int
    elsewhere: int
    cycles: Mapping[int, int]
    moving: int
    away: int

    @classmethod
    def of(cls, tail: Array, points: Array, holding: Array, spread: float, steps: int) -> Ends:
        """Sort out the ends of paths.

        Args:
            tail: (`PERIODS` + 1, k, size): the last states of k paths, oldest first.
            points: (n, size) of the search.
            holding: (n,) which of them are stable or marginal.
            spread: the states' spread, above 0.
            steps: for how long they have run.
        """
        count = tail.shape[1]
        finite = np.isfinite(tail).all(axis=(0, 2))
        with np.errstate(all="ignore"):
            gaps = np.linalg.norm(tail[-1] - tail[:-1], axis=-1)[::-1] / spread  # (PERIODS, k): 1, 2, ... steps back
            apart = np.linalg.norm(tail[-1][:, None] - points[None], axis=-1) / spread  # (k, n)
        apart = np.where(holding[None] & finite[:, None], apart, np.inf)
        nearest = apart.argmin(axis=1) if len(points) else np.zeros(count, dtype=int)
        near = apart.min(axis=1, initial=np.inf) <= RETURN
        rest = finite & (gaps[0] <= AT_REST)
        home = near & (rest | ~(gaps <= AT_REST).any(axis=0))  # a slow state is still on its way to the point
        again = finite & ~home & ~rest & (gaps <= AT_REST).any(axis=0)
        periods = 1 + (gaps <= AT_REST).argmax(axis=0)
        settled = rest | home
        return cls(
            total=count,
            steps=steps,
            at=tuple(int((home & (nearest == index)).sum()) for index in range(len(points))),
            places=len(merge(tail[-1][settled], gaps[0][settled], RETURN * spread)[0]),
            elsewhere=int((rest & ~home).sum()),
            cycles={int(period): int((periods[again] == period).sum()) for period in np.unique(periods[again])},
            moving=int((finite & ~settled & ~again).sum()),
            away=int((~finite).sum()),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON."""
        return {
            "total": self.total,
            "steps": self.steps,
            "at": list(self.at),
            "places": self.places,
            "elsewhere": self.elsewhere,
            "cycles": {str(period): number for period, number in self.cycles.items()},
            "moving": self.moving,
            "away": self.away,
        }


# -- records ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FixedPoints:
    """Fixed and slow points of one layer under a constant input.

    Stable points come first, then marginal ones, saddles by their number of unstable directions, unstable points and
    slow points; within each the ones that most searches found.

    Attributes:
        place, held, space: which layer, which input, which axes.
        points: (n, size) joined states.
        q: (n,) 1/2 |F(s) - s|^2.
        natures: kind and words of each.
        eigenvalues: (n, size) complex, the largest first.
        growth: for each point (k,) complex, its eigenvalues above 1; of a complex pair the upper one alone.
        directions: for each point (k, size) complex, their right eigenvectors of length 1; of a complex one the real
            and the imaginary part span the plane in which a state spirals away.
        found: (n,) how many searches ended there.
        answers: (n, output_size) what the model says there: probabilities or values; None where this layer's state
            does not make the answer alone.
        answer_names: of the classes or values.
        classes: whether `answers` are probabilities of classes.
        inits: searches in all.
        far: searches that ended too far from all trajectories (`FAR`).
        fast: searches that ended where q has a minimum above `slow_tolerance`.
        unsettled: searches that were still going down when `max_iterations` were done.
        left_out: points beyond the most that are kept.
        iterations: of the longest search.
        tolerance, slow_tolerance: q up to which a point is fixed, and slow.
        spread: root mean square distance of the trajectories' states from their mean.
        ends: where states of the trajectories come to when they are let run on; None where that was not looked at.
    """

    place: LayerRef
    held: ConstantInput
    space: Space
    points: Array
    q: Array
    natures: tuple[Stability, ...]
    eigenvalues: Array
    growth: tuple[Array, ...]
    directions: tuple[Array, ...]
    found: Array
    answers: Array | None
    answer_names: tuple[str, ...]
    classes: bool
    inits: int
    far: int
    fast: int
    unsettled: int
    left_out: int
    iterations: int
    tolerance: float
    slow_tolerance: float
    spread: float
    ends: Ends | None = None

    def __len__(self) -> int:
        return len(self.points)

    @property
    def share(self) -> Array:
        """(n,) the share of all searches that ended at each point, 0 to 1."""
        return self.found / max(self.inits, 1)

    def groups(self) -> list[tuple[str, list[int]]]:
        """Points of one nature together, with words for a legend."""
        members: dict[tuple[str, int], list[int]] = {}
        for index, nature in enumerate(self.natures):
            unstable = nature.unstable if nature.kind == "saddle" else 0
            members.setdefault((nature.kind, unstable), []).append(index)
        return [(self.natures[group[0]].group(len(group)), group) for group in members.values()]

    def sentence(self) -> str:
        """What was found, and how many searches led to nothing."""
        found = "; ".join(words for words, _ in self.groups()) or "no fixed point"
        lost = (
            (self.unsettled, "did not converge"),
            (self.fast, "stopped at slow points that are no fixed points"),
            (self.far, "far from all trajectories"),
        )
        told = [f"{number} {how}" for number, how in lost if number]
        more = f" {self.left_out} more points are left out." if self.left_out else ""
        return f"{found}." + (f" Of {self.inits} searches {', '.join(told)}." if told else "") + more

    def answer_words(self, index: int) -> str:
        """What the model says at a point, in short; "" where it cannot be told."""
        if self.answers is None:
            return ""
        values = self.answers[index]
        if self.classes:
            best = int(values.argmax())
            return f"{self.answer_names[best]} ({100 * float(values[best]):.0f} %)"
        return ", ".join(f"{value:.2f}" for value in values[:4]) + (", …" if len(values) > 4 else "")

    def holds(self, index: int) -> str:
        """What a point stands for, short enough for a label: the class, or the values that the model gives there.

        Values that all lie within a fifth of whole numbers are written as these: "−1, −1, 1".
        """
        if self.answers is None:
            return ""
        values = self.answers[index]
        if self.classes:
            return self.answer_names[int(values.argmax())]
        shown = values[:4]
        whole = bool((np.abs(shown - np.round(shown)) <= 0.2).all())
        words = [f"{value + 0.0:.0f}" if whole else f"{value:.2g}" for value in (np.round(shown) if whole else shown)]
        return ", ".join(words).replace("-", "−") + (", …" if len(values) > 4 else "")

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON; of each point the `LEADING` largest eigenvalues, as [real, imaginary]."""
        return {
            **self.place.to_dict(),
            "input": self.held.to_dict(),
            "summary": self.sentence(),
            "points": [self._point(index) for index in range(len(self))],
            "answer_names": list(self.answer_names),
            "inits": self.inits,
            "far": self.far,
            "fast": self.fast,
            "unsettled": self.unsettled,
            "left_out": self.left_out,
            "iterations": self.iterations,
            "tolerance": self.tolerance,
            "slow_tolerance": self.slow_tolerance,
            "spread": jsonable(self.spread),
            "ends": None if self.ends is None else self.ends.to_dict(),
        }

    def _point(self, index: int) -> dict[str, Any]:
        nature, leading = self.natures[index], self.eigenvalues[index, :LEADING]
        return {
            "kind": nature.kind,
            "words": nature.words,
            "unstable": nature.unstable,
            "marginal": nature.marginal,
            "q": float(self.q[index]),
            "found": int(self.found[index]),
            "share": float(self.share[index]),
            "state": jsonable(self.points[index]),
            "answer": None if self.answers is None else jsonable(self.answers[index]),
            "eigenvalues": jsonable(leading),
            "time_constants": jsonable(time_constant(leading)),
            "periods": jsonable(period(leading)),
        }


@dataclass(frozen=True)
class Spectrum:
    """The eigenvalues of one step's Jacobian at one state.

    Attributes:
        place, held: which layer, under which input.
        words: which state, for a title ("the state after step 7 of sequence 2", both counted from 1).
        state: (size,) joined.
        eigenvalues: (size,) complex, the largest first.
        speed: |F(s) - s|: how far one step takes the state; eigenvalues tell of the long run only where this is small.
    """

    place: LayerRef
    held: ConstantInput
    words: str
    state: Array
    eigenvalues: Array
    speed: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON: all eigenvalues as [real, imaginary]."""
        return {
            **self.place.to_dict(),
            "input": self.held.to_dict(),
            "at": self.words,
            "state": jsonable(self.state),
            "speed": jsonable(self.speed),
            "eigenvalues": jsonable(self.eigenvalues),
            "time_constants": jsonable(time_constant(self.eigenvalues)),
            "periods": jsonable(period(self.eigenvalues)),
        }


@dataclass(frozen=True)
class Flow:
    """Where one step takes states on a grid, F(s) - s.

    Attributes:
        place, held: which layer, under which input.
        space: the axes; the grid lies in the plane of the first two, through the basis' mean.
        x: (columns,) coordinates along the first axis.
        y: (rows,) along the second.
        velocity: (rows, columns, 2) the part of F(s) - s that lies in the plane.
        speed: (rows, columns) the length of all of F(s) - s.
        slice: whether the state has more numbers than the plane shows, so that states leave it.
    """

    place: LayerRef
    held: ConstantInput
    space: Space
    x: Array
    y: Array
    velocity: Array
    speed: Array
    slice: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON."""
        return {
            **self.place.to_dict(),
            "input": self.held.to_dict(),
            "space": self.space.to_dict(),
            "slice": self.slice,
            "x": jsonable(self.x),
            "y": jsonable(self.y),
            "velocity": jsonable(self.velocity),
            "speed": jsonable(self.speed),
        }


@dataclass(frozen=True)
class Perturbation:
    """Where a state goes when it is kicked, under a constant input.

    Attributes:
        place, held: which layer, under which input.
        words: which state was kicked.
        kick: how far, in the units of the state.
        states: (1 + kicks, 1 + steps, size) float32: the path of the state left alone, then those of the kicked ones.
        moved: (1 + kicks,) |F(s) - s| at the end: how much each still moves.
        gap: (1 + kicks,) how far each ends from where the state left alone ends.
        returned: (1 + kicks,) whether that is next to nothing, `RETURN` of the states' spread. On a cycle, two states
            that come to it at different moments stay apart.
        nearest: (1 + kicks,) which of the points asked about each ends nearest to; -1 where none were.
        distance: (1 + kicks,) how far from it; NaN where none were.
    """

    place: LayerRef
    held: ConstantInput
    words: str
    kick: float
    states: Array
    moved: Array
    gap: Array
    returned: Array
    nearest: Array
    distance: Array

    def sentence(self) -> str:
        """ "11 of 12 kicked states return"."""
        kicks = len(self.returned) - 1
        return f"{int(self.returned[1:].sum())} of {counted(kicks, 'kicked state')} return"

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON."""
        return {
            **self.place.to_dict(),
            "input": self.held.to_dict(),
            "from": self.words,
            "kick": jsonable(self.kick),
            "summary": self.sentence(),
            "returned": [bool(flag) for flag in self.returned],
            "gap": jsonable(self.gap),
            "moved": jsonable(self.moved),
            "nearest": [int(index) for index in self.nearest],
            "distance": jsonable(self.distance),
            "states": jsonable(self.states),
        }


RETURN = 0.1


@dataclass(frozen=True)
class Trajectories:
    """The states of the probe sequences, and the axes in which they are drawn.

    Attributes:
        place: which layer.
        space: the axes, from the validation sequences; all questions about one model and layer have the same.
        states: (batch, time, size) float32 joined states after each step; index t belongs to input t in either
            direction. Padded steps hold the last state.
        lengths: (batch,) real steps.
        labels: (batch,) the class of each sequence, -1 where there is none.
        label_names: of the classes.
        spread: root mean square distance of the validation sequences' states from their mean.
    """

    place: LayerRef
    space: Space
    states: Array
    lengths: Array
    labels: Array
    label_names: tuple[str, ...]
    spread: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values fit for JSON; real steps only."""
        return {
            **self.place.to_dict(),
            "space": self.space.to_dict(),
            "spread": jsonable(self.spread),
            "labels": [int(label) for label in self.labels],
            "label_names": list(self.label_names),
            "states": [jsonable(states[:length]) for states, length in zip(self.states, self.lengths, strict=True)],
        }
