"""A task's arrays as tensors: here, and nowhere else, data go from numpy to torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from rnn_explorer.tasks.base import Batch
from rnn_explorer.trace import Array

CPU = torch.device("cpu")


@dataclass(frozen=True)
class TensorBatch:
    """A `Batch` that a model can read.

    Attributes:
        inputs: (batch, time, feature) float, or (batch, time) long for symbols.
        targets: by `OutputSpec.kind`: "classes" (batch,) long; "classes_per_step" (batch, time) long;
            "values" (batch, output_size) float; "values_per_step" (batch, time, output_size) float.
        lengths: (batch,) long, the real steps of each sequence; None: all are full.
        mask: (batch, time) bool, the steps whose answer counts; None: every real step counts.
    """

    inputs: Tensor
    targets: Tensor
    lengths: Tensor | None = None
    mask: Tensor | None = None

    @classmethod
    def of(cls, batch: Batch, device: torch.device = CPU) -> TensorBatch:
        """A task's batch on a device. On the CPU it shares the arrays' memory, so neither may be written to."""

        def tensor(array: Array) -> Tensor:
            return torch.from_numpy(array).to(device)

        return cls(
            tensor(batch.inputs),
            tensor(batch.targets),
            None if batch.lengths is None else tensor(batch.lengths),
            None if batch.mask is None else tensor(batch.mask),
        )

    def numpy(self) -> Batch:
        """The same as a task knows it, from the CPU; it shares the tensors' memory."""
        return Batch(
            self.inputs.numpy(),
            self.targets.numpy(),
            None if self.lengths is None else self.lengths.numpy(),
            None if self.mask is None else self.mask.numpy(),
        )

    def __len__(self) -> int:
        return self.inputs.shape[0]

    def select(self, index: Tensor | slice) -> TensorBatch:
        """The sequences at `index` (long, any length), in that order; those of a slice are not copied."""
        return TensorBatch(
            self.inputs[index],
            self.targets[index],
            None if self.lengths is None else self.lengths[index],
            None if self.mask is None else self.mask[index],
        )

    def step_mask(self) -> Tensor:
        """(batch, time) bool: the real steps, and of these the ones that count where the task says so."""
        batch, time = self.inputs.shape[:2]
        if self.lengths is None:
            real = torch.ones(batch, time, dtype=torch.bool, device=self.inputs.device)
        else:
            real = torch.arange(time, device=self.inputs.device)[None, :] < self.lengths[:, None]
        return real if self.mask is None else real & self.mask
