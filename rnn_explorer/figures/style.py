"""Colors, color scales, templates and axes that all figures share.

One cell type has one color, dash and marker everywhere. Values from 0 to 1 (gates) are drawn on `GATE_SCALE`,
signed values on `SIGNED_SCALE` with zero in its middle; the two are never mixed. Scales are written out, because a
name such as "RdBu" means different colors to Plotly's Python and JavaScript sides. Zero on `SIGNED_SCALE` is nearly
transparent, so that it is the page's own color on a light and on a dark page, and what is far from it stands out.

Layouts hold no page colors: text takes the template's color, and reference lines are mid grays that show on a
light and on a dark page.

Source of the cell colors: M. Okabe and K. Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/.
Source of `GATE_SCALE`: J. R. Nunez, C. R. Anderton, R. S. Renslow, "Optimizing colormaps with consideration for color
vision deficiency" (cividis), PLoS ONE 13 (2018).
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from rnn_explorer.cells import CELLS
from rnn_explorer.readable import visible

Theme = Literal["light", "dark"]
Scale = list[list[Any]]  # [[position from 0 to 1, color], ...]

# Ten colors that keep a contrast of at least 2.5 to white and to a near-black page, neighbors far apart in hue.
CLASS_COLORS = (
    "#0072B2",
    "#D08700",
    "#009E73",
    "#C8629A",
    "#3F9BD6",
    "#D55E00",
    "#8468C4",
    "#8C8A22",
    "#A8674B",
    "#7A8794",
)

# What each gate and state looks like as a line: color and dash.
LINES = {
    "input": ("#3F9BD6", "solid"),
    "forget": ("#D08700", "dash"),
    "output": ("#8468C4", "dot"),
    "reset": ("#D08700", "solid"),
    "update": ("#3F9BD6", "dash"),
    "candidate": ("#C8629A", "dash"),
    "pre_activation": ("#C8629A", "dash"),
    "cell": ("#D55E00", "solid"),
    "hidden": ("#009E73", "dashdot"),
}


def _evenly(*colors: str) -> Scale:
    return [[index / (len(colors) - 1), color] for index, color in enumerate(colors)]


def fade(color: str, opacity: float) -> str:
    """`#rrggbb` with an opacity from 0 to 1, as Plotly writes it."""
    red, green, blue = (int(color[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity:g})"


GATE_SCALE = _evenly(
    "#00224E", "#123570", "#3B496C", "#575D6D", "#707173", "#8A8678", "#A59C74", "#C3B369", "#E1CC55", "#FEE838"
)
_NEGATIVE, _ZERO, _POSITIVE = "#1E73DC", "#888888", "#D4480F"


def _signed() -> Scale:
    """Not quite transparent in its middle, since nothing is drawn where there is no number."""
    opacities = (1.0, 0.72, 0.4)
    low = [fade(_NEGATIVE, opacity) for opacity in opacities]
    high = [fade(_POSITIVE, opacity) for opacity in reversed(opacities)]
    return _evenly(*low, fade(_ZERO, 0.1), *high)


def on_paper(scale: Scale, paper: str = "#ffffff") -> Scale:
    """A scale with opacities as it looks on a page, in opaque colors.

    Args:
        scale: its colors as "rgba(red,green,blue,opacity)".
        paper: the page's color as "#rrggbb".
    """
    under = [int(paper[start : start + 2], 16) for start in (1, 3, 5)]
    mixed: Scale = []
    for position, color in scale:
        *over, opacity = (float(part) for part in color[5:-1].split(","))
        parts = (round(opacity * a + (1 - opacity) * b) for a, b in zip(over, under, strict=True))
        mixed.append([position, "#" + "".join(f"{part:02X}" for part in parts)])
    return mixed


SIGNED_SCALE = _signed()
STATE_SCALE = on_paper(SIGNED_SCALE)  # the same on white, for what must know its colors, such as black or white ink
GRAY_SCALE = _evenly("#16181C", "#F4F4F2")  # a digit: ink is light
INPUT_SCALE = _evenly("#4A4E55", "#E8E8E4")  # what enters, beneath the gates: neither of the scales above
TIME_SCALE = _evenly("#5B3FA8", "#3F6FC4", "#2A9AA8", "#46B26A", "#B8AE2E", "#E08A1E")  # early to late

UNIT_ROWS = {"units": True}  # `meta` of a map whose rows are units: the page lets a click on one choose it

MUTED = "#888888"
GRID = "rgba(136,136,136,0.22)"
CHANGED = "#C8629A"  # what would have been, or is changed by hand: no cell's color
REFERENCE = "rgba(136,136,136,0.9)"

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_PAGE = {"light": ("#ffffff", "#31333f"), "dark": ("#0e1117", "#e8e8ec")}  # paper, font


def template(theme: Theme = "light") -> dict[str, Any]:
    """A Plotly template for exports and for pages that stand still.

    Args:
        theme: "light" or "dark".

    Raises:
        KeyError: for another theme.
    """
    paper, font = _PAGE[theme]
    axis = {
        "gridcolor": GRID,
        "linecolor": GRID,
        "zerolinecolor": "rgba(136,136,136,0.5)",
        "gridwidth": 1,
        "zeroline": False,
        "ticks": "",
        "automargin": False,
    }
    room = {name: value for name, value in axis.items() if name != "automargin"}
    room |= {"backgroundcolor": "rgba(0,0,0,0)", "showbackground": False}
    return {
        "layout": {
            "paper_bgcolor": paper,
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"color": font, "family": _FONT, "size": 11},
            "title": {"font": {"size": 14}},
            "xaxis": axis,
            "yaxis": axis,
            "scene": {"xaxis": room, "yaxis": room, "zaxis": room},
            "colorway": list(CLASS_COLORS),
            "hovermode": "closest",
            "hoverlabel": {"bgcolor": paper, "bordercolor": MUTED, "font": {"color": font, "size": 11}},
        }
    }


def ramp(color: str) -> Scale:
    """From almost nothing, so the page shows through on either theme, to the full color: for probabilities."""
    return [[0.0, fade(color, 0.04)], [1.0, fade(color, 1.0)]]


def plain(text: str, longest: int = 60) -> str:
    """Text as text: Plotly reads a little HTML in labels, and names may come from an uploaded file."""
    text = text if len(text) <= longest else text[: longest - 1] + "…"
    return html.escape(text, quote=False)


def symbol_label(symbol: str) -> str:
    """One symbol of a text as a label."""
    return plain(visible(symbol), 8)


def subplot(letter: str, number: int) -> str:
    """The id of an axis as traces name it: "x", "x2", ... for 0, 1, ..."""
    return letter if number == 0 else f"{letter}{number + 1}"


def key(axis: str) -> str:
    """The name of an axis in the layout: "xaxis2" for "x2"."""
    return f"{axis[0]}axis{axis[1:]}"


def nice_ceiling(value: float, steps: Sequence[float] = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)) -> float:
    """The least of `steps` times a power of ten that is not below `value`, so that ranges grow in jumps.

    Args:
        value: above 0; for other values, and what is not finite, 1.
    """
    if not (value > 0 and math.isfinite(value)):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    for step in steps:
        if step * power >= value * (1 - 1e-9):
            return step * power
    return 10.0 * power


def nice_floor(value: float, steps: Sequence[float] = (1, 2, 5)) -> float:
    """The greatest of `steps` times a power of ten that is not above `value`; 1 for values not above 0."""
    if not (value > 0 and math.isfinite(value)):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return max((step * power for step in steps if step * power <= value * (1 + 1e-9)), default=power)


def signed_limit(values: np.ndarray) -> float:
    """The end of a scale centered at zero: 1 where values stay within [-1, 1], else a nice number that is robust.

    One unit in a hundred may run off the scale, so that a single large value does not pale all others.
    """
    if values.size == 0:
        return 1.0
    low, high = float(values.min()), float(values.max())
    if low >= -1.001 and high <= 1.001:
        return 1.0
    size = np.abs(values[np.isfinite(values)])
    if size.size == 0:
        return 1.0
    rank = int(0.99 * (size.size - 1))
    return max(1.0, nice_ceiling(float(np.partition(size, rank)[rank]), (1, 2, 3, 5, 7, 10)))


def margin(left: int, right: int, top: int, bottom: int) -> dict[str, Any]:
    """Room around the subplots in pixels, which a legend or a bar does not change: subplots keep their places."""
    return {"l": left, "r": right, "t": top, "b": bottom, "autoexpand": False}


def time_axis(length: int, **more: Any) -> dict[str, Any]:
    """An x axis of time steps, counted from 1, that ends with the sequence."""
    return {
        "title": {"text": "time step t", "standoff": 4},
        "range": [0.5, max(length, 1) + 0.5],
        "nticks": 8,
        "tickformat": "d",
        "showgrid": False,
        "zeroline": False,
        "ticklabelstandoff": 1,
        **time_ticks(length),
        **more,
    }


def time_ticks(length: int, most: int = 8) -> dict[str, Any]:
    """At most `most` tick labels at whole steps: 1 first, then at a nice stride."""
    if length <= most:
        return {"tickmode": "array", "tickvals": list(range(1, max(length, 1) + 1))}
    stride = int(nice_ceiling(max(1.0, length / most), (1, 2, 5, 10)))
    return {"tickmode": "array", "tickvals": [1, *range(max(stride, 2), length + 1, stride)]}


def unit_axis(drawn: int, stride: int, hidden_size: int, **more: Any) -> dict[str, Any]:
    """A y axis of units, unit 0 at the bottom; the title says when only every `stride`-th unit is drawn."""
    title = "unit" if stride == 1 else f"unit (every {ordinal(stride)} of {hidden_size})"
    top = (drawn - 1) * stride if drawn else 0
    return {
        "title": {"text": title, "standoff": 2},
        "range": [-0.5 * stride, top + 0.5 * stride],
        "nticks": 5,
        "tickformat": "d",
        "showgrid": False,
        "zeroline": False,
        **more,
    }


def ordinal(number: int) -> str:
    """2 -> "2nd"."""
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def color_bar(text: str, **more: Any) -> dict[str, Any]:
    """A thin color bar at the right."""
    return {
        "title": {"text": text, "side": "right", "font": {"size": 10}},
        "thickness": 8,
        "len": 1.0,
        "outlinewidth": 0,
        "x": 1.003,
        "xpad": 2,
        "ypad": 0,
        "tickfont": {"size": 9},
        **more,
    }


def heading(text: str, x: float, y: float, **more: Any) -> dict[str, Any]:
    """A subplot's heading, centered at paper coordinate `x`, standing on `y`."""
    return {
        "text": text,
        "x": x,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "center",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 11},
        **more,
    }


def legend(**more: Any) -> dict[str, Any]:
    """A one-line legend above the subplots."""
    return {
        "orientation": "h",
        "x": 1,
        "xanchor": "right",
        "y": 1.0,
        "yanchor": "bottom",
        "font": {"size": 10},
        "itemwidth": 30,
        "bgcolor": "rgba(0,0,0,0)",
        **more,
    }


def layer_name(cell: str, layer: int, direction: str) -> str:
    """ "LSTM layer 1", and "LSTM layer 1, backward" for the second half of a bidirectional one."""
    name = f"{cell_name(cell)} layer {layer + 1}"
    return name if direction == "forward" else f"{name}, {direction}"


def cell_color(cell: str) -> str:
    """The color of a cell type; the first class color for one without its own."""
    return CELLS.get(cell).color if cell in CELLS else CLASS_COLORS[0]


def cell_marker(cell: str) -> str:
    """The mark of a cell type; a circle for one without its own."""
    return CELLS.get(cell).marker if cell in CELLS else "circle"


def cell_name(cell: str) -> str:
    """The name of a cell type in figures, such as "LSTM"; its key for one that is not known."""
    return CELLS.get(cell).short or CELLS.get(cell).title if cell in CELLS else cell


# Why a figure is empty.
COMPUTED = "Being computed."
NO_STEPS = "There is no time step to show."
NOT_TRAINED = "No optimizer step is made yet. Press Play."


def saying(layout: dict[str, Any], words: str, x: float = 0.5) -> dict[str, Any]:
    """A layout with a sentence in its middle that says why nothing is drawn; as it is where there are no words."""
    if not words:
        return layout
    middle = {"xref": "paper", "yref": "paper", "x": x, "y": 0.5, "showarrow": False, "font": {"size": 12}}
    return {**layout, "annotations": [*layout.get("annotations", ()), {**middle, "text": words}]}
