"""Numbers, counts and symbols as people read them."""

from __future__ import annotations

import math

import pytest

from rnn_explorer.readable import counted, number, visible


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0.0, 3, "0"), (0.0012345, 3, "0.00123"), (12.34, 3, "12.3"), (-12.34, 2, "-12"), (99.7, 2, "100"),
        (1234.5, 2, "1234"), (9999.0, 2, "9999"), (12345.0, 3, "1.23e4"), (1e12, 2, "1e12"), (3.21e-5, 2, "3.2e-5"),
        (1e-6, 3, "1e-6"), (-1e-100, 2, "-1e-100"),
        (math.nan, 3, "not finite"), (-math.inf, 3, "not finite"),
    ],
)  # fmt: skip
def test_numbers_of_any_size(value: float, digits: int, text: str) -> None:
    assert number(value, digits) == text


def test_counts_have_their_noun() -> None:
    assert [counted(count, "row") for count in (0, 1, 3, 1200)] == ["0 rows", "1 row", "3 rows", "1,200 rows"]


def test_what_would_not_be_seen_has_a_sign() -> None:
    assert [visible(symbol) for symbol in ("a", " ", "\n", "\t", "")] == ["a", "␣", "⏎", "⇥", "∅"]
