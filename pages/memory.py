"""Memory: how far back in time the gradient reaches, and why."""

from __future__ import annotations

from rnn_explorer.ui import page, run_controls

TITLE = "Memory"
ORDER = 3

run_controls.watch(page.begin(), "memory")
