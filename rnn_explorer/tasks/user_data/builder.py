"""Collects the cells of one column, decides how its numbers are written, and says what a person should know of it."""

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
from rnn_explorer.tasks.user_data.timestamps import parse_timestamps
from rnn_explorer.trace import Array

Decimal = Literal["point", "comma"]

_UNGROUPED = 1e4  # whole numbers from here on would have their thousands separated, where others have
_ZERO = re.compile(r"^[+-]?0[0-9]+$", re.MULTILINE)
_OPEN = re.compile(r"[+-]?[1-9][0-9]{0,2}\.[0-9]{3}")  # with a point: 1.234 may be a thousand
_DATES_OF_DIGITS = (1900_01_01, 2100_12_31)


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
        said: dict[str, Cell] = {}
        if plain is None:
            said = {cell: read_cell(cell) for cell in dict.fromkeys(column)}
            self._take_note(column, lines, said)
            points = np.array([said[cell].value if said[cell].kind != "comma" else math.nan for cell in column])
            commas = np.array([said[cell].comma if said[cell].kind != "point" else math.nan for cell in column])
        else:
            points, commas = plain
        if self._labels_differ and not self.lists_texts:
            self.lists_texts = True
            for before in self.points:  # until here its numbers said it all, and no texts were kept
                self._keep_texts(["" if np.isnan(value) else written(value) for value in before.tolist()])
        self.points.append(points)
        self.commas.append(commas)
        if self.lists_texts and self.kept:
            said = said or {cell: read_cell(cell) for cell in dict.fromkeys(column)}
            called = {cell: self._name(cell, what) for cell, what in said.items()}
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

    def _take_note(self, column: Sequence[str], lines: Sequence[int], said: Mapping[str, Cell]) -> None:
        """Count what is not a plain number, and remember the first of each kind."""
        for cell, often in Counter(column).items():  # in the order in which they come
            told, place = said[cell], (lines[column.index(cell)], cell)
            if told.is_number:
                self._note_number(told, place)
            elif told.kind == "text":
                self.strange += often
                self.numeral += often * like_a_number(cell)
                self.first.setdefault("text", place)
                if is_formula(cell):
                    self.first.setdefault("formula", place)
            else:
                if told.kind == "infinite":
                    self.infinite += often
                    self.first.setdefault("infinite", place)
                if cell:
                    self.words[cell[:MAX_NAME]] += often

    def _note_number(self, told: Cell, place: tuple[int, str]) -> None:
        self.first.setdefault(told.kind, place)
        if told.odd:
            self.first.setdefault("odd", place)
        if told.kind == "open":
            self.first.setdefault("open ," if "," in place[1] else "open .", place)
        if begins_with_zero(place[1]):
            self.first.setdefault("zero", place)
        if told.unit or told.value or told.comma > 0:  # 0 is 0 in any unit
            self.units.setdefault(told.unit, place)

    def _name(self, cell: str, said: Cell) -> str:
        """The cell as the name of a class: numbers in one way of writing, nothing for a missing value."""
        if not said.is_number:
            return clean(cell)[:MAX_NAME] if said.kind == "text" or self.as_written else ""
        as_it_is = said.unit or said.kind == "open" or begins_with_zero(cell)
        return clean(cell) if as_it_is else written(said.value)

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

    # -- saying --

    def notes(self, column: Column, lines: Array, decided: str) -> list[str]:
        """What a person should know of this column, in sentences.

        Args:
            column: as it was read.
            lines: (rows,) in which each row begins.
            decided: why a column that is open was read as it was.
        """
        shown = quoted(self.name)
        if column.kind == "empty":
            return [f"The column {shown} is empty."]
        told = self._about_gaps(column, lines)
        if column.kind == "constant":
            told.append(f"The column {shown} is constant.")
        if "formula" in self.first:
            line, cell = self.first["formula"]
            told.append(
                f"The column {shown} has what looks like a formula in line {line} ({quoted(cell)}); it is taken as "
                "text and never computed."
            )
        dates = self._about_time(column, lines)
        if dates or column.kind == "text":
            return told + (dates or self._about_text(column))
        told += self._about_writing(column, decided)
        if column.far:
            told.append(
                f"The column {shown} has numbers beyond {LARGEST:.0g} in {column.far}, which no model can read."
            )
        return told

    def _about_gaps(self, column: Column, lines: Array) -> list[str]:
        shown, told = quoted(self.name), []
        text = column.kind == "text" and column.codes is not None
        empty = column.codes < 0 if text and column.codes is not None else np.isnan(column.numbers)
        known = text or column.kind != "text"
        if known and column.missing > (0 if text else self.infinite):
            said = ""
            if text and self.words and not self.as_written:
                words = ", ".join(quoted(word) for word in list(self.words)[:4])
                said = (
                    f"; {words} in it count as no value, and to keep such words as labels choose labels as written "
                    "(--labels-as-written)"
                )
            told.append(
                f"The column {shown} has no value in {counted(column.missing, 'row')} of {len(lines):,}: "
                f"{at_lines(lines[empty].tolist())}{said}."
            )
        if self.infinite and not text:
            where = f"the first is line {self.first['infinite'][0]:,}"
            told.append(
                f"The column {shown} is infinite in {counted(self.infinite, 'row')}, which count as missing: {where}."
            )
        if self.as_written and self.words and column.codes is not None:
            words = ", ".join(quoted(word) for word in list(self.words)[:4])
            told.append(f"In the column {shown}, {words} are kept as labels.")
        return told

    def _about_writing(self, column: Column, decided: str) -> list[str]:
        """How its numbers are read, where there is more than one way."""
        shown, told = quoted(self.name), []
        plain = "point" in self.first and "open ," not in self.first  # decimal points alone need no remark
        shows = [kind for kind in ("comma", "open") if kind in self.first and not plain]
        if shows:
            examples = " and ".join(self._example(self.first[kind][1]) for kind in shows)
            because = "" if self.decimal() else f", {decided}"
            told.append(f"The column {shown} is read with a decimal {self.sign}: {examples}{because}.")
        unit = next((unit for unit in self.units if unit), "")
        if unit:
            what = {"%": "percent", "‰": "per mille"}.get(unit, unit)
            told.append(f"The column {shown} is in {what}: {self._example(self.units[unit][1])}.")
        shown_already = [self.first[kind] for kind in shows] + ([self.units[unit]] if unit else [])
        if "odd" in self.first and self.first["odd"] not in shown_already:
            told.append(f"In the column {shown}, {self._example(self.first['odd'][1])}.")
        if "zero" in self.first and column.codes is not None:
            cell = self.first["zero"][1]
            told.append(f"The column {shown} has numbers that begin with 0 ({cell}); as labels they stay as written.")
        return told

    def _example(self, cell: str) -> str:
        said = read_cell(cell)
        return f"{clean(cell)} is {written(said.comma if self.sign == 'comma' else said.value)}"

    def _about_text(self, column: Column) -> list[str]:
        numeric = int((~np.isnan(column.numbers)).sum())
        if numeric > self.strange or 2 * self.numeral > self.strange or not self.strange:
            return [f"The column {quoted(self.name)} is taken as text: {self._why()}"]
        return []

    def _about_time(self, column: Column, lines: Array) -> list[str]:
        """What is to be said of a column of dates: above all whether they are in order, since data are cut by time."""
        seconds = self._seconds(column)
        if seconds is None:
            return []
        known = ~np.isnan(seconds)
        seconds, lines = seconds[known], lines[known]
        unread = ", which are not read" if column.kind == "text" else ""
        told = f"The column {quoted(self.name)} holds dates{unread}: rows count as equally far apart, in their order"
        steps = np.diff(seconds)
        back, same = np.flatnonzero(steps < 0), np.flatnonzero(steps == 0)
        if len(back) and len(back) == len(steps):
            return [f"{told}. They go back in time: sort the file, so that the oldest row comes first."]
        found = [f"{told}."]
        if len(back):
            where = at_lines((lines[back + 1]).tolist())
            found.append(
                f"The column {quoted(self.name)} goes back in time in {where}. The data are cut by the order of rows, "
                "so sort the file by time, within each series where there are several."
            )
        if len(same):
            where = at_lines((lines[same + 1]).tolist())
            found.append(
                f"The column {quoted(self.name)} has the same time as the row before in {where}; each row counts as "
                "one time step."
            )
        return found

    def _seconds(self, column: Column) -> Array | None:
        """(rows,) the points in time that the column holds; None where it holds none."""
        if column.kind == "text" and column.codes is not None and self.strange:
            distinct = parse_timestamps(column.texts)
            return None if distinct is None else np.where(column.codes >= 0, distinct[column.codes], np.nan)
        low, high = _DATES_OF_DIGITS
        numbers = column.numbers
        if column.kind == "numeric" and np.nanmin(numbers) >= low and np.nanmax(numbers) <= high:
            return parse_timestamps(["" if np.isnan(value) else written(value) for value in numbers.tolist()])
        return None
