"""The equations of a cell, in letters and with one step's numbers put in, and the conventions behind them.

Letters and indices are those of the cells' own files. Numbers are rounded only when they are written, so each is
right to its last digit, while a sum of rounded numbers may be off by one there.

An equation is written here as text with what stands for a wire in braces: `{forget:f_t}` is a letter with its index
(`<` is the step before), `{forget}` the number on that wire.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from rnn_explorer.analysis.cell_internals.record import CellInternals
from rnn_explorer.figures.svg_panel import Equation, Token, number

DECIMALS = 3


@dataclass(frozen=True)
class _Line:
    """One equation as text: in letters, with the numbers of one unit, and with means over units."""

    name: str
    symbols: str
    numbers: str
    means: str


def _gate(gate: str, mark: str, words: str, function: str = "σ") -> _Line:
    """A gate whose sum has four parts."""
    parts = f"{{{gate}.x:W_i{mark}}}{{x:x_t}} + {{{gate}.b_i:b_i{mark}}}"
    parts += f" + {{{gate}.h:W_h{mark}}}{{h_prev:h_<}} + {{{gate}.b_h:b_h{mark}}}"
    sums = f"{{{gate}.x}} + {{{gate}.b_i}} + {{{gate}.h}} + {{{gate}.b_h}}"
    return _Line(
        words,
        f"{{{gate}:{mark}_t}} = {function}({parts})",
        f"{{{gate}}} = {function}({sums}) = {function}({{{gate}.pre}})",
        f"{{{gate}}} = mean of {function}(Σ), mean Σ = {{{gate}.pre}} = {sums}",
    )


def _rnn(function: str) -> tuple[_Line, ...]:
    parts = "{pre_activation.x} + {pre_activation.b_i} + {pre_activation.h} + {pre_activation.b_h}"
    return (
        _Line(
            "pre-activation",
            "{pre_activation:a_t} = {pre_activation.x:W_ih}{x:x_t} + {pre_activation.b_i:b_ih}"
            " + {pre_activation.h:W_hh}{h_prev:h_<} + {pre_activation.b_h:b_hh}",
            f"{{pre_activation}} = {parts}",
            f"{{pre_activation}} = {parts}",
        ),
        _Line(
            "hidden state",
            f"{{h:h_t}} = {function}({{pre_activation:a_t}})",
            f"{{h}} = {function}({{pre_activation}})",
            f"{{h}} = mean of {function}(a)",
        ),
    )


_LINES = {
    "rnn": _rnn("tanh"),
    "rnn relu": _rnn("relu"),
    "lstm": (
        _gate("input", "i", "input gate"),
        _gate("forget", "f", "forget gate"),
        _gate("candidate", "g", "candidate", "tanh"),
        _gate("output", "o", "output gate"),
        _Line(
            "cell state",
            "{c:c_t} = {forget:f_t} · {c_prev:c_<} + {input:i_t} · {candidate:g_t}",
            "{c} = {forget} · {c_prev} + {input} · {candidate} = {keep} + {write}",
            "{c} = {keep} + {write}",
        ),
        _Line(
            "hidden state",
            "{h:h_t} = {output:o_t} · {tanh_c:tanh(}{c:c_t}{tanh_c:)}",
            "{h} = {output} · tanh({c}) = {output} · {tanh_c}",
            "{h} = mean of o · tanh(c)",
        ),
    ),
    "gru": (
        _gate("reset", "r", "reset gate"),
        _gate("update", "z", "update gate"),
        _Line(
            "candidate",
            "{candidate:n_t} = tanh({candidate.x:W_in}{x:x_t} + {candidate.b_i:b_in} + {reset:r_t}"
            "{candidate.gated: · (}{candidate.h:W_hn}{h_prev:h_<}{candidate.inner: + }{candidate.b_h:b_hn}"
            "{candidate.gated:)})",
            "{candidate} = tanh({candidate.x} + {candidate.b_i} + {reset} · ({candidate.h} + {candidate.b_h}))"
            " = tanh({candidate.pre})",
            "{candidate} = mean of tanh(Σ), mean Σ = {candidate.pre}"
            " = {candidate.x} + {candidate.b_i} + {candidate.gated}",
        ),
        _Line(
            "hidden state",
            "{h:h_t} = {take:(1 − }{update:z_t}{take:)} · {candidate:n_t} + {update:z_t} · {h_prev:h_<}",
            "{h} = {take} · {candidate} + {update} · {h_prev} = {write} + {keep}",
            "{h} = {write} + {keep}",
        ),
    ),
}

_LETTERS = {
    "input": "i",
    "forget": "f",
    "candidate": "g",
    "output": "o",
    "reset": "r",
    "update": "z",
    "pre_activation": "a",
}
_TWO_BIASES = "torch has two biases a gate, b_i and b_h, where most books have one; they only add up."
_UNKNOWN = "The equations of this kind of cell are not written down here; shown are its gates and states."
_CONVENTIONS = {
    "rnn": (
        "torch has two biases, b_ih and b_hh, where most books have one; they only add up.",
        "W_ih leads from the input and W_hh from the old hidden state; some books write U and W, or W_xh and W_hh.",
    ),
    "lstm": (
        "A forget gate of 1 keeps the cell state, and 0 wipes it out.",
        _TWO_BIASES,
        "The gates see the hidden state only; some papers let them see the cell state too (peepholes).",
    ),
    "gru": (
        "z = 1 keeps the old state here, as in torch and Keras; some papers write the reverse.",
        "The reset gate acts after the product with W_hn here (torch, and Keras with reset_after=True); "
        "the first paper has it before.",
        "torch has two biases a gate where most books have one. For r and z they only add up; "
        "in the candidate the second stands within the product with r.",
    ),
}


def letter(cell: str, name: str) -> str:
    """The letter of a gate; its own name where there is none."""
    return "n" if (cell, name) == ("gru", "candidate") else _LETTERS.get(name, name)


def equations(report: CellInternals, t: int, decimals: int = DECIMALS) -> tuple[Equation, ...]:
    """Every equation of the cell at one step.

    Args:
        report: the numbers.
        t: the step, from 0.
        decimals: after the point, at least 1.
    """
    return tuple(_equation(line, report, t, decimals) for line in _lines(report))


def _equation(line: _Line, report: CellInternals, t: int, decimals: int) -> Equation:
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
    found = [*_CONVENTIONS.get(report.cell, (_UNKNOWN,)), "The states before t = 1 are 0."]
    if report.direction == "backward":
        found.append("This is the backward half: it reads from the end, so time step t starts from the state at t + 1.")
    if report.unit is None:
        found.append(
            f"All numbers are means over the {report.hidden_size} units. The mean of a product is not the product of "
            "the means, so each product's own mean is shown; choose a unit to see its factors."
        )
    elif report.cell in _CONVENTIONS:
        found.append(
            "x and h are vectors: W x and W h are their weighted sums for this unit. "
            "Point at one in the drawing to see its largest terms."
        )
    if report.original is not None:
        found.insert(0, "The numbers are those of the changed model; in gray, the same of the model as it was trained.")
    found.append("Numbers are rounded when written, so a sum may seem off by one in its last digit.")
    return tuple(found)


def _lines(report: CellInternals) -> tuple[_Line, ...]:
    known = _LINES.get("rnn relu" if report.cell == "rnn" and report.nonlinearity == "relu" else report.cell)
    if known is not None:
        return known
    states = ("h" if name == "hidden" else name for name in report.state_names)
    # Each gate and state is its own equation; a name that holds a brace or colon would not be read as one piece.
    return tuple(
        _Line(name, f"{{{name}:{name.replace('_', '-')}}}", f"{{{name}}}", f"{{{name}}}")
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
            value = number(float(report.wires[term][t]), decimals)
            after = tokens[-1]["text"] if tokens else ""
            bracketed = value.startswith("−") and after.endswith((" + ", " · "))
            tokens.append({"text": f"({value})" if bracketed else value, "term": term})
    return tuple(tokens)


@functools.lru_cache(maxsize=64)
def _pieces(text: str) -> tuple[tuple[str, str, str], ...]:
    """(term, mark, "") for what stands in braces, mark empty for a number; ("", "", words) for what is between."""
    found = re.findall(r"\{([^:}]+):?([^}]*)\}|([^{}]+)", text)
    return tuple((term, mark, words) for term, mark, words in found)
