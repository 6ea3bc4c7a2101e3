"""The characters of the user's text that a model tells apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from rnn_explorer.readable import counted
from rnn_explorer.tasks.user_data.limits import DataError, be
from rnn_explorer.trace import Array

MAX_SYMBOLS = 100  # different characters that a model tells apart
OTHER = "□"  # stands for every character that is not one of them
MOST_OTHER = 0.1  # share of the characters that may be shown as it


@dataclass(frozen=True)
class Alphabet:
    """The characters that a model tells apart.

    Attributes:
        names: of each symbol; the first is "" for padding where there is padding, the last `OTHER` where it is needed.
        notes: remarks.
    """

    names: tuple[str, ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, training: str, whole: str, padded: bool) -> Alphabet:
        """The commonest characters of the training part.

        Raises:
            DataError: where these are too few of all.
        """
        counts, everywhere = Counter(training), Counter(whole)
        room = MAX_SYMBOLS - padded
        needed = len(counts) > room or not set(everywhere) <= set(counts) or OTHER in counts
        counts.pop(OTHER, None)
        known = [letter for letter, _ in counts.most_common(room - needed)]
        lost = everywhere.total() - sum(everywhere[letter] for letter in known)
        share = f"{100 * lost / everywhere.total():.2g} %"
        if lost > MOST_OTHER * everywhere.total():
            raise DataError(
                f"The text has {len(everywhere):,} different characters, of which a model here tells {MAX_SYMBOLS} "
                f"apart, so it would not know {share} of the text; bring one in an alphabet with fewer."
                if len(counts) > room
                else f"Of the text, {share} are characters that do not occur in its training part; bring a longer one, "
                "or one that is more of a piece."
            )
        names = ("",) * padded + tuple(sorted(known)) + (OTHER,) * needed
        what = f"{counted(lost, 'character')} of the text ({share})"
        note = f"{what} {be(lost)} rare or not in the training part, and read as {OTHER}."
        return cls(names, (note,) if lost else ())

    def codes(self, text: str) -> Array:
        """(characters,) uint8: the symbol of each character."""
        points = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
        found = np.full(0x110000, len(self.names) - 1, dtype=np.uint8)  # by code point; the last symbol is `OTHER`
        for code, name in enumerate(self.names):
            if name:
                found[ord(name)] = code
        return found[points]
