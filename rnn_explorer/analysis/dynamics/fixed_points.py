"""Fixed and slow points of a layer, and where states end that are let run on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnn_explorer.analysis.dynamics.space import ConstantInput, LayerRef, Space
from rnn_explorer.analysis.dynamics.stability import Stability, period, time_constant
from rnn_explorer.jsonable import jsonable
from rnn_explorer.trace import Array

MERGE = 1e-3  # points nearer than this, in units of the states' spread, are one
FAR = 3.0  # a point further from the states' mean than this many times the furthest state is left out
LEADING = 10  # eigenvalues of each point that are written as JSON
AT_REST = 1e-3  # of the states' spread: a state that moves less than this in a step is taken to be at rest
PERIODS = 32  # longest period that a cycle is recognized by
RETURN = 0.1  # of the states' spread: states that end nearer than this end at one place


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
        counts = [f"{number} {how}" for number, how in lost if number]
        more = f" {self.left_out} more points are left out." if self.left_out else ""
        return f"{found}." + (f" Of {self.inits} searches {', '.join(counts)}." if counts else "") + more

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
