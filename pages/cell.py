"""One cell with its numbers: the drawing, the equations, and what would happen if."""

from __future__ import annotations

import streamlit as st

from rnn_explorer.ui import cell_controls, desk, network_view

run_id = desk.open_run()
experiment = desk.experiment()

with st.sidebar:
    desk.settings()
    network_view.show(experiment)

desk.show_problems()
desk.watch(run_id, "cell", cell_controls.what_if, cell_controls.clear)
