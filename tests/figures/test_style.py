from __future__ import annotations

import numpy as np
import pytest

from rnn_explorer.cells import CELLS
from rnn_explorer.figures import style

PAPERS = ("#ffffff", "#0e1117")


def luminance(color: str) -> float:
    """Relative luminance as the web's accessibility guidelines define it."""
    parts = np.array([int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("color", [*style.CLASS_COLORS, *(facts.color for _, facts in CELLS.items()), style.MUTED])
def test_colors_can_be_seen_on_both_pages(color: str, paper: str) -> None:
    assert contrast(color, paper) >= 2.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_its_page(theme: str) -> None:
    layout = style.template(theme)["layout"]
    assert contrast(layout["paper_bgcolor"], layout["font"]["color"]) >= 7


def test_gates_go_from_dark_to_bright_and_states_from_side_to_side() -> None:
    light = [luminance(color) for _, color in style.GATE_SCALE]
    assert light == sorted(light)
    states = [luminance(color) for _, color in style.STATE_SCALE]
    middle = len(states) // 2
    assert style.STATE_SCALE[middle][0] == 0.5
    assert states[: middle + 1] == sorted(states[: middle + 1]) and states[middle:] == sorted(states[middle:])[::-1]
    neutral = style.STATE_SCALE[middle][1]
    parts = [int(neutral[start : start + 2], 16) for start in (1, 3, 5)]
    assert max(parts) - min(parts) <= 8
    assert style.GATE_SCALE != style.STATE_SCALE


@pytest.mark.parametrize("paper", PAPERS)
def test_zero_is_the_page_s_own_color_and_what_is_far_from_it_stands_out(paper: str) -> None:
    shown = [color for _, color in style.on_paper(style.SIGNED_SCALE, paper)]
    away = [contrast(color, paper) for color in shown]
    middle = len(shown) // 2
    assert away[middle] < 1.25, "nearly the page"
    assert away[: middle + 1] == sorted(away[: middle + 1], reverse=True) and away[middle:] == sorted(away[middle:])
    assert min(away[0], away[-1]) > 3.5 and style.SIGNED_SCALE[middle][0] == 0.5
    assert abs(away[0] - away[-1]) < 0.5 * max(away[0], away[-1]), "one sign does not outshine the other"


def test_a_scale_on_paper_is_the_mixture_of_both() -> None:
    assert style.on_paper([[0.0, "rgba(0,0,0,0.5)"], [1.0, "rgba(10,20,30,1)"]]) == [[0.0, "#808080"], [1.0, "#0A141E"]]
    assert style.on_paper([[0.0, "rgba(255,255,255,0.1)"]], "#000000") == [[0.0, "#1A1A1A"]]
    assert style.on_paper(style.SIGNED_SCALE) == style.STATE_SCALE, "exports on white are as the drawings are"


@pytest.mark.parametrize(
    ("value", "expected"), [(1.0, 1.0), (1.01, 1.5), (0.031, 0.04), (97, 100), (0, 1), (-3, 1), (float("inf"), 1)]
)
def test_nice_ceiling(value: float, expected: float) -> None:
    assert style.nice_ceiling(value) == pytest.approx(expected)


@pytest.mark.parametrize(("value", "expected"), [(1.0, 1.0), (4.9, 2.0), (0.051, 0.05), (0, 1)])
def test_nice_floor(value: float, expected: float) -> None:
    assert style.nice_floor(value) == pytest.approx(expected)


def test_signed_limit() -> None:
    assert style.signed_limit(np.array([-1.0, 0.5])) == 1.0
    assert style.signed_limit(np.zeros(0)) == 1.0
    assert style.signed_limit(np.array([-4.0, 1.0] * 100)) == 5.0
    assert np.isfinite(style.signed_limit(np.array([np.nan, np.inf, 2.0])))


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 50, 400])
def test_time_ticks_are_few_and_within(length: int) -> None:
    ticks = style.time_ticks(length)["tickvals"]
    assert ticks[0] == 1 and len(ticks) <= 11 and max(ticks) <= max(length, 1)
    assert len(set(ticks)) == len(ticks)


@pytest.mark.parametrize(("number", "text"), [(2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (21, "21st")])
def test_ordinals(number: int, text: str) -> None:
    assert style.ordinal(number) == text
