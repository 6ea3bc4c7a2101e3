"""The dynamics page's view: where states rest, how they move near there, and where a kicked one goes."""

from __future__ import annotations

from rnn_explorer.views.dynamics.selection import DynamicsSelection
from rnn_explorer.views.dynamics.view import DynamicsView

__all__ = ["DynamicsSelection", "DynamicsView"]
