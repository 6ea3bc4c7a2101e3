"""The LSTM at one step: the cell state runs along the top, gates stand beneath it, each on its sum."""

from __future__ import annotations

from rnn_explorer.analysis.cell_internals.record import CellInternals
from rnn_explorer.figures.cell.drawings.canvas import HEIGHT, WIDTH, Canvas
from rnn_explorer.figures.cell.drawings.sums import GATE, entrances, four_parts, gate_on_sum

_TOP, _MEET, _OUT = 62, 146, 196  # heights: the cell state, i times g, the hidden state
_FORGET, _INPUT, _CANDIDATE, _OUTPUT = 150, 310, 470, 630  # columns
_PLUS = (_INPUT + _CANDIDATE) / 2
_TANH = 800


def draw(report: CellInternals, t: int, label: str) -> str:
    """The cell with the numbers of one step.

    Args:
        report: of an LSTM.
        t: the step, from 0.
        label: what enters, in words.
    """
    canvas = Canvas(report, t, WIDTH, HEIGHT, f"LSTM cell at t = {t + 1}, {report.whose}")
    before = report.before

    # The cell state: times the forget gate, plus what is written.
    canvas.wire("c_prev", (8, _TOP), (_FORGET - 15, _TOP))
    canvas.wire("keep", (_FORGET + 15, _TOP), (_PLUS - 15, _TOP))
    canvas.wire("c", (_PLUS + 15, _TOP), (_TANH, _TOP), (WIDTH - 6, _TOP))
    canvas.wire("write", (_PLUS, _MEET - 15), (_PLUS, _TOP + 15))
    canvas.symbol("c_prev", 70, 36, "c", before)
    canvas.chip("c_prev", 70, _TOP)
    canvas.text("f · c", 270, 36)
    canvas.chip("keep", 270, _TOP)
    canvas.symbol("c", 600, 36, "c")
    canvas.chip("c", 600, _TOP)
    canvas.text("i · g", _PLUS + 48, 110, anchor="start")
    canvas.chip("write", _PLUS, 104, was="left")

    # The gates: each on its sum, its value going up.
    for gate, x in (("forget", _FORGET), ("input", _INPUT), ("candidate", _CANDIDATE), ("output", _OUTPUT)):
        gate_on_sum(canvas, gate, x, "tanh" if gate == "candidate" else "σ", four_parts(gate))
    gate_top = GATE - 19
    canvas.wire("forget", (_FORGET, gate_top), (_FORGET, _TOP + 15))
    canvas.wire("input", (_INPUT, gate_top), (_INPUT, _MEET), (_PLUS - 15, _MEET))
    canvas.wire("candidate", (_CANDIDATE, gate_top), (_CANDIDATE, _MEET), (_PLUS + 15, _MEET))
    canvas.wire("output", (_OUTPUT, gate_top), (_OUTPUT, _OUT), (_TANH - 15, _OUT))
    for gate, sign, x, y in (
        ("forget", "f", _FORGET, 150),
        ("input", "i", _INPUT, 192),
        ("candidate", "g", _CANDIDATE, 192),
        ("output", "o", 710, _OUT),
    ):
        canvas.chip(gate, x, y, was="below" if gate == "output" else "left")
        if gate == "output":
            canvas.symbol(gate, x, y - 22, sign)
        else:
            canvas.symbol(gate, x + 54, y + 6, sign)

    # The hidden state: the squashed cell state, let out by the output gate.
    canvas.wire("c", (_TANH, _TOP), (_TANH, 92))
    canvas.gate("tanh_c", _TANH, 106, "tanh", 76, 28)
    canvas.wire("tanh_c", (_TANH, 120), (_TANH, _OUT - 15))
    canvas.chip("tanh_c", _TANH, 149, was="left")
    canvas.wire("h", (_TANH + 15, _OUT), (WIDTH - 6, _OUT))
    canvas.chip("h", 872, _OUT)
    canvas.symbol("h", 872, _OUT - 24, "h")
    canvas.node("keep", _FORGET, _TOP, "×")
    canvas.node("c", _PLUS, _TOP, "+")
    canvas.node("write", _PLUS, _MEET, "×")
    canvas.node("h", _TANH, _OUT, "×")
    columns = (_FORGET, _INPUT, _CANDIDATE, _OUTPUT)
    entrances(canvas, label, columns, columns)
    canvas.legend(724, HEIGHT - 56)
    canvas.key_of_changes(330, HEIGHT - 8)
    return canvas.svg()
