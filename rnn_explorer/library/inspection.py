"""What can be asked of the model of a run: a recording of its inside, its memory, its dynamics, what if."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from rnn_explorer.analysis import registry
from rnn_explorer.analysis.cell_internals.record import WhatIf
from rnn_explorer.analysis.dynamics.fixed_points import FixedPoints
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.memory.record import MemoryReport
from rnn_explorer.library.results import Result, of_fixed_points, of_memory, of_snapshot, of_what_if
from rnn_explorer.trace import Direction, Trace
from rnn_explorer.training import Trainer


class Inspection:
    """The analyses of the model of a trainer, as it is at the moment."""

    _trainer: Trainer

    def trace(self, sequence: int = 0, layer: int = 0, direction: Direction = "forward") -> Result[Trace]:
        """Every gate and state while the model reads the fixed probe sequences.

        Args:
            sequence, layer, direction: which probe sequence and layer, from 0, the figures show; the recording holds
                all of them.

        Returns:
            A `Trace`: `inputs`, `answers` (batch, time, output_size), and `layer(0).gates["forget"]` or
            `.states["hidden"]`, each (batch, time, hidden_size).

        Raises:
            UserError: for a sequence, layer or direction that there is not.
        """
        with registry.sentences():
            model = FrozenModel.of(self._trainer)
            model.cell(layer, direction)
            model.check_sequence(sequence)
        snapshot = self._trainer.snapshot()
        return Result(snapshot.trace, functools.partial(of_snapshot, snapshot, sequence, layer, direction))

    def memory(
        self, sequence: int = 0, *, output: int | None = None, time_step: int | None = None
    ) -> Result[MemoryReport]:
        """How far back the model remembers, and how it came by it.

        Args:
            sequence: which of the probe sequences, from 0.
            output: the class or value whose input saliency is asked for, from 0; None: the predicted class, or the
                first value.
            time_step: the prediction after which time step, from 1; None: the last one.

        Returns:
            A `MemoryReport`: for each cell in `cells` the norm of d s_T / d s_(T-lag) by lag (`log10_norm`), the loss
            gradient by time step and what the gates do; `saliency`, and `findings` in words.

        Raises:
            UserError: for a sequence, output or time step that there is not.
        """
        report = self.ask("memory", sequence=sequence, output=output, time_step=time_step)
        return Result(report, functools.partial(of_memory, report, self._trainer.experiment.model.cell))

    def fixed_points(
        self,
        input: Sequence[float] | None = None,
        *,
        layer: int = 0,
        direction: Direction = "forward",
        inits: int = 512,
        **options: Any,
    ) -> Result[FixedPoints]:
        """Fixed and slow points of a layer while the input is held constant.

        Args:
            input: the numbers that enter at each time step, or the number of one symbol as a sequence of one; None:
                zeros.
            layer, direction: which layer, from 0.
            inits: searches, 1 to 4096.
            options: of the search: `noise`, `tolerance`, `slow_tolerance`, `seed`, `max_iterations`.

        Returns:
            A `FixedPoints`: `points` (n, size), their speed `q`, `eigenvalues` (n, size) and `natures` in words.

        Raises:
            UserError: for options out of range, and where the states are no longer finite.
        """
        where = {"layer": layer, "direction": direction}
        points = self.ask("fixed_points", input=input, inits=inits, **where, **options)
        return Result(points, functools.partial(of_fixed_points, points, self.ask("trajectories", **where)))

    def what_if(
        self,
        *,
        clamp: Sequence[Sequence[Any]] = (),
        ablate: Sequence[int] = (),
        inputs: Sequence[Sequence[Any]] = (),
        weights: Sequence[Sequence[Any]] = (),
        sequence: int = 0,
        layer: int = 0,
        direction: Direction = "forward",
    ) -> Result[WhatIf]:
        """What the model would have done with a probe sequence, had something been different; it is left as it is.

        Args:
            clamp: gates: (gate, unit from 0 or -1 for all, value), with (first, last) time step, from 1, where
                it should not be at every one.
            ablate: units, from 0, whose states are held at 0.
            inputs: (time step from 1, feature from 0, value); for symbols (time step from 1, number of the symbol).
            weights: (name, row, column, value) of the cell's parameters weight_ih, weight_hh, bias_ih and bias_hh.
            sequence, layer, direction: which probe sequence and layer, from 0.

        Returns:
            A `WhatIf`: `original` and `changed`, each with `states`, `gates` (time, hidden_size) and `answers`
            (time, output_size); `distance()` of the hidden states, (time,).

        Raises:
            UserError: for a gate, unit, time step, symbol or weight that there is not, and for values out of range.
        """
        edits = {"clamp": clamp, "ablate": ablate, "inputs": inputs, "weights": weights}
        found = self.ask("what_if", sequence=sequence, layer=layer, direction=direction, **edits)
        return Result(found, functools.partial(of_what_if, found))

    def ask(self, analysis: str, **options: Any) -> Any:
        """Make any analysis of the model as it is now.

        Args:
            analysis: its name; those that there are: `rnn_explorer.analysis.registry.ANALYSES.names()`.
            options: its own.

        Returns:
            Its record.

        Raises:
            UserError: when there is no such analysis, and for options that it cannot have.
        """
        with one_thread():
            return registry.analyze(FrozenModel.of(self._trainer), analysis, **options)


@contextmanager
def one_thread() -> Iterator[None]:
    """For models of this size a second thread of torch's costs more than it brings."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
