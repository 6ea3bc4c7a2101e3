"""What is accepted of a file that somebody brings, and the error that says what is wrong with one."""

from __future__ import annotations

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


class DataError(UserError):
    """A file that cannot be used. The message is a sentence that says why, and what to do."""


def quoted(text: str, longest: int = 40) -> str:
    """Somebody's text inside a sentence: in quotes, on one line, not too long."""
    line = "".join(letter if letter.isprintable() else " " for letter in text[: longest + 1])
    return f"'{line}'" if len(line) <= longest else f"'{line[: longest - 1]}…'"


def listed(names: list[str] | tuple[str, ...], most: int = 12) -> str:
    """Names in a sentence, the first few of them."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(quoted(name) for name in names[:most]) + more


def be(number: int) -> str:
    """The verb after so many of something."""
    return "is" if number == 1 else "are"


def counted(number: int, thing: str) -> str:
    """A number and what there is of it: 1 row, 3 rows, 1,200 rows."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
