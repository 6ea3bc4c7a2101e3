"""A figure of nothing says why it is empty."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from rnn_explorer import figures
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.cell.cell_drawing import no_cell_drawing
from rnn_explorer.figures.curves import curves
from rnn_explorer.figures.dynamics.eigenvalues import eigenvalues
from rnn_explorer.figures.memory.gradient_norm import gradient_norm
from rnn_explorer.figures.style import COMPUTED
from rnn_explorer.figures.svg_panel import SvgPanel
from rnn_explorer.figures.text_panel import TextPanel, findings
from tests.figures import factories

NONE = np.zeros(0)
# Figures whose first argument may be missing are found by themselves; these may get arrays without entries.
OF_ARRAYS: dict[str, tuple[Callable[[], Figure], str]] = {
    "eigenvalues": (lambda: eigenvalues(NONE), "Click a state<br>or a fixed point."),
    "gradient_norm": (lambda: gradient_norm(NONE, NONE, NONE), "No optimizer step is made yet. Press Play."),
}
OTHER_WORDS = ("examples", "dynamics_findings")  # empty since nothing was asked for


def empty(annotation: Any) -> tuple[Any, ...]:
    """What stands for nothing in an argument of this type; nothing where there is no such thing."""
    if type(None) in typing.get_args(annotation):
        return (None,)
    return ((),) if typing.get_origin(annotation) is Sequence else ()


def found() -> Iterator[tuple[str, Callable[..., Any]]]:
    for module in pkgutil.walk_packages(figures.__path__, f"{figures.__name__}."):
        for name, make in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
            if make.__module__ != module.name or name.startswith("_"):
                continue
            hints = types_of(make)
            if hints.get("return") in (Figure, SvgPanel, TextPanel) and empty(next(iter(hints.values()))):
                yield name, make


def types_of(make: Callable[..., Any]) -> dict[str, Any]:
    """Annotations as types, those too that a module imports for its annotations alone."""
    known: dict[str, Any] = {}
    for line in inspect.getsource(importlib.import_module(make.__module__)).splitlines():
        if line.startswith("    from rnn_explorer"):
            exec(line.strip(), known)
    return typing.get_type_hints(make, localns=known)


EMPTY = dict(found())


def told(figure: Figure | SvgPanel | TextPanel) -> list[str]:
    """The sentences that stand in a figure."""
    if isinstance(figure, TextPanel):
        return [line["text"] for line in figure.lines]
    if isinstance(figure, SvgPanel):
        return re.findall(r"<text[^>]*>([^<]+)</text>", figure.svg)
    return [note["text"] for note in figure.layout.get("annotations", ())]


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_figure_says_why(name: str) -> None:
    make = EMPTY[name]
    hints = types_of(make)
    needed = [p for p in inspect.signature(make).parameters.values() if p.default is p.empty]
    figure = make(*(next(iter(empty(hints[p.name])), {str: "lstm", int: 0}.get(hints[p.name])) for p in needed))
    sentences = [text for text in told(figure) if text.endswith(".")]
    assert sentences, f"{name} is empty without a word"
    if name not in OTHER_WORDS:
        assert sentences == [COMPUTED]
    if isinstance(figure, Figure):
        figure.to_plotly("dark")


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_a_figure_of_no_numbers_says_why(name: str) -> None:
    make, words = OF_ARRAYS[name]
    assert words in told(make())


def test_figures_that_may_be_empty_are_found() -> None:
    assert {"closed_loop", "colored_text", "examples", "findings", "generated_text", "what_if_answer"} <= set(EMPTY)


def test_the_place_of_the_cell_says_why_it_is_empty() -> None:
    assert told(no_cell_drawing()) == [COMPUTED]


def test_no_finding_is_told_from_none_yet() -> None:
    assert told(findings(())) != told(findings(None))


@pytest.mark.parametrize(("validated", "words"), [(4, "bold validation"), (0, "there is no validation set")])
def test_curves_say_where_there_is_no_validation_set(validated: int, words: str) -> None:
    drawn = curves(factories.curve(40), factories.curve(validated), 2.3, 0.1, "", "accuracy", "gru")
    assert words in drawn.how_to_read
