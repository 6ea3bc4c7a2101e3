"""The cell repeated over time: a few steps around the current one, the state flowing from each to the next."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from rnn_explorer.analysis.cell_internals.record import CellInternals
from rnn_explorer.cells import CELLS, CellFacts
from rnn_explorer.figures.cell.drawings.canvas import GRAY, INDEX, TEXT, Canvas, shortened
from rnn_explorer.figures.cell.equations import letter
from rnn_explorer.figures.style import MUTED, cell_color

WIDTH, HEIGHT, MOST = 1010, 430, 7
_PITCH, _BOX = 134, 66  # from step to step, and the width of a cell
_FIRST = (WIDTH - (MOST - 1) * _PITCH) / 2  # the middle of the first cell
_TOP, _BOTTOM = 44, 320  # of a cell
_STATES = (276, 84)  # heights of the wires: the hidden state, and the cell state
_BARS_TOP, _BARS_BOTTOM = 112, 222
_BAR = 15  # from bar to bar
_LABEL = 366  # height of what enters


def window(t: int, length: int) -> range:
    """At most `MOST` steps around step t, from 0: all where there are few, else t in the middle where it can be."""
    first = max(0, min(t - MOST // 2, length - MOST))
    return range(first, min(first + MOST, length))


def draw(report: CellInternals, t: int, inputs: Sequence[str]) -> str:
    """The steps around one step.

    Args:
        report: of any cell.
        t: the current step, from 0; it is framed.
        inputs: what enters at each step, in words.
    """
    canvas = Canvas(report, t, WIDTH, HEIGHT, f"Time steps around t = {t + 1}, {report.whose}")
    steps = window(t, report.length)
    for name, height in zip(report.state_names, _STATES, strict=False):
        _state(canvas, _wire(report, name), height, steps, t)
    for place, step in enumerate(steps):
        _cell(canvas, _FIRST + _PITCH * place, step, step == t, inputs[step])
    _key(canvas)
    canvas.legend(WIDTH - 216, HEIGHT - 46)
    canvas.key_of_changes(12, HEIGHT - 40)
    return canvas.svg()


def _wire(report: CellInternals, state: str) -> str:
    """The name of the wire that carries a state."""
    facts = CELLS.get(report.cell) if report.cell in CELLS else CellFacts
    return facts.state_letters.get(state, state)


def _state(canvas: Canvas, name: str, height: float, steps: range, t: int) -> None:
    """One state on its way through all steps; what enters and leaves the current step is the current wire."""
    forward = canvas.report.direction == "forward"
    for gap in range(len(steps) + 1):
        # Forward, a gap carries what the step at its left has left; backward, the one at its right.
        source = gap - 1 if forward else gap
        known = 0 <= source < len(steps)
        step = steps[source] if known else steps[0] if forward else steps[-1]
        term = name if known else f"{name}_prev"
        if known and forward and gap < len(steps) and steps[gap] == t:
            term, step = f"{name}_prev", t
        if known and not forward and gap > 0 and steps[gap - 1] == t:
            term, step = f"{name}_prev", t
        left, right = _FIRST + _PITCH * (gap - 1) + _BOX / 2, _FIRST + _PITCH * gap - _BOX / 2
        ends = ((left, height), (right, height)) if forward else ((right, height), (left, height))
        canvas.wire(term, *ends, t=step, marked=step == t)
        canvas.chip(term, (left + right) / 2, height - 21, INDEX, t=step, marked=step == t, was="above")


def _cell(canvas: Canvas, x: float, step: int, current: bool, label: str) -> None:
    """One step: its number, its gates as bars, and what enters it."""
    report, color = canvas.report, cell_color(canvas.report.cell)
    canvas.add(f'<g data-choose="time" data-value="{step + 1}">')  # a click on it goes there
    canvas.add(
        f'<rect x="{x - _BOX / 2:g}" y="{_TOP}" width="{_BOX}" height="{_BOTTOM - _TOP}" rx="9" fill="{color}" '
        f'fill-opacity="{0.3 if current else 0.1}" stroke="{color}" stroke-width="{6 if current else 1.8}"/>'
    )
    for state, height in zip(report.state_names, _STATES, strict=False):
        sign = _wire(report, state)[:1]
        canvas.add(
            f'<text x="{x:g}" y="{height + 6}" text-anchor="middle" font-size="{TEXT}" font-style="italic">'
            f"{escape(sign)}</text>"
        )
    canvas.text(f"t = {step + 1}", x, _TOP - 12, TEXT, more=' font-weight="600"' if current else "")
    gates = report.gate_names[:4]
    for place, gate in enumerate(gates):
        _bar(canvas, gate, x + _BAR * (place - (len(gates) - 1) / 2), step, current)
    shown = shortened(label, 12)
    width = 0.56 * INDEX * len(shown) + 16
    canvas.thread((x, _LABEL - 14), (x, _BOTTOM + 3))
    canvas.add(
        f'<rect x="{x - width / 2:.1f}" y="{_LABEL - 14}" width="{width:.1f}" height="27" rx="13" fill="{MUTED}" '
        'fill-opacity="0.22"/>'
    )
    canvas.text(shown, x, _LABEL + 5, INDEX)
    canvas.add("</g>")


def _bar(canvas: Canvas, gate: str, x: float, step: int, current: bool) -> None:
    """A gate as a bar: from 0 at the bottom to 1 at the top, or a signed one from the middle."""
    value = canvas.value(gate, step)
    color, height = canvas.color(gate, value), _BARS_BOTTOM - _BARS_TOP
    start = _BARS_BOTTOM if gate in canvas.report.bounded else (_BARS_TOP + _BARS_BOTTOM) // 2
    length = _length(canvas, gate, value)
    sign = letter(canvas.report.cell, gate)[:1]
    canvas.open(gate, step, current)
    canvas.add(
        f'<rect x="{x - 6:g}" y="{_BARS_TOP}" width="12" height="{height}" fill="{MUTED}" fill-opacity="0.18"/>'
        f'<rect x="{x - 6:g}" y="{min(start, start - length):.1f}" width="12" height="{abs(length):.1f}" '
        f'fill="{color}" stroke="currentColor" stroke-opacity="0.6"/>'
        f'<text x="{x:g}" y="{_BARS_BOTTOM + 18}" text-anchor="middle" font-size="{INDEX}" font-style="italic">'
        f"{escape(sign)}</text>"
    )
    if canvas.was(gate, step):
        assert canvas.report.original is not None
        old = start - _length(canvas, gate, float(canvas.report.original.wires[gate][step]))
        canvas.add(f'<path d="M{x - 8:g} {old:.1f}h16" stroke="{GRAY}" stroke-width="3"/>')
    if canvas.edit(gate, step)[0]:
        canvas.frame(x - 6, _BARS_TOP, 12, height, 0)
        canvas.padlock(x, _BARS_TOP)
    canvas.close()


def _length(canvas: Canvas, gate: str, value: float) -> float:
    """How long the bar of a value is, below 0 downwards; NaN has no length."""
    if value != value:
        return 0.0
    if gate in canvas.report.bounded:
        return (_BARS_BOTTOM - _BARS_TOP) * max(0.0, min(1.0, value))
    return (_BARS_BOTTOM - _BARS_TOP) * max(-1.0, min(1.0, value / canvas.limit)) / 2


def _key(canvas: Canvas) -> None:
    """What the letters under the bars mean."""
    report = canvas.report
    named = [(letter(report.cell, gate)[:1], gate.replace("_", "-")) for gate in report.gate_names[:4]]
    named += [(_wire(report, state)[:1], f"{state} state") for state in report.state_names[: len(_STATES)]]
    words = ", ".join(f"{sign} {name}" for sign, name in named)
    canvas.text(words, 12, HEIGHT - 18, INDEX, "start")
