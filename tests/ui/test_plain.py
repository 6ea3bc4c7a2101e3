"""Foreign text on a page is text: nothing of it is Markdown, a link, an icon or an arrow, and it is short."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.ui.plain import LONGEST, plain

JOINER = "\u2060"


def shown(text: str) -> str:
    """What Markdown makes of the escapes."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text).replace(JOINER, "")


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("[open](x)", r"\[open\](x)"),
        ("**b** `c` ~~s~~ $x$ <b> &lt;", r"\*\*b\*\* \`c\` \~\~s\~\~ \$x\$ \<b> \&lt;"),
        ("_a_ own_series a_b_", r"\_a\_ own_series a_b\_"),
        ("# x", r"\# x"), ("- x", r"\- x"), ("1. x", r"1\. x"), ("> x", r"\> x"), ("12) x", r"12\) x"),
        ("a # b - c 1. d", "a # b - c 1. d"),
        ("a\n# b", "a # b"),
        ("http://evil.example", f"http:{JOINER}//evil.example"),
        ("www.evil.example", f"www{JOINER}.evil.example"),
        ("me@evil.example", f"me@{JOINER}evil.example"),
        (":material/home:", f":{JOINER}material/home:"),
        (":red[x]", f":{JOINER}red\\[x\\]"),
        ("a -> b", f"a -{JOINER}> b"),
        ("Line 3: it is 'x' (5 of 6).", "Line 3: it is 'x' (5 of 6)."),
    ],
)  # fmt: skip
def test_what_markdown_would_change_is_escaped(text: str, escaped: str) -> None:
    assert plain(text) == escaped


def test_it_is_short() -> None:
    assert len(shown(plain("x" * 30_000))) == LONGEST and shown(plain("*" * 30_000, 40)) == "*" * 39 + "…"


@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_everything_that_can_be_seen_is_shown(text: str) -> None:
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    assert shown(plain(text)) == line.replace(JOINER, "")
    assert not re.search(r"https?://|www\.|:[\w/-]+:", plain(text), re.IGNORECASE)
