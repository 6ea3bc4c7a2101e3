"""What a view is: the live figures of one page, made from a run and from answers about its model.

A view is asked again and again. It says what can be chosen (`tools`), what must be computed of the model first
(`analyses`), and what is drawn of all that is known so far (`panels`). Adding one is one file in this folder with one
`View` class under `@VIEWS.register(name)`, one page that shows it, and one test.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from rnn_explorer.engine.base import RunView
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.svg_panel import SvgPanel
from rnn_explorer.figures.text_panel import TextPanel
from rnn_explorer.moments import Moment
from rnn_explorer.registry import Registry
from rnn_explorer.trace import Array, LayerTrace
from rnn_explorer.views.selection import Selection


@dataclass(frozen=True)
class Control:
    """One control of a view, drawn in the browser; what is chosen comes back in the page's query.

    Attributes:
        field: the part of the selection.
        kind: "select" (one of `options`), "toggle", "number" (typed), "range" (a slider), "button" (each press adds one
            to a whole number, or sets the value of its one option).
        title: what it is, in words, as a tooltip.
        place: "bar", or the name of the figure in whose head it stands.
        label: a word beside it.
        options: pairs of value and text, for "select"; for a "button" none, or the one that it sets.
        low, high, step: for "number" and "range".
    """

    field: str
    kind: Literal["select", "toggle", "number", "range", "button"]
    title: str
    place: str = "bar"
    label: str = ""
    options: tuple[tuple[Any, str], ...] = ()
    low: float = 0
    high: float = 0
    step: float = 1

    @classmethod
    def of(cls, selection: type[Selection], field: str, place: str = "bar", **more: Any) -> Control:
        """The control of an option, which is called what its declaration says and offers what that offers.

        Args:
            selection, field: the part of the selection, declared by `option`.
            place: as of any control.
            more: what only the view knows, such as the number of units.
        """
        spec = selection.spec(field)
        drawn: dict[str, Any] = {"title": spec.help.removesuffix(".")}
        if spec.step is not None:
            low, high = spec.ends
            drawn |= {"kind": "range", "label": spec.label.lower(), "low": low, "high": high, "step": spec.step}
        else:
            words = tuple((value, f"{value} {spec.label.lower()}") for value in spec.offered)
            drawn |= {"kind": "select", "options": words}
        return cls(field, place=place, **drawn | more)


@dataclass(frozen=True)
class AnalysisRequest:
    """Something to be computed of the model before it can be drawn.

    The result comes later, in `ViewState.results`; until then the last one stays there. For a past step an analysis is
    made anew when the step, the options or the key changes; for the living model also as it trains, if `follow` is set.

    Attributes:
        name: under which the view finds the answer.
        kind, options: as the engine takes them.
        key: another key asks again, such as how often a button was pressed.
        every: seconds between two requests while the model trains, at least; infinite for not at all. Requests that
            take long are asked less often.
        settle: seconds for which options and past step must stand still before it is asked, for what takes long.
        title: what it does, in a few words, shown with its progress while it is answered; "" for what is quick.
    """

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""
    every: float = 0.3
    settle: float = 0.0
    title: str = ""


@dataclass(frozen=True)
class AnalysisResult:
    """What is known of an analysis.

    Attributes:
        value: the newest answer; None before the first.
        step: the step of the model that it is about; -1 before the first.
        error: a sentence where the newest request failed, else "".
        pending: whether a newer answer is on its way.
        progress: how far that one has come, 0 to 1.
    """

    value: Any = None
    step: int = -1
    error: str = ""
    pending: bool = False
    progress: float = 0.0


NOTHING = AnalysisResult()


@dataclass(frozen=True)
class MomentState:
    """What is known of one of the moments that a view compares.

    Attributes:
        moment: which.
        name: of its run, as its owner called it, or "".
        state: as a view of that run alone would have it; None while it is not here yet, or where it cannot be.
        error: a sentence where it cannot be, else "".
    """

    moment: Moment
    name: str = ""
    state: ViewState | None = None
    error: str = ""


@dataclass(frozen=True)
class ViewState:
    """Everything a view needs to render one frame.

    Attributes:
        view: the run; its snapshot is that of the step looked at.
        step: the step looked at.
        past: whether that is a kept step of the past (the living model otherwise).
        results: by the names of the view's analyses; one that is missing is not known yet.
        others: the training curves of the other branches of this run.
        moments: what is compared, in its order, for a view that compares; else empty.
    """

    view: RunView
    step: int
    past: bool = False
    results: Mapping[str, AnalysisResult] = field(default_factory=dict)
    others: tuple[Mapping[str, Array], ...] = ()
    moments: tuple[MomentState, ...] = ()

    def result(self, name: str) -> AnalysisResult:
        """What is known of an analysis, which may be nothing."""
        return self.results.get(name, NOTHING)


@dataclass(frozen=True)
class Grid:
    """How the panels of a view stand.

    Attributes:
        rows, spans: as `View` names them.
        least: pixels of the whole grid below which the page scrolls instead.
    """

    rows: str
    spans: Mapping[str, tuple[int, int]]
    least: int


class View(ABC):
    """The figures of one page for one browser; keeps what must not jump from one moment to the next.

    Class attributes:
        name: the key of the view, of its page's address and of its place in the style sheet.
        selection_class: what can be chosen.
        rows: the heights of the grid's rows, as CSS writes them, in a window that is wide enough for two figures.
        spans: panel -> how many of the grid's six columns and of its rows it takes; (3, 1) where it is not named.
        least_height: pixels of the whole grid below which the page scrolls instead.
        usual: the names of the panels that it mostly has, in their order: what a page waits for stands in their places.
        film: of a view that can be taken home as a film, each panel with what it depends on: pairs of a condition on
            the selection and, where it is the first that holds, the parts of the selection that change the panel.

    Args:
        selection: what is chosen; `selection` may be set anew at any time.
    """

    name: ClassVar[str]
    selection_class: ClassVar[type[Selection]] = Selection
    rows: ClassVar[str] = "1fr 1fr"
    spans: ClassVar[Mapping[str, tuple[int, int]]] = {}
    least_height: ClassVar[int] = 560
    usual: ClassVar[tuple[str, ...]]
    film: ClassVar[Mapping[str, Sequence[tuple[Mapping[str, Any], tuple[str, ...]]]]] = {}

    def __init__(self, selection: Any) -> None:
        self.selection = selection

    def fitted(self, state: ViewState) -> Any:
        """The selection as far as the run has what is selected; there must be a snapshot."""
        assert state.view.snapshot is not None
        return self.selection.fit(state.view.snapshot)

    def tools(self, state: ViewState) -> list[Control]:
        """What can be chosen; there is a snapshot."""
        return common_controls(state)

    def analyses(self, state: ViewState) -> list[AnalysisRequest]:
        """What must be computed; there is a snapshot."""
        return []

    def grid(self, state: ViewState) -> Grid:
        """How the panels stand, for a view on which that is not always the same."""
        return Grid(self.rows, self.spans, self.least_height)

    @abstractmethod
    def panels(self, state: ViewState) -> Sequence[Figure | SvgPanel | TextPanel]:
        """What is drawn of what is known so far; there may be no snapshot and no answer yet."""

    def panel(self, state: ViewState, name: str) -> Figure | SvgPanel | TextPanel:
        """One of them alone; a view that makes films has a quick way."""
        return next(panel for panel in self.panels(state) if panel.name == name)


def common_controls(state: ViewState, unit: bool = True) -> list[Control]:
    """The choice of sequence, layer, direction and unit, as far as there is a choice."""
    snapshot = state.view.snapshot
    assert snapshot is not None
    entries = snapshot.trace.layers
    layers = 1 + max(entry.layer for entry in entries)
    directions = sorted({entry.direction for entry in entries}, reverse=True)
    titles = tuple((n, f"{n + 1}: {title}") for n, title in enumerate(snapshot.titles))
    tools = [Control("sequence", "select", "The sequence that the figures show", options=titles)]
    if layers > 1:
        numbered = tuple((n, f"layer {n + 1}") for n in range(layers))
        tools.append(Control("layer", "select", "The recurrent layer that the figures show", options=numbered))
    if len(directions) > 1:
        named = tuple((name, name) for name in directions)
        tools.append(Control("direction", "select", "The direction of reading", options=named))
    if unit:
        title = "The hidden unit drawn as lines (or click a row of a map)"
        tools.append(Control("unit", "number", title, label="unit", high=entries[0].hidden_size - 1))
    return tools


def shown_layer(state: ViewState, chosen: Selection) -> tuple[LayerTrace, int]:
    """The recording of the chosen layer and direction, and the real steps of the chosen sequence."""
    assert state.view.snapshot is not None
    trace = state.view.snapshot.trace
    return trace.layer(chosen.layer, chosen.direction), int(trace.lengths[chosen.sequence])


VIEWS: Registry[type[View]] = Registry("view")
