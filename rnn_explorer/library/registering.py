"""Cells and tasks of one's own."""

from __future__ import annotations

from typing import TypeVar

from rnn_explorer.cells import CELLS
from rnn_explorer.cells.base import RecurrentCell
from rnn_explorer.tasks import TASKS
from rnn_explorer.tasks.base import Task

C = TypeVar("C", bound=type[RecurrentCell])
K = TypeVar("K", bound=type[Task])


def register_cell(cell: C) -> C:
    """Make a class a kind of cell, which the setting `cell` then takes by its `key`; usable as a decorator.

    A cell needs no more than names and one time step: training, traces and every analysis follow from `step`.
    `RecurrentCell` gives it the parameters `weight_ih` (gates * hidden_size, input_size), `weight_hh`
    (gates * hidden_size, hidden_size), `bias_ih` and `bias_hh`, and `split` cuts their products by gate. It is known in
    this process, not to a server that runs.

    Args:
        cell: a subclass of `rnn_explorer.cells.base.RecurrentCell` with `key`, `title`, `gate_names` and `step`.

    Returns:
        The class itself.

    Raises:
        TypeError: for anything else.
        ValueError: when another class has this key.

    Example:
        >>> import torch
        >>> import rnn_explorer as rx
        >>> from rnn_explorer.cells.base import RecurrentCell, unchanged
        >>> @rx.register_cell
        ... class Minimal(RecurrentCell):
        ...     '''h_t = (1 - z_t) h_(t-1) + z_t tanh(W x_t), with a gate z_t that sees the input alone.'''
        ...     key, title = "minimal", "Minimal gated cell"
        ...     gate_names, bounded = ("update", "candidate"), frozenset({"update"})
        ...     def step(self, x, state, change=unchanged):  # x: (batch, input_size), state: ((batch, hidden_size),)
        ...         z, n = self.split(x @ self.weight_ih.T + self.bias_ih)
        ...         z, n = change("update", torch.sigmoid(z)), change("candidate", torch.tanh(n))
        ...         return ((1 - z) * state[0] + z * n,), {"update": z, "candidate": n}
        >>> run = rx.train("adding", cell="minimal", seq_len=10, hidden_size=4, steps=5)
        >>> run.trace().layer(0).gates["update"].shape
        (8, 10, 4)
    """
    _check(cell, RecurrentCell, ("key", "title", "gate_names"))
    return CELLS.register(cell.key)(cell)


def register_task(task: K) -> K:
    """Make a class a task, which `train` then takes by its `key`; usable as a decorator.

    `rnn_explorer.tasks.base.Task` says what a task has: what enters and what is asked (`input`, `output`), data by seed
    (`generate` for sequences without end, or `finite_set`), the memoryless `baseline`, and words for a person. It is
    known in this process, not to a server that runs.

    Args:
        task: a subclass of `Task`.

    Returns:
        The class itself.

    Raises:
        TypeError: for anything else.
        ValueError: when another class has this key.

    Example:
        >>> import numpy as np
        >>> import rnn_explorer as rx
        >>> from rnn_explorer.tasks.base import Baseline, Batch, InputSpec, Metric, OutputSpec, Task
        >>> from rnn_explorer.trace import Explanation
        >>> @rx.register_task
        ... class Recall(Task):
        ...     '''Say at the end what the first number was.'''
        ...     key, title, metric = "recall", "Recall", Metric("MSE")
        ...     input, output = InputSpec("values", 1, ("number",)), OutputSpec("values", 1, ("first",))
        ...     def generate(self, generator, size):
        ...         inputs = generator.standard_normal((size, 6, 1), dtype=np.float32)  # (batch, time, feature)
        ...         return Batch(inputs, targets=inputs[:, 0])
        ...     def baseline(self):
        ...         return Baseline(loss=1.0, metric=1.0, how="always says the mean, 0")
        ...     def explain(self, inputs, targets, length, answers):
        ...         words = f"says {answers[length - 1, 0]:.2f}, it was {targets[0]:.2f}"
        ...         return Explanation("series", title="6 numbers", verdict=words, correct=None, length=length)
        >>> rx.train("recall", hidden_size=4, steps=5).evaluate().baseline
        1.0
    """
    _check(task, Task, ("key", "title", "metric"))
    return TASKS.register(task.key)(task)


def _check(given: object, kind: type, names: tuple[str, ...]) -> None:
    """See that a class is a whole one of its kind."""
    if not (isinstance(given, type) and issubclass(given, kind)):
        raise TypeError(f"{given!r} is no subclass of {kind.__name__}.")
    abstract = sorted(getattr(given, "__abstractmethods__", ()))
    missing = [*(name for name in names if not hasattr(given, name)), *abstract]
    if missing:
        raise TypeError(f"{given.__name__} lacks {', '.join(missing)}.")
