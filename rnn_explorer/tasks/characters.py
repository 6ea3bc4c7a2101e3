"""What tasks that ask for the next character share in explaining a sequence."""

from __future__ import annotations

import numpy as np

from rnn_explorer.readable import number
from rnn_explorer.trace import Array

ROWS = 24  # characters whose probabilities are shown with a sequence


def worth_a_row(usage: Array, targets: Array) -> Array:
    """The characters whose probabilities are shown: those that come, then others, the most used first.

    Args:
        usage: (characters,) how often the training part has each.
        targets: (time,) the characters that come.
    """
    order = np.argsort(-usage, kind="stable")
    comes = np.isin(order, targets)
    others = np.flatnonzero(~comes)[: max(ROWS - int(comes.sum()), 0)]
    return order[np.sort(np.concatenate([np.flatnonzero(comes), others]))]


def character_verdict(targets: Array, answers: Array) -> str:
    """How well the characters of a sequence are predicted, in words.

    Args:
        targets: (time,) the characters that come.
        answers: (time, characters) probabilities.
    """
    if not np.isfinite(answers).all():
        return "has no finite answer"
    given = answers[np.arange(len(targets)), targets]
    right = int((answers.argmax(axis=1) == targets).sum())
    with np.errstate(divide="ignore"):
        loss = abs(float(np.log(given).mean()))
    return f"guesses {right} of {len(targets)} characters; {number(loss)} nats a character"
