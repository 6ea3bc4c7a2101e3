"""Your own data on the Data page: an upload, checked in words, looked at, and trained on.

A link to an experiment on an upload says, elsewhere, that the data stay with their owner.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from rnn_explorer.experiment import Experiment
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks.base import Split
from rnn_explorer.tasks.own import series, store, text
from rnn_explorer.tasks.own.limits import ENCODINGS, MAX_BYTES, MAX_COLUMNS, MAX_ROWS, DataError
from rnn_explorer.tasks.own.reading import Table, Text, read
from rnn_explorer.tasks.own.series import OwnSeriesSettings
from rnn_explorer.ui import desk, uploads

NONE = "(none)"
_FILE = "upload"
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-!|~:$<>])")


def plain(sentence: str) -> str:
    """A sentence that may hold somebody's text, so that Markdown shows it as it is."""
    return _SPECIAL.sub(r"\\\1", sentence)


def show() -> None:
    """The section of the Data page."""
    with st.expander("Your own data", expanded=desk.experiment().task.startswith("own_")):
        st.markdown(
            f"A CSV to forecast or to classify, or a text file. At most {MAX_BYTES // 2**20} MB, {MAX_ROWS:,} rows and "
            f"{MAX_COLUMNS} columns, not compressed. It stays on this server, with this visit, and is gone with it."
        )
        with st.container(horizontal=True, gap="small"):
            file = st.file_uploader("File", key="own:file", max_upload_size=MAX_BYTES // 2**20, width=420)
            encoding = st.selectbox("Encoding", ENCODINGS, key="own:encoding", width=160)
        if file is None:
            _forget_file()
            return
        token = _read(file, encoding)
        if token is None:
            st.error(plain(st.session_state[_FILE]["error"]))
            return
        try:
            record = store.get(token)
        except DataError as error:
            st.error(plain(str(error)))
            return
        for note in record.notes:
            st.info(plain(note))
        wanted = _table(record) if isinstance(record, Table) else _text(record)
        _offer("own_series" if isinstance(record, Table) else "own_text", {"data": token, **wanted}, record)


def _forget_file() -> None:
    """The file was taken away; what is trained on it keeps it."""
    held = st.session_state.pop(_FILE, None)
    if held and held["token"] and held["token"] != uploads.token_of(desk.experiment()):
        uploads.forget(held["token"])


def _read(file: Any, encoding: str) -> str | None:
    """The token of the uploaded file; None where it cannot be used, with the reason in the session."""
    held = st.session_state.get(_FILE)
    if held is None or (held["id"], held["encoding"]) != (file.file_id, encoding):
        _forget_file()
        held = {"id": file.file_id, "encoding": encoding, "token": None, "error": ""}
        try:
            held["token"] = uploads.bring(read(file.getvalue()[: MAX_BYTES + 1], file.name, encoding))
        except DataError as error:
            held["error"] = str(error)
        st.session_state[_FILE] = held
    return held["token"]


def _table(table: Table) -> dict[str, str]:
    """What to read of a table, as settings."""
    st.caption(f"{table.rows:,} rows, {len(table.columns)} columns; the first rows:")
    st.dataframe(table.preview(5), hide_index=True, width="stretch")
    gaps = {name: column.missing for name, column in table.columns.items() if column.missing}
    if gaps:
        told = ", ".join(f"{name}: {count:,}" for name, count in list(gaps.items())[:12])
        st.info(plain(f"Missing values by column: {told}."))
    numeric, every = list(table.numeric()), list(table.columns)
    kinds = table.kinds
    with st.container(horizontal=True, gap="small"):
        kind = st.segmented_control(
            "Question", ("forecast", "classification"), default="forecast", required=True, key="own:kind"
        )
        columns = st.multiselect(
            "Columns", numeric, key="own:columns", width=360, placeholder="chosen for you",
            help="The numeric columns that the model reads",
        )  # fmt: skip
        label = NONE
        if kind == "classification":
            label = st.selectbox(
                "Label", [NONE, *every], key="own:label", width=220, help="The column with the class",
                format_func=lambda name: name if name == NONE else f"{name} ({kinds[name]})",
            )  # fmt: skip
        series_id = st.selectbox(
            "Series id", [NONE, *every], key="own:series", width=220,
            help="The column that says which series a row belongs to, where there are several",
        )  # fmt: skip
        missing = "carry_forward"
        if gaps:
            missing = st.segmented_control(
                "Missing values", ("carry_forward", "drop"), default="carry_forward", required=True, key="own:missing",
                format_func=lambda way: way.replace("_", " "), help=OwnSeriesSettings.spec("missing").help,
            )  # fmt: skip
    wanted = {"kind": str(kind), "missing": str(missing)}
    wanted |= {"columns": series.join_names(columns)} if columns else {}
    wanted |= {name: value for name, value in (("label", label), ("series_id", series_id)) if value != NONE}
    return wanted


def _text(record: Text) -> dict[str, str]:
    """What to ask of a text, as settings."""
    st.caption(f"{len(record.content):,} characters, {len(record.alphabet)} different ones; the first lines:")
    st.code("\n".join(record.preview(5)), language=None)
    kind = st.segmented_control(
        "Question", ("characters", "labels"), default=record.kind, required=True, key="own:text_kind",
        help="characters: which character comes next. labels: the label of each line `label<TAB>text`.",
    )  # fmt: skip
    return {"kind": str(kind)}


def _offer(task: str, wanted: dict[str, str], record: Table | Text) -> None:
    """Check that it can be trained on, and offer to."""
    suits = series.suggested if isinstance(record, Table) else text.suggested
    try:
        experiment = Experiment.from_query(urlencode({"task": task, **wanted, **suits(record, wanted)}))  # type: ignore[arg-type]
        built = experiment.make_task()
    except SettingError as error:
        st.error(plain(str(error)))
        return
    for note in built.notes:
        st.info(plain(note))
    sizes = ", ".join(f"{len(built.finite_set(split)):,} for {name}" for split, name in _SPLITS)
    st.markdown(f"Sequences: {sizes}. Numbers are normalised by the training part alone.")
    st.button("Train on these data", key="own:train", type="primary", on_click=desk.put, args=(experiment,))


_SPLITS: tuple[tuple[Split, str], ...] = (("train", "training"), ("validation", "validation"), ("test", "the test"))
