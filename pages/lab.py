"""The lab: build a network, train it live, watch it from the inside."""

from __future__ import annotations

import streamlit as st

from rnn_explorer.ui import desk, network_view

run_id = desk.open_run()
experiment = desk.experiment()

with st.sidebar:
    desk.settings()
    network_view.show(experiment)

desk.show_problems()
desk.watch(run_id, "lab")
