"""The simple recurrent network (Elman 1990).

    a_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh        the pre-activation
    h_t = sigma(a_t)                                    sigma is tanh or relu

Source: J. L. Elman, "Finding structure in time", Cognitive Science 14 (1990).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from rnn_explorer import kernels
from rnn_explorer.cells.base import Change, RecurrentCell, State, before, unchanged
from rnn_explorer.cells.rnn.facts import SimpleRNNFacts
from rnn_explorer.cells.wiring import Wires, Wiring, relu


class SimpleRNN(SimpleRNNFacts, RecurrentCell):
    """The simple layer h_t = sigma(W_hh h_{t-1} + W_xh x_t + b).

    Args:
        input_size: numbers that enter at each step.
        hidden_size: units.
        nonlinearity: "tanh" or "relu".
    """

    def __init__(self, input_size: int, hidden_size: int, nonlinearity: str = "tanh") -> None:
        super().__init__(input_size, hidden_size)
        self.nonlinearity = nonlinearity
        self.kernel = f"rnn_{nonlinearity}"
        self._sigma = {"tanh": torch.tanh, "relu": torch.relu}[nonlinearity]
        self._kernel = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}[nonlinearity]

    def step(self, x: Tensor, state: State, change: Change = unchanged) -> tuple[State, dict[str, Tensor]]:
        (h,) = state
        a = linear(x, self.weight_ih, self.bias_ih) + linear(h, self.weight_hh, self.bias_hh)  # (batch, hidden)
        a = change("pre_activation", a)
        return (self._sigma(a),), {"pre_activation": a}

    def jacobian(self, x: Tensor, state: State) -> Tensor:
        """diag(sigma'(a_t)) W_hh."""
        (h,), gates = self.step(x, state)
        slope = 1 - h.square() if self.nonlinearity == "tanh" else (gates["pre_activation"] > 0).to(h.dtype)
        return slope[:, :, None] * self.weight_hh

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if kernels.suits(self.kernel, x, self.weights()):
            return kernels.run(self.kernel, x, self.weights(), state)
        (h,) = state
        states, last = self._kernel(x, h[None], self.weights(), True, 1, 0.0, self.training, False, True)
        return states, (last[0],)

    def look(self, x: Tensor, state: State) -> dict[str, Tensor]:
        h, _ = self.run(x, state)  # (batch, time, hidden)
        a = linear(x, self.weight_ih, self.bias_ih) + linear(before(h, state[0]), self.weight_hh, self.bias_hh)
        return {"pre_activation": a, "hidden": h}

    def wires(self, wiring: Wiring) -> Wires:
        """The numbers on the wires of its drawing."""
        parts = wiring.parts("pre_activation")
        total = wiring.clamped("pre_activation", sum(parts.values(), start=np.zeros(1)))
        sigma = np.tanh if self.nonlinearity == "tanh" else relu
        h = wiring.ablated(sigma(total))
        return {"h_prev": wiring.old("hidden"), **parts, "pre_activation": total, "h": h}, frozenset()
