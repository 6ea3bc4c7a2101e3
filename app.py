"""The server: `streamlit run app.py`.

It serves the pages, their connections and their scripts, decides whom it answers and who a visitor is, sets the
security headers, and keeps the worker processes that train from its start to its end.
"""

from __future__ import annotations

import streamlit as st

from rnn_explorer.ui import application

app = st.App(**application.arguments())  # Streamlit searches the text of this file for such a call
