"""The component that draws the live figures in place.

`live_figures(...)` mounts it. The browser then connects to the server by itself (`rnn_explorer.ui.socket`); the
script is run again only when the run's status changes, so that the buttons can follow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import plotly
import streamlit as st

from rnn_explorer.ui import scripts
from rnn_explorer.views import VIEWS, View

_HERE = Path(__file__).parent
_component = st.components.v2.component(
    "rnn_explorer.live_figures",
    js=(_HERE / scripts.LOADER).read_text(encoding="utf-8"),
    isolate_styles=False,
)


def live_figures(
    *,
    view: str,
    run_id: str,
    link: str,
    base: str,
    ask: Mapping[str, Any],
    at: int | None,
    film: bool,
    status: str,
    message: str,
    sentence: str,
    keys: Sequence[tuple[str, str]],
    on_status: Callable[[], None],
    on_at: Callable[[], None],
    on_cleared: Callable[[], None],
    overrides: Mapping[str, str],
) -> Any:
    """Mount the figures of a run.

    Args:
        view: the key of the view; one component a view and page.
        run_id: the run to watch.
        link: the query that opens this experiment elsewhere.
        base: the path under which the server is reached, without a slash at its end.
        ask: parts of the view's selection that the page decides.
        at: the step of the past that this script believes to be looked at.
        film: whether this script believes that the browser replays how the run learned.
        status: of the run, with which this script has drawn its buttons.
        message: the run's sentence, for as long as the browser has not heard of the run itself.
        sentence: what is going on, in one line above the figures; "" for none.
        keys: the keys of the page's buttons, each with what it does.
        on_status: called when the browser sees the run's status change.
        on_at: called when the person goes to another step of the past.
        on_cleared: called when the person ends what the page's own controls change about the model.
        overrides: what the address says of parts of the selection, in place of their values.

    Returns:
        The component's result: `status`, "RUN STATUS" as the browser saw it last; `at`, the step of the past that the
        person looks at, or None; `film`, whether a replay is shown; `pressed`, "RUN STEP" (or "RUN" for the present) as
        it stood on the screen when one of the run's buttons was pressed last.
    """
    # Tuples, since Streamlit loads pandas to see whether a list or mapping in here is a table.
    data = {
        # The browser's own name for the figures: Streamlit's id may change when the page is built anew.
        "view": view,
        "run": run_id,
        "link": link,
        "base": base,
        "plotly": plotly.__version__,
        "ask": tuple(ask.items()),
        "overrides": tuple(overrides.items()),
        "at": at,
        "film": film,
        "status": status,
        "message": message,
        "sentence": sentence,
        "blocks": _blocks(VIEWS.get(view)),
        "keys": tuple(keys),
        "filmed": bool(VIEWS.get(view).film),
        "modules": f"{base}/explorer/modules/{scripts.digest()}",
        "names": tuple(scripts.modules()),
    }
    return _component(
        key=view,
        data=data,
        default={"status": "", "at": "", "cleared": 0, "film": False, "pressed": ""},
        on_status_change=on_status,
        on_at_change=on_at,
        on_cleared_change=on_cleared,
        on_film_change=lambda: None,
        on_pressed_change=lambda: None,
        height="content",
    )


def _blocks(view: type[View]) -> tuple[str, int, tuple[tuple[int, int], ...]]:
    """Where panels will stand, for as long as there are none: heights of rows, least height, spans."""
    return view.rows, view.least_height, tuple(view.spans.get(name, (3, 1)) for name in view.usual)
