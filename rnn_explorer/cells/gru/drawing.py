"""The GRU at one step: the hidden state runs along the top; the update gate shares it out between old and new."""

from __future__ import annotations

from rnn_explorer.analysis.cell_internals.record import CellInternals
from rnn_explorer.figures.cell.drawings.canvas import HEIGHT, WIDTH, Canvas
from rnn_explorer.figures.cell.drawings.sums import (
    FIRST_ROW,
    GATE,
    ROW,
    SMALL,
    entrances,
    four_parts,
    gate_on_sum,
    part,
)

_TOP, _MEET = 62, 150  # heights: the hidden state, (1 - z) times n
_UPDATE, _CANDIDATE, _INNER, _RESET = 150, 440, 590, 780  # columns
_GATED = FIRST_ROW - 10  # height of the product with the reset gate


def draw(report: CellInternals, t: int, label: str) -> str:
    """The cell with the numbers of one step.

    Args:
        report: of a GRU.
        t: the step, from 0.
        label: what enters, in words.
    """
    canvas = Canvas(report, t, WIDTH, HEIGHT, f"GRU cell at t = {t + 1}, {report.whose}")
    entrances(canvas, label, (_UPDATE, _CANDIDATE, _RESET), (_UPDATE, _INNER, _RESET), h_from=_TOP)

    # The hidden state: times the update gate, plus what is written.
    canvas.wire("h_prev", (8, _TOP), (_UPDATE - 15, _TOP))
    canvas.wire("keep", (_UPDATE + 15, _TOP), (_CANDIDATE - 15, _TOP))
    canvas.wire("h", (_CANDIDATE + 15, _TOP), (WIDTH - 6, _TOP))
    canvas.symbol("h_prev", 76, 34, "h", report.before)
    canvas.chip("h_prev", 76, _TOP)
    canvas.text("z · h", 290, 34)
    canvas.chip("keep", 290, _TOP)
    canvas.symbol("h", 700, 34, "h")
    canvas.chip("h", 700, _TOP, was="right")

    top = GATE - 19
    canvas.wire("update", (_UPDATE, top), (_UPDATE, _TOP + 15))
    canvas.wire("update", (_UPDATE, _MEET), (237, _MEET))
    canvas.gate("take", 266, _MEET, "1 −", 58, 32)
    canvas.wire("take", (295, _MEET), (_CANDIDATE - 15, _MEET))
    canvas.chip("take", 356, _MEET)
    canvas.chip("update", _UPDATE, 196, was="left")
    canvas.symbol("update", _UPDATE + 54, 202, "z")
    canvas.wire("candidate", (_CANDIDATE, top), (_CANDIDATE, _MEET + 15))
    canvas.chip("candidate", _CANDIDATE, 202, was="left")
    canvas.symbol("candidate", _CANDIDATE + 54, 208, "n")
    canvas.wire("write", (_CANDIDATE, _MEET - 15), (_CANDIDATE, _TOP + 15))
    canvas.chip("write", _CANDIDATE, 108, was="left")
    canvas.text("(1−z) · n", _CANDIDATE + 46, 114, anchor="start")

    # The reset gate acts on the recurrent part of the candidate's sum.
    canvas.wire("reset", (_RESET, top), (_RESET, 190), (_INNER, 190), (_INNER, _GATED - 15))
    canvas.chip("reset", 690, 190)
    canvas.symbol("reset", 690, 170, "r")
    beside = 0 if report.original is None else 36  # room for the original's number
    canvas.wire("candidate.gated", (_INNER - 15, _GATED), (_CANDIDATE + 62 + beside, _GATED))
    canvas.wire("candidate.inner", (_INNER, 360), (_INNER, _GATED + 15))
    canvas.chip("candidate.inner", _INNER, 345, SMALL, was="right")
    canvas.text("Σ", _INNER - 52, 352, 20)
    part(canvas, "candidate.h", _INNER, 370, "W h")
    part(canvas, "candidate.b_h", _INNER, 391, "b")
    gate_on_sum(canvas, "candidate", _CANDIDATE, "tanh", [])
    part(canvas, "candidate.gated", _CANDIDATE, _GATED, "r · Σ")
    part(canvas, "candidate.x", _CANDIDATE, _GATED + ROW, "W x")
    part(canvas, "candidate.b_i", _CANDIDATE, _GATED + 2 * ROW, "b")
    gate_on_sum(canvas, "update", _UPDATE, "σ", four_parts("update"))
    gate_on_sum(canvas, "reset", _RESET, "σ", four_parts("reset"))
    canvas.node("keep", _UPDATE, _TOP, "×")
    canvas.node("h", _CANDIDATE, _TOP, "+")
    canvas.node("write", _CANDIDATE, _MEET, "×")
    canvas.node("candidate.gated", _INNER, _GATED, "×")
    canvas.legend(724, 96)
    canvas.key_of_changes(330, HEIGHT - 8)
    return canvas.svg()
