"""The user's text: prose for a character model, or lines of a label, a tab and a text."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rnn_explorer.readable import counted
from rnn_explorer.tasks.user_data.limits import MAX_CLASSES, MAX_NAME, MAX_ROWS, DataError, quoted

Kind = Literal["characters", "labels"]

_LABELLED = 0.95  # share of lines with one tab from which a text counts as labeled lines


@dataclass(frozen=True)
class Text:
    """A checked text.

    Attributes:
        name: of the file; may be "".
        content: all characters; lines end in a newline.
        kind: "labels" where it looks like lines of a label, a tab and a text, else "characters".
        notes: what a person should know of it, in sentences.
    """

    name: str
    content: str
    kind: Kind
    notes: tuple[str, ...] = ()

    @property
    def alphabet(self) -> tuple[str, ...]:
        """Every character that occurs, in the order of code points."""
        return tuple(sorted(set(self.content)))

    def pairs(self) -> tuple[list[tuple[str, str]], int]:
        """The labeled lines.

        Returns:
            (label, text) of each different line in the order of the file, and how many repetitions were left out.

        Raises:
            DataError: for a line that has no tab, no label or no text, and for too many lines.
        """
        found: dict[tuple[str, str], None] = {}
        total = 0
        for number, line in _lines(self.content):
            label, tab, text = line.partition("\t")
            label, text = label.strip(), text.strip()
            if not (tab and label and text):
                lacking = "tab" if not tab else "label before its tab" if not label else "text after its tab"
                raise DataError(
                    f"Line {number} has no {lacking}: {quoted(line)}. Every line should be a label, a tab and a text; "
                    "for a model of the characters choose the kind characters."
                )
            if len(label) > MAX_NAME:
                raise DataError(
                    f"The label in line {number} has {len(label):,} characters, and the limit is {MAX_NAME}. Every "
                    "line should be a label, a tab and a text."
                )
            total += 1
            if total > MAX_ROWS:
                raise DataError(f"The file has more than {MAX_ROWS:,} lines, which is the limit; keep a part of them.")
            found[label, text] = None
        return list(found), total - len(found)

    def preview(self, count: int = 5) -> list[str]:
        """The first lines that are not blank, shortened."""
        return [line[:MAX_NAME] for _, line in itertools.islice(_lines(self.content), count)]


def read_text(text: str, name: str = "") -> Text:
    """Read a text: its lines, and whether they are labeled.

    Args:
        text: of the whole file, not blank.
        name: of the file, for people.
    """
    content = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n").replace("\v", "\n")
    labels, lines = _labels(content)
    tabbed = labels.total()
    notes = []
    if tabbed and tabbed >= _LABELLED * lines:
        every = "Every line is" if tabbed == lines else "Most lines are"
        form = f"{every} a label, a tab and a text"
        if len(labels) <= MAX_CLASSES:
            return Text(name, content, "labels", (f"{form}, so it can be learned to tell the label of a text.",))
        notes = [
            f"{form}, but there are {len(labels):,} different labels and the limit is {MAX_CLASSES}; so it is taken "
            "for a model of its characters. To learn the labels, merge some or leave some out."
        ]
    size = f"{counted(len(content), 'character')}, {len(set(content)):,} of them different."
    return Text(name, content, "characters", (*notes, size))


def _labels(content: str) -> tuple[Counter[str], int]:
    """How often each label comes at the beginning of a line, and the number of lines (of the first `MAX_ROWS`)."""
    labels: Counter[str] = Counter()
    lines = 0
    for _, line in itertools.islice(_lines(content), MAX_ROWS):
        lines += 1
        label, tab, rest = line.partition("\t")
        if tab and label.strip() and rest.strip() and len(label) <= MAX_NAME:
            labels[label.strip()] += 1
    return labels, lines


def _lines(content: str) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers from 1; one at a time, since a list of them all would be large."""
    begin, number = 0, 0
    while begin < len(content):
        end = content.find("\n", begin)
        end = len(content) if end < 0 else end
        number += 1
        line = content[begin:end]
        if line and not line.isspace():
            yield number, line
        begin = end + 1
