"""The compiled loops on tensors: `Pass` with memory of its own, and a function for autograd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from rnn_explorer.kernels import parallel
from rnn_explorer.kernels.language import DTYPES, LANES
from rnn_explorer.kernels.loops import LAYOUTS, SPACE, program, row_size
from rnn_explorer.kernels.products import ROWS, padded

Above = tuple[int, int, int]  # address of a gradient by hidden states, numbers from step to step and from row to row
NOTHING: Above = (0, 0, 0)


class Pass:
    """A cell over batches of one shape, forward and backward, in memory that is used again each time.

    Args:
        cell: a key of `LAYOUTS`.
        dtype: float32 or float64.
        batch, steps, inputs, hidden: sizes.
        learning: whether the backward pass follows.

    Attributes:
        z: (time + 1, batch, S): hidden states in the first `hidden` columns, the initial ones first.
        cs: (time + 1, batch, P): cell states of an LSTM; else z.
        dh, dc: (batch, P): the gradients by the last states, to be written before `back`, which leaves there those by
            the initial ones. What lies beyond `hidden` must be zero.
    """

    def __init__(
        self, cell: str, dtype: torch.dtype, batch: int, steps: int, inputs: int, hidden: int, learning: bool
    ) -> None:
        self.layout, self._code = LAYOUTS[cell], program(cell, DTYPES[dtype])
        self.batch, self.steps, self.inputs, self.hidden, self.dtype = batch, steps, inputs, hidden, dtype
        self.P, self.S = padded(hidden), row_size(inputs, hidden)
        self.lstm, self.learning = cell == "lstm", learning
        layout, P = self.layout, self.P
        # What is padded must be zero in these two.
        self._weights, self._bias = self._padded(layout.gates * P * (P + inputs)), self._padded(layout.biases * P)
        self.z = torch.empty(steps + 1, batch, self.S, dtype=dtype)
        self.cs = torch.empty(steps + 1, batch, P, dtype=dtype) if self.lstm else self.z
        self._kept = batch * layout.kept * P
        self._gates = torch.empty((steps if learning else 1) * self._kept, dtype=dtype)
        self._backward: Tensor | None = None

    def _padded(self, length: int) -> Tensor:
        make = torch.empty if self.hidden == self.P and self.inputs % LANES == 0 else torch.zeros
        return make(length, dtype=self.dtype)

    def ahead(self, x: tuple[int, int, int], weights: Sequence[Tensor], states: Sequence[Tensor]) -> None:
        """All steps.

        Args:
            x: the address of (batch, time, inputs), and how many numbers from step to step and from row to row.
            weights: contiguous, in torch's order.
            states: the initial ones, (batch, hidden), contiguous.
        """
        sizes = (self.inputs, self.hidden)
        addresses = [tensor.data_ptr() for tensor in weights]
        z, cs, packed, bias = (t.data_ptr() for t in (self.z, self.cs, self._weights, self._bias))
        self._code["pack_forward"](*addresses, packed, bias, *sizes)
        self._code["enter"](
            *x, states[0].data_ptr(), states[-1].data_ptr(), z, cs, self.steps, self.batch, *sizes
        )  # fmt: skip
        parallel.share(
            self._code["forward"], self.batch, ROWS,
            packed, bias, z, cs, self._gates.data_ptr(), self._kept if self.learning else 0, self.steps, self.batch,
            *sizes,
        )  # fmt: skip

    def above(self) -> tuple[int, int, int]:
        """The hidden states of all steps, as `ahead` of a layer above takes them."""
        return self.z.data_ptr() + self.batch * self.S * self.z.element_size(), self.batch * self.S, self.S

    def _make_backward(self) -> None:
        layout, P = self.layout, self.P
        self._backward = self._padded(len(layout.recurrent) * P * P)
        self.dh = torch.zeros(self.batch, P, dtype=self.dtype)
        self.dc = torch.zeros(self.batch, P, dtype=self.dtype) if self.lstm else self.dh
        self._columns = layout.columns * P
        self._d = torch.empty(self.steps * self.batch, self._columns + SPACE, dtype=self.dtype)
        self._out = torch.empty(self._columns, self.S, dtype=self.dtype)
        self._down: Tensor | None = None

    def start_back(self) -> None:
        """Set `dh` and `dc` to zero."""
        if self._backward is None:
            self._make_backward()
        else:
            self.dh.zero_()
            if self.lstm:
                self.dc.zero_()

    def back(self, weights: Sequence[Tensor], grads: Sequence[Tensor], above: Above = NOTHING) -> None:
        """All steps from the last to the first, after `start_back`.

        Args:
            weights: as given to `ahead`.
            grads: where the gradients of the weights are written.
            above: the gradient by the hidden states of all steps, P numbers of each; NOTHING where there is none.
        """
        assert self._backward is not None
        sizes, code, size = (self.inputs, self.hidden), self._code, self.z.element_size()
        z, cs, d, out = (t.data_ptr() for t in (self.z, self.cs, self._d, self._out))
        code["pack_backward"](weights[1].data_ptr(), self._backward.data_ptr(), self.hidden)
        parallel.share(
            code["backward"], self.batch, ROWS,
            *above, self._backward.data_ptr(), z, cs, self._gates.data_ptr(), self._kept, self.dh.data_ptr(),
            self.dc.data_ptr(), d, self.steps, self.batch, *sizes,
        )  # fmt: skip
        P, S, N, D = self.P, self.S, self._columns, self._columns + SPACE

        def outer(column: int, columns: int, first: int, last: int) -> None:
            """Columns of d by numbers `first` to `last` of z, all steps and sequences summed up."""
            parallel.share(
                code["outer"], columns, ROWS,
                d + column * size, D, z + first * size, S, out + (column * S + first) * size, S,
                self.steps * self.batch, (last - first) // LANES,
            )  # fmt: skip

        if (
            self.layout.entering
        ):  # the GRU's inner sum has hidden weights and a bias but no inputs, its candidate inputs
            outer(0, N - P, 0, P)
            outer(P, N - P, P, S)
            ones = P + self.inputs // LANES * LANES
            outer(0, P, ones, ones + LANES)
        else:
            outer(0, N, 0, S)
        code["unpack"](out, *(grad.data_ptr() for grad in grads), *sizes)

    def down(self, w_ih: Tensor) -> Tensor:
        """(time, batch, inputs rounded up): after `back`, the gradient by the inputs."""
        code, sizes, width = self._code, (self.inputs, self.hidden), padded(self.inputs)
        if self._down is None:
            self._down = self._padded(width * self.layout.gates * self.P)
            self._e = torch.empty(self.steps, self.batch, width, dtype=self.dtype)
        code["pack_down"](w_ih.data_ptr(), self._down.data_ptr(), *sizes)
        parallel.share(
            code["down"], self.steps * self.batch, ROWS,
            self._d.data_ptr(), self._d.shape[1], self._down.data_ptr(), self._e.data_ptr(), *sizes,
        )  # fmt: skip
        return self._e


class Recurrence(torch.autograd.Function):
    """A cell over whole sequences, by backpropagation through time.

    Hidden states of all steps and the last states are all outputs, so that a question asked at the end alone does not
    send a gradient that is zero nearly everywhere through memory. The second derivative is not there.
    """

    @staticmethod
    def forward(
        ctx: Any, cell: str, x: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor, *state: Tensor
    ) -> tuple[Tensor, ...]:
        (batch, steps, inputs), hidden = x.shape, w_hh.shape[1]
        if x.stride(2) != 1:
            x = x.contiguous()
        weights = [tensor.contiguous() for tensor in (w_ih, w_hh, b_ih, b_hh)]
        work = Pass(cell, x.dtype, batch, steps, inputs, hidden, any(ctx.needs_input_grad))
        at = (x.data_ptr(), x.stride(1), x.stride(0))
        work.ahead(at, weights, [part.contiguous() for part in state])
        if work.learning:
            ctx.work = work
            ctx.save_for_backward(*weights)
            ctx.set_materialize_grads(False)
        lasts = [part[-1, :, :hidden] for part in ((work.z, work.cs) if work.lstm else (work.z,))]
        return (work.z[1:, :, :hidden].transpose(0, 1), *lasts)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, d_states: Tensor | None, d_h: Tensor | None, d_c: Tensor | None = None
    ) -> tuple[Tensor | None, ...]:
        work: Pass = ctx.work
        weights, hidden = ctx.saved_tensors, work.hidden
        work.start_back()
        if d_h is not None:
            work.dh[:, :hidden] = d_h
        if d_c is not None:
            work.dc[:, :hidden] = d_c
        above = NOTHING
        if d_states is not None:
            if hidden != work.P:
                d_states = pad(d_states, (0, work.P - hidden))
            elif d_states.stride(2) != 1 or d_states.stride(0) <= 0:  # as a sum gives it, one number everywhere
                d_states = d_states.contiguous()
            above = (d_states.data_ptr(), d_states.stride(1), d_states.stride(0))
        grads = [torch.empty_like(weight) for weight in weights]
        work.back(weights, grads, above)
        d_x = None
        if ctx.needs_input_grad[1]:
            d_x = work.down(weights[0])[..., : work.inputs].transpose(0, 1)
        starts = (work.dh, work.dc) if work.lstm else (work.dh,)
        return (None, d_x, *grads, *(part[:, :hidden].clone() for part in starts))
