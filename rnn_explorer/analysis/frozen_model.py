"""What an analysis looks at: one model as it was at one step, with the task it learns."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from torch import Tensor

from rnn_explorer.analysis.arguments import check_whole
from rnn_explorer.cells.base import RecurrentCell
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.model import SequenceModel
from rnn_explorer.tasks.base import Task
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.trace import Direction
from rnn_explorer.training import Trainer


@dataclass(frozen=True)
class FrozenModel:
    """A model that stands still.

    Attributes:
        experiment: what was trained.
        task: its task; shared, never changed.
        model: a copy of the model of its own, in evaluation mode; no gradient is asked of its parameters.
        step: optimizer steps that it had made.
        epoch: passes over the training data, with a fraction.
        probe: the fixed sequences that all figures show.
    """

    experiment: Experiment
    task: Task
    model: SequenceModel
    step: int
    epoch: float
    probe: TensorBatch

    @classmethod
    def of(cls, trainer: Trainer) -> FrozenModel:
        """A trainer's model as it is now; training on changes nothing here."""
        model = copy.deepcopy(trainer.model).to("cpu").eval()
        for parameter in model.parameters():
            parameter.requires_grad_(False)
            parameter.grad = None
        probe = TensorBatch.of(trainer.task.probe())
        return cls(trainer.experiment, trainer.task, model, trainer.step_count, trainer.epoch_position(), probe)

    def check_sequence(self, sequence: int) -> None:
        """Check that there is a probe sequence of this number.

        Raises:
            UserError: when there is none; a sentence for a person.
        """
        check_whole("sequence", sequence, 0, len(self.probe) - 1)

    def inputs(self, sequence: int) -> Tensor:
        """(1, time, feature) or (1, time): the real steps of one probe sequence.

        Raises:
            UserError: as `check_sequence`.
        """
        self.check_sequence(sequence)
        probe = self.probe
        length = probe.inputs.shape[1] if probe.lengths is None else int(probe.lengths[sequence])
        return probe.inputs[sequence : sequence + 1, :length]

    def cell(self, layer: int = 0, direction: Direction = "forward") -> RecurrentCell:
        """One recurrent cell.

        Args:
            layer: from 0, nearest the input first.
            direction: "forward" or "backward".

        Raises:
            UserError: when the model has no such layer or direction; a sentence for a person.
        """
        layers = self.model.stack()
        if not 0 <= layer < len(layers):
            raise UserError(f"layer is {layer}, but this model has layers 0 to {len(layers) - 1}")
        cell = layers[layer].forwards if direction == "forward" else layers[layer].backwards
        if direction not in ("forward", "backward") or cell is None:
            raise UserError(f"direction is {direction!r}, but this model reads forwards only")
        return cell
