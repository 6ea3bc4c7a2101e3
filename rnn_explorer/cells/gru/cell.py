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

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from rnn_explorer import kernels
from rnn_explorer.cells.base import Change, RecurrentCell, State, before, unchanged
from rnn_explorer.cells.gru.facts import GRUFacts
from rnn_explorer.cells.wiring import Wires, Wiring, sigma


class GRU(GRUFacts, RecurrentCell):
    """The GRU: a reset gate, an update gate and a candidate; the hidden state is all its memory."""

    kernel = "gru"

    def _gates(self, x: Tensor, h: Tensor, change: Change = unchanged) -> tuple[Tensor, Tensor, Tensor]:
        xr, xz, xn = self.split(linear(x, self.weight_ih, self.bias_ih))  # each (..., hidden)
        hr, hz, hn = self.split(linear(h, self.weight_hh, self.bias_hh))
        r = change("reset", torch.sigmoid(xr + hr))
        z = change("update", torch.sigmoid(xz + hz))
        return r, z, change("candidate", torch.tanh(xn + r * hn))

    def step(self, x: Tensor, state: State, change: Change = unchanged) -> tuple[State, dict[str, Tensor]]:
        (h,) = state
        r, z, n = self._gates(x, h, change)  # each (batch, hidden)
        return ((1 - z) * n + z * h,), {"reset": r, "update": z, "candidate": n}

    def jacobian(self, x: Tensor, state: State) -> Tensor:
        """diag(z) + diag(h_{t-1} - n) dz + diag(1 - z) dn, with dz = diag(z (1 - z)) W_hz and

        dn = diag(1 - n^2) (diag(r) W_hn + diag(W_hn h_{t-1} + b_hn) diag(r (1 - r)) W_hr).
        """
        (h,) = state
        r, z, n = self._gates(x, h)  # each (batch, hidden)
        w_r, w_z, w_n = self.weight_hh.chunk(3)  # each (hidden, hidden)
        inner = linear(h, w_n, self.bias_hh.chunk(3)[2])
        open_ = (1 - z) * (1 - n.square())
        return (
            torch.diag_embed(z)
            + ((h - n) * z * (1 - z))[:, :, None] * w_z
            + (open_ * r)[:, :, None] * w_n
            + (open_ * inner * r * (1 - r))[:, :, None] * w_r
        )

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if kernels.suits(self.kernel, x, self.weights()):
            return kernels.run(self.kernel, x, self.weights(), state)
        (h,) = state
        states, last = torch.gru(x, h[None], self.weights(), True, 1, 0.0, self.training, False, True)
        return states, (last[0],)

    def look(self, x: Tensor, state: State) -> dict[str, Tensor]:
        h, _ = self.run(x, state)  # (batch, time, hidden)
        r, z, n = self._gates(x, before(h, state[0]))
        return {"reset": r, "update": z, "candidate": n, "hidden": h}

    def wires(self, wiring: Wiring) -> Wires:
        """The numbers on the wires of its drawing."""
        wires = {"h_prev": wiring.old("hidden"), **wiring.gate("reset", sigma), **wiring.gate("update", sigma)}
        wires |= wiring.parts("candidate")
        wires["candidate.inner"] = wires["candidate.h"] + wires["candidate.b_h"]
        wires["candidate.gated"] = wires["reset"] * wires["candidate.inner"]
        wires["candidate.pre"] = wires["candidate.x"] + wires["candidate.b_i"] + wires["candidate.gated"]
        wires["candidate"] = wiring.clamped("candidate", np.tanh(wires["candidate.pre"]))
        wires["take"] = 1 - wires["update"]
        wires["write"] = wires["take"] * wires["candidate"]
        wires["keep"] = wires["update"] * wires["h_prev"]
        wires["h"] = wiring.ablated(wires["write"] + wires["keep"])
        return wires, frozenset({"reset", "update", "take"})
