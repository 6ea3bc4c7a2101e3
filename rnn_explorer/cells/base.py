"""What a recurrent cell computes: one layer, one direction, with everything inside it on view.

Parameter names and the order of the gates are torch.nn's, so weights can be moved to and from `nn.LSTMCell` and
its kin.
"""

from __future__ import annotations

import importlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from rnn_explorer.cells.facts import CELLS, CellFacts
from rnn_explorer.cells.wiring import Wires, Wiring
from rnn_explorer.trace import Array

State = tuple[Tensor, ...]  # one (batch, hidden_size) tensor for each of `state_names`, the hidden state first
Change = Callable[[str, Tensor], Tensor]  # a gate's name and values -> what takes their place


def unchanged(name: str, gate: Tensor) -> Tensor:
    """The `Change` that changes nothing."""
    return gate


class RecurrentCell(CellFacts, nn.Module, ABC):
    """One recurrent layer in one direction: the facts of a kind of cell, and its equations.

    Class attributes, besides those of `CellFacts`:
        nonlinearity: "tanh" or "relu", the function that makes the hidden state; a cell may set it for each object.
        kernel: what `kernels` calls the compiled loop of this cell; "" where there is none.

    Args:
        input_size: numbers that enter at each step, at least 1.
        hidden_size: units, at least 1.
    """

    nonlinearity: str = "tanh"
    kernel: str = ""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        rows = len(self.gate_names) * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias_ih = nn.Parameter(torch.empty(rows))
        self.bias_hh = nn.Parameter(torch.empty(rows))

    @abstractmethod
    def step(self, x: Tensor, state: State, change: Change = unchanged) -> tuple[State, dict[str, Tensor]]:
        """One time step, written as the equations are.

        Args:
            x: (batch, input_size).
            state: (batch, hidden_size) for each of `state_names`.
            change: called with each gate as soon as it is known; what it returns takes the gate's place in all that
                follows, in later gates too. For experiments; training never changes a gate.

        Returns:
            The new state, and every gate by name, each (batch, hidden_size).
        """

    def run(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """`forward` for at least one time step and a given state.

        Here step after step, which every cell can; a cell with a fast path of its own overrides it.
        """
        states = []
        for t in range(x.shape[1]):
            state, _ = self.step(x[:, t], state)
            states.append(state[0])
        return torch.stack(states, dim=1), state

    def look(self, x: Tensor, state: State) -> dict[str, Tensor]:
        """`trace` for at least one time step and a given state; to be overridden like `run`."""
        recorded: dict[str, list[Tensor]] = {name: [] for name in (*self.gate_names, *self.state_names)}
        for t in range(x.shape[1]):
            state, gates = self.step(x[:, t], state)
            for name, value in (*gates.items(), *zip(self.state_names, state, strict=True)):
                recorded[name].append(value)
        return {name: torch.stack(values, dim=1) for name, values in recorded.items()}

    def jacobian(self, x: Tensor, state: State) -> Tensor:
        """How the next state changes with this one: d (new state) / d state, the states joined in `state_names` order.

        This one is found by automatic differentiation of `step`; a cell may give its closed form instead.

        Args:
            x: (batch, input_size).
            state: (batch, hidden_size) for each of `state_names`.

        Returns:
            (batch, size, size) with size = hidden_size x number of states; row i, column j is the derivative of
            component i of the new state by component j of the old one.
        """
        sizes = [self.hidden_size] * len(self.state_names)

        def next_state(joined: Tensor, x: Tensor) -> Tensor:
            old = tuple(part[None] for part in joined.split(sizes))
            return torch.cat([part[0] for part in self.step(x[None], old)[0]])

        return torch.func.vmap(torch.func.jacrev(next_state))(torch.cat(state, dim=-1), x)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """The fast path over whole sequences.

        Args:
            x: (batch, time, input_size); time may be 0.
            state: where to start; zeros when None.

        Returns:
            The hidden state after each step, (batch, time, hidden_size), and the state after the last.
        """
        state = self.initial_state(x) if state is None else state
        if x.shape[1] == 0:
            return x.new_zeros(x.shape[0], 0, self.hidden_size), state
        return self.run(x, state)

    def trace(self, x: Tensor, state: State | None = None) -> dict[str, Tensor]:
        """Every gate and state of every step, computed from the same weights as `forward`.

        All hidden states are known after one fast pass, so each gate of every step comes out of one matrix
        product over all steps at once.

        Returns:
            name -> (batch, time, hidden_size) for all of `gate_names` and `state_names`.
        """
        state = self.initial_state(x) if state is None else state
        if x.shape[1] == 0:
            nothing = x.new_zeros(x.shape[0], 0, self.hidden_size)
            return {name: nothing for name in (*self.gate_names, *self.state_names)}
        return self.look(x, state)

    def wires(self, wiring: Wiring) -> Wires:
        """The numbers on the wires of its drawing: here its gates, and its states before and after.

        A cell whose drawing shows more overrides it, from the weights and states that `wiring` gives.

        Returns:
            Name -> (time, units), and the names of those that lie between 0 and 1.
        """
        wires: dict[str, Array] = {}
        for name in self.state_names:
            short = self.state_letters.get(name, name)
            wires |= {f"{short}_prev": wiring.old(name), short: wiring.recorded[name]}
        return wires | {name: wiring.recorded[name] for name in self.gate_names}, frozenset(self.bounded)

    def initial_state(self, x: Tensor) -> State:
        """Zeros, one (batch, hidden_size) tensor for each of `state_names`, in the type of `x`."""
        return tuple(x.new_zeros(x.shape[0], self.hidden_size) for _ in self.state_names)

    def split(self, rows: Tensor) -> tuple[Tensor, ...]:
        """Cut (..., gates * hidden_size) into one (..., hidden_size) for each gate, in `gate_names` order."""
        return rows.chunk(len(self.gate_names), dim=-1)

    def initialize(self, init: str, generator: torch.Generator) -> None:
        """Draw the initial weights.

        Args:
            init: "keras": Glorot-uniform input weights (Glorot and Bengio 2010), orthogonal recurrent weights
                (Saxe et al. 2014), zero biases, the matrices of all gates taken as one as Keras does.
                "pytorch": all uniform in +-1/sqrt(hidden_size).
                "identity": like keras, with the identity as each gate's recurrent matrix (Le et al. 2015).
            generator: the source of randomness.
        """
        with torch.no_grad():
            if init == "pytorch":
                bound = 1 / math.sqrt(self.hidden_size)
                for parameter in (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh):
                    parameter.uniform_(-bound, bound, generator=generator)
                return
            nn.init.xavier_uniform_(self.weight_ih, generator=generator)
            nn.init.orthogonal_(self.weight_hh, generator=generator)
            if init == "identity":
                self.weight_hh.copy_(torch.eye(self.hidden_size).repeat(len(self.gate_names), 1))
            self.bias_ih.zero_()
            self.bias_hh.zero_()

    def weights(self) -> list[Tensor]:
        """The four parameters in the order that torch's fused kernels take them."""
        return [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]

    @classmethod
    def from_settings(cls, settings: Any, input_size: int) -> RecurrentCell:
        """Build the cell for a `ModelSettings`, weights not yet drawn."""
        options = {name: getattr(settings, name) for name in cls.setting_names}
        return cls(input_size, settings.hidden_size, **options)


def before(states: Tensor, initial: Tensor) -> Tensor:
    """Shift (batch, time, hidden_size) one step later: what each step started from, `initial` first."""
    return torch.cat([initial[:, None], states[:, :-1]], dim=1)


def cell_class(key: str) -> type[RecurrentCell]:
    """The torch module of a registered kind of cell: itself, or from `cell.py` beside its `facts.py`.

    Raises:
        UnknownName: when there is no such kind.
    """
    facts = CELLS.get(key)
    if issubclass(facts, RecurrentCell):
        return facts
    home = importlib.import_module(f"{facts.__module__.rpartition('.')[0]}.cell")
    return next(kind for kind in vars(home).values() if isinstance(kind, type) and _is_cell(kind, facts))


def _is_cell(kind: type, facts: type[CellFacts]) -> bool:
    return issubclass(kind, RecurrentCell) and issubclass(kind, facts)
