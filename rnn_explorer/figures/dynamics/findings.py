"""What fixed points and kicks mean, in sentences with their numbers."""

from __future__ import annotations

import dataclasses
from collections import Counter
from functools import partial

import numpy as np

from rnn_explorer.analysis.dynamics.fixed_points import RETURN, Ends, FixedPoints
from rnn_explorer.analysis.dynamics.record import Perturbation
from rnn_explorer.analysis.dynamics.stability import BAND, KINDS, time_constant
from rnn_explorer.figures.dynamics import samples
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import layer_name, plain
from rnn_explorer.figures.text_panel import Line, TextPanel

_HELP: Line = {
    "kind": "fact",
    "text": "A fixed point is a state that a time step leaves where it is, as long as the input stays the same. Press "
    "“Find fixed points” to search for them; click a state or a point to see its eigenvalues and to kick it.",
}


def dynamics_findings(
    points: FixedPoints | None, perturbation: Perturbation | None, chosen: int | None, stale: str = ""
) -> TextPanel:
    """A panel of sentences, cautions first.

    Args:
        points: what a search found; None before the first.
        perturbation: what became of a kicked state, if one was.
        chosen: the number of a point, from 0, that is told about.
        stale: why the points hold no longer: nothing is said of them then but that; "" where they hold.
    """
    lines: list[Line] = []
    current = None if stale else points
    if stale:
        text = f"These points were found {stale}: they are drawn pale and hold no longer. Search again."
        lines.append({"kind": "warning", "text": text})
    if perturbation is not None:
        lines.append({"kind": "fact", "text": _kicks(perturbation, current, chosen)})
    if points is None:
        lines.append(_HELP)
    if current is not None:
        if chosen is not None:
            lines.append({"kind": "fact", "text": _point(current, chosen)})
        lines += [*_lost(current), *_stored(current), *_groups(current)]
    lines.sort(key=lambda line: line["kind"] != "warning")
    return TextPanel(
        name="found",
        title="Findings" if current is None else f"Findings at optimizer step {current.place.step}",
        how_to_read="● which state it is can be kept, ○ is neither good nor bad, ▲ is a caution; for a constant input.",
        lines=lines,
        table={"kind": [line["kind"] for line in lines], "text": [line["text"] for line in lines]},
    )


def _stored(points: FixedPoints) -> list[Line]:
    """What the ends of states that were let run on say of what can be kept."""
    ends = points.ends
    if ends is None or not ends.total:
        return []
    head = f"Of {ends.total} states of the sequences, let run on for {ends.steps} time steps,"
    lines: list[Line] = []
    reached = [index for index, number in enumerate(ends.at) if number]
    resting = sum(ends.at) + ends.elsewhere
    if resting and ends.places == 1:
        where = f"at {_name(points, reached[0])}" if reached and not ends.elsewhere else "at one place"
        if resting == ends.total:
            text = f"{head} all end {where}, wherever they began: under this input nothing is stored for good."
        else:
            text = f"{head} {resting} end {where}."
        lines.append({"kind": "fact", "text": text})
    elif resting:
        text = f"{head} {resting} end at {ends.places} different places{_line_like(points, reached)}"
        text += f": where a state ends depends on where it began, so one of {ends.places} places can be kept."
        lines.append({"kind": "good", "text": text})
    others = [f"{number} go round a cycle of {period} time steps" for period, number in sorted(ends.cycles.items())]
    if ends.moving:
        others.append(f"{ends.moving} still move")
    if others:
        subject = "Of these states" if lines else head
        lines.append({"kind": "fact", "text": f"{subject} {' and '.join(others)}."})
    if ends.away:
        lines.append({"kind": "warning", "text": f"{ends.away} of {ends.total} states leave for values beyond bounds."})
    return lines


def _line_like(points: FixedPoints, reached: list[int]) -> str:
    """Where the places are part of a line or plane of points, that they are."""
    marginal = [index for index in reached if points.natures[index].kind == "marginal"]
    return " along marginal directions" if marginal and len(marginal) == len(reached) else ""


def _groups(points: FixedPoints) -> list[Line]:
    """One sentence for each kind of point: what the eigenvalues there say of states nearby."""
    lines: list[Line] = []
    for kind in KINDS:
        members = [index for index, nature in enumerate(points.natures) if nature.kind == kind]
        if not members:
            continue
        names = "; ".join(words for words, group in points.groups() if group[0] in members)
        steps = time_constant(points.eigenvalues[members, 0])
        if kind == "stable":
            text = f"states nearby come back; slowest time constant {steps.max():.3g} time steps."
        elif kind == "marginal":
            along = _directions(points, members)
            text = f"along {along} states neither come back nor leave within a thousand time steps."
        elif kind == "slow":
            text = (
                f"no fixed points, but states pass at {np.sqrt(2 * points.q[members].max()):.1g} a time step or slower."
            )
        else:
            where = "along some directions" if kind == "saddle" else "in every direction"
            text = (
                f"states nearby leave {where}, at the quickest by a factor e in {np.abs(steps).min():.2g} time steps."
            )
        lines.append({"kind": "fact", "text": f"{names}: {text}"})
    return lines


def _directions(points: FixedPoints, members: list[int]) -> str:
    """ "1 direction", "1 or 2 directions": of marginal points, with how a state moves along them."""
    counts = sorted({points.natures[index].marginal for index in members})
    words = " or ".join(map(str, counts)) + (" direction" if counts == [1] else " directions")
    at_one = [value for i in members for value in points.eigenvalues[i] if abs(abs(value) - 1) <= BAND]
    turning = any(abs(value.imag) > BAND or value.real < 0 for value in at_one)
    return words + (", some turning or flipping," if turning else "")


def _lost(points: FixedPoints) -> list[Line]:
    """What a search could not settle."""
    texts = []
    if not len(points):
        texts.append(f"None of {points.inits} searches ended at a fixed point near the trajectories.")
    _, _, lost = points.sentence().partition(". ")
    if lost:
        texts.append(lost)
    if points.held.settled is False:
        texts.append("The layers below do not come to rest under this input; what they did last is held.")
    return [{"kind": "warning", "text": text} for text in texts]


def _name(points: FixedPoints, index: int) -> str:
    """ "point 3", with what the model says there where that can be told: "point 3 (−1, −1, 1)"."""
    says = points.holds(index)
    return f"point {index + 1}" + (f" ({plain(says, 30)})" if says else "")


def _point(points: FixedPoints, index: int) -> str:
    answer = points.answer_words(index)
    says = f", where the model predicts {answer}" if answer else ""
    return f"Point {index + 1} is chosen: {points.natures[index].words}{says}."


def _kicks(perturbation: Perturbation, points: FixedPoints | None, chosen: int | None) -> str:
    """How many kicked states return, and where the others go."""
    place = perturbation.place
    which = perturbation.words
    if chosen is not None:
        which = f"point {chosen + 1}" if points is None else _name(points, chosen)
    which = f"{which[0].upper()}{which[1:]}"
    layer = layer_name(place.cell, place.layer, place.direction)
    if perturbation.kick == 0:
        return f"{which} of {layer} is chosen; a kick above 0 shows whether it comes back."
    what = f"{which} of {layer}, kicked by {perturbation.kick:.2g}: {perturbation.sentence()}"
    ends = perturbation.states[:, -1].astype(np.float64)  # (1 + kicks, size)
    if points is None or not len(points) or ends.shape[1] != points.points.shape[1]:
        return what + "."
    distances = np.linalg.norm(ends[:, None] - points.points[None], axis=-1)  # (1 + kicks, points)
    nearest = np.where(distances.min(axis=1) <= RETURN * points.spread, distances.argmin(axis=1), -1)
    home = f" to {_name(points, int(nearest[0]))}" if nearest[0] >= 0 else ""
    away = Counter(int(index) for index in nearest[~perturbation.returned])
    others = [
        f"{number} {'end' if number > 1 else 'ends'} " + (f"at {_name(points, index)}" if index >= 0 else "elsewhere")
        for index, number in sorted(away.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    return f"{what}{home}" + (f"; {', '.join(others)}" if others else "") + "."


@FIGURES.register("dynamics_findings")
def _examples() -> Examples:
    found = samples.points(3)
    ends = Ends(50, 500, (20, 0, 0, 10, 0, 0), 3, 5, {3: 10}, 3, 2)
    odd = dataclasses.replace(found, answer_names=(HOSTILE, HOSTILE), ends=ends)
    kicked = dataclasses.replace(samples.perturbation(3), words=HOSTILE)
    return {
        USUAL: partial(dynamics_findings, dataclasses.replace(found, ends=ends), samples.perturbation(3), 2),
        EMPTY: partial(dynamics_findings, None, None, None),
        EXTREME: partial(dynamics_findings, odd, kicked, 0),
        "no points": partial(dynamics_findings, samples.points(3, 0), None, None),
        "out of date": partial(dynamics_findings, found, None, None, "under another input"),
    }
