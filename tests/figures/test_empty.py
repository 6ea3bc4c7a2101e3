"""A figure of nothing says why it is empty."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.closed_loop import closed_loop
from rnn_explorer.figures.dynamics_path import dynamics_path
from rnn_explorer.figures.eigenvalues import eigenvalues
from rnn_explorer.figures.flow import flow
from rnn_explorer.figures.followers import followers
from rnn_explorer.figures.gate_statistics import gate_statistics
from rnn_explorer.figures.gradient import gradient
from rnn_explorer.figures.gradient_norm import gradient_norm
from rnn_explorer.figures.legal_symbols import legal_symbols
from rnn_explorer.figures.loss_gradient import loss_gradient
from rnn_explorer.figures.saliency import saliency
from rnn_explorer.figures.triangle import triangle
from rnn_explorer.figures.what_if import what_if, what_if_answer

NONE = np.zeros(0)
EMPTY: dict[str, tuple[Callable[[], Figure], str]] = {
    "closed_loop": (lambda: closed_loop(None, "lstm"), "Being computed."),
    "dynamics_path": (lambda: dynamics_path(None), "Being computed."),
    "eigenvalues": (lambda: eigenvalues(NONE), "Click a state or a fixed point."),
    "flow": (lambda: flow(None), "Being computed."),
    "followers": (lambda: followers(None, ""), "Being computed."),
    "gate_statistics": (lambda: gate_statistics(()), "Being computed."),
    "gradient": (lambda: gradient(()), "Being computed."),
    "gradient_norm": (lambda: gradient_norm(NONE, NONE, NONE), "No optimizer step is made yet. Press Play."),
    "legal_symbols": (lambda: legal_symbols(None, "lstm"), "Being computed."),
    "loss_gradient": (lambda: loss_gradient(()), "Being computed."),
    "saliency": (lambda: saliency(None), "Being computed."),
    "triangle": (lambda: triangle(None), "Being computed."),
    "what_if": (lambda: what_if(None), "Being computed."),
    "what_if_answer": (lambda: what_if_answer(None), "Being computed."),
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_figure_says_why(name: str) -> None:
    make, words = EMPTY[name]
    figure = make()
    assert words in [note["text"] for note in figure.layout.get("annotations", ())]
    figure.to_plotly("dark")
