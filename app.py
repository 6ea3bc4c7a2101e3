"""The server: `streamlit run app.py`.

It serves the pages, their connections and their scripts, sets the security headers, and keeps the
worker processes that train from its start to its end.
"""

from __future__ import annotations

import streamlit as st

from rnn_explorer.ui import server

app = st.App("pages/_frame.py", routes=server.routes(), middleware=server.middleware(), lifespan=server.lifespan)
