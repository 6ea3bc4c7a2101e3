"""The views: what each page's live figures show, one file each; importing this package registers them."""

from __future__ import annotations

from rnn_explorer.views import cell, data, dynamics, lab, memory, try_it
from rnn_explorer.views.base import VIEWS, AnalysisRequest, AnalysisResult, Control, Selection, View, ViewState

__all__ = [
    "VIEWS",
    "AnalysisRequest",
    "AnalysisResult",
    "Control",
    "Selection",
    "View",
    "ViewState",
    "cell",
    "data",
    "dynamics",
    "lab",
    "memory",
    "try_it",
]
