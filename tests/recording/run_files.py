"""A good run file, taken apart, and put together again with something wrong in it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.run_file.writing import write
from rnn_explorer.recording.safetensors_file import assembled, packed, read_header
from rnn_explorer.recording.store.records import Kind, StoredRun
from rnn_explorer.trace import Array
from rnn_explorer.training import Trainer

Entries = dict[str, bytes]
QUERY = "task=adding&cell=gru&seq_len=10&hidden_size=4&steps=20"
NEWEST = "states/6.safetensors"


@cache
def parts() -> tuple[StoredRun, dict[Kind, Array], tuple[tuple[int, bytes], ...]]:
    """A run of six steps, of which four states are kept."""
    trainer = Trainer(Experiment.from_query(QUERY))
    states, rows = [(0, trainer.state())], []
    for _ in range(6):
        report = trainer.step()
        rows.append([report.step, report.train_loss, report.train_metric, report.grad_norm, report.applied_norm])
        if report.step in (1, 3, 6):
            states.append((report.step, trainer.state()))
    about = StoredRun(
        "abc", trainer.experiment.to_json(), owner="anna", name="Mine <b>", note="two\nlines", tags=("a", "ä"),
        origin="xyz", origin_step=2, versions={"torch": "2"}, seconds=1.5, created=1e9,
        marks=((2, "torch 2 (before: 1)"),),
    )  # fmt: skip
    return about, {"train": np.array(rows), "validation": np.array([[0.0, 0.2, 0.3], [6.0, 0.1, 0.2]])}, tuple(states)


@cache
def good() -> bytes:
    """The file of that run."""
    file = io.BytesIO()
    write(file, *parts())
    return file.getvalue()


def entries(content: bytes = b"") -> Entries:
    """What a file holds, by name."""
    with zipfile.ZipFile(io.BytesIO(content or good())) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(found: Entries, how: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, content in found.items():
            archive.writestr(name, content)
    return file.getvalue()


def with_entry(name: str, content: bytes | None) -> bytes:
    """A file with an entry more, or another one, or, for None, without it."""
    found = entries()
    if content is None:
        del found[name]
    else:
        found[name] = content
    return zipped(found)


def with_about(**changes: Any) -> bytes:
    """A file that says something else in run.json; None leaves a word out."""
    about = {**json.loads(entries()["run.json"]), **changes}
    return with_entry("run.json", json.dumps({k: v for k, v in about.items() if v is not None}).encode())


def with_experiment(**changes: Any) -> bytes:
    """A file of other settings, in all that says them."""
    found = entries()
    about = json.loads(found["run.json"])
    about["experiment"] |= changes
    found["run.json"] = json.dumps(about).encode()
    return zipped(found)


def with_curves(change: Callable[[dict[str, Array]], None]) -> bytes:
    _, curves, _ = parts()
    found: dict[str, Array] = {str(kind): rows.copy() for kind, rows in curves.items()}
    change(found)
    return with_entry("curves.safetensors", packed(found, {}))


def with_state(
    header: Callable[[dict[str, Any]], None] = lambda entries: None, numbers: Callable[[bytes], bytes] = lambda n: n
) -> bytes:
    """A file whose newest state has another header, or other numbers."""
    state = entries()[NEWEST]
    found = read_header(io.BytesIO(state), len(state))
    header(found.entries)
    return with_entry(NEWEST, assembled(found.entries, numbers(state[found.end :])))


def with_metadata(name: str, **changes: Any) -> bytes:
    """A file whose newest state says something else of its position or its experiment."""

    def change(found: dict[str, Any]) -> None:
        about = {**json.loads(found["__metadata__"].get(name, "{}")), **changes}
        found["__metadata__"][name] = json.dumps(about)

    return with_state(change)
