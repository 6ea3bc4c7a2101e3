"""What a figure is here: traces and a layout as plain data, with words for the reader and a table behind it.

Figures are drawn many times a second while a model trains. Building a `plotly.graph_objects.Figure` checks every
property and costs milliseconds; so a figure is first made as plain dicts with numpy arrays, which the live picture
sends as they are, and becomes a checked Plotly figure (`to_plotly`) for exports, tests and pages that stand still.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rnn_explorer.figures.contrast import legible
from rnn_explorer.figures.notebook import block
from rnn_explorer.figures.panel import Panel
from rnn_explorer.figures.style import plain, template

if TYPE_CHECKING:
    import plotly.graph_objects as go

_HEIGHT = 420  # pixels in a notebook
_MARGIN = {"t": 72, "r": 24, "b": 64, "l": 64}  # pixels, with a title above


@dataclass(frozen=True)
class Mark:
    """Where a figure shows time, so that a time step pointed at in one figure is marked in all.

    Time steps are counted from 1, as in h_1 ... h_T.

    Attributes:
        kind: "line": time runs along the x axis of the subplot `axes`; the mark is an upright line at x = t.
            "point": point number t - 1 of trace number `trace` belongs to step t; the mark is a dot there.
            "cells": `steps` (rows, columns) holds the step of each cell of a heatmap at `axes`; the mark frames
            the cells of step t.
        axes: the ids of the subplot's axes, as traces name them ("x2", "y2").
        trace: the number of the trace, for "point".
        steps: rows of step numbers, for "cells".
    """

    kind: Literal["line", "point", "cells"]
    axes: tuple[str, str] = ("x", "y")
    trace: int = -1
    steps: Sequence[Sequence[int]] = ()


@dataclass(frozen=True)
class Figure(Panel):
    """One figure as plain data; see `Panel` for its words and table.

    Attributes:
        data: traces as Plotly names their properties; arrays are numpy arrays.
        layout: likewise; without a title (it is `title`), size, font or page colors (they are the template's).
        marks: where time is shown.
    """

    data: Sequence[dict[str, Any]]
    layout: Mapping[str, Any]
    marks: Sequence[Mark] = ()

    def to_plotly(self, theme: Literal["light", "dark"] = "light") -> go.Figure:
        """The same as a checked Plotly figure with its title, for export.

        Raises:
            ValueError: when a trace or the layout holds a property that Plotly does not know.
        """
        import plotly.graph_objects as go  # here, since workers draw thousands of figures before one is exported

        dressed = template(theme)
        paper = dressed["layout"]["paper_bgcolor"]
        figure = go.Figure(data=[legible(trace, paper) for trace in self.data], layout=legible(self.layout, paper))
        own = self.layout.get("margin", {})  # names of panels stand at the left
        figure.update_layout(
            template=dressed,
            title={"text": plain(self.title, 120), "x": 0.01, "xanchor": "left"},
            margin={**_MARGIN, "l": max(_MARGIN["l"], own.get("l", 0)), "autoexpand": True},
        )
        return figure

    def _repr_html_(self) -> str:
        body = self.to_plotly().to_html(full_html=False, include_plotlyjs="cdn", default_height=_HEIGHT)
        return block(self.title, body, self.how_to_read, heading=False)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """As Plotly shows its own figures in this notebook; as HTML where it has no way of its own."""
        bundle = {**self.to_plotly()._repr_mimebundle_(), "text/plain": str(self)}
        return bundle if len(bundle) > 1 else {**bundle, "text/html": self._repr_html_()}
