"""The frame around every page: its settings, the navigation."""

from __future__ import annotations

import streamlit as st

st.set_page_config(page_title="RNN Explorer", layout="wide", initial_sidebar_state="expanded")
st.navigation(
    {
        # Pages about the run that is open. What a run is not open for, such as a list of runs, gets a group of its own
        # with a name, which then folds into a menu.
        "": [
            st.Page("lab.py", title="Lab", default=True),
            st.Page("cell.py", title="Cell"),
            st.Page("memory.py", title="Memory"),
            st.Page("dynamics.py", title="Dynamics"),
            st.Page("try.py", title="Try it"),
            st.Page("data.py", title="Data"),
        ],
    },
    position="top",
).run()
