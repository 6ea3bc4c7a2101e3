"""What is true of a kind of cell, without the code that computes it: the server and the pages need no more.

Adding a cell is one folder in this package: `facts.py` with one `CellFacts` class under `@CELLS.register(key)`,
`cell.py` with one `RecurrentCell` that inherits it and adds the equations, and `drawing.py` with a function `draw` if
its picture is to be more than boxes. All that is said of a cell anywhere is read here.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from rnn_explorer.registry import Registry

TWO_BIASES = "torch has two biases a gate, b_i and b_h, where most books have one; they only add up."


@dataclass(frozen=True)
class EquationText:
    """One equation as text, with what stands for a wire in braces.

    `{forget:f_t}` is a letter with its index (`<` is the time step before), `{forget}` the number on that wire.

    Attributes:
        name: of what it computes.
        symbols: in letters.
        numbers: with the numbers of one unit.
        means: with means over units.
    """

    name: str
    symbols: str
    numbers: str
    means: str


def gate_equation(gate: str, mark: str, words: str, function: str = "σ") -> EquationText:
    """The equation of a gate whose sum has four parts.

    Args:
        gate: its name.
        mark: its letter.
        words: its name for people.
        function: its activation.
    """
    parts = f"{{{gate}.x:W_i{mark}}}{{x:x_t}} + {{{gate}.b_i:b_i{mark}}}"
    parts += f" + {{{gate}.h:W_h{mark}}}{{h_prev:h_<}} + {{{gate}.b_h:b_h{mark}}}"
    sums = f"{{{gate}.x}} + {{{gate}.b_i}} + {{{gate}.h}} + {{{gate}.b_h}}"
    return EquationText(
        words,
        f"{{{gate}:{mark}_t}} = {function}({parts})",
        f"{{{gate}}} = {function}({sums}) = {function}({{{gate}.pre}})",
        f"{{{gate}}} = mean of {function}(Σ), mean Σ = {{{gate}.pre}} = {sums}",
    )


class CellFacts:
    """A kind of recurrent cell: names, counts, equations as text, and how it looks in figures.

    Class attributes:
        key, title: the name in the URL and the name for people.
        short: the name in figures, such as "LSTM"; the title where it is not given.
        color, dash, marker: of its lines and marks, as Plotly names them.
        order: its place in menus, ascending.
        state_names: what is carried from step to step, the hidden state first.
        gate_names: what is computed on the way, in the order of the rows of the weights.
        bounded: those of `gate_names` that lie between 0 and 1.
        keeper: the gate that keeps the old state where it is 1; "" where there is none.
        letters: those of gates in equations; a gate without one has its own name there.
        state_letters: those of states; a state without one has its own name on the wires.
        conventions: what to know of its equations, a sentence each: how sources differ.
        torch_twin: the class of torch.nn that computes the same; "" where there is none.
        setting_names: model settings that this cell understands, passed to its constructor by name.
        keras_biases: bias vectors per gate in Keras (torch always has two).
    """

    key: ClassVar[str]
    title: ClassVar[str]
    short: ClassVar[str] = ""
    color: ClassVar[str] = "#0072B2"
    dash: ClassVar[str] = "solid"
    marker: ClassVar[str] = "circle"
    order: ClassVar[int] = 100
    state_names: ClassVar[tuple[str, ...]] = ("hidden",)
    gate_names: ClassVar[tuple[str, ...]]
    bounded: ClassVar[frozenset[str]] = frozenset()
    keeper: ClassVar[str] = ""
    letters: ClassVar[Mapping[str, str]] = MappingProxyType({})
    state_letters: ClassVar[Mapping[str, str]] = MappingProxyType({"hidden": "h"})
    conventions: ClassVar[tuple[str, ...]] = ()
    torch_twin: ClassVar[str] = ""
    setting_names: ClassVar[tuple[str, ...]] = ()
    keras_biases: ClassVar[int] = 1

    @classmethod
    def equations(cls, nonlinearity: str) -> tuple[EquationText, ...]:
        """Its equations as text; none where they are not written down.

        Args:
            nonlinearity: "tanh" or "relu", the function that makes the hidden state.
        """
        return ()

    @classmethod
    def parameter_shapes(cls, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """The shapes of the weights and biases of one layer in one direction, by their names in torch.nn."""
        rows = len(cls.gate_names) * hidden_size
        return {
            "weight_ih": (rows, input_size),
            "weight_hh": (rows, hidden_size),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }

    @classmethod
    def parameter_count(cls, input_size: int, hidden_size: int) -> int:
        """Trainable numbers of one layer in one direction, as torch counts them: two bias vectors a gate."""
        return sum(math.prod(shape) for shape in cls.parameter_shapes(input_size, hidden_size).values())

    @classmethod
    def keras_parameter_count(cls, input_size: int, hidden_size: int) -> int:
        """The same as Keras counts them."""
        return len(cls.gate_names) * hidden_size * (input_size + hidden_size + cls.keras_biases)


CELLS: Registry[type[CellFacts]] = Registry("cell", lambda facts: facts.order)


def discover() -> None:
    """Register the cell of every folder in this package."""
    package = importlib.import_module("rnn_explorer.cells")
    folders = (entry.name for entry in pkgutil.iter_modules(package.__path__) if entry.ispkg)
    for name in folders:
        importlib.import_module(f"rnn_explorer.cells.{name}.facts")
