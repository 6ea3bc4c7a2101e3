"""Text is read on its page: an independent computation of contrast over all text that a figure colors."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.figures.contrast import contrast, ink, legible, readable
from rnn_explorer.figures.style import CLASS_COLORS, GATE_SCALE, STATE_SCALE
from tests.figures.test_style import contrast as oracle

COLORS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(COLORS, COLORS)
def test_contrast_is_that_of_the_guidelines(one: str, other: str) -> None:
    assert contrast(one, other) == pytest.approx(oracle(one, other))


@given(COLORS)
def test_ink_is_read_on_any_color(color: str) -> None:
    assert oracle(ink(color), color) >= 4.5


@pytest.mark.parametrize("paper", ["#ffffff", "#0e1117", "#10151b"])
@pytest.mark.parametrize("color", [*CLASS_COLORS, "#888888", *(color for _, color in GATE_SCALE + STATE_SCALE)])
def test_a_color_of_text_is_read_on_its_paper(color: str, paper: str) -> None:
    assert oracle(readable(color, paper), paper) >= 4.5
    if oracle(color, paper) >= 4.6:
        assert readable(color, paper).lower() == color.lower(), "what is read already stays"


def test_text_is_mended_wherever_it_stands_and_nothing_else() -> None:
    trace = {"x": [1, 2], "line": {"color": "#D08700"}, "textfont": {"size": 9, "color": ["#D08700", "#000000"]}}
    layout = {"annotations": [{"text": "<span style='color:#D08700'>a</span> b", "font": {"color": "#888888"}}]}
    made, laid = legible(trace, "#ffffff"), legible(layout, "#ffffff")
    assert made["line"] == trace["line"] and made["x"] == [1, 2] and made["textfont"]["size"] == 9
    assert made["textfont"]["color"][1] == "#000000"
    (note,) = laid["annotations"]
    told = [*re.findall("#[0-9A-Fa-f]{6}", note["text"]), made["textfont"]["color"][0], note["font"]["color"]]
    assert len(told) == 3 and all(oracle(color, "#ffffff") >= 4.5 for color in told)
    assert trace["textfont"]["color"][0] == "#D08700", "the figure itself stays"
