"""Foreign text on a page: shown as it is, and short.

Streamlit reads Markdown wherever it shows words: in warnings, captions, labels, help. So whatever comes from an
address, a file or a keyboard goes through `plain`, alone or inside a sentence of ours.
"""

from __future__ import annotations

import re

LONGEST = 500  # characters; no sentence of ours is longer

# What has a meaning anywhere in a line (an underscore within a word has none), and what has one at its beginning.
_SPECIAL = re.compile(r"([\\`*\[\]~$<&]|(?<![^\W_])_|_(?![^\W_]))")
_FIRST = re.compile(r"([0-9]*)([-+#>=|.)])")
# Links, icons and arrows are found in the text after all escapes are undone, so no escape keeps them from being made; a
# sign without width inside them does.
_JOINER = "\u2060"
_MADE_LATER = re.compile(r"(?<=[:@])(?=\S)|(?<=www)(?=\.)|(?<=[-<>~])(?=[-=>])", re.IGNORECASE)


def plain(text: str, longest: int = LONGEST) -> str:
    """Text in one line that Markdown shows as it is.

    Args:
        text: any.
        longest: characters that are shown; what is longer ends in an ellipsis.
    """
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 2 * longest]).split())
    if len(line) > longest:
        line = f"{line[: longest - 1]}…"
    escaped = _SPECIAL.sub(r"\\\1", _MADE_LATER.sub(_JOINER, line))
    begins = _FIRST.match(escaped)
    return f"{begins[1]}\\{escaped[begins.end(1) :]}" if begins else escaped
