"""Tasks on data that a person brings: reading and checking files, where uploads lie, and what is asked of them."""

from __future__ import annotations

from rnn_explorer.tasks.user_data import series, text

__all__ = ["series", "text"]
