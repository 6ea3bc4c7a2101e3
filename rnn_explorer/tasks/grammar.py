"""Tasks that read the strings of a grammar symbol by symbol and say which symbol comes next."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from typing import ClassVar

from rnn_explorer.tasks.base import Batch, Metric, Split, TaskSettings
from rnn_explorer.tasks.sampled import DrawnTask
from rnn_explorer.trace import Array


class GrammarTask(DrawnTask):
    """What comes next, and what may come?

    Inputs: (batch, time) symbols of strings that begin at their first, padded with 0 at the end. Targets: (batch, time)
    the symbol one step later, of the same alphabet. All steps are trained on, so that the probabilities after each
    symbol can be held against what is `legal` there. Most next symbols are a matter of chance, though, so
    validation and test count only those steps whose answer has to be remembered.
    """

    metric = Metric("accuracy")
    symbols: ClassVar[bool] = True
    autoregressive: ClassVar[bool] = True
    grammatical: ClassVar[bool] = True

    def __init__(self, settings: TaskSettings, seed: int, val_split: float) -> None:
        super().__init__(settings, seed, val_split)
        for split, batch in self._sets.items():
            self._sets[split] = self._prepared(split, batch)

    def _prepared(self, split: Split, batch: Batch) -> Batch:
        """A part of the pool without padding that no string in it needs, and with the mask where it is judged."""
        assert batch.lengths is not None
        time = int(batch.lengths.max()) if len(batch) else 1
        batch = Batch(batch.inputs[:, :time], batch.targets[:, :time], batch.lengths)
        return batch if split == "train" else dataclasses.replace(batch, mask=self.judged(batch))

    @abstractmethod
    def judged(self, batch: Batch) -> Array:
        """(batch, time) bool: the steps that validation and test count."""

    @abstractmethod
    def legal(self, inputs: Array) -> Array:
        """The symbols that the grammar allows after each step, given those up to it.

        Args:
            inputs: (time,) one string as in a batch, with or without padding.

        Returns:
            (time, symbols) bool; a row without any True where the string has ended or broken the grammar.
        """
