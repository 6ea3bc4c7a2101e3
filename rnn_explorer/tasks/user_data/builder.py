"""Collects the cells of one column and decides how its numbers are written."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from rnn_explorer.readable import counted
from rnn_explorer.tasks.user_data import number_format
from rnn_explorer.tasks.user_data.column import LARGEST, Column, Kind
from rnn_explorer.tasks.user_data.limits import MAX_NAME, MAX_TEXTS, at_lines, clean, quoted
from rnn_explorer.tasks.user_data.number_format import (
    Cell,
    begins_with_zero,
    is_formula,
    like_a_number,
    read_cell,
    written,
)
from rnn_explorer.trace import Array

Decimal = Literal["point", "comma"]

_UNGROUPED = 1e4  # whole numbers from here on would have their thousands separated, where others have
_ZERO = re.compile(r"^[+-]?0[0-9]+$", re.MULTILINE)
_OPEN = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")  # with a point: 1.234 may be a thousand


@dataclass
class Budget:
    """How many more different texts may be kept."""

    left: int = field(default_factory=lambda: MAX_TEXTS)


@dataclass
class Builder:
    """Collects a column, a batch of rows at a time.

    Attributes:
        name: of the column.
        budget: of texts, shared by all columns.
        as_written: whether words such as NA or none are labels of their own, where the column is one of labels.
    """

    name: str
    budget: Budget
    as_written: bool = False
    points: list[Array] = field(default_factory=list)  # the numbers, where a point is the decimal sign
    commas: list[Array] = field(default_factory=list)  # and where a comma is
    codes: list[Array] = field(default_factory=list)
    known: dict[str, int] = field(default_factory=dict)
    lists_texts: bool = False
    kept: bool = True  # the texts
    infinite: int = 0
    strange: int = 0  # cells that are texts
    numeral: int = 0  # of these, texts that were plausibly meant as numbers
    first: dict[str, tuple[int, str]] = field(default_factory=dict)  # by what it is the first of: line and cell
    units: dict[str, tuple[int, str]] = field(default_factory=dict)  # the first number with each unit
    words: Counter[str] = field(default_factory=Counter)  # such as NA, how often each
    sign: Decimal = "point"  # the decimal sign with which the numbers are read, once that is decided

    # -- collecting --

    def add(self, column: Sequence[str], lines: Sequence[int]) -> None:
        """Add the cells of a batch of rows, which begin in `lines`."""
        plain = self._plain(column, lines)
        read: dict[str, Cell] = {}
        if plain is None:
            read = {cell: read_cell(cell) for cell in dict.fromkeys(column)}
            self._take_note(column, lines, read)
            points = np.array([read[cell].value if read[cell].kind != "comma" else math.nan for cell in column])
            commas = np.array([read[cell].comma if read[cell].kind != "point" else math.nan for cell in column])
        else:
            points, commas = plain
        if self._labels_differ and not self.lists_texts:
            self.lists_texts = True
            for before in self.points:  # until here its numbers were enough, and no texts were kept
                self._keep_texts(["" if np.isnan(value) else written(value) for value in before.tolist()])
        self.points.append(points)
        self.commas.append(commas)
        if self.lists_texts and self.kept:
            read = read or {cell: read_cell(cell) for cell in dict.fromkeys(column)}
            called = {cell: self._name(cell, what) for cell, what in read.items()}
            self._keep_texts([called[cell] for cell in column])

    @property
    def _labels_differ(self) -> bool:
        """Whether its labels cannot be told from its numbers."""
        return self.strange > 0 or "zero" in self.first or (self.as_written and bool(self.words))

    def _plain(self, column: Sequence[str], lines: Sequence[int]) -> tuple[Array, Array] | None:
        """(rows,) the numbers with either decimal sign where all cells are plain, which is quick to see; else None."""
        joined = "\n".join(column)
        letters = set(joined) - {"\n"}
        if not letters or not letters <= number_format.PLAIN:
            return None
        try:
            values = np.array(list(map(float, column)))
        except ValueError:
            return None
        if not np.isfinite(values).all():
            return None
        if "zero" not in self.first and _ZERO.search(joined):
            return None
        if "" not in self.units and values.any():
            row = int(np.flatnonzero(values)[0])
            self.units[""] = (lines[row], column[row])
        if "." not in letters or "point" in self.first:
            return values, values
        decisive = next((row for row, cell in enumerate(column) if "." in cell and not _OPEN.fullmatch(cell)), None)
        if decisive is not None:
            self.first["point"] = (lines[decisive], column[decisive])
            return values, values
        row = next(row for row, cell in enumerate(column) if "." in cell)
        for kind in ("open", "open ."):
            self.first.setdefault(kind, (lines[row], column[row]))
        return values, np.array([float(cell.replace(".", "")) for cell in column])

    def _take_note(self, column: Sequence[str], lines: Sequence[int], read: Mapping[str, Cell]) -> None:
        """Count what is not a plain number, and remember the first of each kind."""
        for cell, often in Counter(column).items():  # in the order in which they come
            value, place = read[cell], (lines[column.index(cell)], cell)
            if value.is_number:
                self._note_number(value, place)
            elif value.kind == "text":
                self.strange += often
                self.numeral += often * like_a_number(cell)
                self.first.setdefault("text", place)
                if is_formula(cell):
                    self.first.setdefault("formula", place)
            else:
                if value.kind == "infinite":
                    self.infinite += often
                    self.first.setdefault("infinite", place)
                if cell:
                    self.words[cell[:MAX_NAME]] += often

    def _note_number(self, value: Cell, place: tuple[int, str]) -> None:
        self.first.setdefault(value.kind, place)
        if value.odd:
            self.first.setdefault("odd", place)
        if value.kind == "open":
            self.first.setdefault("open ," if "," in place[1] else "open .", place)
        if begins_with_zero(place[1]):
            self.first.setdefault("zero", place)
        if value.unit or value.value or value.comma > 0:  # 0 is 0 in any unit
            self.units.setdefault(value.unit, place)

    def _name(self, cell: str, value: Cell) -> str:
        """The cell as the name of a class: numbers in one way of writing, nothing for a missing value."""
        if not value.is_number:
            return clean(cell)[:MAX_NAME] if value.kind == "text" or self.as_written else ""
        as_it_is = value.unit or value.kind == "open" or begins_with_zero(cell)
        return clean(cell) if as_it_is else written(value.value)

    def _keep_texts(self, texts: Sequence[str]) -> None:
        if not self.kept:
            return
        for text in dict.fromkeys(texts):
            if text and text not in self.known:
                self.known[text] = len(self.known)
                self.budget.left -= 1
        if self.budget.left < 0:  # they would cost too much memory: what this column has is given back
            self.budget.left += len(self.known)
            self.kept, self.known, self.codes = False, {}, []
            return
        self.codes.append(np.array([self.known.get(text, -1) for text in texts], dtype=np.int32))

    # -- deciding --

    def decimal(self) -> Decimal | None:
        """The decimal sign that the column itself shows; None where it shows none, both, or can be read either way."""
        point, comma = "point" in self.first, "comma" in self.first
        if point != comma:
            return "point" if point else "comma"
        signs = [sign for sign in ",." if f"open {sign}" in self.first]
        if point or len(signs) != 1:
            return None
        # Where a whole number has no sign between its thousands, the sign of the others is a decimal one.
        points, commas = np.concatenate(self.points), np.concatenate(self.commas)
        if (np.abs(points[points == commas]) >= _UNGROUPED).any():
            return "comma" if signs == [","] else "point"
        return None

    @property
    def is_open(self) -> bool:
        """Whether its numbers can be read in two ways, and nothing in the column says which is meant."""
        return "open" in self.first and not self.strange and self.decimal() is None and not self._is_mixed

    @property
    def _is_mixed(self) -> bool:
        return ("point" in self.first and "comma" in self.first) or len(self.units) > 1

    def column(self, decimal: Decimal, lines: Array) -> Column:
        """What has been collected.

        Args:
            decimal: the sign where the column itself shows none.
            lines: (rows,) in which each row begins.
        """
        self.sign = self.decimal() or decimal
        numbers = np.concatenate(self.commas if self.sign == "comma" else self.points)
        found = numbers[~np.isnan(numbers)]
        codes = np.concatenate(self.codes) if self.codes and self.kept else None
        texts = tuple(self.known) if codes is not None else ()
        missing = len(numbers) - len(found)
        if self.strange or (not len(found) and texts):  # the second: NA and none are its labels
            missing = int((codes < 0).sum()) if codes is not None else missing - self.strange
            return Column(self.name, "text", numbers, codes, texts, missing, self._why())
        if self._is_mixed:
            nothing = np.isnan(np.concatenate(self.points)) & np.isnan(np.concatenate(self.commas))
            return Column(self.name, "text", numbers, codes, texts, int(nothing.sum()), self._why())
        kind: Kind = "empty" if not len(found) else "constant" if (found == found[0]).all() else "numeric"
        large = np.flatnonzero(np.abs(numbers) > LARGEST)
        far = at_lines(lines[large].tolist()) if len(large) else ""
        return Column(self.name, kind, numbers, codes, texts, missing, far=far)

    def _why(self) -> str:
        if not self.strange:
            if not self._is_mixed:
                return f"it holds {quoted(next(iter(self.known), ''))} and the like."
            if len(self.units) > 1:
                (line, one), (other_line, other), *_ = self.units.values()
                return (
                    f"line {line} says {quoted(one)} and line {other_line} {quoted(other)}, which are different units."
                )
            (_, comma), (_, point) = self.first["comma"], self.first["point"]
            return f"it has numbers with a decimal comma ({comma}) and with a decimal point ({point})."
        line, cell = self.first["text"]
        others = f" and {counted(self.strange - 1, 'other cell')} are no numbers" if self.strange > 1 else ""
        formula = ", a formula, which is not computed here (save the file with values)" if is_formula(cell) else ""
        hint = ""
        if cell.lower() in ("true", "false"):
            hint = "; it can be a label, and for numbers write 1 and 0"
        elif re.match(r"0[xX][0-9a-fA-F]", cell):
            hint = "; hexadecimal numbers are not read, so write them with the digits 0 to 9"
        return f"line {line} says {quoted(cell)}{formula}{others}{hint}."
