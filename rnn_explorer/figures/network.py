"""The whole network as a drawing, input at the top and output at the bottom, as SVG text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from rnn_explorer.figures.style import cell_color, cell_name

_WIDTH = 260  # of the drawing, in its own units: pixels in the sidebar
_HEIGHT, _GAP = 26, 15  # of a box, and between boxes
_NARROWEST, _WIDEST = 112, 156


def network_svg(
    input_label: str,
    input_size: int,
    layers: Sequence[int],
    dense: Sequence[int],
    output_label: str,
    output_size: int,
    cell: str,
    bidirectional: bool,
    embedding: int = 0,
) -> str:
    """Boxes from input to output with their sizes; recurrent layers in the cell's color with an arrow back.

    Lines and text are in `currentColor`, so the drawing follows the page it stands in. A wider box has more units
    (by the logarithm of their number).

    Args:
        input_label: what enters at a step ("pixels of a row").
        input_size: how many numbers, or different symbols, that is.
        layers: units of each recurrent layer, nearest the input first.
        dense: units of each dense layer.
        output_label: what is asked for ("digit").
        output_size: how many classes or numbers that is.
        cell: the cell's key.
        bidirectional: whether each recurrent layer also runs from the end to the start.
        embedding: size of the vector that stands for a symbol; 0: no embedding.

    Returns:
        One `<svg>` element, labeled for screen readers.
    """
    name, color = cell_name(cell), cell_color(cell)
    boxes: list[tuple[str, int, str]] = [(input_label, input_size, "end")]
    if embedding:
        boxes.append(("embedding", embedding, "plain"))
    boxes += [(name, size, "recurrent") for size in layers]
    boxes += [("dense", size, "plain") for size in dense]
    boxes.append((output_label, output_size, "end"))

    height = len(boxes) * (_HEIGHT + _GAP) - _GAP + 4
    words = " → ".join(f"{label} {size}" for label, size, _ in boxes)
    described = f"The network: {words}" + (", both directions" if bidirectional else "")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="100%" '
        f'style="max-width:{_WIDTH}px" role="img" aria-label="{escape(described)}" '
        f'font-family="inherit" font-size="12" fill="currentColor">',
        f"<title>{escape(described)}</title>",
    ]
    top = 2
    for index, (label, size, kind) in enumerate(boxes):
        recurrent = kind == "recurrent"
        width = _width(size)
        left, middle = (_WIDTH - width) / 2, top + _HEIGHT / 2
        stroke = color if recurrent else "currentColor"
        # The input and the output are rounded: they are numbers, not layers with weights of their own.
        parts.append(
            f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{_HEIGHT}" rx="{13 if kind == "end" else 4}" '
            f'fill="{stroke}" fill-opacity="{0.2 if recurrent else 0.06}" stroke="{stroke}" '
            f'stroke-opacity="{1 if recurrent else 0.55}" stroke-width="{1.6 if recurrent else 1}"/>'
        )
        parts.append(
            f'<text x="{_WIDTH / 2:g}" y="{middle + 4:g}" text-anchor="middle">{_shortened(label, size)} '
            f'<tspan font-weight="600">{size}</tspan>{" × 2" if recurrent and bidirectional else ""}</text>'
        )
        if recurrent:
            parts.append(_loop(left + width, middle, 1, color, "h", "t−1"))
            if bidirectional:
                parts.append(_loop(left, middle, -1, color, "h", "t+1"))
        if index + 1 < len(boxes):
            parts.append(_arrow(_WIDTH / 2, top + _HEIGHT, top + _HEIGHT + _GAP))
        top += _HEIGHT + _GAP
    parts.append("</svg>")
    return "".join(parts)


def _width(size: int) -> float:
    """From the narrowest box for one unit to the widest for 256."""
    share = min(1.0, math.log2(max(size, 1)) / 8)
    return round(_NARROWEST + (_WIDEST - _NARROWEST) * share)


def _shortened(label: str, size: int) -> str:
    """As much of a label as stands in its box beside the number, as text."""
    longest = max(6, int((_width(size) - 14) / 6.4) - len(str(size)) - 1)
    return escape(label if len(label) <= longest else label[: longest - 1] + "…")


def _arrow(x: float, y0: float, y1: float) -> str:
    """Down from box to box, with a small gap at both ends."""
    tip = y1 - 1.5
    return (
        f'<path d="M{x:g} {y0 + 1.5:g}V{tip - 5:g}" stroke="currentColor" stroke-opacity="0.7" stroke-width="1.2" '
        f'fill="none"/><path d="M{x - 3.5:g} {tip - 6:g}h7l-3.5 6z" fill-opacity="0.7"/>'
    )


def _loop(x: float, y: float, side: int, color: str, letter: str, index: str) -> str:
    """Out of a box's side and back into it, with the state it carries; `side` is 1 for the right, -1 for the left."""
    out, far = x + side * 2, x + side * 30
    path = f"M{out:g} {y + 8:g}C{far:g} {y + 15:g} {far:g} {y - 15:g} {out + side * 4:g} {y - 7.5:g}"
    # The head points back at the box, along the end of the curve.
    head = f"M{out:g} {y - 8:g}l{side * 6.5:g} {-0.8:g}l{-side * 2:g} {6:g}z"
    anchor, at = ("start", x + side * 27) if side > 0 else ("end", x + side * 27)
    return (
        f'<path d="{path}" stroke="{color}" stroke-width="1.6" fill="none"/><path d="{head}" fill="{color}"/>'
        f'<text x="{at:g}" y="{y + 3:g}" text-anchor="{anchor}" font-size="11" font-style="italic" '
        f'font-family="Cambria Math, STIX Two Math, Cambria, Georgia, serif">{letter}'
        f'<tspan font-size="7.5" dy="2.5" font-style="normal">{index}</tspan></text>'
    )
