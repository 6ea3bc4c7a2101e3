"""A text that a model wrote, and under each character the five that were likeliest at its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from rnn_explorer.analysis.generate.record import Sample
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import COMPUTED, cell_color
from rnn_explorer.figures.svg_panel import SvgPanel
from rnn_explorer.figures.try_it import samples
from rnn_explorer.figures.try_it.text_wrap import glyph, wrapped

COLUMNS = 40
MOST = 400  # characters drawn, the last ones
_CELL, _EDGE = 24, 10  # width of a character and of the margin, in units of the view box
_TEXT, _SMALL = 23, 16  # sizes of letters
_HEAD, _ROW, _GAP = 30, 20, 16  # heights of a character, of a candidate, and of the room between lines
_SHADES = 8  # of the color behind a candidate
_DARKEST = 0.6  # opacity for a chance of 1, under which letters can still be read
_FAINT = 0.02  # a chance below which a candidate is written faintly
_HOW = (
    "Under each character are the likeliest five for its place, before it was drawn; the stronger the color, the more "
    "likely, framed is the one that was taken, gray what was given."
)


def generated_text(found: Sample | None, cell: str, columns: int = COLUMNS) -> SvgPanel:
    """The text with its candidates, line by line, and at the end what would come next.

    Args:
        found: what was written; None: an empty drawing.
        cell: the cell's key, for the color.
        columns: characters in a line, at least 8.
    """
    page = _Page(found, cell, max(columns, 8))
    return SvgPanel(
        name="generated_text",
        title=_title(found),
        how_to_read=_HOW,
        svg=page.svg(),
        notes=found.notes if found else (),
        table=_table(found),
    )


class _Page:
    """The drawing of one text."""

    def __init__(self, found: Sample | None, cell: str, columns: int) -> None:
        self.found, self.color, self.columns = found, cell_color(cell), columns
        symbols = (*found.symbols, "?") if found else ()  # the last for what is not written yet
        self.symbols = symbols
        self.first = max(0, len(symbols) - 1 - MOST)
        self.depth = found.candidates.shape[1] if found else 0
        self.lines = [
            (start + self.first, end + self.first) for start, end in wrapped(symbols[self.first :], self.columns)
        ]

    def svg(self) -> str:
        line_height = _HEAD + self.depth * _ROW + _GAP
        width, height = self.columns * _CELL + 2 * _EDGE, max(len(self.lines) * line_height, line_height, 40)
        text = self.found.text if self.found else COMPUTED
        described = quoteattr("".join(letter if letter.isprintable() else " " for letter in text))
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="100%" role="img" '
            f'aria-label={described} fill="currentColor" font-family="ui-monospace, Menlo, Consolas, monospace" '
            'text-anchor="middle">'
        ]
        if self.found is None:
            parts.append(f'<text x="{width / 2:g}" y="{height / 2 + 5:g}" font-size="14">{COMPUTED}</text>')
        for number, (start, end) in enumerate(self.lines):
            parts.append(f'<g transform="translate({_EDGE} {number * line_height})">{self._line(start, end)}</g>')
        return "".join([*parts, "</svg>"])

    def _line(self, start: int, end: int) -> str:
        places = range(start, end)
        last = len(self.symbols) - 1
        given = self.found.given if self.found else 0
        parts = [
            _letters([(place - start, _written(self.symbols[place])) for place in chosen], _HEAD - 8, _TEXT, more)
            for chosen, more in (
                ([place for place in places if place < given], ' fill-opacity="0.75"'),
                ([place for place in places if given <= place < last], ' font-weight="600"'),
                ([place for place in places if place == last], ' fill-opacity="0.7"'),
            )
        ]
        return "".join([*parts, self._candidates(start, end), self._words(start, end)])

    def _candidates(self, start: int, end: int) -> str:
        """The candidates of one line: shades behind them, the letters, and frames around those that were taken."""
        assert self.found is not None
        shades: list[list[str]] = [[] for _ in range(_SHADES)]
        frames: list[str] = []
        rows: list[str] = []
        for rank in range(self.depth):
            top = _HEAD + rank * _ROW
            strong, faint = list[tuple[int, str]](), list[tuple[int, str]]()
            for place in range(max(start, 1), end):
                chance = float(self.found.chances[place - 1, rank])
                symbol = str(self.found.candidates[place - 1, rank])
                (strong if chance >= _FAINT else faint).append((place - start, glyph(symbol)))
                box = f"M{(place - start) * _CELL + 1} {top + 1}h{_CELL - 2}v{_ROW - 2}h{2 - _CELL}z"
                shade = int(min(max(0.0, chance), 1.0) * _SHADES + 0.5)  # 0 for what is no number
                if shade:
                    shades[shade - 1].append(box)
                if place < len(self.symbols) - 1 and symbol == self.symbols[place]:
                    frames.append(box)
            rows += [_letters(strong, top + 15, _SMALL), _letters(faint, top + 15, _SMALL, ' fill-opacity="0.7"')]
        colored = [
            f'<path d="{"".join(boxes)}" fill="{self.color}" fill-opacity="{_DARKEST * (shade + 1) / _SHADES:.2f}"/>'
            for shade, boxes in enumerate(shades)
            if boxes
        ]
        frame = f'<path d="{"".join(frames)}" fill="none" stroke="currentColor" stroke-width="1.8"/>' if frames else ""
        return "".join([*colored, *rows, frame])

    def _words(self, start: int, end: int) -> str:
        """The numbers behind each character, shown where the mouse rests."""
        assert self.found is not None
        parts, height = [], _HEAD + self.depth * _ROW
        for place in range(max(start, 1), end):
            pairs = zip(self.found.candidates[place - 1], self.found.chances[place - 1], strict=True)
            listed = ", ".join(f"{glyph(str(symbol))} {100 * float(chance):.1f} %" for symbol, chance in pairs)
            what = "what comes next"
            if place < len(self.symbols) - 1:
                taken = 100 * float(self.found.taken[place - 1])
                what = f"{glyph(self.symbols[place])}, which had {taken:.1f} %"
            parts.append(
                f'<rect x="{(place - start) * _CELL}" width="{_CELL}" height="{height}" fill-opacity="0">'
                f"<title>{escape(f'{what}: {listed}')}</title></rect>"
            )
        return "".join(parts)


def _written(symbol: str) -> str:
    """As in a text: a space is a space, but one that XML keeps."""
    return "\u00a0" if symbol == " " else glyph(symbol)


def _letters(places: Sequence[tuple[int, str]], y: int, size: int, more: str = "") -> str:
    """Letters at columns of one row, as one element."""
    if not places:
        return ""
    at = " ".join(str(column * _CELL + _CELL // 2) for column, _ in places)
    return f'<text x="{at}" y="{y}" font-size="{size}"{more}>{escape("".join(sign for _, sign in places))}</text>'


def _title(found: Sample | None) -> str:
    if found is None:
        return "Written by the model"
    how = "always the likeliest character" if found.temperature == 0 else f"temperature {found.temperature:g}"
    cut = f", the last {MOST}" if len(found.symbols) > MOST else ""
    return f"Written by the model, {how}: {len(found.symbols) - found.given} characters{cut}"


def _table(found: Sample | None) -> dict[str, np.ndarray]:
    """One row a place, with the candidates for it; the first place has none, the last row is what comes next."""
    if found is None:
        return {"place": np.zeros(0, dtype=int)}
    count, k = len(found.symbols) + 1, found.candidates.shape[1]
    taken = np.concatenate([[np.nan], found.taken, [np.nan]])
    table = {
        "place": np.arange(1, count + 1),
        "symbol": np.array([*found.symbols, ""], dtype=object),
        "given": np.arange(count) < found.given,
        "chance": taken,
    }
    nothing = np.array([""], dtype=object)
    for rank in range(k):
        table[f"candidate {rank + 1}"] = np.concatenate([nothing, found.candidates[:, rank].astype(object)])
        table[f"its chance ({rank + 1})"] = np.concatenate([[np.nan], found.chances[:, rank]])
        table[f"its probability ({rank + 1})"] = np.concatenate([[np.nan], found.probabilities[:, rank]])
    return table


@FIGURES.register("generated_text")
def _examples() -> Examples:
    odd = dataclasses.replace(samples.written(20 * HOSTILE), notes=(HOSTILE,))
    return {
        USUAL: partial(generated_text, samples.written(samples.TEXT), "lstm"),
        EMPTY: partial(generated_text, None, "lstm"),
        EXTREME: partial(generated_text, odd, "gru", 120),
        "one symbol": partial(generated_text, samples.written("a", given=1, k=3), "rnn"),
        "odd symbols": partial(generated_text, samples.written("\u0301\U0001f40b\x01", given=1), "rnn", 1),
        "always the likeliest": partial(generated_text, samples.written("The whale", temperature=0.0), "rnn"),
    }
