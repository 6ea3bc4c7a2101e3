"""Try it: text that the model writes, series that it goes on with, and sequences of one's own."""

from __future__ import annotations

import streamlit as st

from rnn_explorer.ui import desk, network_view, try_controls

run_id = desk.open_run()
experiment = desk.experiment()

with st.sidebar:
    desk.settings()
    network_view.show(experiment)

desk.show_problems()
desk.watch(run_id, "try", try_controls.own)
