"""What there is to be tried of a task: its symbols or numbers, and sequences to begin with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from rnn_explorer.experiment import Experiment
from rnn_explorer.trace import Array
from rnn_explorer.views.try_it.ways import Way, way_of

_DIGITS = 4  # of the numbers to start from


@dataclass(frozen=True)
class TaskFacts:
    """What the page knows of a task once it is built.

    Attributes:
        way: what can be tried with it.
        names: of the symbols, or of the numbers at a step.
        inputs, lengths: of some of its sequences, as in a trace.
        titles: of these.
        picture: rows and columns of the picture that a sequence is; None for one that is none, or of varying length.
        mean, scale: (features,) from which and in which the numbers are counted.
    """

    way: Way
    names: tuple[str, ...]
    inputs: Array
    lengths: Array
    titles: tuple[str, ...]
    picture: tuple[int, int] | None
    mean: Array
    scale: Array

    @classmethod
    def of(cls, experiment: Experiment) -> TaskFacts:
        """Build the task.

        Raises:
            SettingError: where its data are gone.
        """
        task = experiment.make_task()
        probe = task.probe()
        inputs, targets = probe.inputs, probe.targets
        whole = np.full(len(inputs), inputs.shape[1])
        lengths = whole if probe.lengths is None else probe.lengths
        answers = np.full((inputs.shape[1], task.output.size), 1 / task.output.size)  # there is no model's answer here
        explained = [task.explain(*given, answers) for given in zip(inputs, targets, lengths.tolist(), strict=True)]
        mean, scale = (
            np.broadcast_to(np.asarray(part, dtype=np.float64), (task.input.size,)) for part in (task.mean, task.scale)
        )
        image = explained[0].image if probe.lengths is None else None
        return cls(
            way=way_of(experiment),
            names=task.input.names,
            inputs=inputs,
            lengths=lengths,
            titles=tuple(each.title for each in explained),
            picture=None if image is None else (image.shape[0], image.shape[1]),
            mean=mean,
            scale=scale,
        )

    def given(self, sequence: int) -> Array:
        """(time, features) the real steps of one sequence, in the data's own unit."""
        known = self.inputs[sequence, : self.lengths[sequence]] * self.scale + self.mean
        far = float(np.max(np.abs(self.mean) / np.where(self.scale > 0, self.scale, 1.0)))  # as of 1e15 + {0, 1, 2}
        return rounded(known, min(_DIGITS + math.floor(math.log10(max(far, 1.0))), 17))

    @property
    def drawable(self) -> Literal["", "grid", "curve"]:
        """How its sequences can be drawn; "" where only a table shows them well."""
        if self.inputs.shape[2] == 1 and self.picture is None:
            return "curve"
        inked = self.picture is not None and self.inputs.min() >= 0 and self.inputs.max() <= 1
        return "grid" if inked else ""


def rounded(values: Array, digits: int = _DIGITS) -> Array:
    """Numbers that can be read, with so many significant digits."""
    flat = [float(f"{value:.{digits}g}") for value in np.asarray(values, dtype=np.float64).ravel()]
    return np.array(flat).reshape(np.shape(values))
