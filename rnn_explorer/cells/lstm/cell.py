"""Long short-term memory (Hochreiter and Schmidhuber 1997) with the forget gate (Gers et al. 2000).

    i_t = sigma(W_ii x_t + b_ii + W_hi h_{t-1} + b_hi)    input gate
    f_t = sigma(W_if x_t + b_if + W_hf h_{t-1} + b_hf)    forget gate
    g_t = tanh(W_ig x_t + b_ig + W_hg h_{t-1} + b_hg)     candidate
    o_t = sigma(W_io x_t + b_io + W_ho h_{t-1} + b_ho)    output gate
    c_t = f_t * c_{t-1} + i_t * g_t                       cell state
    h_t = o_t * tanh(c_t)                                 hidden state

Sources: S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9 (1997);
F. Gers, J. Schmidhuber and F. Cummins, "Learning to forget", Neural Computation 12 (2000).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from rnn_explorer import kernels
from rnn_explorer.cells.base import Change, RecurrentCell, State, before, unchanged
from rnn_explorer.cells.lstm.facts import LSTMFacts
from rnn_explorer.cells.wiring import Wires, Wiring, sigma


class LSTM(LSTMFacts, RecurrentCell):
    """The LSTM: input, forget and output gates around a cell state that sums.

    Args:
        input_size: numbers that enter at each step.
        hidden_size: units.
        forget_bias: where the forget gate's bias starts, the sum of its two bias vectors, whatever the
            initializer (Jozefowicz et al. 2015 recommend 1).
    """

    kernel = "lstm"

    def __init__(self, input_size: int, hidden_size: int, forget_bias: float = 1.0) -> None:
        super().__init__(input_size, hidden_size)
        self.forget_bias = forget_bias

    def initialize(self, init: str, generator: torch.Generator) -> None:
        super().initialize(init, generator)
        forget = slice(self.hidden_size, 2 * self.hidden_size)
        with torch.no_grad():
            self.bias_ih[forget] = self.forget_bias
            self.bias_hh[forget] = 0.0

    def _gates(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rows = linear(x, self.weight_ih, self.bias_ih) + linear(h, self.weight_hh, self.bias_hh)
        i, f, g, o = self.split(rows)  # each (..., hidden)
        return torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)

    def step(self, x: Tensor, state: State, change: Change = unchanged) -> tuple[State, dict[str, Tensor]]:
        h, c = state
        named = zip(self.gate_names, self._gates(x, h), strict=True)
        i, f, g, o = (change(name, gate) for name, gate in named)  # each (batch, hidden)
        c = f * c + i * g
        return (o * torch.tanh(c), c), {"input": i, "forget": f, "candidate": g, "output": o}

    def jacobian(self, x: Tensor, state: State) -> Tensor:
        """d (h_t, c_t) / d (h_{t-1}, c_{t-1}), blocks of hidden_size rows and columns.

        d c_t / d h_{t-1} = diag(g i (1 - i)) W_hi + diag(c_{t-1} f (1 - f)) W_hf + diag(i (1 - g^2)) W_hg
        d c_t / d c_{t-1} = diag(f)
        and h_t = o tanh(c_t) passes them on by the slope o (1 - tanh^2 c_t), besides its own way through o.
        """
        h, c = state
        i, f, g, o = self._gates(x, h)  # each (batch, hidden)
        w_i, w_f, w_g, w_o = self.weight_hh.chunk(4)  # each (hidden, hidden)
        squashed = torch.tanh(f * c + i * g)
        slope = o * (1 - squashed.square())
        c_by_h = (
            (g * i * (1 - i))[:, :, None] * w_i
            + (c * f * (1 - f))[:, :, None] * w_f
            + (i * (1 - g.square()))[:, :, None] * w_g
        )  # (batch, hidden, hidden)
        h_by_h = (squashed * o * (1 - o))[:, :, None] * w_o + slope[:, :, None] * c_by_h
        above = torch.cat([h_by_h, torch.diag_embed(slope * f)], dim=-1)
        below = torch.cat([c_by_h, torch.diag_embed(f)], dim=-1)
        return torch.cat([above, below], dim=-2)

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if kernels.suits(self.kernel, x, self.weights()):
            return kernels.run(self.kernel, x, self.weights(), state)
        h, c = state
        states, last_h, last_c = torch.lstm(
            x, (h[None], c[None]), self.weights(), True, 1, 0.0, self.training, False, True
        )
        return states, (last_h[0], last_c[0])

    def look(self, x: Tensor, state: State) -> dict[str, Tensor]:
        h, _ = self.run(x, state)  # (batch, time, hidden)
        i, f, g, o = self._gates(x, before(h, state[0]))
        gain, c, cells = i * g, state[1], []
        for t in range(x.shape[1]):  # the cell state is the one thing that needs a scan
            c = f[:, t] * c + gain[:, t]
            cells.append(c)
        return {"input": i, "forget": f, "candidate": g, "output": o, "hidden": h, "cell": torch.stack(cells, dim=1)}

    def wires(self, wiring: Wiring) -> Wires:
        """The numbers on the wires of its drawing."""
        wires = {"h_prev": wiring.old("hidden"), "c_prev": wiring.old("cell")}
        for name in self.gate_names:
            wires |= wiring.gate(name, np.tanh if name == "candidate" else sigma)
        wires["keep"] = wires["forget"] * wires["c_prev"]
        wires["write"] = wires["input"] * wires["candidate"]
        wires["c"] = wiring.ablated(wires["keep"] + wires["write"])
        wires["tanh_c"] = np.tanh(wires["c"])
        wires["h"] = wiring.ablated(wires["output"] * wires["tanh_c"])
        return wires, frozenset({"input", "forget", "output"})
