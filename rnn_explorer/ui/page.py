"""What every page about a run begins with."""

from __future__ import annotations

import streamlit as st

from rnn_explorer.ui import network_view, page_state


def begin() -> str:
    """Open the page's run; draw its settings and its network in the sidebar, and what could not be used above all else.

    Returns:
        The id of the run.
    """
    run_id = page_state.open_run()
    with st.sidebar:
        page_state.settings()
        network_view.show(page_state.experiment())
    page_state.show_problems()
    return run_id
