"""Loss and all gradients of a whole network without autograd.

It covers stacked unidirectional layers of the three cells without dropout. All memory is allocated once and reused, so
that a step touches the same cache lines as the one before; between two passes there are a few Python instructions
instead of a graph that autograd builds and frees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rnn_explorer.kernels import checks
from rnn_explorer.kernels.loss_head import LossHead
from rnn_explorer.kernels.recurrence import NO_GRADIENT, RecurrentPass, Strided
from rnn_explorer.kernels.vector_code import addresses

MEMORY = 16_000_000  # bytes that a network may keep between two steps
SHAPES = 2  # batch shapes whose memory is kept: the last batch of an epoch may be smaller


@dataclass(frozen=True)
class Network:
    """The weights of a network.

    Attributes:
        layers: of each recurrent layer, the lowest first, its kind ("rnn_tanh", "rnn_relu", "gru", "lstm") and its
            weights in torch's order.
        linears: weight and bias of the dense layers above them.
        activation: after each dense layer but the last: "relu", "tanh" or "sigmoid".
        embedding: (symbols, size) below the lowest layer; None without one.
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
        per_step: whether there is an output at every time step; else one per sequence, after the last step.

    Raises:
        ValueError: for weights that do not fit together.
    """

    def __init__(self, network: Network, batch: int, steps: int, per_step: bool) -> None:
        self.network, self.batch, self.steps, self.per_step = network, batch, steps, per_step
        self._passes: list[RecurrentPass] = []
        for kind, weights in network.layers:
            zeros = torch.zeros(batch, weights[1].shape[-1], dtype=weights[1].dtype)
            states = [zeros] * (2 if kind == "lstm" else 1)
            self._passes.append(RecurrentPass(kind, weights, states, steps, backward=True))
        self._parameters = [part for linear in network.linears for part in linear]
        self._check()
        self._head: LossHead | None = None
        self._scattered: Tensor | None = None

    def _check(self) -> None:
        """Each layer's input must have the type and size of the output below it."""
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
        """Compute loss and metric, and set the parameters' gradients.

        Args:
            inputs: (batch, steps, features), or (batch, steps) long with an embedding.
            rows: (count,) long: indices among batch * steps hidden states that get an output; None: all, or without
                `per_step` the last of each sequence.
            targets: (count,) long for classes, -100 to be ignored, or (count, values) for values.

        Raises:
            ValueError: for another type or shape, and for numbers out of range.
            IndexError: for a symbol beyond the embedding.
        """
        embedding, bottom = self.network.embedding, self._passes[0]
        x = inputs if embedding is None else torch.embedding(embedding.detach(), inputs)
        if x.dim() == 3 and x.stride(2) != 1:
            x = x.contiguous()
        checks.inputs(x, bottom.dtype, self.batch, self.steps, bottom.inputs)
        targets = checks.fit_targets(targets, bottom.dtype)
        rows = None if rows is None else rows.contiguous()
        last = rows is None and not self.per_step
        count = self.batch if last else self.batch * self.steps if rows is None else rows.numel()
        if targets.shape[:1] != (count,):
            raise ValueError(f"there are {count} answers, but targets of the shape {tuple(targets.shape)}.")
        at = (x.data_ptr(), x.stride(1), x.stride(0))
        for work in self._passes:
            work.forward(at)
            at = work.hidden_states()
        top, head = self._passes[-1], self._head
        if head is None or head.count != len(targets) or (head.gradient is top.dh) != last:
            # With outputs after the last step alone, their gradient is where the backward pass starts.
            gradient = top.dh if last else None
            head = LossHead(len(targets), self._parameters, self.network.activation, True, gradient)
            self._head = head
        top.zero_state_gradients()
        d_states = NO_GRADIENT
        if last:
            at = (at[0] + (self.steps - 1) * at[1] * top.z.element_size(), 0, at[2])
            loss, metric = head.run(at, self.batch, 1, None, targets)
        else:
            loss, metric = head.run(at, self.batch, self.steps, rows, targets)
            d_states = self._state_gradient(head, rows)
        _set_grads(self._parameters, head.grads)
        for number in reversed(range(len(self._passes))):
            work = self._passes[number]
            if work is not top:
                work.zero_state_gradients()
            work.backward(d_states)
            _set_grads(self.network.layers[number][1], work.grads)
            if number or embedding is not None:
                e = work.input_gradient()
                d_states = (e.data_ptr(), e.stride(0), e.stride(1))
        if embedding is not None:
            gradient = torch.zeros_like(embedding)
            by_sequence = e[..., : gradient.shape[1]].transpose(0, 1)
            embedding.grad = gradient.index_add_(0, inputs.flatten(), by_sequence.flatten(0, 1))
        return loss, metric

    def _state_gradient(self, head: LossHead, rows: Tensor | None) -> Strided:
        """The loss gradient of the top layer's hidden states at all steps."""
        gradient, P = head.gradient, self._passes[-1].P
        if rows is not None:
            if self._scattered is None:
                self._scattered = torch.empty(self.batch * self.steps, P, dtype=gradient.dtype)
            self._scattered.zero_()
            head.scatter_gradient(rows, self._scattered)
            gradient = self._scattered
        return gradient.data_ptr(), P, self.steps * P

    @property
    def size(self) -> int:
        """Bytes of memory, about: that of the recurrent layers."""
        numbers = sum(work.batch * work.steps * (work.S + 2 * work.layout.columns * work.P) for work in self._passes)
        return numbers * self._passes[0].z.element_size()


def _set_grads(parameters: Sequence[Tensor], grads: Sequence[Tensor]) -> None:
    for parameter, grad in zip(parameters, grads, strict=True):
        if parameter.grad is not grad:
            parameter.grad = grad


class FusedStepCache:
    """`FusedStep`s of one network, for the batch shapes used last."""

    def __init__(self, network: Network, per_step: bool) -> None:
        self.network, self.per_step = network, per_step
        self._kept: dict[tuple[int, ...], FusedStep] = {}
        self._weights = [weight for _, weights in network.layers for weight in weights]
        self._weights += [part for linear in network.linears for part in linear]
        self._addresses: list[int] = []  # of these weights

    def release(self) -> None:
        """Free all memory; the next step allocates it again."""
        self._kept.clear()

    def learn(self, inputs: Tensor, rows: Tensor | None, targets: Tensor) -> tuple[float, float]:
        """Like `FusedStep.learn`, for batches of any shape."""
        shape = tuple(inputs.shape[:2])
        where = addresses(self._weights)
        if where != self._addresses:  # a weight has moved, as by `weight.data = ...`
            self._kept.clear()
            self._addresses = where
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
