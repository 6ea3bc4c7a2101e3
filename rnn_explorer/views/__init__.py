"""The boards: what each page's live figures show, one file each; importing this package registers them."""

from __future__ import annotations

from rnn_explorer.views import cell, data, dynamics, lab, memory, try_it
from rnn_explorer.views.base import BOARDS, Answer, Board, Question, Seen, Selection, Tool

__all__ = [
    "BOARDS",
    "Answer",
    "Board",
    "Question",
    "Seen",
    "Selection",
    "Tool",
    "cell",
    "data",
    "dynamics",
    "lab",
    "memory",
    "try_it",
]
