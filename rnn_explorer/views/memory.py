"""The memory page's view: how far back the gradient reaches, what the gates do about it, and what that means."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnn_explorer.analysis.memory.cell_memory import CellMemory
from rnn_explorer.analysis.memory.record import MemoryOptions, MemoryReport
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.memory.findings import findings
from rnn_explorer.figures.memory.gate_statistics import gate_statistics
from rnn_explorer.figures.memory.gradient import Pinned, gradient
from rnn_explorer.figures.memory.gradient_norm import gradient_norm
from rnn_explorer.figures.memory.jacobian_norms import jacobian_norms
from rnn_explorer.figures.memory.loss_gradient import loss_gradient
from rnn_explorer.figures.memory.saliency import saliency
from rnn_explorer.figures.style import layer_name
from rnn_explorer.figures.text_panel import TextPanel
from rnn_explorer.trace import Snapshot
from rnn_explorer.views.base import (
    VIEWS,
    AnalysisRequest,
    AnalysisResult,
    Control,
    View,
    ViewState,
    common_controls,
)
from rnn_explorer.views.selection import Selection, option

OWN = -1  # as an output: the class that the model predicts, or its first value
LAST = 0  # as a time step: the last real one
LARGE = 128  # numbers in a state above which the Jacobian norms take long enough to show its progress
MOST_PINS = 6  # curves that are kept for one task
LONGEST_PINS = 8000  # characters of all kept curves, which travel in a page's query
_MOST_DECADES = 400.0  # of a kept curve, which comes back from the browser


@dataclass(frozen=True)
class MemorySelection(Selection):
    """What is shown of the memory.

    Attributes:
        output: the class or value whose saliency is shown, from 0; -1 for the model's own answer.
        answer_step: the answer after which step, from 1; 0 for the last.
        pins: the curves that are kept, of all tasks, as `write_pins` writes them. The browser keeps them, since the
            next run may be in another worker.
    """

    output: int = option(MemoryOptions, "output", opens=OWN)
    answer_step: int = option(MemoryOptions, "time_step", opens=LAST)
    pins: str = ""

    def fit(self, snapshot: Snapshot) -> MemorySelection:
        fitted = super().fit(snapshot)
        length = int(snapshot.trace.lengths[fitted.sequence])
        step = self.answer_step if LAST < self.answer_step <= length else length
        output = self.output if OWN <= self.output < snapshot.trace.answers.shape[-1] else OWN
        return dataclasses.replace(fitted, answer_step=step, output=output)


Pins = list[tuple[str, Pinned]]  # with the task of each: curves of different tasks are not drawn together


def write_pins(pins: Pins) -> str:
    """Kept curves as a text; "" for none. Where there are too many, the oldest go."""
    rows = [[task, pin.label, pin.cell, np.round(pin.log10_norm, 3).tolist()] for task, pin in pins]
    while len(text := json.dumps(rows, separators=(",", ":"))) > LONGEST_PINS:
        del rows[0]
    return text if rows else ""


def read_pins(text: str) -> Pins:
    """The curves in a text of `write_pins`; none where it is no such text."""
    try:
        return [
            (str(task), Pinned(str(label), str(cell), _curve(values))) for task, label, cell, values in json.loads(text)
        ]
    except (ValueError, TypeError, OverflowError, RecursionError):
        return []


def _curve(values: Any) -> np.ndarray:
    curve = np.asarray(values, dtype=np.float64)
    if curve.ndim != 1:
        raise ValueError("a curve is a list of numbers")
    return np.clip(curve, -_MOST_DECADES, _MOST_DECADES)


def with_pin(pins: Pins, task: str, curve: Pinned | None) -> Pins:
    """The kept curves with another one, which is kept once."""
    mine = [pin.label for kept, pin in pins if kept == task]
    if curve is None or curve.label in mine:
        return pins
    if len(mine) >= MOST_PINS:
        oldest = next(number for number, (kept, _) in enumerate(pins) if kept == task)
        pins = pins[:oldest] + pins[oldest + 1 :]
    return [*pins, (task, curve)]


@VIEWS.register("memory")
class MemoryView(View):
    """The gradient through time and what is to be said of it; below, the loss, all pairs of steps, inputs and gates."""

    name = "memory"
    selection_class = MemorySelection
    rows = "1.5fr 1fr 1fr"
    spans = {
        "gradient": (4, 1),
        "findings": (2, 1),
        "loss_gradient": (2, 1),
        "jacobian_norms": (2, 1),
        "saliency": (2, 1),
    }
    least_height = 700
    usual = ("gradient", "findings", "loss_gradient", "jacobian_norms", "saliency", "gate_statistics", "gradient_norm")

    def tools(self, state: ViewState) -> list[Control]:
        chosen, snapshot = self.fitted(state), state.view.snapshot
        assert snapshot is not None
        outputs = snapshot.trace.answers.shape[-1]
        names = snapshot.explanations[chosen.sequence].class_names or [f"value {n + 1}" for n in range(outputs)]
        own = "its prediction" if snapshot.explanations[chosen.sequence].class_names else "its first value"
        choices = ((OWN, own), *enumerate(names))
        length = int(snapshot.trace.lengths[chosen.sequence])
        tools = common_controls(state, unit=False)
        if outputs > 1:
            tools.append(Control.of(MemorySelection, "output", label="answer", options=choices))
        if length > 1:
            tools.append(Control.of(MemorySelection, "answer_step", kind="range", label="at t =", low=1, high=length))
        answer, task, pins = state.result("memory"), state.view.experiment.task, read_pins(chosen.pins)
        curve = _present(() if answer.value is None else answer.value.cells, chosen, answer)
        for label, title, after in (
            (
                "Pin this curve",
                "Keep this curve in the figure while the optimizer step or the cell changes",
                with_pin(pins, task, curve),
            ),
            ("Clear pins", "Take all pinned curves away", [pin for pin in pins if pin[0] != task]),
        ):
            tools.append(Control("pins", "button", title, "gradient", label, options=((write_pins(after), ""),)))
        return tools

    def analyses(self, state: ViewState) -> list[AnalysisRequest]:
        chosen, snapshot = self.fitted(state), state.view.snapshot
        assert snapshot is not None
        last = chosen.answer_step == int(snapshot.trace.lengths[chosen.sequence])
        about: dict[str, Any] = {
            "sequence": chosen.sequence,
            "output": None if chosen.output == OWN else chosen.output,
            "time_step": None if last else chosen.answer_step,
        }
        cell = {"sequence": chosen.sequence, "layer": chosen.layer, "direction": chosen.direction}
        states = snapshot.trace.layer(chosen.layer, chosen.direction).states
        large = sum(values.shape[-1] for values in states.values()) > LARGE
        title = "Comparing all pairs of time steps" if large else ""
        return [
            AnalysisRequest("memory", "memory", about),
            AnalysisRequest("jacobian_norms", "jacobian_norms", cell, every=2.0, title=title),
        ]

    def panels(self, state: ViewState) -> Sequence[Figure | TextPanel]:
        answer = state.result("memory")
        report: MemoryReport | None = answer.value
        cells = () if report is None else report.cells
        view = state.view
        key = view.experiment.model.cell
        kept = [pin for task, pin in read_pins(self.selection.pins) if task == view.experiment.task]
        train = view.train
        return [
            gradient(cells, kept),
            findings(None if report is None else report.findings, None if report is None else answer.step),
            loss_gradient(cells),
            jacobian_norms(state.result("jacobian_norms").value),
            saliency(None if report is None else report.saliency, key),
            gate_statistics(cells, 0 if report is None else report.length),
            gradient_norm(
                train["step"], train["grad_norm"], train["applied_norm"], view.experiment.training.clip_norm, key
            ),
        ]


def _present(cells: Sequence[CellMemory], chosen: MemorySelection, answer: AnalysisResult) -> Pinned | None:
    """The curve of the chosen layer as it can be pinned."""
    for cell in cells:
        if (cell.layer, cell.direction) == (chosen.layer, chosen.direction):
            label = f"{layer_name(cell.cell, cell.layer, cell.direction)}, step {answer.step}"
            return Pinned(label, cell.cell, cell.log10_norm)
    return None
