"""What fixed points and kicks mean, in sentences with their numbers."""

from __future__ import annotations

from collections import Counter

import numpy as np

from rnn_explorer.analysis.fixed_points import KINDS, RETURN, FixedPoints, Perturbation, time_constant
from rnn_explorer.figures.style import layer_name
from rnn_explorer.figures.words import Line, Words

_HELP: Line = {
    "kind": "fact",
    "text": "A fixed point is a state that a step leaves where it is, as long as the input stays the same. Press “Find "
    "fixed points” to search for them; click a state or a point to see its eigenvalues and to kick it.",
}


def dynamics_words(points: FixedPoints | None, perturbation: Perturbation | None, chosen: int | None) -> Words:
    """A card of sentences.

    Args:
        points: what a search found; None before the first.
        perturbation: what became of a kicked state, if one was.
        chosen: the number of a point, from 0, that is told about.
    """
    lines: list[Line] = []
    if perturbation is not None:
        lines.append({"kind": "fact", "text": _kicks(perturbation, points, chosen)})
    if points is None:
        lines.append(_HELP)
    else:
        if chosen is not None:
            lines.append({"kind": "fact", "text": _point(points, chosen)})
        lines += [*_groups(points), *_lost(points)]
    return Words(
        name="found",
        title="What this means" if points is None else f"What was found at step {points.place.step}",
        how_to_read="● holds states, ○ lets them move on, ▲ is a caution; all for a constant input.",
        lines=lines,
        table={"kind": [line["kind"] for line in lines], "text": [line["text"] for line in lines]},
    )


def _groups(points: FixedPoints) -> list[Line]:
    """One sentence for each kind of point."""
    lines: list[Line] = []
    for kind in KINDS:
        members = [index for index, nature in enumerate(points.natures) if nature.kind == kind]
        if not members:
            continue
        names = "; ".join(words for words, group in points.groups() if group[0] in members)
        steps = time_constant(points.eigenvalues[members, 0])
        if kind == "stable":
            text = f"states nearby come back, at the slowest by 1/e in {steps.max():.3g} steps; what was there is held."
        elif kind == "marginal":
            text = "states nearby neither come back nor leave within a thousand steps; memories by degrees."
        elif kind == "slow":
            text = f"no fixed points, but states pass at {np.sqrt(2 * points.q[members].max()):.1g} a step or slower."
        else:
            where = "to one side or the other" if kind == "saddle" else "in every direction"
            text = f"states nearby are sent away {where}, at the quickest by e in {np.abs(steps).min():.2g} steps."
        lines.append({"kind": "good" if kind in ("stable", "marginal") else "fact", "text": f"{names}: {text}"})
    return lines


def _lost(points: FixedPoints) -> list[Line]:
    """What a search could not settle."""
    told = []
    if not len(points):
        told.append("No fixed point near the trajectories: under this input no state stays where it is.")
    _, _, lost = points.sentence().partition(". ")
    if lost:
        told.append(lost)
    if points.held.settled is False:
        told.append("The layers below do not come to rest under this input; what they did last is held.")
    return [{"kind": "warning", "text": text} for text in told]


def _point(points: FixedPoints, index: int) -> str:
    answer = points.answer_words(index)
    says = f", where the model says {answer}" if answer else ""
    return f"Point {index + 1} is chosen: {points.natures[index].words}{says}."


def _kicks(perturbation: Perturbation, points: FixedPoints | None, chosen: int | None) -> str:
    """How many kicked states return, and where the others go."""
    place = perturbation.place
    which = perturbation.words if chosen is None else f"point {chosen + 1}"
    which = f"{which[0].upper()}{which[1:]}"
    layer = layer_name(place.cell, place.layer, place.direction)
    told = f"{which} of {layer}, kicked by {perturbation.kick:.2g}: {perturbation.sentence()}"
    ends = perturbation.states[:, -1].astype(np.float64)  # (1 + kicks, size)
    if points is None or not len(points) or ends.shape[1] != points.points.shape[1]:
        return told + "."
    distances = np.linalg.norm(ends[:, None] - points.points[None], axis=-1)  # (1 + kicks, points)
    nearest = np.where(distances.min(axis=1) <= RETURN * points.spread, distances.argmin(axis=1), -1)
    home = f" to point {nearest[0] + 1}" if nearest[0] >= 0 else ""
    away = Counter(int(index) for index in nearest[~perturbation.returned])
    others = [
        f"{number} {'end' if number > 1 else 'ends'} " + (f"at point {index + 1}" if index >= 0 else "elsewhere")
        for index, number in sorted(away.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    return f"{told}{home}" + (f"; {', '.join(others)}" if others else "") + "."
