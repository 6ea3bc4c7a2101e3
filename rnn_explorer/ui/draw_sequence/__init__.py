"""The component on which a sequence is drawn: a picture of cells, or one number a time step as a curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import streamlit as st

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "rnn_explorer.sketch",
    css=(_HERE / "sketch.css").read_text(encoding="utf-8"),
    js=(_HERE / "sketch.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def sketch(
    kind: Literal["grid", "curve"],
    rows: int,
    columns: int,
    values: Sequence[float],
    ends: tuple[float, float],
    levels: Sequence[float],
    edition: str,
    label: str,
) -> list[float]:
    """Show the canvas.

    Args:
        kind: "grid": rows x columns cells with ink; "curve": one number for each of `rows` time steps.
        rows, columns: of the picture; a curve has 1 column.
        values: what to start from, rows x columns numbers, row by row.
        ends: the least and the greatest number that can be drawn.
        levels: the only numbers that can be drawn; none: all between the ends.
        edition: another one starts anew.
        label: what is drawn, for those who cannot see it.

    Returns:
        What is drawn now, in the form of `values`.
    """
    data = {
        "name": "sketch",
        "kind": kind,
        "rows": rows,
        "columns": columns,
        "values": tuple(values),  # a list has Streamlit load pandas, to see whether it is a table
        "low": ends[0],
        "high": ends[1],
        "levels": tuple(levels),
        "edition": edition,
        "label": label,
    }
    shown = _component(key="sketch", data=data, default={"drawn": None}, on_drawn_change=lambda: None, height="content")
    return read(shown.drawn, edition, values)


def read(drawn: Any, edition: str, values: Sequence[float]) -> list[float]:
    """What the browser says was drawn; what to start from where that is of another edition or makes no sense."""
    if not isinstance(drawn, dict) or drawn.get("edition") != edition:
        return list(values)
    numbers = drawn.get("values")
    if not isinstance(numbers, list) or len(numbers) != len(values) or not all(_number(value) for value in numbers):
        return list(values)
    return [float(value) for value in numbers]


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
