"""The compiled loops on tensors: `RecurrentPass` with memory of its own, and a function for autograd."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from rnn_explorer.kernels import checks, parallel
from rnn_explorer.kernels.loops import LAYOUTS, SPACE, program, row_size
from rnn_explorer.kernels.products import ROWS, padded
from rnn_explorer.kernels.vector_code import DTYPES, LANES, addresses

Strided = tuple[int, int, int]  # a (batch, time, numbers) array: its address, numbers per time step and per sequence
NO_GRADIENT: Strided = (0, 0, 0)


class RecurrentPass:
    """A cell over batches of one shape, forward and backward, in memory that each call reuses.

    Args:
        cell: a key of `LAYOUTS`.
        weights: contiguous, in torch's order; they may change in place, but not move in memory.
        states: the initial ones, (batch, hidden), contiguous.
        steps: time steps of each sequence.
        backward: whether `backward` will be called.

    Attributes:
        z: (time + 1, batch, S): hidden states in the first `hidden` columns, the initial ones first.
        cs: (time + 1, batch, P): cell states of an LSTM; else z.
        dh, dc: (batch, P): before `backward`, the loss gradients of the last states; after it, those of the initial
            ones. Columns from `hidden` on must be zero.
        grads: of the weights; `backward` writes them.

    Raises:
        ValueError: for weights and states that do not fit together.
    """

    def __init__(
        self, cell: str, weights: Sequence[Tensor], states: Sequence[Tensor], steps: int, backward: bool
    ) -> None:
        checks.recurrent(cell, weights, states)
        if steps < 1:
            raise ValueError(f"sequences have {steps} steps, but must have one or more.")
        w_ih, w_hh = weights[:2]
        self.dtype, self.inputs, self.hidden = w_ih.dtype, w_ih.shape[1], w_hh.shape[1]
        self.batch, self.steps, self.lstm, self.has_backward = len(states[0]), steps, len(states) > 1, backward
        self.layout, self._code = LAYOUTS[cell], program(cell, DTYPES[self.dtype])
        self.P, self.S = padded(self.hidden), row_size(self.inputs, self.hidden)
        self._weights, self._states = list(weights), list(states)
        layout, batch, P = self.layout, self.batch, self.P
        self._work = steps * batch * layout.gates * P * self.S  # multiply-adds of a pass
        self.z = torch.empty(steps + 1, batch, self.S, dtype=self.dtype)
        self.cs = torch.empty(steps + 1, batch, P, dtype=self.dtype) if self.lstm else self.z
        self._kept = batch * layout.kept * P
        self._gates = torch.empty((steps if backward else 1) * self._kept, dtype=self.dtype)
        # Padding must be zero in these two.
        self._packed = [self._padded(layout.gates * P * (P + self.inputs)), self._padded(layout.biases * P)]
        sizes, shape = (self.inputs, self.hidden), (steps, batch, self.inputs, self.hidden)
        packed, z, cs = addresses(self._packed), self.z.data_ptr(), self.cs.data_ptr()
        # The arguments of each compiled function.
        self._pack = (*addresses(self._weights), *packed, *sizes)
        self._enter = (states[0].data_ptr(), states[-1].data_ptr(), z, cs, *shape)
        self._forward = (*packed, z, cs, self._gates.data_ptr(), self._kept if backward else 0, *shape)
        if backward:
            self._prepare_backward()

    def _padded(self, length: int) -> Tensor:
        make = torch.empty if self.hidden == self.P and self.inputs % LANES == 0 else torch.zeros
        return make(length, dtype=self.dtype)

    def _prepare_backward(self) -> None:
        layout, P, S, dtype, size = self.layout, self.P, self.S, self.dtype, self.z.element_size()
        self.grads = [torch.empty_like(weight) for weight in self._weights]
        self.dh = torch.empty(self.batch, P, dtype=dtype)
        self.dc = torch.empty(self.batch, P, dtype=dtype) if self.lstm else self.dh
        self._back_packed = self._padded(len(layout.recurrent) * P * P)
        rows, N = self.steps * self.batch, layout.columns * P
        D = N + SPACE
        self._d, self._out = torch.empty(rows, D, dtype=dtype), torch.empty(N, S, dtype=dtype)
        packed, z, cs, d, out = (
            tensor.data_ptr() for tensor in (self._back_packed, self.z, self.cs, self._d, self._out)
        )  # fmt: skip
        self._clear = [(part.data_ptr(), 0, part.nbytes) for part in ([self.dh, self.dc] if self.lstm else [self.dh])]
        self._pack_back = (self._weights[1].data_ptr(), packed, self.hidden)
        self._backward = (
            packed, z, cs, self._gates.data_ptr(), self._kept, self.dh.data_ptr(), self.dc.data_ptr(), d, self.steps,
            self.batch, self.inputs, self.hidden,
        )  # fmt: skip
        self._outer: list[tuple[int, tuple[int, ...]]] = []

        def outer(column: int, columns: int, first: int, last: int) -> None:
            """Columns of d times numbers `first` to `last` of z, summed over all steps and sequences."""
            at, by = d + column * size, z + first * size
            to, vectors = out + (column * S + first) * size, (last - first) // LANES
            self._outer.append((columns, (at, D, by, S, to, S, rows, vectors)))

        if layout.entering:  # of the GRU: W_hn h + b_hn has no inputs, the candidate's other sum no hidden state
            outer(0, N - P, 0, P)
            outer(P, N - P, P, S)
            ones = P + self.inputs // LANES * LANES
            outer(0, P, ones, ones + LANES)
        else:
            outer(0, N, 0, S)
        self._unpack = (out, *addresses(self.grads), self.inputs, self.hidden)
        self._down: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Strided) -> None:
        """Run all time steps over inputs, (batch, time, inputs)."""
        code = self._code
        code["pack_forward"](*self._pack)
        code["enter"](*x, *self._enter)
        parallel.split(code["forward"], self.batch, ROWS, self._work, *self._forward)

    def hidden_states(self) -> Strided:
        """The hidden states of all time steps, as inputs of the layer above."""
        return self.z.data_ptr() + self.batch * self.S * self.z.element_size(), self.batch * self.S, self.S

    def zero_state_gradients(self) -> None:
        """Set `dh` and `dc` to zero."""
        for where in self._clear:
            ctypes.memset(*where)

    def backward(self, d_states: Strided = NO_GRADIENT) -> None:
        """Backpropagate through all time steps.

        Args:
            d_states: the loss gradient of the hidden states of all steps, P numbers each; `NO_GRADIENT`: zero.
        """
        code = self._code
        code["pack_backward"](*self._pack_back)
        parallel.split(code["backward"], self.batch, ROWS, self._work, *d_states, *self._backward)
        for columns, arguments in self._outer:
            parallel.split(code["outer"], columns, ROWS, self._work, *arguments)
        code["unpack"](*self._unpack)

    def input_gradient(self) -> Tensor:
        """(time, batch, inputs rounded up): after `backward`, the loss gradient of the inputs."""
        width, sizes = padded(self.inputs), (self.inputs, self.hidden)
        if self._down is None:
            e = torch.empty(self.steps, self.batch, width, dtype=self.dtype)
            self._down = self._padded(width * self.layout.gates * self.P), e
        packed, e = self._down
        self._code["pack_down"](self._weights[0].data_ptr(), packed.data_ptr(), *sizes)
        about = (self._d.data_ptr(), self._d.shape[1], packed.data_ptr(), e.data_ptr(), *sizes)
        parallel.split(self._code["down"], self.steps * self.batch, ROWS, self._work, *about)
        return e


def recur(
    cell: str, x: Tensor, weights: Sequence[Tensor], states: Sequence[Tensor], backward: bool
) -> tuple[RecurrentPass, tuple[Tensor, ...]]:
    """Run a cell over full sequences. Returns (workspace, (hidden states, final hidden state[, final cell state]))."""
    if x.dim() != 3:
        raise ValueError(f"x has the shape {tuple(x.shape)}, but must be (batch, time, inputs).")
    if x.stride(2) != 1:
        x = x.contiguous()
    own, starts = ([tensor.detach().contiguous() for tensor in tensors] for tensors in (weights, states))
    work = RecurrentPass(cell, own, starts, x.shape[1], backward)
    checks.inputs(x, work.dtype, work.batch, work.steps, work.inputs)
    work.forward((x.data_ptr(), x.stride(1), x.stride(0)))
    lasts = [part[-1, :, : work.hidden] for part in ((work.z, work.cs) if work.lstm else (work.z,))]
    return work, (work.z[1:, :, : work.hidden].transpose(0, 1), *lasts)


class Recurrence(torch.autograd.Function):
    """A cell over full sequences as an autograd function, with backpropagation through time.

    The hidden states of all steps and the last states are outputs of their own: for a loss at the last step no gradient
    that is zero at all other steps goes through memory. There is no second derivative.
    """

    @staticmethod
    def forward(
        ctx: Any, cell: str, x: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor, *state: Tensor
    ) -> tuple[Tensor, ...]:
        ctx.work, outputs = recur(cell, x, (w_ih, w_hh, b_ih, b_hh), state, backward=True)
        ctx.save_for_backward(w_ih, w_hh, b_ih, b_hh)
        ctx.set_materialize_grads(False)
        return outputs

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, d_states: Tensor | None, d_h: Tensor | None, d_c: Tensor | None = None
    ) -> tuple[Tensor | None, ...]:
        work: RecurrentPass = ctx.work
        _, hidden = ctx.saved_tensors, work.hidden  # read, so that torch raises if a weight was changed in place
        work.zero_state_gradients()
        if d_h is not None:
            work.dh[:, :hidden] = d_h
        if d_c is not None:
            work.dc[:, :hidden] = d_c
        strided = NO_GRADIENT
        if d_states is not None:
            if hidden != work.P:
                d_states = pad(d_states, (0, work.P - hidden))
            elif d_states.stride(2) != 1 or d_states.stride(0) <= 0:  # the gradient of a sum is one number, expanded
                d_states = d_states.contiguous()
            strided = (d_states.data_ptr(), d_states.stride(1), d_states.stride(0))
        work.backward(strided)
        d_x = work.input_gradient()[..., : work.inputs].transpose(0, 1) if ctx.needs_input_grad[1] else None
        starts = (work.dh, work.dc) if work.lstm else (work.dh,)
        # Copies, since backward may run again (retain_graph).
        given = (
            None if part is None else part.clone() for part in (d_x, *work.grads, *(p[:, :hidden] for p in starts))
        )
        return (None, *given)
