"""The simple RNN at one step: a sum of the input and the old state, squashed."""

from __future__ import annotations

from rnn_explorer.analysis.cell_internals.record import CellInternals
from rnn_explorer.figures.cell.drawings.canvas import Canvas

WIDTH, HEIGHT = 940, 400
_STATE = 190  # height of the line of the state
_W_H, _PLUS, _SIGMA = 215, 430, 670  # the recurrent weights, the sum, the squashing
_A = "pre_activation"


def draw(report: CellInternals, t: int, label: str) -> str:
    """The cell with the numbers of one step.

    Args:
        report: of a simple RNN.
        t: the step, from 0.
        label: what enters, in words.
    """
    canvas = Canvas(report, t, WIDTH, HEIGHT, f"Simple RNN cell at t = {t + 1}, {report.whose}")
    canvas.wire("h_prev", (8, _STATE), (_W_H - 45, _STATE))
    canvas.wire(f"{_A}.h", (_W_H + 45, _STATE), (_PLUS - 17, _STATE))
    canvas.wire(_A, (_PLUS + 17, _STATE), (_SIGMA - 55, _STATE))
    canvas.wire("h", (_SIGMA + 55, _STATE), (WIDTH - 6, _STATE))
    canvas.wire(f"{_A}.x", (_PLUS, 273), (_PLUS, _STATE + 17))
    canvas.wire(f"{_A}.b_i", (_PLUS - 60, 100), (_PLUS - 60, 130), (_PLUS - 10, _STATE - 14))
    canvas.wire(f"{_A}.b_h", (_PLUS + 60, 100), (_PLUS + 60, 130), (_PLUS + 10, _STATE - 14))
    _weights(canvas, f"{_A}.h", _W_H, _STATE, "hh")
    _weights(canvas, f"{_A}.x", _PLUS, 292, "ih")
    canvas.gate("h", _SIGMA, _STATE, report.nonlinearity, 110, 52)
    canvas.node(_A, _PLUS, _STATE, "+", 17)

    for term, x, y, was in (
        ("h_prev", 84, _STATE, "below"),
        (f"{_A}.h", 330, _STATE, "below"),
        (f"{_A}.x", _PLUS, 241, "right"),
        (f"{_A}.b_i", _PLUS - 60, 100, "left"),
        (f"{_A}.b_h", _PLUS + 60, 100, "right"),
        (_A, 528, _STATE, "below"),
        ("h", 828, _STATE, "below"),
    ):
        canvas.chip(term, x, y, was=was)
    canvas.symbol("h_prev", 84, _STATE - 28, "h", report.before)
    canvas.symbol(f"{_A}.b_i", _PLUS - 60, 72, "b", "ih")
    canvas.symbol(f"{_A}.b_h", _PLUS + 60, 72, "b", "hh")
    canvas.symbol(_A, 528, _STATE - 28, "a")
    canvas.symbol("h", 828, _STATE - 28, "h")
    canvas.thread((_PLUS, 362), (_PLUS, 314))
    canvas.symbol("x", _PLUS + 24, 342, "x")
    canvas.entering(label, _PLUS, 376, centered=True)
    canvas.legend(724, HEIGHT - 46)
    canvas.key_of_changes(12, 24)
    return canvas.svg()


def _weights(canvas: Canvas, term: str, x: float, y: float, index: str) -> None:
    """The box in which a vector is multiplied by its weights."""
    canvas.open(term)
    canvas.add(
        f'<rect x="{x - 45:g}" y="{y - 20:g}" width="90" height="40" rx="7" fill="currentColor" fill-opacity="0.08" '
        'stroke="currentColor" stroke-opacity="0.7" stroke-width="1.5"/>'
    )
    canvas.symbol(term, x, y + 6, "W", index)
    canvas.close()
