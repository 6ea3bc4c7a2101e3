"""docs/run_file.md says what is so: its program writes a file that is read, and its tables name what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from rnn_explorer.recording.run_file import about
from rnn_explorer.recording.run_file.archive import MAX_BYTES, MAX_ENTRIES
from rnn_explorer.recording.run_file.parts import MAX_ROWS
from rnn_explorer.recording.run_file.reading import opened
from rnn_explorer.recording.weight_history import MEMORY
from rnn_explorer.trace import TRAIN_COLUMNS, VALIDATION_COLUMNS
from rnn_explorer.ui import open_file
from tests.recording.run_files import entries, parts

WORDS = (Path(__file__).parents[1] / "docs" / "run_file.md").read_text(encoding="utf-8")


def test_its_program_writes_a_run_file(tmp_path: Path) -> None:
    program: dict[str, Any] = {}
    exec(re.search(r"```python\n(.*?)```", WORDS, re.DOTALL)[1], program)  # type: ignore[index]
    run, _, states = parts()
    settings = {"task": "adding", "cell": "gru", "seq_len": 10, "hidden_size": 4, "steps": 20}
    program["write"](tmp_path / "a.rnnx", settings, entries()["curves.safetensors"], dict(states))
    with opened(tmp_path / "a.rnnx") as found:
        assert found.experiment.to_json() == run.experiment and found.steps == (0, 1, 3, 6)


def test_it_names_all_of_run_json_and_of_the_curves() -> None:
    for name in (*about._FIELDS, *about._REQUIRED, *TRAIN_COLUMNS, *VALIDATION_COLUMNS):
        assert f"`{name}`" in WORDS, name


def test_its_limits_are_those_that_are_checked() -> None:
    for words in (
        f"at most {MAX_ENTRIES:,} entries and {MAX_BYTES // 2**30} GiB",
        f"at most {MAX_ROWS:,} rows",
        f"thinned to {MEMORY // 2**20} MB",
        f"takes {open_file.MAX_BYTES // 2**20} MB",
        f"at most {about._MOST['name']} and {about._MOST['note']:,} characters, and {about._TAGS} tags",
        f'`"{about.FORMAT}"`, and {about.VERSION}',
    ):
        assert words in WORDS, words
