"""One cell with the numbers of one step on its wires: by itself, or repeated over time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import numpy as np

from rnn_explorer.analysis.cell_internals.record import CellInternals
from rnn_explorer.cells import CELLS
from rnn_explorer.figures.cell import samples
from rnn_explorer.figures.cell.drawings import single, unrolled
from rnn_explorer.figures.cell.drawings.canvas import HEIGHT, WIDTH
from rnn_explorer.figures.cell.equations import equations, notes
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import COMPUTED, layer_name
from rnn_explorer.figures.svg_panel import SvgPanel

View = Literal["single", "unrolled"]
VIEWS: tuple[View, ...] = ("single", "unrolled")
_HOW = {
    "single": "Follow the arrows: a wire's color and width are its number. Point at a letter to light up its wire.",
    "unrolled": "The same cell at successive time steps; states flow along the arrows, bars show how far gates open. "
    "Click a time step to go there.",
}
_CHANGED = (
    " A padlock and a frame mark what is clamped, ablated or edited; gray numbers are the model's as it was trained."
)


def cell_drawing(
    report: CellInternals | None, t: int = 0, view: View = "single", inputs: Sequence[str] | None = None
) -> SvgPanel:
    """The cell at one step.

    Args:
        report: the numbers of all steps; of a changed model, with the original's; None: nothing is known yet.
        t: the step, from 0; beyond the ends, the first or last.
        view: "single": every wire of the cell with its number. "unrolled": the steps around this one.
        inputs: what enters at each step, in words; None: as the report says it.

    Raises:
        ValueError: for another view.
    """
    if view not in VIEWS:
        raise ValueError(f"view is {view!r}, but must be single or unrolled")
    if report is None:
        return _nothing_yet()
    labels = report.inputs if inputs is None else inputs
    t = max(0, min(t, report.length - 1))
    draw_one = single(report.cell)
    svg = draw_one(report, t, labels[t]) if view == "single" else unrolled.draw(report, t, labels)
    return SvgPanel(
        name="cell",
        title=_title(report, t),
        how_to_read=_HOW[view] + ("" if report.original is None else _CHANGED),
        svg=svg,
        equations=equations(report, t),
        notes=notes(report),
        table={
            "step": np.arange(1, report.length + 1),
            "what enters": np.array(labels, dtype=object),
            **report.wires,
            **_original_columns(report),
        },
    )


def _nothing_yet() -> SvgPanel:
    """The place of the drawing before there is anything to draw."""
    box = f"0 0 {WIDTH} {HEIGHT}"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img" aria-label="The cell">'
    svg += f'<text x="{WIDTH / 2:g}" y="{HEIGHT / 2:g}" text-anchor="middle" font-size="14" fill="currentColor">'
    svg += f"{COMPUTED}</text></svg>"
    return SvgPanel(name="cell", title="The cell", how_to_read=_HOW["single"], svg=svg)


def _title(report: CellInternals, t: int) -> str:
    title = f"{layer_name(report.cell, report.layer, report.direction)} at t = {t + 1}, {report.whose}"
    return title if report.original is None else f"{title}, what if: {'; '.join(report.changes)}"


def _original_columns(report: CellInternals) -> dict[str, Any]:
    """Of a changed model, what is changed at each step, and the numbers of the original."""
    if report.original is None:
        return {}
    changed = [
        "; ".join(f"{wire} {report.edit(wire, t)[0]}" for wire in report.edited if report.edit(wire, t)[0])
        for t in range(report.length)
    ]
    return {
        "changed": np.array(changed, dtype=object),
        "original: what enters": np.array(report.original.inputs, dtype=object),
        **{f"original: {name}": values for name, values in report.original.wires.items()},
    }


@FIGURES.register("cell_drawing")
def _examples() -> Examples:
    def hostile(cell: str) -> CellInternals:
        return samples.internals(cell, 400, 1, inputs=(HOSTILE,) * 400, input_names=(HOSTILE, HOSTILE))

    return {
        USUAL: partial(cell_drawing, samples.internals("lstm"), 3),
        EMPTY: partial(cell_drawing, None),
        EXTREME: partial(cell_drawing, hostile("lstm"), 399),
        "extreme, unrolled": partial(cell_drawing, hostile("gru"), 0, "unrolled"),
        **{f"{cell}, {view}": partial(cell_drawing, samples.internals(cell), 3, view)
           for cell in CELLS.names() for view in VIEWS},
        **{f"{cell} changed, {view}": partial(cell_drawing, samples.changed(cell), 3, view)
           for cell in CELLS.names() for view in VIEWS},
        "mean over units": partial(cell_drawing, samples.changed("gru", unit=None), 3),
    }  # fmt: skip
