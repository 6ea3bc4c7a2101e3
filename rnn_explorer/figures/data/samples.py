"""Made-up sequences and counts of a task, for examples and tests of figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnn_explorer.analysis.data.record import DataReport, Example, Spread, by_name, by_value
from rnn_explorer.trace import Strip

LABELS = ("<b>one", "two", "three")


def image(label: int = 0, pixels: bool = False) -> Example:
    """An image of 4 x 3 that is read row by row, or pixel by pixel."""
    steps = np.arange(12).reshape(4, 3) if pixels else np.repeat(np.arange(4)[:, None], 3, axis=1)
    return Example("image", "a <3>", label, 12 if pixels else 4, image=np.arange(12.0).reshape(4, 3), image_steps=steps)


def word(length: int, label: int = 0, step_classes: bool = False) -> Example:
    """Symbols, with one class for all of them or one at every step, -1 to 2 in turn."""
    letters = tuple("ab <"[n % 4] for n in range(length))
    right = np.arange(length) % 4 - 1 if step_classes else None
    return Example("symbols", "<i>word", label, length, symbols=letters, step_classes=right)


def series(length: int, label: int = 0, groups: int = 2, inputs: int = 1) -> Example:
    """Rising inputs and a constant target in each group."""
    strips = []
    for group in range(groups):
        for number in range(inputs):
            strips.append(Strip(f"in {number}", np.linspace(-1, group + 1, length), "input", f"g{group}"))
        strips.append(Strip("wanted", np.full(length, 2.5), "target", f"g{group}"))
    return Example("series", "numbers", label, length, strips=tuple(strips))


def report(answers: Spread, lengths: Spread | None = None, **more: Any) -> DataReport:
    """A report of a task with four training sequences of three time steps."""
    about: dict[str, Any] = {
        "task": "made", "examples": (), "label_names": LABELS, "class_names": (),
        "sizes": {"train": 4, "validation": 2, "test": 1}, "endless": False, "sampled": 0, "shortest": 3, "longest": 3,
        "labels": None, "inputs": None, "metric": "accuracy", "baseline_loss": 1.0, "baseline_metric": 0.5,
        "baseline_how": "guesses",
    }  # fmt: skip
    return DataReport(**{**about, "answers": answers, "lengths": lengths, **more})


def classes(names: tuple[str, ...] = LABELS) -> Spread:
    """Three classes of which the first is the commonest; nothing was tested."""
    codes = {"train": np.array([0, 0, 2, 0]), "validation": np.array([1, 2]), "test": np.zeros(0, dtype=int)}
    return by_name("class", codes, names)


def no_classes() -> Spread:
    """Counts of nothing."""
    return by_name("class", dict.fromkeys(("train", "validation", "test"), np.zeros(0, dtype=int)), ())


def numbers() -> Spread:
    """Values in ranges."""
    return by_value("value", {"train": np.linspace(-1, 1, 50), "validation": np.zeros(3), "test": np.ones(2)})
