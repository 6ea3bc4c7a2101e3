"""Reading the shipped data files, once per process, and what their manifest says of them."""

from __future__ import annotations

import csv
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from rnn_explorer.tasks.base import Source
from rnn_explorer.trace import Array

FOLDER = Path(__file__).resolve().parent / "data"


@functools.lru_cache(maxsize=1)
def manifest() -> dict[str, dict[str, Any]]:
    """The manifest's entry of each file, by name."""
    listed = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))
    return {entry["name"]: entry for entry in listed["files"]}


def source(name: str) -> Source:
    """Where a file's data come from; KeyError where there is no such file."""
    entry = manifest()[name]
    return Source(citation=entry["citation"], license=entry["license"], url=entry["url"])


@functools.lru_cache(maxsize=8)
def arrays(name: str) -> dict[str, Array]:
    """The arrays of an .npz file, by name; read-only, since every caller shares them."""
    with np.load(FOLDER / manifest()[name]["file"], allow_pickle=False) as loaded:
        found = {key: loaded[key] for key in loaded.files}
    for array in found.values():
        array.setflags(write=False)
    return found


@functools.lru_cache(maxsize=8)
def columns(name: str) -> dict[str, tuple[str, ...]]:
    """The columns of a .csv file, as text, by the name in its first row."""
    with (FOLDER / manifest()[name]["file"]).open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        found: dict[str, list[str]] = {column: [] for column in next(reader)}
        for row in reader:  # one by one: thousands of rows kept as lists would set off a slow garbage collection
            for values, value in zip(found.values(), row, strict=True):
                values.append(value)
    return {column: tuple(values) for column, values in found.items()}


@functools.lru_cache(maxsize=2)
def text(name: str) -> str:
    """The whole of a .txt file."""
    return (FOLDER / manifest()[name]["file"]).read_text(encoding="utf-8")
