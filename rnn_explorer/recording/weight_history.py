"""The past of a run: stored states of bounded size, dense at the beginning and thinner as the run grows.

A run changes fastest at its beginning, so states are wanted at even spacing of the logarithm of the step, more or
less: every step at first, then every fortieth part of what has been done. Where they take more memory than the limit,
those go whose neighbors are nearest, in proportion to the step.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rnn_explorer.recording.state_file import State

MEMORY = 16 * 2**20  # bytes that the past of one run may take; its first and newest state are kept even beyond
MOST = 400  # states, however small
_SOON = 10  # steps that count as the beginning, where one step more is much


@dataclass(frozen=True)
class HistoryEntry:
    """One stored moment.

    Attributes:
        step: optimizer steps done.
        epoch: passes over the training data, with a fraction.
        state: `Trainer.state()` then: weights, optimizer and position; bytes on their way from a worker.
    """

    step: int
    epoch: float
    state: State


def due(step: int, last: int) -> bool:
    """Whether a state is worth keeping `step - last` steps after the last one that was kept."""
    return step - last >= max(1, step // 40)


class WeightHistory:
    """The kept moments of one run, in order of their steps.

    Args:
        memory: bytes that the states may take together; the first and the newest are always kept.
        most: the most states, at least 3.
    """

    def __init__(self, memory: int = MEMORY, most: int = MOST, frames: Iterable[HistoryEntry] = ()) -> None:
        if most < 3:
            raise ValueError(f"most is {most}, but must be at least 3")
        self.memory, self.most = memory, most
        self._frames = list(frames)
        self._size = sum(len(frame.state) for frame in self._frames)
        self._steps: tuple[int, ...] | None = None

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps of all kept moments, ascending."""
        if self._steps is None:
            self._steps = tuple(frame.step for frame in self._frames)
        return self._steps

    @property
    def size(self) -> int:
        """Bytes taken by the states."""
        return self._size

    def add(self, frame: HistoryEntry) -> None:
        """Keep one more moment; one at a step that is there already replaces it.

        Raises:
            ValueError: for a step before the newest.
        """
        if self._frames and frame.step < self._frames[-1].step:
            raise ValueError(f"step {frame.step} comes before step {self._frames[-1].step}, which is already kept")
        if self._frames and frame.step == self._frames[-1].step:
            self._size -= len(self._frames.pop().state)
        self._frames.append(frame)
        self._size += len(frame.state)
        while len(self._frames) > 2 and (len(self._frames) > self.most or self._size > self.memory):
            self._size -= len(self._frames.pop(self._least()).state)
        self._steps = None

    def _least(self) -> int:
        """Index of the interior entry whose removal leaves the smallest relative gap."""
        steps = [frame.step for frame in self._frames]
        gaps = ((steps[n + 1] - steps[n - 1]) / (steps[n - 1] + _SOON) for n in range(1, len(steps) - 1))
        return 1 + min(enumerate(gaps), key=lambda pair: pair[1])[0]

    def at(self, step: int) -> HistoryEntry | None:
        """The moment at exactly this step; None when it is not kept."""
        place = bisect.bisect_left(self.steps, step)
        return self._frames[place] if place < len(self._frames) and self.steps[place] == step else None

    def until(self, step: int) -> WeightHistory:
        """A weight history of its own with the entries up to and including `step`; the states are shared."""
        return WeightHistory(self.memory, self.most, self._frames[: bisect.bisect_right(self.steps, step)])

    def newest(self) -> WeightHistory:
        """A weight history of its own with the newest moment alone."""
        return WeightHistory(self.memory, self.most, self._frames[-1:])

    def states(self) -> Iterator[State]:
        """The stored states, in order."""
        return (frame.state for frame in self._frames)

    def __len__(self) -> int:
        return len(self._frames)
