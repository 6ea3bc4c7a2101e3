"""Made-up answers to what somebody tries, for examples and tests of figures."""

from __future__ import annotations

import numpy as np

from rnn_explorer.analysis.correlates.record import Correlates
from rnn_explorer.analysis.generate.record import ClosedLoop, Sample
from rnn_explorer.analysis.own_sequence.record import OwnSequence
from rnn_explorer.trace import Array, Explanation, Trace

TEXT = "It is a way I have <b>of</b> driving off the spleen\nand regulating the circulation & so on."


def closed_loop(read: int = 4, truth: int = 5, steps: int = 5, values: int = 1, when: bool = True) -> ClosedLoop:
    """A series 1, 2, 3, ...; one-step forecasts are off by .1, the free run by a tenth more at each step."""

    def rows(first: float, count: int) -> Array:
        return np.arange(first, first + count)[:, None] + 100.0 * np.arange(values)

    free = rows(read + 1, steps) + 0.1 * np.arange(1, steps + 1)[:, None]
    return ClosedLoop(
        3, "Counting", tuple(f"value {number}" for number in range(values)), rows(1, read), rows(read + 1, truth),
        rows(2, read + truth) + 0.1, free, np.full(values, 0.5),
        tuple(f"<i>day {step}" for step in range(1, read + truth + 1)) if when else (),
    )  # fmt: skip


def written(text: str, given: int = 2, temperature: float = 1.0, k: int = 5) -> Sample:
    """Under each place the candidates are the right symbol at rank `place % 6` (5: missing) and letters."""
    time = len(text)
    rng = np.random.default_rng(0)
    chances = np.sort(rng.dirichlet(np.ones(k + 1), time)[:, :k], axis=1)[:, ::-1].astype(np.float32)
    candidates = np.tile(np.array(list("ABCDE")[:k], dtype="<U4"), (time, 1))
    for place in range(1, time):
        if place % 6 < k:
            candidates[place - 1, place % 6] = text[place]
    return Sample(
        tuple(text), given, temperature, 0, candidates, chances, chances,
        np.linspace(0, 1, time - 1, dtype=np.float32), ('"é" was left out.',),
    )  # fmt: skip


LEGAL = np.array([[0, 1, 0], [0, 1, 1], [0, 0, 1], [0, 0, 0]], dtype=bool)
EXPECTED = np.array([[0.1, 0.8, 0.1], [0.2, 0.3, 0.5], [0.5, 0.1, 0.4], [0.2, 0.2, 0.6]])


def string(probabilities: Array = EXPECTED) -> OwnSequence:
    """Four symbols of a grammar of three, after the last of which nothing is legal."""
    explanation = Explanation(
        "symbols", "|aba", "", None, 4, symbols=("|", "a", "b", "a"), class_names=("|", "a", "b"),
        probabilities=probabilities, target_classes=np.array([1, 2, 1, -1]),
    )  # fmt: skip
    nothing = np.zeros(0)
    return OwnSequence(Trace(nothing, nothing, nothing, nothing, ()), explanation, LEGAL)


def correlates(units: int = 14) -> Correlates:
    """Units that go with two features, one of them without r for the first, and a gate that never changes."""
    r = np.full((2, units, 2), np.nan)
    r[0, :, 0] = np.linspace(0.1, 0.9, units) * np.where(np.arange(units) % 2, -1, 1)
    r[0, 2, 0] = np.nan
    r[0, :, 1] = 0.95
    return Correlates("gru", 0, "forward", "validation", 99, ("hidden", "reset"), ("position", "is <b>"), r)
