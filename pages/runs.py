"""Runs: all runs of the visitor that are kept, to be found again, put in order, compared and opened."""

from __future__ import annotations

import logging
import sqlite3

import streamlit as st

from rnn_explorer.recording.store.records import StoredRun
from rnn_explorer.recording.store.store import RunStore
from rnn_explorer.ui import session, visitor
from rnn_explorer.ui.plain import plain
from rnn_explorer.ui.runs import actions, chosen_curves, filters, table
from rnn_explorer.ui.runs.differences import differences
from rnn_explorer.ui.runs.rows import line, rows, runs_of

TITLE = "Runs"
ORDER = 10
FRESH = 0.3  # seconds for which the page waits until what was just reported is on the disk
_log = logging.getLogger("rnn_explorer.pages.runs")  # a page's own name is that of any script
_NONE_YET = "**No runs yet.** A run is kept from its first optimizer step on: press Play in the Lab, and find it here."


def show(store: RunStore) -> None:
    """Draw the page.

    Args:
        store: where the runs are.
    """
    actions.follow()
    if not store.trouble:
        store.flush(FRESH)
    me = visitor.current()
    try:
        mine, groups = store.runs(me), store.groups(me)
    except sqlite3.Error:
        _log.exception("the runs could not be listed")
        st.error("The list of runs cannot be read: the disk fails. The server's log says more.")
        return
    actions.say_why()
    if not mine:
        st.markdown(_NONE_YET)
        return
    wanted = filters.show(mine)
    found = [run for run in mine if wanted.takes(run)]
    bar = st.container()
    chosen = []
    if found:
        listed = rows(found, groups, actions.unfolded())
        chosen = table.show(listed, actions.unfolded(), actions.press)
    else:
        st.markdown("No run is like this." if wanted.words or any(wanted.values.values()) else "No runs here.")
    with bar:
        actions.show(store, chosen, len(found), sorted({line(tag) for run in mine for tag in run.tags}))
    if runs := runs_of(chosen):
        chosen_curves.show(store, runs)
        _differences(runs)
    elif found:
        st.caption(
            "Choose runs by the boxes at the left of their rows: the settings in which they differ and their learning "
            "curves come here. A click on a column's name sorts."
        )


def _differences(runs: list[StoredRun]) -> None:
    if len(runs) < 2:
        return
    differing = differences(runs)
    if len(differing) == 1:
        st.caption("These runs have the same settings.")
        return
    st.caption("The settings in which they differ")
    st.dataframe(
        differing, hide_index=True, width="content", height=table.height(len(runs), 5), row_height=table.ROW_HEIGHT
    )


if notice := session.store_notice():
    st.warning(plain(notice))
if (kept := session.store()) is not None:
    show(kept)
