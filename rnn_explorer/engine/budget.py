"""How many bytes a run takes, in its worker and on disk, and how many all runs may take together."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Protocol

from rnn_explorer.errors import UserError

if TYPE_CHECKING:
    from rnn_explorer.experiment import Experiment

GB = 2**30
MEMORY = 2.0  # GB for all runs together, by default
VARIABLE = "RNN_EXPLORER_MEMORY"  # the environment variable that says otherwise
_NUMBER = 4  # bytes of a float32
_BESIDE = 2**20  # bytes for learning curves and all that is small
_OPTIMIZER = {"adam": 2, "sgd": 1, "rmsprop": 1}  # numbers that an optimizer keeps for each parameter


class Holder(Protocol):
    """What is counted of a run.

    Attributes:
        experiment: its settings.
        parameters: trainable numbers of its model.
    """

    experiment: Experiment
    parameters: int

    def states(self) -> Iterator[Sized]:
        """The stored states that are kept for it, some of them perhaps shared with other runs."""

    def needed(self) -> Iterator[Sized]:
        """Those of them that it cannot do without."""


def model_bytes(parameters: int, experiment: Experiment) -> int:
    """Bytes of a model that trains: weights, gradient, last finite weights, optimizer, and the best weights so far."""
    training = experiment.training
    copies = 3 + _OPTIMIZER[training.optimizer] + bool(training.patience)
    return _NUMBER * parameters * copies + _BESIDE


def run_bytes(*runs: Holder) -> int:
    """Bytes of some runs together: their models, kept states and snapshots; a state that they share counts once."""
    return Ledger(runs).total


def least_bytes(runs: Iterable[Holder]) -> int:
    """Bytes of some runs together, once all of their past is given up that can be."""
    runs = list(runs)
    states = {id(state): len(state) for run in runs for state in run.needed()}
    return sum(_bare(run) for run in runs) + sum(states.values())


class Ledger:
    """The bytes of some runs together, counted once and kept up as states and runs go.

    Attributes:
        total: bytes.
    """

    def __init__(self, runs: Iterable[Holder]) -> None:
        self.total = 0
        self._uses: Counter[int] = Counter()
        for run in runs:
            self.total += _bare(run)
            for state in run.states():
                if not self._uses[id(state)]:
                    self.total += len(state)
                self._uses[id(state)] += 1

    def without_states(self, states: Iterable[Sized]) -> None:
        """These are kept once less."""
        for state in states:
            self._uses[id(state)] -= 1
            if not self._uses[id(state)]:
                self.total -= len(state)

    def without(self, run: Holder) -> None:
        """The whole run is kept no more."""
        self.total -= _bare(run)
        self.without_states(run.states())


def _bare(run: Holder) -> int:
    return model_bytes(run.parameters, run.experiment)


def memory_limit() -> int:
    """Bytes that all runs may take together: `MEMORY`, or what the environment says.

    Raises:
        UserError: when the environment says something else than a number of GB.
    """
    given = os.environ.get(VARIABLE, "").strip()
    try:
        size = float(given) if given else MEMORY
    except ValueError:
        size = 0.0
    if not 0 < size < float("inf"):
        raise UserError(f"{VARIABLE} is {given[:60]!r}, but must be how many GB all runs may take, such as {MEMORY:g}.")
    return int(size * GB)
