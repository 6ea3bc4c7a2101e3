"""Data: what a task's sequences look like, where they come from, and what its settings do to them."""

from __future__ import annotations

import streamlit as st

from rnn_explorer.ui import data_page, desk, network_view

run_id = desk.open_run()
experiment = desk.experiment()

with st.sidebar:
    desk.settings()
    network_view.show(experiment)

desk.show_problems()
data_page.show(run_id)
