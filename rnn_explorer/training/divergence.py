"""Numbers that stopped being finite, while training or at its end, and the sentences about them."""

from __future__ import annotations

import math

import numpy as np

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks.base import Batch, Task

LARGEST = 1e18  # a number whose square is near the end of single precision


class Diverged(RuntimeError):
    """A loss, gradient or weight stopped being a finite number. The message says at which step and what to do."""


def diverged(what: str, step: int, experiment: Experiment) -> Diverged:
    """The error of a divergence, with its likely causes and cures.

    Args:
        what: is not finite: "the loss" or "the gradient".
        step: optimizer steps done.
        experiment: what was trained.
    """
    training, model = experiment.training, experiment.model
    causes = [f"a learning rate of {training.learning_rate:g}"]
    cures = [f"a tenth of the learning rate ({training.learning_rate / 10:g})"]
    if not training.clip_norm:
        causes.append("no clipping of the gradient")
        cures.insert(0, "clip_norm=1")
    if model.cell == "rnn" and model.nonlinearity == "relu":
        causes.append("relu, whose states can grow with every time step where recurrent weights are large")
        cures.append("tanh instead of relu")
    return Diverged(
        f"Diverged at step {step}: {what} is no longer a finite number. Likely cause: "
        f"{', or '.join(causes)}. Try {', or '.join(cures)}; then Play goes on from the weights "
        "of the last finite loss, which are kept; Reset starts anew."
    )


def no_result(task: Task, losses: dict[str, float]) -> str:
    """The sentence about final losses that are not finite; "" where there is nothing to say.

    Args:
        task: whose splits the losses are of.
        losses: by split. That of an empty split is NaN and no fault.
    """
    faults = []
    for split, loss in losses.items():
        if math.isfinite(loss):
            continue
        batch = task.evaluation(split)  # type: ignore[arg-type]
        if len(batch):
            faults.append(f"the {split} loss is no finite number{_cause(batch)}")
    return f"No result: {'; '.join(faults)}." if faults else ""


def _cause(batch: Batch) -> str:
    """Why the loss of a batch is not finite: its largest number, if its square overflows; else the model's outputs."""
    numbers = [part for part in (batch.inputs, batch.targets) if part.dtype == np.float32 and part.size]
    largest = max((float(np.abs(part).max()) for part in numbers), default=0.0)
    if largest < LARGEST:
        return ", since the model's answers are none: try a smaller learning rate"
    return f", since this part of the data has values of {largest:.3g} in units of the training part: mend or drop them"
