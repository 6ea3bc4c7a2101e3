"""The past of a run: stored states of bounded size, dense at the beginning and thinner as the run grows.

A run changes fastest at its beginning, so states are wanted at even spacing of the logarithm of the step, more or
less: every step at first, then every fortieth part of what has been done. Where they take more memory than the limit,
those go whose neighbors are nearest, in proportion to the step.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from rnn_explorer.recording.state_file import State, held

MEMORY = 16 * 2**20  # bytes that the past of one run may take; its first and newest state are kept even beyond
MOST = 400  # states, however small
_SOON = 10  # steps that count as the beginning, where one step more is much


@dataclass(frozen=True)
class HistoryEntry:
    """The stored state of one step.

    Attributes:
        step: optimizer steps done.
        epoch: passes over the training data, with a fraction.
        state: `Trainer.state()` then: weights, optimizer and position; bytes on its way from a worker.
    """

    step: int
    epoch: float
    state: State


def due(step: int, last: int) -> bool:
    """Whether a state is worth keeping `step - last` steps after the last one that was kept."""
    return step - last >= max(1, step // 40)


class WeightHistory:
    """The stored states of one run, in the order of their steps.

    Args:
        memory: bytes that the states may take together; the first and the newest are always kept.
        most: the most states, at least 3.
    """

    def __init__(self, memory: int = MEMORY, most: int = MOST, entries: Iterable[HistoryEntry] = ()) -> None:
        if most < 3:
            raise ValueError(f"most is {most}, but must be at least 3")
        self.memory, self.most = memory, most
        self._entries = list(entries)
        self._size = sum(len(entry.state) for entry in self._entries)
        self._held = sum(held(entry.state) for entry in self._entries)
        self._steps: tuple[int, ...] | None = None

    @property
    def steps(self) -> tuple[int, ...]:
        """The kept steps, ascending."""
        if self._steps is None:
            self._steps = tuple(entry.step for entry in self._entries)
        return self._steps

    @property
    def size(self) -> int:
        """Bytes taken by the states."""
        return self._size

    @property
    def held(self) -> int:
        """Bytes that count of what all runs may take together."""
        return self._held

    def add(self, entry: HistoryEntry) -> None:
        """Keep one more entry; one at a step that is there already is replaced.

        Raises:
            ValueError: for a step before the newest.
        """
        if self._entries and entry.step < self._entries[-1].step:
            raise ValueError(f"step {entry.step} comes before step {self._entries[-1].step}, which is already kept")
        if self._entries and entry.step == self._entries[-1].step:
            self._drop(-1)
        self._entries.append(entry)
        self._size += len(entry.state)
        self._held += held(entry.state)
        while len(self._entries) > 2 and (len(self._entries) > self.most or self._size > self.memory):
            self._drop(self._least())
        self._steps = None

    def _drop(self, place: int) -> None:
        state = self._entries.pop(place).state
        self._size -= len(state)
        self._held -= held(state)

    def _least(self) -> int:
        """Index of the interior entry whose removal leaves the smallest relative gap."""
        steps = [entry.step for entry in self._entries]
        gaps = ((steps[n + 1] - steps[n - 1]) / (steps[n - 1] + _SOON) for n in range(1, len(steps) - 1))
        return 1 + min(enumerate(gaps), key=lambda pair: pair[1])[0]

    def at(self, step: int) -> HistoryEntry | None:
        """The entry of exactly this step; None when it is not kept."""
        place = bisect.bisect_left(self.steps, step)
        return self._entries[place] if place < len(self._entries) and self.steps[place] == step else None

    def until(self, step: int) -> WeightHistory:
        """A weight history of its own with the entries up to and including `step`; the states are shared."""
        return WeightHistory(self.memory, self.most, self._entries[: bisect.bisect_right(self.steps, step)])

    def spared(self, elsewhere: Mapping[int, State]) -> WeightHistory:
        """A weight history of its own with the newest entry, and of those before it the ones that lie elsewhere, too.

        Args:
            elsewhere: the same states where they take no room that runs share, by their steps.
        """
        before = [entry for entry in self._entries[:-1] if not held(entry.state) or entry.step in elsewhere]
        there = [replace(entry, state=elsewhere.get(entry.step, entry.state)) for entry in before]
        return WeightHistory(self.memory, self.most, [*there, *self._entries[-1:]])

    def entries(self) -> Iterator[HistoryEntry]:
        """The entries, in order."""
        return iter(self._entries)

    def states(self) -> Iterator[State]:
        """The stored states, in order."""
        return (entry.state for entry in self._entries)

    def __len__(self) -> int:
        return len(self._entries)
