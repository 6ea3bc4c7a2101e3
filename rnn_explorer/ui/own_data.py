"""Your own data on the Data page: an upload, checked in words, looked at, and trained on.

A link to an experiment on an upload says, elsewhere, that the data stay with their owner.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from rnn_explorer.experiment import Experiment
from rnn_explorer.figures.table import as_text
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks.base import Split
from rnn_explorer.tasks.user_data import store
from rnn_explorer.tasks.user_data.chosen import suggested, task_of
from rnn_explorer.tasks.user_data.limits import (
    DECIMALS,
    ENCODINGS,
    MAX_BYTES,
    MAX_COLUMNS,
    MAX_ROWS,
    DataError,
    DecimalOpen,
)
from rnn_explorer.tasks.user_data.reading import FORMS, How, Table, Text, is_table, read
from rnn_explorer.tasks.user_data.series_settings import OwnSeriesSettings, join_names
from rnn_explorer.ui import page_state, uploads
from rnn_explorer.ui.plain import plain
from rnn_explorer.ui.rows import rows

NONE = "(none)"
_FILE = "upload"
_BY_NAME = "by its name"


def show(expanded: bool) -> None:
    """The section of the Data page.

    Args:
        expanded: whether it is open at first.
    """
    with st.expander("Your own data", expanded=expanded):
        st.markdown(
            f"A CSV to forecast or to classify, or a text file. At most {MAX_BYTES // 2**20} MB, {MAX_ROWS:,} rows and "
            f"{MAX_COLUMNS} columns, not compressed. This server keeps it with the runs that you train on it, and "
            "for you alone. It is gone with the last of them; without one, an hour after you left."
        )
        with st.container(horizontal=True, gap="small"):
            file = st.file_uploader("File", key="own:file", max_upload_size=MAX_BYTES // 2**20, width=420)
            encoding = st.selectbox("Encoding", ENCODINGS, key="own:encoding", width=160)
            form = st.selectbox(
                "Read it as", [_BY_NAME, *FORMS[1:]], key="own:form", width=160,
                help="By its name, a file that ends in .csv, .tsv or .tab is a table and any other a text",
            )  # fmt: skip
        if file is None:
            _forget_file()
            return
        how = How(encoding, form="" if form == _BY_NAME else form)
        if how.form == "table" or (not how.form and is_table(file.name)):
            how = _how_table(file, how)
        _read(file, how)
        held = st.session_state[_FILE]
        if held["token"] is None:
            st.error(plain(held["error"]))
            return
        try:
            record = store.get(held["token"])
        except DataError as error:
            st.error(plain(str(error)))
            return
        for note in record.notes:
            st.info(plain(note))
        wanted = _table(record) if isinstance(record, Table) else _text(record)
        _offer(record, {"data": held["token"], **wanted})


def _how_table(file: Any, how: How) -> How:
    """Ask what a table does not show itself. The decimal sign is asked for only where a first reading found it open."""
    with st.container(horizontal=True, gap="small"):
        as_written = st.toggle(
            "Labels as written", key="own:as_written",
            help="Words such as NA, none, - and ? are labels, not missing values, where a column is one of labels",
        )  # fmt: skip
        how = replace(how, as_written=as_written)
        _read(file, how)
        if not st.session_state[_FILE]["open"]:
            return how
        decimal = st.segmented_control(
            "Decimal sign", DECIMALS[1:], key=f"own:decimal:{file.file_id}",
            help="With a point, 1.234 is little more than 1 and 1,234 is more than a thousand; with a comma it is the "
            "other way round",
        )  # fmt: skip
    return replace(how, decimal=decimal or "")


def _forget_file() -> None:
    """The file was taken away; what is trained on it keeps it."""
    held = st.session_state.pop(_FILE, None)
    if held and held["token"] and held["token"] != uploads.token_of(page_state.experiment()):
        uploads.let_go(held["token"])


def _read(file: Any, how: How) -> None:
    """Read the uploaded file, unless that is done; its token, or why it cannot be used, is kept in the session."""
    held, base = st.session_state.get(_FILE), replace(how, decimal="")
    was_open = False
    if held is not None and (held["id"], replace(held["how"], decimal="")) == (file.file_id, base):
        was_open = held["open"]
        if held["how"] == how or (was_open and how == base):
            return
    _forget_file()
    held = {"id": file.file_id, "how": how, "token": None, "error": "", "open": was_open}
    try:
        held["token"] = uploads.bring(read(file.getvalue()[: MAX_BYTES + 1], file.name, how=how))
    except DataError as error:
        held["error"], held["open"] = str(error), was_open or isinstance(error, DecimalOpen)
    st.session_state[_FILE] = held


def _table(table: Table) -> dict[str, str]:
    """What to read of a table, as settings."""
    st.caption(f"{table.rows:,} rows, {len(table.columns)} columns; the first rows:")
    # It can be downloaded, and then a spreadsheet reads it.
    shown = [{as_text(name): as_text(cell) for name, cell in row.items()} for row in table.preview(5)]
    rows(shown)
    gaps = {name: column.missing for name, column in table.columns.items() if column.missing}
    if gaps:
        counts = ", ".join(f"{name}: {count:,}" for name, count in list(gaps.items())[:12])
        st.info(plain(f"Missing values by column: {counts}."))
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
    wanted |= {"columns": join_names(columns)} if columns else {}
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


def _offer(record: Table | Text, wanted: dict[str, str]) -> None:
    """Check that it can be trained on, and offer to."""
    settings = {"task": task_of(record), **wanted, **suggested(record, wanted)}
    try:
        experiment = Experiment.from_query(urlencode(settings))
        built = experiment.make_task()
    except SettingError as error:
        st.error(plain(str(error)))
        return
    for note in built.notes:
        st.info(plain(note))
    sizes = ", ".join(f"{len(built.finite_set(split)):,} for {name}" for split, name in _SPLITS)
    st.markdown(f"Sequences: {sizes}. Numbers are normalized by the training part alone.")
    st.button("Train on these data", key="own:train", type="primary", on_click=page_state.put, args=(experiment,))


_SPLITS: tuple[tuple[Split, str], ...] = (("train", "training"), ("validation", "validation"), ("test", "the test"))
