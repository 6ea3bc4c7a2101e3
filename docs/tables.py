"""The tables of README and docs that repeat what a registry knows, printed anew between their marks: `make docs`.

A table stands between `<!-- table: NAME -->` and `<!-- end of table -->`, where NAME is one of `TABLES`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rnn_explorer.analysis import registry
from rnn_explorer.cells import CELLS
from rnn_explorer.experiment import ModelSettings, TrainingSettings
from rnn_explorer.settings import Spec
from rnn_explorer.tasks import TASKS

ROOT = Path(__file__).resolve().parents[1]
FILES = (ROOT / "README.md", ROOT / "docs" / "library.md", ROOT / "docs" / "settings.md")
_MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end of table -->\n)", re.DOTALL)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    bars = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in (heads, ["---"] * len(heads), *bars))


def cells() -> str:
    """Every cell with its gates and states."""
    rows = [
        [f"`{key}`", cell.title, ", ".join(cell.gate_names), ", ".join(cell.state_names)] for key, cell in CELLS.items()
    ]
    return table(["cell", "", "gates", "states"], rows)


def tasks() -> str:
    """Every task with what it is and what it teaches."""
    rows = [[f"`{key}`", f"{task.title}. {task.summary}", task.teaches] for key, task in TASKS.items()]
    return table(["task", "what it is", "what it teaches"], rows)


def settings() -> str:
    """The settings of every experiment."""
    first = ["`task`", "see above", "What is learned; it sets the defaults of all others."]
    specs = (*ModelSettings.specs(), *TrainingSettings.specs())
    return table(["key", "values", "meaning"], [first, *map(_setting, specs)])


def task_settings() -> str:
    """The settings of each task."""
    rows = [[f"`{key}`", *_setting(spec)] for key, task in TASKS.items() for spec in task.settings_class.specs()]
    return table(["task", "key", "values", "meaning"], rows)


def _setting(spec: Spec) -> list[str]:
    values = re.sub(r"^(one of|a (whole )?number from) ", "", spec.allowed)
    live = " Can be changed while it trains." if spec.live else ""
    return [f"`{spec.name}`", values + (f" ({spec.unit})" if spec.unit else ""), f"{spec.label}. {spec.help}{live}"]


def analyses() -> str:
    """Every analysis with what it finds."""
    registry.load()
    rows = [
        [f"`{name}`", (inspect.getdoc(made) or "").splitlines()[0]] for name, made in sorted(registry.ANALYSES.items())
    ]
    return table(["name", "what it finds"], rows)


TABLES: dict[str, Callable[[], str]] = {
    "cells": cells, "tasks": tasks, "settings": settings, "task_settings": task_settings, "analyses": analyses,
}  # fmt: skip


def printed(text: str) -> str:
    """The text of a file with its tables as the registries have them now.

    Raises:
        KeyError: for a mark with a name that no table has.
    """
    return _MARKED.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], text)


if __name__ == "__main__":
    for path in FILES:
        path.write_text(printed(path.read_text(encoding="utf-8")), encoding="utf-8")
