"""What is accepted of the user's file, and the error that says what is wrong with one."""

from __future__ import annotations

from collections.abc import Sequence

from rnn_explorer.errors import UserError

MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 100_000
MAX_COLUMNS = 200
MAX_NAME = 80  # characters of a column's or a file's name
MAX_CELL = 1_000  # characters
MAX_ROW = 100_000  # characters of a row, which a quote that is never closed would exceed
MAX_CLASSES = 100
MAX_TEXTS = 200_000  # different texts that are kept of a table, all columns together: they cost memory
# Encodings by name. Python knows more, and some of those take quadratic time or unpack archives.
ENCODINGS = (
    "utf-8", "utf-16", "latin-1", "cp1252", "iso-8859-15", "cp1250", "cp1251", "koi8-r", "mac-roman", "shift_jis",
    "gb18030", "big5", "euc-kr",
)  # fmt: skip


DECIMALS = ("", "point", "comma")  # that may be stated for a table; "" is for nothing stated


class DataError(UserError):
    """A file that cannot be used. The message is a sentence that says why, and what to do."""


class DecimalOpen(DataError):
    """Numbers that can be read in two ways; who reads the file again must state the decimal sign."""


def quoted(text: str, longest: int = 40) -> str:
    """The user's text inside a sentence: in quotes, on one line, not too long."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[: longest + 1])
    return f"'{line}'" if len(line) <= longest else f"'{line[: longest - 1]}…'"


def clean(text: str) -> str:
    """One line without signs that cannot be seen."""
    if text.isascii() and text.isprintable() and "  " not in text:  # as most are, which is quick to see
        return text.strip()
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def listed(names: list[str] | tuple[str, ...], most: int = 12) -> str:
    """Names in a sentence, the first few of them."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(quoted(name) for name in names[:most]) + more


def be(number: int) -> str:
    """The verb after so many of something."""
    return "is" if number == 1 else "are"


def at_lines(lines: Sequence[int], most: int = 3) -> str:
    """Where in a file: line 3; lines 3 and 7; lines 3, 7, 9 and 20 more."""
    shown = [f"{line:,}" for line in lines[:most]]
    if len(lines) > most:
        return f"lines {', '.join(shown)} and {len(lines) - most:,} more"
    *first, last = shown
    return f"lines {', '.join(first)} and {last}" if first else f"line {last}"
