"""Sentences that several tasks use for what a model predicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnn_explorer.trace import Array


def class_verdict(probabilities: Array, target: int, names: Sequence[str], truth: str) -> tuple[str, bool]:
    """The verdict on a classified sequence: "says 7 (98 %), it is a 7".

    Args:
        probabilities: (classes,) at the last step.
        target: the right class.
        names: of the classes.
        truth: how the sentence ends ("it is a 7").

    Returns:
        The sentence, and whether the likeliest class is the right one.
    """
    if not np.isfinite(probabilities).all():
        return f"has no finite answer, {truth}", False
    predicted = int(np.argmax(probabilities))
    return f"says {names[predicted]} ({100 * probabilities[predicted]:.0f} %), {truth}", predicted == target
