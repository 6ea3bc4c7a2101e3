"""Data: what a task's sequences look like, where they come from, and what its settings do to them."""

from __future__ import annotations

import streamlit as st

from rnn_explorer.ui import data_page, network_view, page_state

run_id = page_state.open_run()
experiment = page_state.experiment()

with st.sidebar:
    page_state.settings()
    network_view.show(experiment)

page_state.show_problems()
data_page.show(run_id)
