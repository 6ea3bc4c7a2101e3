"""What a question to a run brings: a record of numbers, and figures of it that show themselves in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from rnn_explorer.analysis.cell_internals.record import WhatIf
from rnn_explorer.analysis.dynamics.fixed_points import FixedPoints
from rnn_explorer.analysis.dynamics.record import Trajectories
from rnn_explorer.analysis.memory.record import MemoryReport
from rnn_explorer.errors import UserError
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.cell.cell_drawing import cell_drawing
from rnn_explorer.figures.cell.what_if import what_if, what_if_answer
from rnn_explorer.figures.dynamics.dynamics_path import dynamics_path
from rnn_explorer.figures.dynamics.eigenvalues import at_point
from rnn_explorer.figures.dynamics.findings import dynamics_findings
from rnn_explorer.figures.gates import gates
from rnn_explorer.figures.memory.findings import findings
from rnn_explorer.figures.memory.gate_statistics import gate_statistics
from rnn_explorer.figures.memory.gradient import gradient
from rnn_explorer.figures.memory.loss_gradient import loss_gradient
from rnn_explorer.figures.memory.saliency import saliency
from rnn_explorer.figures.prediction import prediction
from rnn_explorer.figures.states import states
from rnn_explorer.figures.svg_panel import SvgPanel
from rnn_explorer.figures.text_panel import TextPanel
from rnn_explorer.trace import Direction, Snapshot

T = TypeVar("T")
Shown = Figure | SvgPanel | TextPanel


class Result(Generic[T]):
    """What a question to a run brought.

    The attributes of the record are the result's own, so `result.cells` is `result.record.cells`, and so are its
    methods, such as `to_dict()`. As the last line of a notebook's cell, a result shows its first figure.

    Attributes:
        record: the numbers: numpy arrays and plain values. Its class documents them with their shapes and units.

    Example:
        >>> import rnn_explorer as rx
        >>> memory = rx.train("flip_flop", cell="gru", hidden_size=4, steps=5).memory()
        >>> memory.length, memory.cells[0].log10_norm.shape
        (50, (50,))
        >>> [figure.name for figure in memory.figures()]
        ['gradient', 'findings', 'loss_gradient', 'saliency', 'gate_statistics']
        >>> sorted(memory.figure("gradient").table)
        ['curve', 'lag', 'log10_fit', 'log10_norm']
    """

    def __init__(self, record: T, draw: Callable[[], Sequence[Shown]]) -> None:
        self.record = record
        self._draw = draw

    def figures(self) -> tuple[Shown, ...]:
        """All figures: each has `title`, `how_to_read`, `table` and `to_csv()`; most have `to_plotly()`."""
        return tuple(self._draw())

    def figure(self, name: str = "") -> Shown:
        """One figure.

        Args:
            name: its `name`; "": the first.

        Raises:
            UserError: when there is none of this name; the message lists those that there are.
        """
        figures = self.figures()
        for figure in figures:
            if name in ("", figure.name):
                return figure
        raise UserError(f"There is no figure {name!r} here; there are: {', '.join(each.name for each in figures)}.")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name == "record":  # a copy that is being made has no record yet
            raise AttributeError(name)
        return getattr(self.record, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in dir(self.record) if not name.startswith("_"))})

    def __repr__(self) -> str:
        return f"<Result with a {type(self.record).__name__}>"

    def _repr_html_(self) -> str:
        return self.figure()._repr_html_()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {**self.figure()._repr_mimebundle_(), "text/plain": repr(self)}


def of_snapshot(snapshot: Snapshot, sequence: int, layer: int, direction: Direction) -> list[Shown]:
    """Figures of one probe sequence and one layer."""
    trace, explanation = snapshot.trace, snapshot.explanations[sequence]
    layer_trace, length, inputs = trace.layer(layer, direction), int(trace.lengths[sequence]), trace.inputs[sequence]
    return [
        prediction(explanation, layer_trace.cell),
        states(layer_trace, sequence, length),
        gates(layer_trace, sequence, length, inputs, explanation.symbols),
    ]


def of_memory(report: MemoryReport, cell: str) -> list[Shown]:
    """The figures of the page Memory."""
    return [
        gradient(report.cells),
        findings(report.findings, report.step),
        loss_gradient(report.cells),
        saliency(report.saliency, cell),
        gate_statistics(report.cells, report.length),
    ]


def of_fixed_points(points: FixedPoints, paths: Trajectories) -> list[Shown]:
    """The figures of the page Dynamics that need no flow; eigenvalues of the first point, where there is one."""
    spectra = [at_point(points, 0)] if len(points) else []
    return [dynamics_path(paths, points), *spectra, dynamics_findings(points, None, None)]


def of_what_if(result: WhatIf) -> list[Shown]:
    """The figures of the page Cell for a changed model, with the cell at the step at which it differs most."""
    most = int(result.distance().argmax()) if result.length else 0
    return [what_if(result), what_if_answer(result), cell_drawing(result.internals, most)]
