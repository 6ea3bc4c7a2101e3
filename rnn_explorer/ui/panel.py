"""Where a page's own controls stand: in the panel of the first figure, which they change.

Streamlit draws them above the figures; the browser keeps them a place in the first panel and moves them there
(`live_figures/panel_slot.js`), so that they neither push the figures down nor cover them.
"""

from __future__ import annotations

from typing import Any, Literal

import streamlit as st

VIEW = "view"  # the key of what holds the controls and the figures


def panel(way: Literal["row", "side"]) -> Any:
    """A container for the controls of a page: in lines below the head of the first panel, or at the side in it."""
    return st.container(key=f"panel-{way}", gap="xsmall")


def line(key: str | None = None) -> Any:
    """A line of controls within a panel."""
    return st.container(key=key, horizontal=True, vertical_alignment="center", gap="small")
