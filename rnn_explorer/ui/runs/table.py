"""The list of runs as a table that the browser draws on a canvas, so that thousands of rows scroll."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from rnn_explorer.recording.store.records import StoredRun
from rnn_explorer.ui.runs.rows import SEVERAL, Row, cell_of, line, sizes_of, task_of

if TYPE_CHECKING:
    import pandas as pd

ROW_HEIGHT = 30  # pixels
MOST_SHOWN = 10  # rows; more are scrolled to
_CHOSEN = "runs_chosen"  # the keys of the chosen rows
_METRICS = {"accuracy": "Best accuracy"}  # those that say more than the loss, which a mean squared error is itself
_OPEN, _FOLD, _UNFOLD = "Open", "Fold", "Unfold"


def show(rows: Sequence[Row], unfolded: Sequence[str], press: Callable[[Row], None]) -> list[Row]:
    """Draw the table.

    Args:
        rows: what is listed.
        unfolded: ids of the groups whose runs are listed, too.
        press: is called with the row whose button was pressed.

    Returns:
        The chosen rows.
    """
    # Streamlit remembers which rows are chosen by their places, so a table of other rows is another one, to which the
    # chosen ones that are still there are taken along.
    digest = hashlib.sha256("\n".join(row.key for row in rows).encode()).hexdigest()[:16]
    before = set(st.session_state.get(_CHOSEN, ()))
    places = [place for place, row in enumerate(rows) if row.key in before]
    state = st.dataframe(
        frame(rows, unfolded),
        key=f"runs:table:{digest}",
        height=height(len(rows)),
        row_height=ROW_HEIGHT,
        hide_index=True,
        placeholder="",
        column_config=_columns(rows, press),
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": places}},
    )
    chosen = [rows[place] for place in state.selection.rows if place < len(rows)]
    st.session_state[_CHOSEN] = [row.key for row in chosen]
    return chosen


def height(rows: int, most: int = MOST_SHOWN) -> int:
    """Pixels for so many rows and the head of the table; where there are more than the most, they are scrolled to."""
    return ROW_HEIGHT * (min(rows, most) + 1) + 3


def forget_chosen() -> None:
    """Choose nothing."""
    st.session_state.pop(_CHOSEN, None)


def frame(rows: Sequence[Row], unfolded: Sequence[str] = ()) -> pd.DataFrame:
    """The table's content: a column each, those without any value left out."""
    import pandas as pd  # here, since it takes 70 MB and a second

    now_unfolded = set(unfolded)
    best = [row.best for row in rows]
    columns: dict[str, Any] = {
        "open": [_button(row, now_unfolded) for row in rows],
        "star": ["★" if any(run.starred for run in row.runs) else "" for row in rows],
        "name": [("· " if row.is_inside else "") + row.name for row in rows],
        "task": [row.common(task_of) for row in rows],
        "cell": [", ".join(dict.fromkeys(map(cell_of, row.runs))) for row in rows],
        "sizes": [row.common(sizes_of) for row in rows],
        "parameters": [_number(row, lambda run: run.parameters) for row in rows],
        "best_loss": [run.best_loss for run in best],
        **{
            metric: [run.best_metric if run.metric_name == metric else None for run in best]
            for metric in _metrics(rows)
        },
        "best_step": [run.best_step for run in best],
        "curve": [np.array(run.sparkline, dtype=np.float32) for run in best],
        "status": [row.common(lambda run: run.status) for row in rows],
        "step": [_number(row, lambda run: run.step) for row in rows],
        "created": pd.to_datetime([max(run.created for run in row.runs) for row in rows], unit="s", utc=True),
        "tags": [sorted({line(tag) for run in row.runs for tag in run.tags}) for row in rows],
        "note": [line(row.runs[0].note) if row.group is None else "" for row in rows],
    }
    sparse = [name for name in ("star", "tags", "note") if not any(columns[name])]
    found = pd.DataFrame({name: values for name, values in columns.items() if name not in sparse})
    whole = {name: "Int64" for name in ("parameters", "best_step", "step")}
    return found.astype({**whole, **{name: "float32" for name in ("best_loss", *_metrics(rows))}})


def _metrics(rows: Sequence[Row]) -> list[str]:
    there = {run.metric_name for row in rows for run in row.runs if run.best_metric is not None}
    return [metric for metric in _METRICS if metric in there]


def _number(row: Row, of: Callable[[StoredRun], int]) -> int | None:
    found = row.common(lambda run: str(of(run)))
    return None if found == SEVERAL else int(found)


def _button(row: Row, unfolded: set[str]) -> str:
    if row.group is None:
        return _OPEN
    return _FOLD if row.key in unfolded else _UNFOLD


def _columns(rows: Sequence[Row], press: Callable[[Row], None]) -> dict[str, Any]:
    of = st.column_config

    def pressed() -> None:
        click = st.session_state.get("runs:press")
        if click is not None and click.row < len(rows):
            press(rows[click.row])

    return {
        "open": of.ButtonColumn("", type="tertiary", on_click=pressed, key="runs:press", width=64, pinned=True),
        "star": of.TextColumn("★", width=36, help="Starred runs are never cleared to make room."),
        "name": of.TextColumn("Name", width=200),
        "task": of.TextColumn("Task", width=130),
        "cell": of.TextColumn("Cell", width=75),
        "sizes": of.TextColumn("Units", width=80, help="Units of a recurrent layer; before ×, the layers."),
        "parameters": of.NumberColumn("Parameters", format="localized", width=90, help="Trainable numbers."),
        "best_loss": of.NumberColumn(
            "Best loss", format="%.4g", width=85, help="The lowest validation loss. For a group: of its best run."
        ),
        "accuracy": of.NumberColumn(
            _METRICS["accuracy"], format="%.4g", width=105, help="Validation accuracy at the lowest validation loss."
        ),
        "best_step": of.NumberColumn(
            "at step", format="localized", width=70, help="The optimizer step of the lowest validation loss."
        ),
        "curve": of.LineChartColumn("Training loss", width=110, help="How it fell, each on a scale of its own."),
        "status": of.TextColumn("Status", width=85),
        "step": of.NumberColumn("Step", format="localized", width=70, help="Optimizer steps done."),
        "created": of.DatetimeColumn("Begun", format="distance", width=135),
        "tags": of.ListColumn("Tags", width=120),
        "note": of.TextColumn("Note", width=200),
    }
