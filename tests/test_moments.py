"""Moments as a text: what is written is read again, and what is no such text is none."""

from __future__ import annotations

import pytest

from rnn_explorer.moments import LONGEST, MOST, Moment, read, write


def test_moments_come_back_in_their_order_and_each_once() -> None:
    wanted = (Moment("a-1"), Moment("b_2", 800), Moment("b_2", 800, '{"clamp":[["forget",0,1]]}'), Moment("b_2", 0))
    assert read(write(wanted)) == wanted
    assert read(write([*wanted[:2], wanted[0]])) == wanted[:2]
    assert write([]) == "" and read("") == ()
    assert write([Moment("a")]) == '["a"]'


def test_there_are_at_most_a_few_of_a_bounded_length() -> None:
    assert len(read(write([Moment(f"r{n}") for n in range(9)]))) == MOST
    text = write([Moment("a", 1, "x" * (LONGEST - 100)), Moment("b", 2, "y" * 200)])
    assert len(text) <= LONGEST and read(text) == (Moment("a", 1, "x" * (LONGEST - 100)),)


@pytest.mark.parametrize(
    "text", ["{", "3", "[3]", "[null]", "[[]]", '[["a",1.5]]', '[["a",true]]', '[["a",-1]]', '[["a",1,2]]', '["../a"]',
             '[["a",1,"",1]]', '[[["a"]]]', "[" * 5000, '{"a":1}', '[""]'],
)  # fmt: skip
def test_what_is_no_such_text_is_none(text: str) -> None:
    assert read(text) == ()
