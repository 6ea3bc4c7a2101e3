"""Text that can be read: contrast as the Web Content Accessibility Guidelines 2.2 define it (1.4.3), at least 4.5."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

LEAST = 4.6  # a little more than 4.5, since pages are not just as white and as dark as those of the templates
_SPAN = re.compile(r"(<span style='color:)(#[0-9A-Fa-f]{6})(')")


def channels(color: str) -> tuple[int, int, int]:
    """Red, green and blue of "#rrggbb", 0 to 255."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def luminance(color: str) -> float:
    """Relative luminance of "#rrggbb", 0 (black) to 1 (white)."""
    parts = (part / 255 for part in channels(color))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1 (alike) to 21 (black and white)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@functools.lru_cache(maxsize=256)
def ink(color: str) -> str:
    """Black or white, whichever is read better on a color; the contrast is 4.58 at least."""
    return "#000000" if contrast("#000000", color) >= contrast("#ffffff", color) else "#ffffff"


@functools.lru_cache(maxsize=256)
def readable(color: str, paper: str) -> str:
    """A color for text: the nearest to this one on the way to black or white that is read on this paper."""
    end = 0 if ink(paper) == "#000000" else 255
    for share in range(21):
        mixed = "#" + "".join(f"{round(part + (end - part) * share / 20):02X}" for part in channels(color))
        if contrast(mixed, paper) >= LEAST:
            return mixed
    return ink(paper)


def legible(part: Any, paper: str) -> Any:
    """A copy of a layout or of a trace, in which colored text is read on this paper; lines and markers stay."""
    if isinstance(part, str):
        return _SPAN.sub(lambda found: f"{found[1]}{readable(found[2], paper)}{found[3]}", part)
    if isinstance(part, Mapping):
        return {
            name: _font(value, paper) if name.endswith("font") else legible(value, paper)
            for name, value in part.items()
        }
    if isinstance(part, (list, tuple)) and part and isinstance(part[0], (str, Mapping)):
        return [legible(entry, paper) for entry in part]
    return part


def _font(font: Any, paper: str) -> Any:
    if not isinstance(font, Mapping) or "color" not in font:
        return font
    colors: Any = font["color"]
    one = isinstance(colors, str)
    mended = [readable(color, paper) if color.startswith("#") else color for color in ([colors] if one else colors)]
    return {**font, "color": mended[0] if one else mended}
