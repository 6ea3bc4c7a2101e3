"""The words on the pages, against the terms in docs/glossary.md: read from the source, so that none is left out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "rnn_explorer"
# Here every step is one of a sequence, unless it is called an optimizer step (or a one-step forecast, or is code).
OF_SEQUENCES = (
    *("figures", "tasks", "views/cell.py", "views/dynamics", "views/lab.py", "views/try_it"),
    *(
        "analysis/dynamics/fixed_points.py",
        "analysis/dynamics/record.py",
        "analysis/dynamics/stability.py",
        "analysis/cell_internals/compute.py",
        "analysis/memory/cell_memory.py",
        "analysis/memory/findings.py",
        "analysis/memory/record.py",
        "analysis/own_sequence/compute.py",
    ),
    *("cli/memory.py", "work.py"),
)
BARE = re.compile(r"(?<!time )(?<!optimizer )(?<![-`])\bsteps?\b", re.IGNORECASE)
BRITISH = re.compile(
    r"\b(\w*colour\w*|behaviour\w*|neighbour\w*|grey|centred?|labell\w+|modell\w+|learnt|whilst|analyse[ds]?|practise[ds]?"
    r"|(normal|initial|optim|regular|general|recogn|visual)is(e|ed|es|ing|ation)|per cent)\b",
    re.IGNORECASE,
)


def files(*places: str) -> list[Path]:
    roots = [SOURCE / place for place in places]
    assert all(root.exists() for root in roots)
    return sorted(path for root in roots for path in ([root] if root.is_file() else root.rglob("*.py")))


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of every string of several words; what is put into it is an ellipsis; no comment, no docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    apart = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            apart.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            apart |= set(node.values)
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.JoinedStr):
            text = "".join(v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in apart:
            text = node.value
        if " " in text.strip():
            yield node.lineno, text


def found(pattern: re.Pattern[str], *places: str) -> list[str]:
    return [
        f"{path.relative_to(SOURCE)}:{line}: {text}"
        for path in files(*places)
        for line, text in sentences(path)
        if pattern.search(text)
    ]


def test_a_step_of_a_sequence_is_called_a_time_step() -> None:
    assert found(BARE, *OF_SEQUENCES) == []


def test_spelling_is_american() -> None:
    assert found(BRITISH, ".") == []


OLD = "What it sees and says", "What the numbers say", "Path of the hidden state", "free run", "forced"


@pytest.mark.parametrize("old", OLD)
def test_old_terms_are_gone(old: str) -> None:
    assert found(re.compile(re.escape(old) + r"\b", re.IGNORECASE), ".") == []
