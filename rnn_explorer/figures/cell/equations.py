"""The equations of a cell, in letters and with one step's numbers put in, and the conventions behind them.

Letters and indices are those of the cells' own files. Numbers are rounded only when they are written, so each is
right to its last digit, while a sum of rounded numbers may be off by one there.

The text of an equation is a fact of its cell (`cells.facts.EquationText`).
"""

from __future__ import annotations

import functools
import re

from rnn_explorer.analysis.cell_internals.record import CellInternals
from rnn_explorer.cells import CELLS
from rnn_explorer.cells.facts import EquationText
from rnn_explorer.figures.svg_panel import Equation, Token, fixed_number

DECIMALS = 3


_UNKNOWN = "The equations of this kind of cell are not written down here; shown are its gates and states."


def letter(cell: str, name: str) -> str:
    """The letter of a gate; its own name where there is none."""
    return CELLS.get(cell).letters.get(name, name) if cell in CELLS else name


def equations(report: CellInternals, t: int, decimals: int = DECIMALS) -> tuple[Equation, ...]:
    """Every equation of the cell at one step.

    Args:
        report: the numbers.
        t: the step, from 0.
        decimals: after the point, at least 1.
    """
    return tuple(_equation(line, report, t, decimals) for line in _lines(report))


def _equation(line: EquationText, report: CellInternals, t: int, decimals: int) -> Equation:
    text = line.numbers if report.unit is not None else line.means
    numbers, was = _written(text, report, t, decimals), tuple[Token, ...]()
    if report.original is not None:
        was = _written(text, report.original, t, decimals)
        if [token["text"] for token in was] == [token["text"] for token in numbers]:
            was = ()
        numbers = _with_edit(numbers, report, t)
    return Equation(line.name, _written(line.symbols, report, t, decimals), numbers, was)


def _with_edit(numbers: tuple[Token, ...], report: CellInternals, t: int) -> tuple[Token, ...]:
    """A line of numbers that says where a change acts: on what it adds up, or in place of all that it computes."""
    marked: list[Token] = []
    for token in numbers:
        touched = "term" in token and report.edit(token["term"], t)[0]
        marked.append({**token, "edited": True} if touched else token)
    result, *rest = marked
    how, share = report.edit(result.get("term", ""), t)
    if how and share < 1:
        return (*marked, {"text": f" ({how} in {round(share * report.hidden_size)} of {report.hidden_size} units)"})
    if how and rest:
        after: Token = {"text": rest[0]["text"].removeprefix(" = ")}
        return (result, {"text": f" ({how}, in place of "}, after, *rest[1:], {"text": ")"})
    return (result, {"text": f" ({how})"}) if how else tuple(marked)


def notes(report: CellInternals) -> tuple[str, ...]:
    """What to know about these equations: conventions that differ between sources, and what the numbers are."""
    facts = CELLS.get(report.cell) if report.cell in CELLS else None
    found = [*((facts and facts.conventions) or (_UNKNOWN,)), "The states before t = 1 are 0."]
    if report.direction == "backward":
        found.append("This is the backward half: it reads from the end, so time step t starts from the state at t + 1.")
    if report.unit is None:
        found.append(
            f"All numbers are means over the {report.hidden_size} units. The mean of a product is not the product of "
            "the means, so each product's own mean is shown; choose a unit to see its factors."
        )
    elif facts and facts.conventions:
        found.append(
            "x and h are vectors: W x and W h are their weighted sums for this unit. "
            "Point at one in the drawing to see its largest terms."
        )
    if report.original is not None:
        found.insert(0, "The numbers are those of the changed model; in gray, the same of the model as it was trained.")
    found.append("Numbers are rounded when written, so a sum may seem off by one in its last digit.")
    return tuple(found)


def _lines(report: CellInternals) -> tuple[EquationText, ...]:
    known = CELLS.get(report.cell).equations(report.nonlinearity) if report.cell in CELLS else ()
    if known:
        return known
    states = ("h" if name == "hidden" else name for name in report.state_names)
    # Each gate and state is its own equation; a name that holds a brace or colon would not be read as one piece.
    return tuple(
        EquationText(name, f"{{{name}:{name.replace('_', '-')}}}", f"{{{name}}}", f"{{{name}}}")
        for name in (*report.gate_names, *states)
    )


def _written(text: str, report: CellInternals, t: int, decimals: int) -> tuple[Token, ...]:
    """An equation's text as tokens."""
    tokens: list[Token] = []
    for term, mark, words in _pieces(text):
        if not term:
            tokens.append({"text": words})
        elif mark:
            sign, _, index = mark.partition("_")
            token: Token = {"text": sign, "term": term}
            if index:
                token["sub"] = report.before if index == "<" else index
            tokens.append(token)
        else:
            value = fixed_number(float(report.wires[term][t]), decimals)
            after = tokens[-1]["text"] if tokens else ""
            bracketed = value.startswith("−") and after.endswith((" + ", " · "))
            tokens.append({"text": f"({value})" if bracketed else value, "term": term})
    return tuple(tokens)


@functools.lru_cache(maxsize=64)
def _pieces(text: str) -> tuple[tuple[str, str, str], ...]:
    """(term, mark, "") for what stands in braces, mark empty for a number; ("", "", words) for what is between."""
    found = re.findall(r"\{([^:}]+):?([^}]*)\}|([^{}]+)", text)
    return tuple((term, mark, words) for term, mark, words in found)
