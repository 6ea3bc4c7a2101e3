"""The settings of a task on the user's file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rnn_explorer.tasks.user_data import series, store, text
from rnn_explorer.tasks.user_data.reading import Table, Text


def task_of(record: Table | Text) -> str:
    """The key of the task that a table or a text is for."""
    return "own_series" if isinstance(record, Table) else "own_text"


def suggested(record: Table | Text, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that suit a file, by name, for those that the user has not given."""
    return series.suggested(record, given) if isinstance(record, Table) else text.suggested(record, given)


def settings_of(record: Table | Text, given: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a file as an upload, for as long as this process lives, and say which settings suit it.

    Args:
        record: what was read of it.
        given: settings of the task that the user chose, by name.

    Returns:
        The setting `data`, and those that suit the file and were not given.

    Raises:
        DataError: when there is no more room.
    """
    return {"data": store.keep(record), **suggested(record, given)}
