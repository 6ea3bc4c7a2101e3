from __future__ import annotations

import numpy as np
import pytest

from rnn_explorer.figures import style

PAPERS = ("#ffffff", "#0e1117")


def luminance(colour: str) -> float:
    """Relative luminance as the web's accessibility guidelines define it."""
    parts = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("colour", [*style.CLASS_COLOURS, *style.CELL_COLOURS.values(), style.MUTED])
def test_colours_can_be_seen_on_both_pages(colour: str, paper: str) -> None:
    assert contrast(colour, paper) >= 2.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_can_be_read_on_its_page(theme: str) -> None:
    layout = style.template(theme)["layout"]
    assert contrast(layout["paper_bgcolor"], layout["font"]["color"]) >= 7


def test_gates_go_from_dark_to_bright_and_states_from_side_to_side() -> None:
    light = [luminance(colour) for _, colour in style.GATE_SCALE]
    assert light == sorted(light)
    states = [luminance(colour) for _, colour in style.STATE_SCALE]
    middle = len(states) // 2
    assert style.STATE_SCALE[middle][0] == 0.5
    assert states[: middle + 1] == sorted(states[: middle + 1]) and states[middle:] == sorted(states[middle:])[::-1]
    neutral = style.STATE_SCALE[middle][1]
    parts = [int(neutral[start : start + 2], 16) for start in (1, 3, 5)]
    assert max(parts) - min(parts) <= 8
    assert style.GATE_SCALE != style.STATE_SCALE


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
