"""How often a gate is shut or open: the share of time that each unit spends near an end of its range.

A forget gate that stays above .9 makes its unit an integrator; one that stays below .1 makes it forget at once.

Source: A. Karpathy, J. Johnson, L. Fei-Fei, "Visualizing and understanding recurrent networks" (2015), figure 5,
https://arxiv.org/abs/1506.02078.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnn_explorer.trace import Array

LOW, HIGH = 0.1, 0.9


@dataclass(frozen=True)
class Saturation:
    """Shares of the real steps of all sequences, by unit.

    Attributes:
        below: (hidden,) the share with a value below `LOW`, 0 to 1.
        above: (hidden,) the share with a value above `HIGH`, 0 to 1.
    """

    below: Array
    above: Array


def saturation(values: Array, lengths: Array | None = None) -> Saturation:
    """How often each unit lies near 0 and near 1.

    For a signed value between -1 and 1 give its magnitude: `above` is then the share near either end.

    Args:
        values: (batch, time, hidden).
        lengths: (batch,) real steps of each sequence; None: all steps are real.

    Returns:
        Shares; 0 where there is no step at all.
    """
    return Saturation(share(values < LOW, lengths), share(values > HIGH, lengths))


def share(holds: Array, lengths: Array | None = None) -> Array:
    """(hidden,) float32: the share of real steps at which something holds, by unit; 0 where there is no step.

    Args:
        holds: (batch, time, hidden) bool.
        lengths: (batch,) real steps of each sequence; None: all steps are real.
    """
    batch, time, hidden_size = holds.shape
    if lengths is None:
        steps = batch * time
        counts = np.count_nonzero(holds.reshape(-1, hidden_size), axis=0)
    else:
        real = np.arange(time)[None, :] < np.asarray(lengths)[:, None]  # (batch, time)
        steps = int(real.sum())
        counts = np.count_nonzero(holds[real], axis=0)
    return (counts / max(steps, 1)).astype(np.float32)
