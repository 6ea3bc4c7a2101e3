"""Dynamics: fixed points of the trained map, and where states go."""

from __future__ import annotations

import streamlit as st

from rnn_explorer.ui import desk, dynamics_controls, network_view

run_id = desk.open_run()
experiment = desk.experiment()

with st.sidebar:
    desk.settings()
    network_view.show(experiment)

desk.show_problems()
desk.watch(run_id, "dynamics", dynamics_controls.held_input)
