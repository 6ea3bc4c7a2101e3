"""A text in lines: where to break it, and how symbols that would not be seen are written."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from rnn_explorer.readable import visible


def wrapped(symbols: Sequence[str], columns: int) -> list[tuple[int, int]]:
    """Cut a text into lines, after a space or the end of a line where there is one in the line's second half.

    Args:
        symbols: of the text.
        columns: the most symbols of a line, at least 1.

    Returns:
        The first symbol of each line and the one after its last, without gaps.
    """
    lines, start = [], 0
    while len(symbols) - start > columns:
        end = start + columns
        breaks = [at for at in range(start + columns // 2, end) if symbols[at].isspace()]
        end = breaks[-1] + 1 if breaks else end
        lines.append((start, end))
        start = end
    return [*lines, (start, len(symbols))] if len(symbols) else []


def columns_for(count: int, shape: float) -> int:
    """Columns for which the cells of `count` symbols are about half as wide as high; a short text has one line.

    Args:
        count: symbols in the text.
        shape: width of the panel by its height, above 0.
    """
    return max(1, min(count, max(20, round((2.0 * shape * count) ** 0.5))))


def glyph(symbol: str) -> str:
    """One visible character for a symbol: signs for spaces and line ends, a box for what has no width of its own."""
    sign = visible(symbol)
    drawn = len(sign) == 1 and sign.isprintable() and ord(sign) < 0x10000 and not unicodedata.combining(sign)
    return sign if drawn else "□"
