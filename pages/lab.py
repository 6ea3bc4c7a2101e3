"""The lab: build a network, train it live, watch it from the inside."""

from __future__ import annotations

from rnn_explorer.ui import page, run_controls

TITLE = "Lab"
ORDER = 1

run_controls.watch(page.begin(), "lab")
