"""The dense layers after the recurrent ones with the loss, on tensors, and as an autograd function.

The loss is a single number, so all gradients are computed with it; autograd's backward pass only hands them out.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from rnn_explorer.kernels import checks
from rnn_explorer.kernels.dense import ACTIVATIONS, ENTRIES, LOSS, METRIC, NEVER, WRONG, program
from rnn_explorer.kernels.products import padded
from rnn_explorer.kernels.vector_code import DTYPES, addresses, numbers


class LossHead:
    """Dense layers and loss on top of features of one shape, forward and backward, in memory that each call reuses.

    Args:
        count: rows of features that get an output.
        parameters: weight and bias of each layer, contiguous; they may change in place, but not move in memory.
        activation: after each layer but the last.
        backward: whether to compute gradients.
        gradient: where to write the loss gradient of these rows, (count, features rounded up); None: in memory of
            its own.

    Attributes:
        grads: of the parameters; `run` writes them.

    Raises:
        ValueError: for parameters that do not fit together, and for fewer than one row.
    """

    def __init__(
        self, count: int, parameters: Sequence[Tensor], activation: str, backward: bool, gradient: Tensor | None = None
    ) -> None:
        checks.linears(parameters)
        if count < 1 or activation not in ACTIVATIONS:
            raise ValueError(f"{count} rows with {activation!r}; it takes one row or more and one of {ACTIVATIONS}.")
        weights = parameters[::2]
        self.dtype, self.count, self._parameters = weights[0].dtype, count, list(parameters)
        self.sizes = (weights[0].shape[1], *(len(weight) for weight in weights))
        self._code, self._activation = program(DTYPES[self.dtype]), ACTIVATIONS.index(activation)
        places, order, total = _plan(count, self.sizes)
        self._work = torch.empty(total, dtype=self.dtype)
        base, size = self._work.data_ptr(), self._work.element_size()
        self.has_backward, self._layers = backward, len(weights)
        self.grads = [torch.empty_like(parameter) for parameter in parameters] if backward else self._parameters
        P = padded(self.sizes[0])
        own = self._work[places["e", 0] :][: count * P].view(count, P)
        self.gradient = own if gradient is None else gradient
        checks.contiguous(self.gradient, "the gradient", self.dtype, (count, P))
        table: list[int] = []
        for number in range(self._layers):
            both = slice(2 * number, 2 * number + 2)
            table += (tensor.data_ptr() for part in (self._parameters, self.grads) for tensor in part[both])
            table += (*self.sizes[number : number + 2], *(base + place * size for place in order[number]))
        table[ENTRIES.index("e")] = self.gradient.data_ptr()
        self._table = (ctypes.c_int64 * len(table))(*table)
        self._result = numbers(self.dtype, 3)
        self._x = base + places["x", 0] * size
        self._y, self._d = (base + places[name, self._layers - 1] * size for name in ("y", "d"))
        self._outputs = padded(self.sizes[-1])

    def run(
        self, features: tuple[int, int, int], batch: int, steps: int, rows: Tensor | None, targets: Tensor
    ) -> tuple[float, float]:
        """Loss and metric, and the gradients if `backward`.

        Args:
            features: (batch, steps, features) as address and strides, see `recurrence.Strided`.
            batch, steps: of the features.
            rows: (count,) long: indices among batch * steps rows of features; None: all.
            targets: contiguous, (count,) long for classes, -100 to be ignored, or (count, outputs) for values.

        Raises:
            ValueError: for targets or rows of another type or shape, or out of range.
        """
        code, count, outputs = self._code, self.count, self.sizes[-1]
        classes = checks.loss_inputs(targets, rows, count, outputs, self.dtype)
        if rows is None and batch * steps != count:
            raise ValueError(f"there are {batch} x {steps} answers, but memory for {count}.")
        indices = 0 if rows is None else rows.data_ptr()
        at, xt, xb = features
        code["gather"](at, xt, xb, indices, rows is None, count, steps, batch, self.sizes[0], self._x, self._result)
        if rows is not None and self._result[WRONG]:
            raise checks.wrong_rows(rows, batch * steps)
        about = (self._y, self._outputs, count, outputs, targets.data_ptr(), self._result, self._d)
        code["forward"](self._table, self._layers, count, self._activation, NEVER if classes else 0.0)
        if not classes:
            code["values"](*about, 2 / (count * outputs))
        else:
            code["classes"](*about)
            if self._result[WRONG]:
                raise checks.wrong_classes(targets, outputs)
        if self.has_backward:
            code["backward"](self._table, self._layers, count, self._activation)
        return self._result[LOSS], self._result[METRIC]

    def scatter_gradient(self, rows: Tensor, out: Tensor) -> None:
        """Add `gradient` to `rows` of `out`, (batch * steps, features rounded up)."""
        self._code["scatter"](*addresses((self.gradient, rows)), self.count, self.sizes[0], out.data_ptr())


def run(
    features: Tensor,
    rows: Tensor | None,
    targets: Tensor,
    activation: str,
    parameters: Sequence[Tensor],
    backward: bool,
) -> tuple[tuple[Tensor, Tensor], Tensor | None, list[Tensor]]:
    """Loss and metric, and if `backward` the loss gradients of the features and of the parameters."""
    if features.dim() not in (2, 3):
        raise ValueError(f"features have the shape {tuple(features.shape)}, but must have two or three axes.")
    x = features.detach() if features.dim() == 3 else features.detach()[:, None]
    if x.stride(2) != 1:
        x = x.contiguous()
    (batch, steps, width), dtype = x.shape, features.dtype
    rows = None if rows is None else rows.contiguous()
    count = batch * steps if rows is None else rows.numel()
    work = LossHead(count, [parameter.detach().contiguous() for parameter in parameters], activation, backward)
    checks.inputs(x, work.dtype, batch, steps, work.sizes[0])
    at = (x.data_ptr(), x.stride(1), x.stride(0))
    result = work.run(at, batch, steps, rows, checks.fit_targets(targets, dtype))
    loss, metric = (torch.tensor(number, dtype=dtype) for number in result)
    if not backward:
        return (loss, metric), None, []
    gradient, P = work.gradient, padded(width)
    if rows is not None:
        gradient = torch.zeros(batch * steps, P, dtype=dtype)
        work.scatter_gradient(rows, gradient)
    gradient = gradient.view(batch, steps, P)[..., :width]
    return (loss, metric), gradient if features.dim() == 3 else gradient[:, 0], work.grads


class FusedLoss(torch.autograd.Function):
    """`kernels.loss_and_metric` as an autograd function."""

    @staticmethod
    def forward(
        ctx: Any, features: Tensor, rows: Tensor | None, targets: Tensor, activation: str, *parameters: Tensor
    ) -> tuple[Tensor, Tensor]:
        (loss, metric), *ctx.gradients = run(features, rows, targets, activation, parameters, backward=True)
        ctx.mark_non_differentiable(metric)
        return loss, metric

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor, _: Tensor | None) -> tuple[Tensor | None, ...]:
        gradient, grads = ctx.gradients
        del ctx.gradients  # so that they can become the parameters' .grad without a copy
        if float(d_loss) != 1.0:
            gradient, grads = gradient * d_loss, [grad * d_loss for grad in grads]
        return (gradient, None, None, None, *grads)


@functools.lru_cache(maxsize=64)
def _plan(count: int, sizes: Sequence[int]) -> tuple[dict[tuple[str, int], int], list[list[int]], int]:
    """Offsets of all arrays in one block of memory, by name and in the order of the table, and the block's length."""
    places: dict[tuple[str, int], int] = {}
    total = 0

    def take(name: str, number: int, length: int) -> None:
        nonlocal total
        places[name, number] = total
        total += padded(length)

    layers = len(sizes) - 1
    scratch = max(padded(a) * padded(b) for a, b in itertools.pairwise(sizes))
    take("scratch", 0, scratch)
    for number in range(layers):
        into, out = sizes[number : number + 2]
        if number == 0:
            take("x", 0, count * padded(into))
            take("e", 0, count * padded(into))
        else:
            places["x", number], places["e", number] = places["y", number - 1], places["d", number - 1]
        take("y", number, count * padded(out))
        take("d", number, count * padded(out))
        take("forward", number, into * padded(out))
        take("bias", number, padded(out))
        take("backward", number, out * padded(into))
        places["scratch", number] = places["scratch", 0]
    order = [[places[name, number] for name in ENTRIES[6:]] for number in range(layers)]
    return places, order, total
