"""A whole step of learning without autograd: loss and all gradients of the usual network, pass after pass.

It covers layers that read forwards, one above the other, with the three cells and no dropout between them. All memory
is laid out once and used again, so that a step touches the same lines of the cache as the one before; and between two
passes there is a handful of Python instructions instead of a graph that is built and taken apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rnn_explorer.kernels import checks
from rnn_explorer.kernels.loss_head import LossHead
from rnn_explorer.kernels.recurrence import NOTHING, Place, RecurrentPass
from rnn_explorer.kernels.vector_code import addresses

MEMORY = 16_000_000  # bytes that a network may hold on to between two steps
SHAPES = 2  # of batches that are remembered: the last batch of an epoch may be smaller


@dataclass(frozen=True)
class Network:
    """What is learned.

    Attributes:
        layers: of each recurrent layer, the lowest first, its kind ("rnn_tanh", "rnn_relu", "gru", "lstm") and its
            weights in torch's order.
        linears: weight and bias of the layers above them.
        activation: after each of these but the last: "relu", "tanh" or "sigmoid".
        embedding: (symbols, size), where symbols are embedded before the lowest layer; else None.
    """

    layers: Sequence[tuple[str, list[Tensor]]]
    linears: Sequence[tuple[Tensor, Tensor]]
    activation: str
    embedding: Tensor | None = None


class FusedStep:
    """Loss and gradients for batches of one shape.

    Args:
        network: all of one type, contiguous, on the CPU.
        batch, steps: sequences, and time steps of each.
        per_step: whether any step may be asked, else one answer a sequence.

    Raises:
        ValueError: for weights that do not fit together.
    """

    def __init__(self, network: Network, batch: int, steps: int, per_step: bool) -> None:
        self.network, self.batch, self.steps, self.per_step = network, batch, steps, per_step
        self._passes: list[RecurrentPass] = []
        for kind, weights in network.layers:
            zeros = torch.zeros(batch, weights[1].shape[-1], dtype=weights[1].dtype)
            states = [zeros] * (2 if kind == "lstm" else 1)
            self._passes.append(RecurrentPass(kind, weights, states, steps, learning=True))
        self._parameters = [part for linear in network.linears for part in linear]
        self._check()
        self._answers: LossHead | None = None
        self._spread: Tensor | None = None

    def _check(self) -> None:
        """Each layer must read what the one below gives, in the same type."""
        embedding, dtype = self.network.embedding, self._passes[0].dtype
        width = self._passes[0].inputs
        if embedding is not None:
            checks.contiguous(embedding, "the embedding", dtype, (len(embedding), width))
        for work in self._passes:
            if (work.dtype, work.inputs) != (dtype, width):
                raise ValueError(f"a layer reads {work.inputs} {work.dtype}, but is given {width} {dtype}.")
            width = work.hidden
        first = self._parameters[0]
        if (first.dtype, first.shape[-1]) != (dtype, width):
            raise ValueError(f"dense layers read {first.shape[-1]} {first.dtype}, but are given {width} {dtype}.")

    def learn(self, inputs: Tensor, rows: Tensor | None, targets: Tensor) -> tuple[float, float]:
        """Find loss, metric and gradients, and give the parameters their gradients.

        Args:
            inputs: (batch, steps, features), or (batch, steps) long where there is an embedding.
            rows: which of batch * steps states are judged, (count,) long; None: all of them, or the last of each
                sequence where one answer a sequence is asked.
            targets: (count,) long for classes, where -100 does not count, or (count, values) for values.

        Raises:
            ValueError: for what has another type or shape, or is out of range.
            IndexError: for a symbol that the embedding does not have.
        """
        embedding, bottom = self.network.embedding, self._passes[0]
        x = inputs if embedding is None else torch.embedding(embedding.detach(), inputs)
        if x.dim() == 3 and x.stride(2) != 1:
            x = x.contiguous()
        checks.inputs(x, bottom.dtype, self.batch, self.steps, bottom.inputs)
        targets = checks.fit_targets(targets, bottom.dtype)
        rows = None if rows is None else rows.contiguous()
        last = rows is None and not self.per_step
        asked = self.batch if last else self.batch * self.steps if rows is None else rows.numel()
        if targets.shape[:1] != (asked,):
            raise ValueError(f"there are {asked} answers, but targets of the shape {tuple(targets.shape)}.")
        at = (x.data_ptr(), x.stride(1), x.stride(0))
        for work in self._passes:
            work.ahead(at)
            at = work.above()
        top, answers = self._passes[-1], self._answers
        if answers is None or answers.count != len(targets) or (answers.gradient is top.dh) != last:
            # The gradient by the last states alone is written to where the way back begins.
            gradient = top.dh if last else None
            answers = LossHead(len(targets), self._parameters, self.network.activation, True, gradient)
            self._answers = answers
        top.clear()
        above = NOTHING
        if last:
            at = (at[0] + (self.steps - 1) * at[1] * top.z.element_size(), 0, at[2])
            loss, metric = answers.judge(at, self.batch, 1, None, targets)
        else:
            loss, metric = answers.judge(at, self.batch, self.steps, rows, targets)
            above = self._above(answers, rows)
        _give(self._parameters, answers.grads)
        for number in reversed(range(len(self._passes))):
            work = self._passes[number]
            if work is not top:
                work.clear()
            work.back(above)
            _give(self.network.layers[number][1], work.grads)
            if number or embedding is not None:
                e = work.down()
                above = (e.data_ptr(), e.stride(0), e.stride(1))
        if embedding is not None:
            gradient = torch.zeros_like(embedding)
            by_sequence = e[..., : gradient.shape[1]].transpose(0, 1)
            embedding.grad = gradient.index_add_(0, inputs.flatten(), by_sequence.flatten(0, 1))
        return loss, metric

    def _above(self, answers: LossHead, rows: Tensor | None) -> Place:
        """The gradient by the top layer's states of all steps."""
        gradient, P = answers.gradient, self._passes[-1].P
        if rows is not None:
            if self._spread is None:
                self._spread = torch.empty(self.batch * self.steps, P, dtype=gradient.dtype)
            self._spread.zero_()
            answers.spread_out(rows, self._spread)
            gradient = self._spread
        return gradient.data_ptr(), P, self.steps * P

    @property
    def size(self) -> int:
        """Bytes of memory, about; most of it belongs to the loops over time."""
        numbers = sum(work.batch * work.steps * (work.S + 2 * work.layout.columns * work.P) for work in self._passes)
        return numbers * self._passes[0].z.element_size()


def _give(parameters: Sequence[Tensor], grads: Sequence[Tensor]) -> None:
    for parameter, grad in zip(parameters, grads, strict=True):
        if parameter.grad is not grad:
            parameter.grad = grad


class FusedSteps:
    """The network of one trainer with what it needs for batches of the shapes that it has seen last."""

    def __init__(self, network: Network, per_step: bool) -> None:
        self.network, self.per_step = network, per_step
        self._kept: dict[tuple[int, ...], FusedStep] = {}
        self._weights = [weight for _, weights in network.layers for weight in weights]
        self._weights += [part for linear in network.linears for part in linear]
        self._places: list[int] = []  # of these weights

    def release(self) -> None:
        """Give all memory back; the next step takes some anew."""
        self._kept.clear()

    def learn(self, inputs: Tensor, rows: Tensor | None, targets: Tensor) -> tuple[float, float]:
        """As `FusedStep.learn`, for batches of any shape."""
        shape = tuple(inputs.shape[:2])
        places = addresses(self._weights)
        if places != self._places:  # a weight has got other memory, as `weight.data = ...` gives it
            self._kept.clear()
            self._places = places
        found = self._kept.get(shape)
        if found is None:
            if len(shape) != 2:
                raise ValueError(f"inputs have the shape {tuple(inputs.shape)}, but must be sequences with steps.")
            found = FusedStep(self.network, *shape, self.per_step)
            if found.size <= MEMORY:
                while len(self._kept) >= SHAPES:
                    del self._kept[next(iter(self._kept))]
                self._kept[shape] = found
        return found.learn(inputs, rows, targets)
