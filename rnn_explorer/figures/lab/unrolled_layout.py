"""What does not change of an unrolled layer while it learns: its bands, arrows and names."""

from __future__ import annotations

import functools
from typing import Any

from rnn_explorer.figures.style import MUTED, heading, margin, time_axis, unit_axis

WIDTH = 1000  # pixels for all columns in the live picture, more or less
PARTS = 3  # a column is as wide as a third of what it has: arrows go between
INPUT, STATE, ANSWER, TARGET = (0.0, 0.16), (0.28, 0.62), (0.7, 0.88), (0.9, 1.0)  # bands, from the bottom


@functools.lru_cache(maxsize=64)
def layout(
    steps: int, drawn: int, stride: int, hidden_size: int, inputs: int, answers: int, direction: str, weights: bool,
    targets: bool,
) -> dict[str, Any]:  # fmt: skip
    """Bands, arrows and names; one object while they stay, which is not sent again."""
    bare: dict[str, Any] = {"anchor": "x", "showticklabels": False, "ticks": "", "showgrid": False, "zeroline": False}
    bare["title"] = {"text": ""}
    words = [f"t = {step}" for step in range(1, steps + 1)]
    named = {"ticktext": words, "title": {"text": ""}} if 0 < steps <= 8 else None
    return {
        "meta": {"wide": True},  # a column for each time step keeps its width on a phone
        "margin": margin(92, 46, 4, 20 if named else 34),
        "xaxis": time_axis(steps, anchor="y2") | (named or {}),
        "yaxis": unit_axis(drawn, stride, hidden_size, domain=list(STATE), anchor="x", showticklabels=False)
        | {"ticks": "", "title": {"text": "unit", "standoff": 2, "font": {"size": 9}}},
        "yaxis2": {**bare, "domain": list(INPUT), "range": [inputs - 0.5, -0.5]},
        "yaxis3": {**bare, "domain": list(ANSWER), "range": [answers - 0.5, -0.5]},
        "yaxis4": {**bare, "domain": list(TARGET), "range": [0.5, -0.5]},
        "annotations": _names(steps, direction, weights, targets),
        "shapes": [
            {
                "type": "path",
                "xref": "x",
                "yref": "paper",
                "path": _arrows(steps, direction) or "M0,0",
                "fillcolor": MUTED,
                "line": {"color": MUTED, "width": 1.2},
                "layer": "below",
            }
        ],
    }


def _names(steps: int, direction: str, weights: bool, targets: bool) -> list[dict[str, Any]]:
    """What the bands and the arrows are."""
    named = {
        "input x<sub>t</sub>": INPUT,
        "hidden state<br>h<sub>t</sub>": STATE,
        "answer": ANSWER,
        **({"target": TARGET} if targets else {}),
    }
    found = [
        heading(text, 0.0, (low + high) / 2, xanchor="right", yanchor="middle", align="right",
                xshift=-20 if low == STATE[0] else -8)
        for text, (low, high) in named.items()
    ]  # fmt: skip
    pitch = WIDTH / max(steps, 1)
    middle = (STATE[0] + STATE[1]) / 2
    between = "W<sub>hh</sub>" if weights else "h"
    if (1 - 1 / PARTS) * pitch >= 34:
        for step in range(1, steps):
            found.append(heading(between, step + 0.5, middle, xref="x", font={"size": 12}))
    if pitch >= 100 and steps:
        edge, anchor, zero = (0.5, "left", "0") if direction == "forward" else (steps + 0.5, "right", "T+1")
        found.append(heading(f"h<sub>{zero}</sub>=0", edge, middle, xref="x", xanchor=anchor, font={"size": 12}))
    if weights and pitch >= 40 and steps:
        first = 1 if direction == "forward" else steps
        found.append(
            heading("W<sub>xh</sub>", first, (INPUT[1] + STATE[0]) / 2, xref="x", xanchor="left", yanchor="middle",
                    xshift=8, font={"size": 12})
        )  # fmt: skip
    return found


def _arrows(steps: int, direction: str) -> str:
    """One path of all arrows: from state to state, from what enters up to it, and up to the answer."""
    pitch = WIDTH / max(steps, 1)
    half, head, room = 0.5 / PARTS, min(7 / pitch, 0.2), min(3 / pitch, 0.04)
    middle, tall = (STATE[0] + STATE[1]) / 2, 0.02
    wide = min(4 / pitch, 0.15)
    parts = []
    for step in range(1, steps + 1):
        first = step == (1 if direction == "forward" else steps)
        sign = 1 if direction == "forward" else -1
        start = step - sign * (0.5 if first else 1 - half - room)
        tip = step - sign * (half + room)
        back = tip - sign * head
        parts.append(f"M{start:.4g},{middle:g}L{back:.4g},{middle:g}")
        parts.append(f"M{tip:.4g},{middle:g}L{back:.4g},{middle + tall:g}L{back:.4g},{middle - tall:g}Z")
        for low, high in ((INPUT[1], STATE[0]), (STATE[1], ANSWER[0])):
            low, high = low + 0.015, high - 0.015
            parts.append(f"M{step},{low:g}L{step},{high - 0.03:g}")
            parts.append(f"M{step},{high:g}L{step - wide:.4g},{high - 0.04:g}L{step + wide:.4g},{high - 0.04:g}Z")
    return "".join(parts)
