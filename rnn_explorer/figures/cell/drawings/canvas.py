"""What drawings of cells are made of: wires, boxes, nodes and numbers in the color of their value, as SVG.

Colors are those of all figures: from 0 to 1 the scale of gates, signed values the scale of states. A wire has an edge
in the color of the text around it, and a number stands on its own color, so both are seen on light and dark pages.

Of a changed model the original's number stands beside each number that is another one now, on a gray plate; what the
change acts on has a padlock and a frame.
"""

from __future__ import annotations

import functools
import math
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from rnn_explorer.analysis.cell_internals.record import CellInternals
from rnn_explorer.figures.contrast import channels, ink
from rnn_explorer.figures.style import CHANGED, GATE_SCALE, LINES, MUTED, STATE_SCALE, Scale, cell_color, signed_limit
from rnn_explorer.figures.svg_panel import fixed_number
from rnn_explorer.readable import counted, visible

WIDTH, HEIGHT = 940, 500  # of a drawing, where it has no reason for others

Point = tuple[float, float]

TEXT = 17  # size of numbers and names, in units of the view box
LETTER, INDEX = 21, 15  # of a symbol and of its index
_SHADES = 64
GRAY = "#a3a7ad"  # of the plate of an original number: read on light and dark pages
_SMALL = 13  # size of an original number, and of words about a change


class Canvas:
    """An SVG that grows, for one step of a report.

    Args:
        report: the numbers.
        t: the step that is shown, from 0.
        width, height: of the view box.
        described: what is drawn, for those who do not see it.
    """

    def __init__(self, report: CellInternals, t: int, width: float, height: float, described: str) -> None:
        self.report, self.t, self.width, self.height = report, t, width, height
        self.limit = signed_range(report)
        words = quoteattr(described)
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="100%" role="img" '
            f'aria-label={words} font-family="inherit" font-size="{TEXT}" fill="currentColor" '
            'stroke-linejoin="round" stroke-linecap="round">'
        ]

    def svg(self) -> str:
        return "".join([*self.parts, "</svg>"])

    # -- values -------------------------------------------------------------------------------------------------

    def value(self, term: str, t: int | None = None) -> float:
        return float(self.report.wires[term][self.t if t is None else t])

    def was(self, term: str, t: int | None = None) -> str:
        """The original's number on a wire as it is written; "" where there is no other model, or it is the same."""
        original = self.report.original
        if original is None:
            return ""
        old = fixed_number(float(original.wires[term][self.t if t is None else t]))
        return "" if old == fixed_number(self.value(term, t)) else old

    def edit(self, term: str, t: int | None = None) -> tuple[str, float]:
        """How the change acts on a wire, and on which share of the units."""
        return self.report.edit(term, self.t if t is None else t)

    def color(self, term: str, value: float) -> str:
        """Of a value on a wire: the gates' scale for what lies between 0 and 1, the states' for what is signed."""
        if math.isnan(value):
            return MUTED
        if term in self.report.bounded:
            share, shades = value, _shades("gate")
        else:
            share, shades = 0.5 + 0.5 * max(-1.0, min(1.0, value / self.limit)), _shades("state")
        return shades[round(max(0.0, min(1.0, share)) * (_SHADES - 1))]

    def strength(self, term: str, value: float) -> float:
        """How wide a wire is: from 3 for nothing to 8 for a full signal."""
        size = abs(value) / (1.0 if term in self.report.bounded else self.limit)
        return 3.0 if math.isnan(size) else 3.0 + 5.0 * min(1.0, size)

    # -- what is drawn ------------------------------------------------------------------------------------------

    def add(self, text: str) -> None:
        self.parts.append(text)

    def open(self, term: str, t: int | None = None, marked: bool = True) -> None:
        """Begin what belongs to a wire; its full number, and of a sum its largest terms, are shown on pointing."""
        words = f"{term} = {fixed_number(self.value(term, t), 5)}"
        how, share = self.edit(term, t)
        if how:
            words += f", {how}" + (
                "" if share == 1 else f" in {counted(round(share * self.report.hidden_size), 'unit')}"
            )
        if self.was(term, t):
            words += f" (as trained: {self.was(term, t)})"
        terms = self.report.terms(term, self.t if t is None else t)
        if terms:
            words += "\nlargest terms:\n" + "\n".join(f"{name}: {fixed_number(value, 3)}" for name, value in terms)
        mark = f' class="rx-term" data-term={quoteattr(term)}' if marked else ""
        self.add(f"<g{mark}><title>{escape(words)}</title>")

    def close(self) -> None:
        self.add("</g>")

    def wire(self, term: str, *points: Point, arrow: bool = True, t: int | None = None, marked: bool = True) -> None:
        """A line through points, in the color and strength of the value that it carries."""
        value = self.value(term, t)
        color, width = self.color(term, value), self.strength(term, value)
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
        head = ""
        if arrow:
            head = _head(points[-2], points[-1], 5 + 0.75 * width)
            path = "M" + "L".join(f"{x:g} {y:g}" for x, y in (*points[:-1], _short(points[-2], points[-1], 7.0)))
        self.open(term, t, marked)
        self.add(
            f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="{width + 2:.1f}" opacity="0.55"/>'
            f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{width:.1f}"/>'
        )
        if head:
            self.add(f'<path d="{head}" fill="{color}" stroke="currentColor" stroke-width="1"/>')
        self.close()

    def chip(
        self,
        term: str,
        x: float,
        y: float,
        size: float = TEXT,
        t: int | None = None,
        marked: bool = True,
        was: str = "below",
    ) -> None:
        """The number on a wire, on its color, centered at (x, y).

        Args:
            term: the wire.
            x, y, size: where it stands, and the height of its digits.
            t: the step, from 0; None: the one that is shown.
            marked: whether it lights up with its wire.
            was: on which side the original's number stands.
        """
        value = self.value(term, t)
        self.open(term, t, marked)
        self.plate(fixed_number(value), x, y, size, self.color(term, value))
        half = _plate_size(fixed_number(value), size)
        if self.edit(term, t)[0]:
            self.frame(x - half[0] / 2, y - half[1] / 2, *half, half[1] / 3)
            self.padlock(x - half[0] / 2, y - half[1] / 2)
        old = self.was(term, t)
        if old:
            small = min(size, _SMALL)
            width, height = _plate_size(old, small)
            aside, along = (half[0] + width) / 2 - 2, (half[1] + height) / 2 - 2
            dx, dy = {"left": (-aside, 0.0), "right": (aside, 0.0), "above": (0.0, -along)}.get(was, (0.0, along))
            self.plate(old, x + dx, y + dy, small, GRAY)
        self.close()

    def plate(self, text: str, x: float, y: float, size: float, color: str) -> None:
        """Text on a rounded plate of one color."""
        width, height = _plate_size(text, size)
        self.add(
            f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'rx="{height / 3:.1f}" fill="{color}" stroke="currentColor" stroke-opacity="0.55"/>'
            f'<text x="{x:g}" y="{y + 0.35 * size:.1f}" text-anchor="middle" font-size="{size:g}" '
            f'fill="{ink(color)}">{escape(text)}</text>'
        )

    def frame(self, x: float, y: float, width: float, height: float, radius: float) -> None:
        """A frame round what the change acts on; (x, y) is its upper left corner."""
        self.add(
            f'<rect x="{x - 2:.1f}" y="{y - 2:.1f}" width="{width + 4:.1f}" height="{height + 4:.1f}" '
            f'rx="{radius + 2:.1f}" fill="none" stroke="{CHANGED}" stroke-width="2.5" stroke-dasharray="5 3"/>'
        )

    def padlock(self, x: float, y: float) -> None:
        """A padlock, centered at (x, y)."""
        self.add(
            f'<path class="rx-padlock" d="M{x - 3.5:.1f} {y - 1:.1f}v-3a3.5 3.5 0 0 1 7 0v3" fill="none" '
            f'stroke="{CHANGED}" stroke-width="2"/>'
            f'<rect x="{x - 6:.1f}" y="{y - 1.5:.1f}" width="12" height="9" rx="2" fill="{CHANGED}" '
            'stroke="#fff" stroke-width="0.8"/>'
        )

    def key_of_changes(self, x: float, y: float) -> None:
        """What is changed at this step and what a gray plate is, in one line from (x, y); nothing without a change."""
        if self.report.original is None:
            return
        width = _plate_size("0.00", _SMALL)[0]
        self.plate("0.00", x + width / 2, y - 5, _SMALL, GRAY)
        self.text("as trained", x + width + 6, y, INDEX, "start")
        changes = []
        for term in self.report.edited:
            how, share = self.edit(term)
            if how:
                units = round(share * self.report.hidden_size)
                some = "" if share == 1 else f" in {counted(units, 'unit')}"
                changes.append(f"{_SPOKEN.get(term, term)} {how}{some}")
        if changes:
            self.padlock(x + width + 100, y - 5)
            words = ", ".join(changes[:2]) + (f" and {len(changes) - 2} more" if len(changes) > 2 else "")
            self.text(words, x + width + 112, y, INDEX, "start")

    def symbol(self, term: str, x: float, y: float, sign: str, index: str = "t", anchor: str = "middle") -> None:
        """A letter with its index, such as f_t."""
        self.open(term)
        self.add(f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{LETTER}">{marked(sign, index)}</text>')
        self.close()

    def text(self, words: str, x: float, y: float, size: float = TEXT, anchor: str = "middle", more: str = "") -> None:
        self.add(f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size:g}"{more}>{escape(words)}</text>')

    def gate(self, term: str, x: float, y: float, words: str, width: float = 144, height: float = 38) -> None:
        """The box of a gate, centered at (x, y), in the gate's own color."""
        color = LINES.get(term, (cell_color(self.report.cell), ""))[0]
        self.open(term)
        self.add(
            f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width:g}" height="{height:g}" rx="7" '
            f'fill="{color}" fill-opacity="0.2" stroke="{color}" stroke-width="2.5"/>'
            f'<text x="{x:g}" y="{y + 6:g}" text-anchor="middle">{escape(words)}</text>'
        )
        if self.edit(term)[0] == "clamped":
            self.frame(x - width / 2, y - height / 2, width, height, 7)
            self.padlock(x - width / 2, y - height / 2)
        self.close()

    def node(self, term: str, x: float, y: float, sign: str, radius: float = 15) -> None:
        """A circle in which values meet: "×" or "+"."""
        self.open(term)
        arm = radius * (0.36 if sign == "×" else 0.5)
        cross = f"M{x - arm:g} {y - arm:g}l{2 * arm:g} {2 * arm:g}m0 {-2 * arm:g}l{-2 * arm:g} {2 * arm:g}"
        plus = f"M{x - arm:g} {y:g}h{2 * arm:g}M{x:g} {y - arm:g}v{2 * arm:g}"
        self.add(
            f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{MUTED}" fill-opacity="0.3" stroke="currentColor" '
            f'stroke-width="1.5"/><path d="{cross if sign == "×" else plus}" stroke="currentColor" stroke-width="2.2"/>'
        )
        self.close()

    def thread(self, *points: Point, arrow: bool = True) -> None:
        """A thin line for what is no single number: a vector, or a constant."""
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in points)
        head = f'<path d="{_head(points[-2], points[-1], 7)}" opacity="0.75"/>' if arrow else ""
        self.add(f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.6" opacity="0.6"/>{head}')

    def entering(self, label: str, left: float, y: float, longest: int = 24, centered: bool = False) -> None:
        """What enters at this step, in words, from `left` on; or with its middle there."""
        shown = shortened(label, longest)
        width = 0.58 * TEXT * len(shown) + 20
        left -= width / 2 if centered else 0
        self.open("x")
        self.add(
            f'<rect x="{left:g}" y="{y - 14:g}" width="{width:.1f}" height="28" rx="14" fill="{MUTED}" '
            'fill-opacity="0.22" stroke="currentColor" stroke-opacity="0.55"/>'
        )
        self.text(shown, left + width / 2, y + 6)
        if self.edit("x")[0]:
            self.frame(left, y - 14, width, 28, 14)
            self.padlock(left + 4, y - 14)
        old = "" if self.report.original is None else self.report.original.inputs[self.t]
        if old not in ("", self.report.inputs[self.t]):
            old = shortened(old, longest)
            self.plate(old, left + width + _plate_size(old, _SMALL)[0] / 2 - 4, y, _SMALL, GRAY)
        self.close()

    def legend(self, x: float, y: float) -> None:
        """Both scales with their ends, one above the other: 215 wide, 45 high, `y` the top."""
        end = f"{self.limit:g}".replace("e+0", "e")
        rows = [("state", "signed", f"−{end}", end)]
        if self.report.bounded:
            rows.append(("gate", "gate", "0", "1"))
        for row, (kind, words, low, high) in enumerate(rows):
            top, shades = y + 24 * row, _shades(kind)
            self.text(words, x + 44, top + 12, INDEX, "end")
            self.text(low, x + 88, top + 12, INDEX, "end")
            self.add("".join(
                f'<rect x="{x + 94 + 9 * step:g}" y="{top:g}" width="9.5" height="14" fill="{shades[step * 9]}"/>'
                for step in range(8)
            ))  # fmt: skip
            self.text(high, x + 172, top + 12, INDEX, "start")


_SPOKEN = {"h": "hidden state", "c": "cell state", "x": "input x", "pre_activation": "pre-activation"}


def _plate_size(text: str, size: float) -> tuple[float, float]:
    """Width and height of the plate under a text."""
    return 0.58 * size * len(text) + 12, 1.36 * size


def marked(sign: str, index: str = "t") -> str:
    """A letter with its index as the inside of an SVG text."""
    return f'<tspan font-style="italic">{escape(sign)}</tspan><tspan font-size="{INDEX}" dy="5">{escape(index)}</tspan>'


def shortened(label: str, longest: int) -> str:
    """What enters, as a label: not too long, and visible even where it is a space."""
    return visible(label if len(label) <= longest else f"{label[: longest - 1]}…")


def signed_range(report: CellInternals) -> float:
    """The end of the scale of signed values: of states and of what they are made of, not of sums before a gate."""
    shown = [
        values
        for name, values in report.wires.items()
        if "." not in name and name not in report.bounded and name not in ("x", "pre_activation")
    ]
    return signed_limit(np.concatenate(shown)) if shown else 1.0


def _head(start: Point, tip: Point, size: float) -> str:
    """An arrow head at `tip`, coming from `start`."""
    x, y = _unit(start, tip)
    back, side = (tip[0] - 1.4 * size * x, tip[1] - 1.4 * size * y), (-0.75 * size * y, 0.75 * size * x)
    return (
        f"M{tip[0]:.1f} {tip[1]:.1f}L{back[0] + side[0]:.1f} {back[1] + side[1]:.1f}"
        f"L{back[0] - side[0]:.1f} {back[1] - side[1]:.1f}z"
    )


def _short(start: Point, tip: Point, by: float) -> Point:
    x, y = _unit(start, tip)
    return tip[0] - by * x, tip[1] - by * y


def _unit(start: Point, tip: Point) -> Point:
    x, y = tip[0] - start[0], tip[1] - start[1]
    length = math.hypot(x, y) or 1.0
    return x / length, y / length


@functools.lru_cache(maxsize=2)
def _shades(kind: str) -> tuple[str, ...]:
    """A scale as `_SHADES` colors."""
    scale: Scale = GATE_SCALE if kind == "gate" else STATE_SCALE
    return tuple(_between(scale, step / (_SHADES - 1)) for step in range(_SHADES))


def _between(scale: Scale, share: float) -> str:
    place = share * (len(scale) - 1)
    low = min(int(place), len(scale) - 2)
    pair = (channels(scale[low][1]), channels(scale[low + 1][1]))
    mixed = (round(a + (b - a) * (place - low)) for a, b in zip(*pair, strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)
