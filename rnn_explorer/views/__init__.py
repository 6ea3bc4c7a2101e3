"""The views: what each page's live figures show, one module each; importing this package registers them all."""

from __future__ import annotations

import importlib
import pkgutil

from rnn_explorer.views.base import VIEWS, AnalysisRequest, AnalysisResult, Control, View, ViewState
from rnn_explorer.views.selection import Selection

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["VIEWS", "AnalysisRequest", "AnalysisResult", "Control", "Selection", "View", "ViewState"]
