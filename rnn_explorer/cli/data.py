"""The command line's part on a file of one's own: `train --data FILE`.

The file is checked by the same reading as an upload to the server, and kept as one for as long as this process lives.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from rnn_explorer.cli.printing import tell
from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks.user_data import series, store
from rnn_explorer.tasks.user_data.chosen import settings_of, task_of
from rnn_explorer.tasks.user_data.limits import DECIMALS, ENCODINGS, MAX_BYTES, DataError, DecimalOpen
from rnn_explorer.tasks.user_data.reading import FORMS, How, Table, Text, read

# How a file is read, beside its encoding: of these only a file has any use.
HOW = ("--decimal", "--labels-as-written", "--form")
OPTIONS = {"--column": "columns", "--label": "label", "--series-id": "series_id", "--kind": "kind"}


def add_arguments(train: argparse.ArgumentParser) -> None:
    """Add the options on a file to a command that trains."""
    own = train.add_argument_group(
        "your own data",
        "The task is own_series for a table and own_text for a text; its other settings may stand in the query, as in "
        "seq_len=20&missing=drop.",
    )
    own.add_argument(
        "--data",
        metavar="FILE",
        help="a table (.csv, .tsv) of at most 5 MB, or a text of any other name; - is a text from standard input",
    )
    own.add_argument("--column", metavar="NAME", action="append", help="a column to read; may be given several times")
    own.add_argument("--label", metavar="NAME", help="the column with the class, for a classification")
    own.add_argument("--series-id", metavar="NAME", help="the column that says which series a row belongs to")
    own.add_argument("--kind", help="forecast or classification; for a text, characters or labels")
    own.add_argument("--encoding", default="utf-8", help=f"of the file: {', '.join(ENCODINGS)}")
    own.add_argument(
        "--decimal",
        choices=DECIMALS[1:],
        help="the decimal sign, where the table does not show whether 1.234 is a thousand or not much more than 1",
    )
    own.add_argument(
        "--labels-as-written",
        action="store_true",
        default=None,
        help="words such as NA, none, - and ? are labels, not missing values, where a column is one of labels",
    )
    own.add_argument("--form", choices=FORMS[1:], help="read the file as this, whatever its name ends in")


def experiment(args: argparse.Namespace) -> Experiment:
    """The experiment of the query, on the file where there is one.

    Raises:
        DataError: for a file that cannot be used, and for an option that needs one.
        SettingError: as `Experiment.from_query`.
    """
    if args.data is None:
        for option in (*OPTIONS, *HOW):
            if getattr(args, option[2:].replace("-", "_")) is not None:
                raise DataError(f"{option} says what to read of a file, so it needs --data FILE.")
        return Experiment.from_query(args.query)
    record, task = _record(args)
    given = dict(parse_qsl(args.query.lstrip("?"), keep_blank_values=True))
    if given.get("task", task) != task:
        raise SettingError("task", given["task"], f"{task} for this file, or left out")
    chosen = _options(args, record)
    extra = {"task": task} if "task" not in given else {}
    extra |= {**chosen, **settings_of(record, {**given, **chosen})}
    return Experiment.from_query(f"{urlencode(extra)}&{args.query.lstrip('?')}")


def kept(args: argparse.Namespace) -> tuple[str, str]:
    """The file of `--data`, kept as an upload: which task it is for, and its name there.

    Raises:
        DataError: for a file that cannot be used.
    """
    record, task = _record(args)
    return task, store.keep(record)


def _record(args: argparse.Namespace) -> tuple[Table | Text, str]:
    """What is read of the file of `--data`, and which task it is for."""
    record = _read(args)
    _end_orderly()
    tell([f"{record.name}: {note}" for note in record.notes])
    return record, task_of(record)


def _end_orderly() -> None:
    """Let SIGTERM end this process as an exit, which removes what is kept of the file; by itself it would not."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def _read(args: argparse.Namespace) -> Table | Text:
    how = How(args.encoding, args.decimal or "", bool(args.labels_as_written), args.form or "")
    try:
        return read(_content(args.data), Path(args.data).name, how=how)
    except DecimalOpen as error:
        raise DataError(f"{error} Add --decimal point or --decimal comma.") from None


def _content(name: str) -> bytes:
    try:
        with sys.stdin.buffer if name == "-" else Path(name).open("rb") as file:
            return file.read(MAX_BYTES + 1)  # one byte too many is enough to be refused
    except OSError as error:
        raise DataError(f"--data {name} cannot be read: {error.strerror}.") from error


def _options(args: argparse.Namespace, record: Table | Text) -> dict[str, str]:
    """What the options say, as settings of the task."""
    found = {}
    for option, name in OPTIONS.items():
        value = getattr(args, option[2:].replace("-", "_"))
        if value is None:
            continue
        if isinstance(record, Text) and name != "kind":
            raise DataError(f"{option} names a column, and a text has none; a table's name ends in .csv or .tsv.")
        found[name] = series.join_names(value) if name == "columns" else value
    return found
