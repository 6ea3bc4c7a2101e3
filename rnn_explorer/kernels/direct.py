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

from rnn_explorer.kernels.read_out import Answers
from rnn_explorer.kernels.recurrence import NOTHING, Above, Pass

MEMORY = 16_000_000  # bytes that a network may hold on to between two steps
SHAPES = 2  # of batches that are remembered: the last batch of an epoch may be smaller


@dataclass(frozen=True)
class Network:
    """What is learnt.

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


class Direct:
    """Loss and gradients for batches of one shape.

    Args:
        network: all of one type, contiguous, on the CPU.
        batch, steps: sequences, and time steps of each.
        per_step: whether any step may be asked, else one answer a sequence.
    """

    def __init__(self, network: Network, batch: int, steps: int, per_step: bool) -> None:
        self.network, self.batch, self.steps, self.per_step = network, batch, steps, per_step
        self._passes: list[Pass] = []
        self._grads: list[list[Tensor]] = []
        self._zeros: list[list[Tensor]] = []
        dtype = network.linears[0][0].dtype
        hidden = 0
        for kind, weights in network.layers:
            inputs, hidden = weights[0].shape[1], weights[1].shape[1]
            work = Pass(kind, dtype, batch, steps, inputs, hidden, learning=True)
            self._passes.append(work)
            self._grads.append([torch.empty_like(weight) for weight in weights])
            self._zeros.append([torch.zeros(batch, hidden, dtype=dtype)] * (2 if work.lstm else 1))
        self._parameters = [part for linear in network.linears for part in linear]
        self._head_grads = [torch.empty_like(parameter) for parameter in self._parameters]
        self._dtype, self._sizes = dtype, [hidden, *(len(weight) for weight, _ in network.linears)]
        self._answers = Answers(dtype, 1, self._sizes, network.activation)
        self._spread: Tensor | None = None

    def learn(self, inputs: Tensor, rows: Tensor | None, targets: Tensor) -> tuple[float, float]:
        """Find loss, metric and gradients, and give the parameters their gradients.

        Args:
            inputs: (batch, steps, features), or (batch, steps) long where there is an embedding.
            rows: which of batch * steps states are judged, (count,) long; None: all of them, or the last of each
                sequence where one answer a sequence is asked.
            targets: (count,) long for classes, (count, values) for values; contiguous.
        """
        network = self.network
        x = inputs if network.embedding is None else network.embedding.detach()[inputs]
        if x.stride(2) != 1:
            x = x.contiguous()
        at = (x.data_ptr(), x.stride(1), x.stride(0))
        for work, (_, weights), zeros in zip(self._passes, network.layers, self._zeros, strict=True):
            work.ahead(at, weights, zeros)
            at = work.above()
        top = self._passes[-1]
        steps, last = self.steps, rows is None and not self.per_step
        if last:  # of the top layer's states, only those after the last step
            at, steps = (at[0] + (self.steps - 1) * at[1] * top.z.element_size(), 0, at[2]), 1
        if self._answers.count != len(targets):
            self._answers = Answers(self._dtype, len(targets), self._sizes, network.activation)
        result = self._answers.judge(at, steps, rows, targets, self._parameters, self._head_grads)
        above = self._above(top, rows, last)
        for number in reversed(range(len(self._passes))):
            work, (_, weights), grads = self._passes[number], network.layers[number], self._grads[number]
            if work is not top or not last:
                work.start_back()
            work.back(weights, grads, above)
            for weight, grad in zip(weights, grads, strict=True):
                weight.grad = grad
            if number or network.embedding is not None:
                e = work.down(weights[0])
                above = (e.data_ptr(), e.stride(0), e.stride(1))
        if network.embedding is not None:
            gradient = torch.zeros_like(network.embedding)
            by_sequence = e[..., : gradient.shape[1]].transpose(0, 1)
            network.embedding.grad = gradient.index_add_(0, inputs.flatten(), by_sequence.flatten(0, 1))
        for parameter, grad in zip(self._parameters, self._head_grads, strict=True):
            parameter.grad = grad
        loss, metric = result.tolist()
        return loss, metric

    @property
    def size(self) -> int:
        """Bytes of memory, about; most of it belongs to the loops over time."""
        numbers = sum(work.batch * work.steps * (work.S + 2 * work.layout.columns * work.P) for work in self._passes)
        return numbers * self._passes[0].z.element_size()

    def _above(self, top: Pass, rows: Tensor | None, last: bool) -> Above:
        """The gradient by the top layer's states, given to it as that of its last or of all states."""
        gradient = self._answers.gradient()
        if last:
            top.start_back()
            top.dh.copy_(gradient)
            return NOTHING
        if rows is not None:
            if self._spread is None:
                self._spread = torch.zeros(self.batch * self.steps, top.P, dtype=gradient.dtype)
            else:
                self._spread.zero_()
            self._answers.spread_out(rows, self.steps, self._spread)
            gradient = self._spread
        return gradient.data_ptr(), top.P, self.steps * top.P


class Directs:
    """The network of one trainer with what it needs for batches of the shapes that it has seen last."""

    def __init__(self, network: Network, per_step: bool) -> None:
        self.network, self.per_step = network, per_step
        self._kept: dict[tuple[int, int], Direct] = {}

    def learn(self, inputs: Tensor, rows: Tensor | None, targets: Tensor) -> tuple[float, float]:
        """As `Direct.learn`, for batches of any shape."""
        shape = (inputs.shape[0], inputs.shape[1])
        found = self._kept.get(shape)
        if found is None:
            found = Direct(self.network, *shape, self.per_step)
            if found.size <= MEMORY:
                while len(self._kept) >= SHAPES:
                    del self._kept[next(iter(self._kept))]
                self._kept[shape] = found
        return found.learn(inputs, rows, targets)
