"""Training one model: trainer, losses, early stopping, checkpoints, and snapshots of what the model computes."""

from rnn_explorer.training.divergence import Diverged
from rnn_explorer.training.trainer import StepReport, Trainer

__all__ = ["Diverged", "StepReport", "Trainer"]
