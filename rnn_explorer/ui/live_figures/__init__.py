"""The component that draws the live figures in place.

`live_figures(...)` mounts it. The browser then opens the run's event stream by itself (`rnn_explorer.ui.live`); the
script is run again only when the run's status changes, so that the buttons can follow.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import plotly
import streamlit as st

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "rnn_explorer.live_figures",
    css=(_HERE / "live.css").read_text(encoding="utf-8"),
    js=(_HERE / "live.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def live_figures(run_id: str, link: str, base: str, on_status: Callable[[], None], key: str = "live") -> Any:
    """Mount the figures of a run.

    Args:
        run_id: the run to watch.
        link: the query that opens this experiment elsewhere.
        base: the path under which the server is reached, without a slash at its end.
        on_status: called when the browser sees the run's status change.
        key: one component a key and page.
    """
    # The browser's own name for the figures: Streamlit's id for the component may change when the page is built anew.
    data = {"board": key, "run": run_id, "link": link, "base": base, "plotly": plotly.__version__}
    return _component(key=key, data=data, default={"status": ""}, on_status_change=on_status, height="content")
