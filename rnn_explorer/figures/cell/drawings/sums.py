"""The lower half of a cell with gates: what enters, and the sum beneath each gate."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_explorer.figures.cell.drawings.canvas import Canvas

GATE, SUM, FIRST_ROW, ROW = 250, 291, 324, 22  # heights: a gate's box, its sum, the first part, from part to part
OLD, NEW, ENTERING = 424, 452, 482  # heights of the lines of the old hidden state and the input, and of its label
SMALL = 15  # size of the numbers of the parts


def gate_on_sum(canvas: Canvas, gate: str, x: float, function: str, parts: Sequence[tuple[str, str]]) -> None:
    """A gate's box, under it the sum before the activation, and under that its parts, each with its number.

    Args:
        canvas: where to draw.
        gate: its name.
        x: the middle of its column.
        function: its activation.
        parts: (wire, words) of each number that is added.
    """
    canvas.wire(f"{gate}.pre", (x, FIRST_ROW - 12), (x, GATE + 19))
    canvas.gate(gate, x, GATE, f"{function} {gate}")
    canvas.chip(f"{gate}.pre", x, SUM, was="right")
    canvas.text("Σ", x - 60, SUM + 7, 20)
    for row, (term, words) in enumerate(parts):
        part(canvas, term, x, FIRST_ROW + ROW * row, words)


def part(canvas: Canvas, term: str, x: float, y: float, words: str) -> None:
    """One number of a sum with its name at its left."""
    canvas.open(term)
    canvas.text(words, x - 14, y + 5, SMALL, "end")
    canvas.close()
    canvas.chip(term, x + 26, y, SMALL, was="right")


def four_parts(gate: str) -> list[tuple[str, str]]:
    """W x + b + W h + b, in the order of the equations."""
    return [(f"{gate}.x", "W x"), (f"{gate}.b_i", "b"), (f"{gate}.h", "W h"), (f"{gate}.b_h", "b")]


def entrances(
    canvas: Canvas, label: str, x_to: Sequence[float], h_to: Sequence[float], h_from: float | None = None
) -> None:
    """The input and the old hidden state come in at the bottom and reach the sums that they are part of.

    Args:
        canvas: where to draw.
        label: what enters, in words.
        x_to, h_to: the middles of the columns that the input and the old hidden state go to.
        h_from: the height from which the old hidden state comes down at the left edge; None: it enters here.
    """
    bottom = FIRST_ROW + 3 * ROW + 14
    start = [(8.0, OLD)] if h_from is None else [(28.0, h_from), (28.0, OLD)]
    canvas.wire("h_prev", *start, (max(h_to) + 14, OLD), arrow=False)
    canvas.symbol("x", 22, ENTERING + 6, "x")
    canvas.entering(label, 46, ENTERING)
    canvas.thread((64, ENTERING - 14), (64, NEW), (max(x_to) - 14, NEW), arrow=False)
    for x in x_to:
        canvas.thread((x - 14, NEW), (x - 14, bottom))
    for x in h_to:
        canvas.thread((x + 14, OLD), (x + 14, bottom))
    if h_from is None:
        canvas.chip("h_prev", 62, OLD, was="right")
        canvas.symbol("h_prev", 62, OLD - 24, "h", canvas.report.before)
