"""Early stopping by the validation loss (L. Prechelt (1998), doi:10.1007/3-540-49430-8_3)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

# Early stopping that waited for fewer steps, or measured fewer sequences, may well have stopped at a chance rise.
FEW_STEPS, FEW_SEQUENCES = 100, 50


@dataclass(frozen=True)
class BestEpoch:
    """The end of the epoch with the lowest validation loss so far.

    Attributes:
        loss: that loss.
        epoch: epochs done by then.
        weights: of the model then, in the order of its parameters.
    """

    loss: float
    epoch: int
    weights: list[Tensor]


@dataclass
class EarlyStopping:
    """Stops once `patience` epochs in a row ended without a validation loss below the lowest one.

    Attributes:
        best: None before the first finite validation loss.
        since: the epoch from which patience counts, if that is later than the best one.
    """

    best: BestEpoch | None = None
    since: int = 0

    def is_due(self, epoch: int, val_loss: float, patience: int, parameters: Sequence[Tensor]) -> bool:
        """Note the validation loss at the end of an epoch. Returns whether patience has run out."""
        if self.best is None or val_loss < self.best.loss:
            if math.isfinite(val_loss):  # there may be no validation set
                self.best = BestEpoch(val_loss, epoch, [p.detach().clone() for p in parameters])
            return False
        return epoch - max(self.best.epoch, self.since) >= patience


def stop_sentence(epoch: int, steps: int, sequences: int) -> str:
    """The sentence about an early stop, and its worth if it came after few steps or was judged by few sequences.

    Args:
        epoch: with the lowest validation loss.
        steps: optimizer steps that patience waited for.
        sequences: in the validation set.
    """
    sentence = f"the validation loss has not improved since epoch {epoch}; the weights of then are kept."
    few = [f"its {steps} optimizer steps are few"] if steps < FEW_STEPS else []
    few += [f"the validation set has {sequences} sequences only"] if sequences < FEW_SEQUENCES else []
    if few:
        sentence += f" That may be too early: {' and '.join(few)}. Set a larger patience, or 0 for none, to see."
    return f"Stopped early: {sentence}"
