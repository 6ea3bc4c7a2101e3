"""Tables of few rows on a page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st


def rows(table: Sequence[Mapping[str, str | int]]) -> None:
    """Show rows that have the same columns.

    Args:
        table: column name -> cell, for each of at least one row; a column's cells are of one type.
    """
    st.dataframe(_arrow(table), hide_index=True, width="stretch", lazy=False)  # lazily it looks whether pandas made it


def _arrow(table: Sequence[Mapping[str, str | int]]) -> Any:
    # Given rows, Streamlit loads pandas, and so does Arrow when it is given any Python object: 40 MB and 0.3 s of a
    # server's first page. Arrow's reader of JSON does not.
    import pyarrow
    from pyarrow.json import ParseOptions, ReadOptions, read_json

    text = "\n".join(map(json.dumps, table)).encode()
    kinds = {name: pyarrow.int64() if isinstance(cell, int) else pyarrow.string() for name, cell in table[0].items()}
    return read_json(
        pyarrow.py_buffer(text),
        ReadOptions(use_threads=False, block_size=len(text)),  # a row must not be longer than a block
        ParseOptions(explicit_schema=pyarrow.schema(kinds)),
    )
