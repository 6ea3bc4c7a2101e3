"""What is true of a kind of cell, without the code that computes it: the server and the pages need no more.

Adding a cell is one folder in this package: `facts.py` with one `CellFacts` class under `@CELLS.register(key)`,
`cell.py` with one `RecurrentCell` that inherits it and adds the equations, and `svg.py` with a function `draw` if
its picture is to be more than boxes.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import ClassVar

from rnn_explorer.registry import Registry


class CellFacts:
    """A kind of recurrent cell in names and counts.

    Class attributes:
        key, title: the name in the URL and the name for people.
        order: its place in menus, ascending.
        state_names: what is carried from step to step, the hidden state first.
        gate_names: what is computed on the way, in the order of the rows of the weights.
        bounded: those of `gate_names` that lie between 0 and 1.
        setting_names: model settings that this cell understands, passed to its constructor by name.
        keras_biases: bias vectors per gate in Keras (torch always has two).
    """

    key: ClassVar[str]
    title: ClassVar[str]
    order: ClassVar[int] = 100
    state_names: ClassVar[tuple[str, ...]] = ("hidden",)
    gate_names: ClassVar[tuple[str, ...]]
    bounded: ClassVar[frozenset[str]] = frozenset()
    setting_names: ClassVar[tuple[str, ...]] = ()
    keras_biases: ClassVar[int] = 1

    @classmethod
    def parameter_count(cls, input_size: int, hidden_size: int) -> int:
        """Trainable numbers of one layer in one direction, as torch counts them: two bias vectors a gate."""
        return len(cls.gate_names) * hidden_size * (input_size + hidden_size + 2)

    @classmethod
    def keras_parameter_count(cls, input_size: int, hidden_size: int) -> int:
        """The same as Keras counts them."""
        return len(cls.gate_names) * hidden_size * (input_size + hidden_size + cls.keras_biases)


CELLS: Registry[type[CellFacts]] = Registry("cell")


def discover() -> None:
    """Register the cell of every folder in this package, in the order of menus."""
    package = importlib.import_module("rnn_explorer.cells")
    folders = (entry.name for entry in pkgutil.iter_modules(package.__path__) if entry.ispkg)
    for name in folders:
        importlib.import_module(f"rnn_explorer.cells.{name}.facts")
    CELLS.sort(lambda facts: facts.order)
