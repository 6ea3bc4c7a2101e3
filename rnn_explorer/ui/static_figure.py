"""Figures that stand still: drawn by Streamlit itself, in the page's theme, with their reading line and downloads."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

import streamlit as st

from rnn_explorer.figures.base import Figure
from rnn_explorer.ui.plain import plain


def theme() -> Literal["light", "dark"]:
    """The theme that the visitor sees."""
    return "dark" if st.context.theme.type == "dark" else "light"


def show(figure: Figure, height: int, key: str, choose: Callable[[str], None] | None = None) -> None:
    """Draw a figure with its title, its one line for the reader, and downloads.

    Args:
        figure: what to draw.
        height: of the picture, in pixels.
        key: unique on the page; also the name of downloaded files.
        choose: is given the legend group of a trace, one mark of which is clicked; None: nothing listens.
    """
    drawn = figure.to_plotly(theme())
    is_beside = figure.layout.get("legend", {}).get("orientation") == "v"
    with st.container(key=f"figure-{key}", gap="xsmall"):  # the browser names the figure by what stands in it
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{plain(figure.title)}**", width="stretch")
            with st.popover("Save", help="This figure as a page of its own, or its numbers", width="content"):
                _downloads(figure, key)
        drawn.update_layout(
            title=None, paper_bgcolor="rgba(0,0,0,0)", height=height, margin=dict(figure.layout["margin"]),
            # The bar that comes over a figure stands at its right.
            legend={} if is_beside else {"x": 0, "xanchor": "left"},
        )  # fmt: skip
        config = {"displaylogo": False, "toImageButtonOptions": {"filename": key, "scale": 2}}
        if choose is None:
            st.plotly_chart(drawn, theme=None, key=key, config=config)
        else:
            on_select = functools.partial(_clicked, key, choose)
            st.plotly_chart(drawn, theme=None, key=key, config=config, on_select=on_select, selection_mode="points")
        st.caption(plain(figure.how_to_read))


def _clicked(key: str, choose: Callable[[str], None]) -> None:
    for point in st.session_state[key].selection.points[:1]:
        choose(str(point.get("legendgroup", "")))


def _downloads(figure: Figure, key: str) -> None:
    dressed = theme()

    def page() -> str:
        return figure.to_plotly(dressed).to_html(include_plotlyjs=True)

    st.download_button("HTML", page, f"{key}.html", "text/html", key=f"html:{key}", on_click="ignore")
    st.download_button("CSV", figure.to_csv, f"{key}.csv", "text/csv", key=f"csv:{key}", on_click="ignore")
    st.caption("PNG: the camera above the figure.")
