"""Dynamics: fixed points of the trained map, and where states go."""

from __future__ import annotations

import streamlit as st

from rnn_explorer.ui import dynamics_controls, network_view, page_state, run_controls

run_id = page_state.open_run()
experiment = page_state.experiment()

with st.sidebar:
    page_state.settings()
    network_view.show(experiment)

page_state.show_problems()
run_controls.watch(run_id, "dynamics", dynamics_controls.held_input)
