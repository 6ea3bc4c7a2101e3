"""The frame around every page: its settings, the navigation."""

from __future__ import annotations

import streamlit as st

from rnn_explorer.ui import navigation

st.set_page_config(page_title="RNN Explorer", layout="wide", initial_sidebar_state="expanded")
navigation.run()
