"""Losses and metrics over the outputs that count, by torch or by compiled code, and the compiled training step."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from rnn_explorer import kernels
from rnn_explorer.kernels.dense import IGNORED
from rnn_explorer.kernels.fused_step import FusedStepCache, Network
from rnn_explorer.model import SequenceModel
from rnn_explorer.tasks.base import OutputSpec, Task
from rnn_explorer.tensors import TensorBatch


def loss_and_metric(
    model: SequenceModel, task: Task, batch: TensorBatch, dropout: torch.Generator | None = None
) -> tuple[Tensor, float]:
    """Loss and metric of a model on a batch; autograd follows the loss where gradients are enabled.

    Args:
        model: of the task.
        task: gives loss and metric.
        batch: sequences with their targets.
        dropout: generator of the masks; None: no dropout.
    """
    features = model.features(batch.inputs, batch.lengths, dropout)
    if kernels.ENABLED and features.device.type == "cpu" and _usual_metric(task):
        rows, targets = counted_rows(model.output_spec, batch)
        if len(targets):
            linears = [(linear.weight, linear.bias) for linear in model.linears()]
            loss, metric = kernels.loss_and_metric(features, rows, targets, model.settings.dense_activation, linears)
            return loss, float(metric)
    outputs = model.read_out(features)
    return loss_of(model.output_spec, outputs, batch), metric_of(task, outputs.detach(), batch)


def _usual_metric(task: Task) -> bool:
    """Whether the metric is the one that compiled code computes with the loss: accuracy of classes, MSE of values."""
    return task.output.classes == (task.metric.name == "accuracy")


def counted_rows(output: OutputSpec, batch: TensorBatch) -> tuple[Tensor | None, Tensor]:
    """The outputs that count, and their targets.

    Returns:
        Indices among batch * time outputs where there is one per step, None: all; and the targets of these outputs.
    """
    if not output.per_step:
        return None, batch.targets
    if batch.lengths is None and batch.mask is None:
        return None, batch.targets.flatten(0, 1)
    mask = batch.step_mask()
    return mask.flatten().nonzero()[:, 0], batch.targets[mask]


def fused_step_of(model: SequenceModel, task: Task) -> FusedStepCache | None:
    """The compiled training step of a model; None where autograd must do."""
    settings, layers = model.settings, model.stack()
    plain = not settings.bidirectional and not settings.dropout and all(layer.forwards.kernel for layer in layers)
    on_cpu = model.head.weight.device.type == "cpu"
    if not (kernels.ENABLED and on_cpu and plain and _usual_metric(task)):
        return None
    network = Network(
        [(layer.forwards.kernel, layer.forwards.weights()) for layer in layers],
        [(linear.weight, linear.bias) for linear in model.linears()],
        settings.dense_activation,
        None if model.embedding is None else model.embedding.weight,
    )
    return FusedStepCache(network, task.output.per_step)


def loss_of(output: OutputSpec, outputs: Tensor, batch: TensorBatch) -> Tensor:
    """Mean cross-entropy in nats, or mean squared error, over the outputs that count.

    Args:
        output: classes or values, one per step or one per sequence.
        outputs: of the model, (batch, output_size) or (batch, time, output_size).
        batch: with the targets, and a mask where there is one output per step.
    """
    outputs, targets = _counted(output, outputs, batch)
    return cross_entropy(outputs, targets) if output.classes else mse_loss(outputs, targets)


def metric_of(task: Task, outputs: Tensor, batch: TensorBatch) -> float:
    """The task's metric over the outputs that count: accuracy, or mean squared error."""
    outputs, targets = _counted(task.output, outputs, batch)
    if task.metric.name == "accuracy":
        counted = targets != IGNORED
        return float((outputs.argmax(dim=-1) == targets)[counted].float().mean())
    return float(mse_loss(outputs, targets))


def _counted(output: OutputSpec, outputs: Tensor, batch: TensorBatch) -> tuple[Tensor, Tensor]:
    rows, targets = counted_rows(output, batch)
    outputs = outputs.flatten(0, 1) if output.per_step else outputs
    return (outputs if rows is None else outputs[rows]), targets
