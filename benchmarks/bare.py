"""The yardstick: the training loop that one would write by hand with `torch.nn`, for the same model and batches."""

from __future__ import annotations

import time
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from rnn_explorer.experiment import Experiment
from rnn_explorer.model import SequenceModel
from rnn_explorer.tasks.base import Task
from rnn_explorer.tensors import TensorBatch

WHAT = (
    "nn.RNN / nn.LSTM / nn.GRU and nn.Linear; batches from the task's own generator; optimizer.zero_grad, backward, "
    "clip_grad_norm_ where the experiment clips, torch.optim.Adam as it comes ({adam}); loss.item() at every step; "
    "loss and metric of the whole validation set at the end of every epoch; no metric of the batch, no gradient norm "
    "where nothing is clipped, no look at whether a number is finite"
)

_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}


def what(fused: bool) -> str:
    """In words, what the loop does and leaves out."""
    return WHAT.format(adam="fused" if fused else "on a CPU a loop over the parameters")


class BareModel(nn.Module):
    """A recurrent layer, dense layers and a head, of `torch.nn` alone.

    Args:
        experiment: of one layer in one direction.
        task: what is asked.
        weights: a model of the same experiment, whose weights are copied.
    """

    def __init__(self, experiment: Experiment, task: Task, weights: SequenceModel) -> None:
        super().__init__()
        settings = experiment.model
        if settings.bidirectional or settings.num_layers > 1 or task.input.kind != "values":
            raise ValueError("the bare model is for one layer, one direction, and numbers as inputs")
        self.per_step = task.output.per_step
        sizes = {"input_size": task.input.size, "hidden_size": settings.hidden_size, "batch_first": True}
        if settings.cell == "rnn":
            self.recurrent: nn.RNNBase = nn.RNN(nonlinearity=settings.nonlinearity, **sizes)
        else:
            self.recurrent = {"lstm": nn.LSTM, "gru": nn.GRU}[settings.cell](**sizes)
        layers: list[nn.Module] = []
        width = settings.hidden_size
        for units in settings.dense:
            layers += [nn.Linear(width, units), _ACTIVATIONS[settings.dense_activation]()]
            width = units
        layers.append(nn.Linear(width, task.output.size))
        self.read_out = nn.Sequential(*layers)
        cell = weights.cells()[0]
        linears = cast(list[nn.Linear], [layer for layer in layers if isinstance(layer, nn.Linear)])
        with torch.no_grad():
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                getattr(self.recurrent, f"{name}_l0").copy_(getattr(cell, name))
            for mine, theirs in zip(linears, weights.linears(), strict=True):
                mine.weight.copy_(theirs.weight)
                mine.bias.copy_(theirs.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, time, feature) -> (batch, output_size), or (batch, time, output_size) for a question per step."""
        states, _ = self.recurrent(inputs)
        return self.read_out(states if self.per_step else states[:, -1])


class BareLoop:
    """A model trained by hand.

    Args:
        experiment: with the optimizer "adam"; its task must have full sequences, every step of which counts.
        task: the built task.
        fused: whether to ask Adam for its fused kernel, which is not torch's default on a CPU.
    """

    def __init__(self, experiment: Experiment, task: Task, fused: bool = False) -> None:
        training = experiment.training
        if training.optimizer != "adam" or training.weight_decay:
            raise ValueError("the bare loop knows plain Adam only")
        self.task, self.batch_size, self.clip_norm = task, training.batch_size, training.clip_norm
        generator = torch.Generator().manual_seed((training.seed * 4 + 1) * 1_000_003)
        start = SequenceModel(experiment.model, task.input, task.output, generator)
        self.model = BareModel(experiment, task, start)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=training.learning_rate, fused=fused or None)
        self.validation = TensorBatch.of(task.evaluation("validation"))
        self.steps_per_epoch = task.steps_per_epoch(self.batch_size)
        self.epoch = self.index = 0
        self.val_loss = self.val_metric = float("nan")

    def step(self) -> float:
        """One optimizer step, and the validation set at the end of an epoch; returns the batch's loss."""
        batch = TensorBatch.of(self.task.train_batch(self.epoch, self.index, self.batch_size))
        self.model.train()
        self.optimizer.zero_grad()
        loss = self.loss(self.model(batch.inputs), batch)
        loss.backward()
        if self.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimizer.step()
        self.index += 1
        if self.index == self.steps_per_epoch:
            self.epoch, self.index = self.epoch + 1, 0
            self.evaluate()
        return loss.item()

    def loss(self, outputs: Tensor, batch: TensorBatch) -> Tensor:
        if batch.lengths is not None or batch.mask is not None:
            raise ValueError("the bare loop knows full sequences only")
        if self.task.output.classes:
            return cross_entropy(outputs.flatten(0, -2), batch.targets.flatten())
        return mse_loss(outputs, batch.targets)

    @torch.no_grad()
    def evaluate(self) -> None:
        """Measure the validation set."""
        self.model.eval()
        outputs = self.model(self.validation.inputs)
        self.val_loss = self.loss(outputs, self.validation).item()
        if self.task.output.classes:
            self.val_metric = (outputs.argmax(dim=-1) == self.validation.targets).float().mean().item()
        else:
            self.val_metric = mse_loss(outputs, self.validation.targets).item()

    def rate(self, seconds: float) -> float:
        """Steps per second over about `seconds`."""
        count, begin = 0, time.perf_counter()
        while True:
            self.step()
            count += 1
            took = time.perf_counter() - begin
            if took >= seconds:
                return count / took
