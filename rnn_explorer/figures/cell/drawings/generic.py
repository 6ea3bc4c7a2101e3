"""Any cell at one step: its states before, its gates, its states after."""

from __future__ import annotations

from rnn_explorer.analysis.cell_internals.record import CellInternals
from rnn_explorer.figures.cell.drawings.canvas import Canvas, shortened

WIDTH, ROW = 940, 74
_LEFT, _RIGHT = 300, 640  # the sides of the cell


def draw(report: CellInternals, t: int, label: str) -> str:
    """The cell with the numbers of one step.

    Args:
        report: of any cell.
        t: the step, from 0.
        label: what enters, in words.
    """
    rows = max(len(report.gate_names), len(report.state_names), 1)
    height = rows * ROW + 130
    canvas = Canvas(report, t, WIDTH, height, f"Cell at t = {t + 1}, {report.whose}")
    canvas.add(
        f'<rect x="{_LEFT}" y="12" width="{_RIGHT - _LEFT}" height="{rows * ROW}" rx="16" fill="currentColor" '
        'fill-opacity="0.05" stroke="currentColor" stroke-opacity="0.6" stroke-width="1.5"/>'
    )
    for row, name in enumerate(report.state_names):
        short = "h" if name == "hidden" else name
        y = 12 + ROW * (row + 0.5)
        canvas.wire(f"{short}_prev", (8, y), (_LEFT, y))
        canvas.wire(short, (_RIGHT, y), (WIDTH - 6, y))
        canvas.chip(f"{short}_prev", 150, y)
        canvas.chip(short, 790, y)
        canvas.symbol(f"{short}_prev", 150, y - 22, shortened(short, 12), report.before)
        canvas.symbol(short, 790, y - 22, shortened(short, 12))
    for row, name in enumerate(report.gate_names):
        y = 12 + ROW * (row + 0.5)
        canvas.gate(name, _LEFT + 110, y, shortened(name.replace("_", " "), 16), 180)
        canvas.chip(name, _RIGHT - 80, y)
    middle = (_LEFT + _RIGHT) / 2
    canvas.thread((middle, height - 76), (middle, height - 116))
    canvas.symbol("x", middle + 24, height - 90, "x")
    canvas.entering(label, middle, height - 60, centered=True)
    canvas.legend(724, height - 50)
    canvas.key_of_changes(12, height - 14)
    return canvas.svg()
