"""One mode of the page to try a model out: what can be chosen in it, what it computes and what it draws."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.svg_panel import SvgPanel
from rnn_explorer.trace import Snapshot
from rnn_explorer.views.base import AnalysisRequest, Control, Grid, ViewState, common_controls
from rnn_explorer.views.try_it.selection import TrySelection

LEAST_HEIGHT = 540
WIDE = {"generated_text": (6, 1), "closed_loop": (6, 1), "gates": (6, 1)}
TEXT_PANELS = {"colored_text": (4, 1), "unit_correlations": (2, 1)}


class Mode(ABC):
    """A mode; there is a snapshot whenever it is used."""

    rows: ClassVar[str] = "1.1fr 1fr"

    @abstractmethod
    def tools(self, state: ViewState, chosen: TrySelection) -> list[Control]:
        """What can be chosen."""

    @abstractmethod
    def analyses(self, state: ViewState, chosen: TrySelection) -> list[AnalysisRequest]:
        """What must be computed."""

    def grid(self) -> Grid:
        """How the panels stand."""
        return Grid(self.rows, {**TEXT_PANELS, **WIDE, "prediction": (6, 1), "legal_symbols": (6, 1)}, LEAST_HEIGHT)

    @abstractmethod
    def panels(self, state: ViewState, chosen: TrySelection) -> Sequence[Figure | SvgPanel]:
        """What is drawn of what is known so far."""


def choices(state: ViewState, *fields: str) -> list[Control]:
    """Those of the controls that all views share which choose one of these parts."""
    return [tool for tool in common_controls(state, unit=False) if tool.field in fields]


def snapshot_of(state: ViewState) -> Snapshot:
    """The snapshot, where there must be one."""
    assert state.view.snapshot is not None
    return state.view.snapshot
