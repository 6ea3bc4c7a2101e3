"""The view to try a model out: what it writes, how it goes on, what may come next, and sequences of one's own.

What can be tried follows from the task (`ways.py`); each mode has a file with its controls, analyses and panels.
"""

from __future__ import annotations

from rnn_explorer.views.try_it.selection import TrySelection
from rnn_explorer.views.try_it.view import TryView

__all__ = ["TrySelection", "TryView"]
