"""The gated recurrent unit (Cho et al. 2014), in torch's convention.

    r_t = sigma(W_ir x_t + b_ir + W_hr h_{t-1} + b_hr)           reset gate
    z_t = sigma(W_iz x_t + b_iz + W_hz h_{t-1} + b_hz)           update gate
    n_t = tanh(W_in x_t + b_in + r_t * (W_hn h_{t-1} + b_hn))    candidate
    h_t = (1 - z_t) * n_t + z_t * h_{t-1}                        hidden state

Two conventions differ between sources: here the old state is kept where the update gate is 1 (the paper's first
version and some books write the reverse), and the reset gate acts after the hidden product (as in Keras with
reset_after=True; the paper has it before).

Source: K. Cho et al., "Learning phrase representations using RNN encoder-decoder", arXiv:1406.1078.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import linear

from rnn_explorer.cells.base import CELLS, RecurrentCell, State, before


@CELLS.register("gru")
class GRU(RecurrentCell):
    """The GRU: a reset gate, an update gate and a candidate; the hidden state is all its memory."""

    key = "gru"
    title = "GRU"
    gate_names = ("reset", "update", "candidate")
    bounded = frozenset({"reset", "update"})
    keras_biases = 2  # reset_after=True, Keras' default, keeps both

    def _gates(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        xr, xz, xn = self.split(linear(x, self.weight_ih, self.bias_ih))  # each (..., hidden)
        hr, hz, hn = self.split(linear(h, self.weight_hh, self.bias_hh))
        r = torch.sigmoid(xr + hr)
        z = torch.sigmoid(xz + hz)
        return r, z, torch.tanh(xn + r * hn)

    def step(self, x: Tensor, state: State) -> tuple[State, dict[str, Tensor]]:
        (h,) = state
        r, z, n = self._gates(x, h)  # each (batch, hidden)
        return ((1 - z) * n + z * h,), {"reset": r, "update": z, "candidate": n}

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        (h,) = state
        states, last = torch.gru(x, h[None], self.weights(), True, 1, 0.0, self.training, False, True)
        return states, (last[0],)

    def look(self, x: Tensor, state: State) -> dict[str, Tensor]:
        h, _ = self.run(x, state)  # (batch, time, hidden)
        r, z, n = self._gates(x, before(h, state[0]))
        return {"reset": r, "update": z, "candidate": n, "hidden": h}
