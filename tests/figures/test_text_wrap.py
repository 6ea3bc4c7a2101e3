"""Where a text is broken into lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.figures.try_it.text_wrap import columns_for, glyph, wrapped


@given(st.text("ab \n", max_size=200), st.integers(1, 50))
def test_lines_hold_everything_and_are_not_too_long(text: str, columns: int) -> None:
    lines = wrapped(text, columns)
    assert "".join(text[start:end] for start, end in lines) == text
    assert all(0 < end - start <= columns for start, end in lines)


def test_a_line_ends_after_a_space_where_it_can() -> None:
    def broken(text: str, columns: int) -> list[str]:
        return [text[start:end] for start, end in wrapped(text, columns)]

    assert broken("one two three", 9) == ["one two ", "three"]
    assert broken("a bcdefghijk", 8) == ["a bcdefg", "hijk"], "a break too far back would leave a gap"
    assert broken("abc\ndef", 4) == ["abc\n", "def"]
    assert broken("", 4) == [] and broken("abc", 3) == ["abc"]


def test_columns_follow_the_shape_of_the_panel() -> None:
    assert [columns_for(count, 2.7) for count in (0, 1, 9, 20, 48, 200)] == [1, 1, 9, 20, 20, 33]
    assert columns_for(200, 4.0) == 40


def test_every_symbol_is_one_sign_that_can_be_seen() -> None:
    assert [glyph(symbol) for symbol in ("a", " ", "\n", "\t", "", "é", "—")] == ["a", "␣", "⏎", "⇥", "∅", "é", "—"]
    assert [glyph(symbol) for symbol in ("\u0301", "\x00", "\U0001f40b", "word", "\u200b")] == ["□"] * 5
