"""Shows one of our own SVG drawings in the page's colors.

Streamlit's HTML element removes SVG, and an image cannot take the page's text color; a small component can.
"""

from __future__ import annotations

import streamlit as st

_component = st.components.v2.component(
    "rnn_explorer.drawing",
    html="<div id='drawing'></div>",
    css="#drawing { color: var(--st-text-color); font-family: var(--st-font); }",
    js="""
export default function ({ data, parentElement }) {
  const drawing = new DOMParser().parseFromString(data.svg, "image/svg+xml").documentElement;
  parentElement.querySelector("#drawing").replaceChildren(document.importNode(drawing, true));
}
""",
)


def drawing(svg: str, key: str) -> None:
    """Show `svg`, a whole document made by `rnn_explorer.figures` with all text escaped."""
    _component(data={"svg": svg}, key=key)  # a text alone has Streamlit load pandas, to see whether it is a table
