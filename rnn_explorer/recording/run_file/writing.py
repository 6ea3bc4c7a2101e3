"""A run file is written whole, or not at all."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from typing import BinaryIO

from rnn_explorer.recording.run_file import about, parts
from rnn_explorer.recording.run_file.archive import ABOUT, CURVES, DATA, state_name
from rnn_explorer.recording.store.records import Kind, StoredRun
from rnn_explorer.tasks.user_data.reading import Table, Text
from rnn_explorer.trace import Array


def write(
    file: BinaryIO,
    run: StoredRun,
    curves: Mapping[Kind, Array],
    states: Iterable[tuple[int, bytes]],
    data: Table | Text | None = None,
) -> None:
    """Write a run into an open file; `recording.files.write_whole` opens one whole or not at all.

    Args:
        file: can be written at any place.
        run: what is said of it; its owner, and who may see it, are left out.
        curves: (rows, 1 + columns) each, the step first; rows after the newest state are left out, and those that are
            not finite.
        states: step and `Trainer.state()`, ascending, one at least; each is asked for when it is written.
        data: the user's own data that it was trained on; None: none, or they are left out.

    Raises:
        OSError: when it cannot be written, or a state cannot be read.
    """
    newest = 0
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(_entry(ABOUT, zipfile.ZIP_DEFLATED), about.written(run))
        for newest, state in states:
            archive.writestr(_entry(state_name(newest), zipfile.ZIP_STORED), state)  # weights hardly become smaller
        archive.writestr(_entry(CURVES, zipfile.ZIP_DEFLATED), parts.curves_written(curves, newest))
        if data is not None:
            archive.writestr(_entry(DATA, zipfile.ZIP_DEFLATED), parts.data_written(data))


def _entry(name: str, how: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # of the year 1980, so that the same run gives the same file
    entry.compress_type = how
    return entry
