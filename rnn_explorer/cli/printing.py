"""How the commands print: tables, JSON, and sentences on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rnn_explorer.jsonable import jsonable

LONGEST = 1_000  # characters of a line on standard error


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return "  ".join(padded).rstrip()

    return "\n".join([line(heads), line(["-" * width for width in widths]), *map(line, rows)])


def print_json(values: Mapping[str, Any]) -> None:
    print(json.dumps(jsonable(values), allow_nan=False), flush=True)


def tell(notes: Iterable[str]) -> None:
    """Say what a person should know, on standard error: a line for each, whatever text of others it quotes."""
    for note in notes:
        line = "".join(letter if letter.isprintable() else " " for letter in note[:LONGEST])
        print(f"rnn_explorer: {line}{'…' if len(note) > LONGEST else ''}", file=sys.stderr)
