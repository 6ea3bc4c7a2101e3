"""Try it: text that the model writes, series that it goes on with, and sequences of one's own."""

from __future__ import annotations

import streamlit as st

from rnn_explorer.ui import network_view, page_state, run_controls, try_controls

run_id = page_state.open_run()
experiment = page_state.experiment()

with st.sidebar:
    page_state.settings()
    network_view.show(experiment)

page_state.show_problems()
run_controls.watch(run_id, "try", try_controls.own)
