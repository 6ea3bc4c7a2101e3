"""The page's own style: less air around the figures, so that all of them fit on one screen."""

from __future__ import annotations

import streamlit as st

_STYLE = """
<style>
  [data-testid="stMainBlockContainer"] { padding: 2.6rem 1rem 0.4rem 1rem; }
  [data-testid="stHeader"] { height: 2.4rem; min-height: 2.4rem; }
  [data-testid="stMain"] [data-testid="stVerticalBlock"] { gap: 0.4rem; }
  [data-testid="stSidebarUserContent"] { padding-top: 0; padding-bottom: 1rem; }
  [data-testid="stSidebarUserContent"] [data-testid="stVerticalBlock"] { gap: 0.55rem; }
  [data-testid="stSidebarHeader"] { height: 2.2rem; padding-bottom: 0; margin-bottom: 0; }
  .stButton button, [data-testid="stPopover"] button { padding: 0.15rem 0.7rem; min-height: 2.1rem; }
  /* Plotly's hint after a zoom would lie over the controls of the figures. */
  .plotly-notifier { top: auto !important; bottom: 1rem; }
</style>
"""


def apply() -> None:
    """Add the style to the page."""
    st.html(_STYLE)
