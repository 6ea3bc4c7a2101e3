"""The memory page's board: how far back the gradient reaches, what the gates do about it, and what that means."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rnn_explorer.analysis.memory_report import CellMemory, MemoryReport
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.gate_statistics import gate_statistics
from rnn_explorer.figures.gradient import Pinned, gradient
from rnn_explorer.figures.gradient_norm import gradient_norm
from rnn_explorer.figures.loss_gradient import loss_gradient
from rnn_explorer.figures.saliency import saliency
from rnn_explorer.figures.style import layer_name
from rnn_explorer.figures.triangle import triangle
from rnn_explorer.figures.words import Words, findings
from rnn_explorer.trace import Snapshot
from rnn_explorer.views.base import BOARDS, Answer, Board, Question, Seen, Selection, Tool, common_tools

OWN = -1  # as an output: the class that the model predicts, or its first value
LAST = 0  # as a time step: the last real one
LARGE = 128  # numbers in a state above which the triangle takes long enough to show its progress
MOST_PINS = 6  # curves that one browser keeps for one task
_MOST_SHELVES = 500  # browsers and tasks whose curves are kept


@dataclass(frozen=True)
class MemorySelection(Selection):
    """What is shown of the memory.

    Attributes:
        output: the class or value whose saliency is shown, from 0; -1 for the model's own answer.
        answer_step: the answer after which step, from 1; 0 for the last.
        pin: how often the present curve was pinned.
        clear: how often all pins were taken away.
        viewer: a name that the browser gave itself, under which its pins are kept.
    """

    output: int = OWN
    answer_step: int = LAST
    pin: int = 0
    clear: int = 0
    viewer: str = ""

    def fit(self, snapshot: Snapshot) -> MemorySelection:
        fitted = super().fit(snapshot)
        length = int(snapshot.trace.lengths[fitted.sequence])
        step = self.answer_step if LAST < self.answer_step <= length else length
        output = self.output if OWN <= self.output < snapshot.trace.answers.shape[-1] else OWN
        return dataclasses.replace(fitted, answer_step=step, output=output)


@dataclass
class _Shelf:
    """The curves that one browser keeps for one task, and how often its buttons had been pressed then."""

    pin: int
    clear: int
    curves: list[Pinned] = field(default_factory=list)


_shelves: OrderedDict[tuple[str, str], _Shelf] = OrderedDict()


def pinned(chosen: MemorySelection, task: str, curve: Pinned | None) -> tuple[Pinned, ...]:
    """The curves that a browser keeps; the present one joins them when the button was pressed since the last look.

    Counts of presses outlive the server in the browser, so a browser that is seen for the first time has pressed
    nothing.

    Args:
        chosen: the browser's name, and how often its buttons were pressed.
        task: curves of different tasks are not drawn together.
        curve: the present one; None where there is none yet.
    """
    if not chosen.viewer:
        return ()
    key = (chosen.viewer, task)
    shelf = _shelves.setdefault(key, _Shelf(chosen.pin, chosen.clear))
    _shelves.move_to_end(key)
    while len(_shelves) > _MOST_SHELVES:
        _shelves.popitem(last=False)
    if chosen.clear > shelf.clear:
        shelf.curves.clear()
    if chosen.pin > shelf.pin and curve is not None and curve.label not in [kept.label for kept in shelf.curves]:
        shelf.curves = [*shelf.curves, curve][-MOST_PINS:]
    shelf.pin, shelf.clear = max(chosen.pin, shelf.pin), max(chosen.clear, shelf.clear)
    return tuple(shelf.curves)


@BOARDS.register("memory")
class MemoryBoard(Board):
    """The gradient through time and what is to be said of it; below, the loss, all pairs of steps, inputs and gates."""

    name = "memory"
    selection_class = MemorySelection
    rows = "1.5fr 1fr 1fr"
    spans = {"gradient": (4, 1), "findings": (2, 1), "loss_gradient": (2, 1), "triangle": (2, 1), "saliency": (2, 1)}
    least_height = 700

    def tools(self, seen: Seen) -> list[Tool]:
        chosen, snapshot = self.fitted(seen), seen.view.snapshot
        assert snapshot is not None
        outputs = snapshot.trace.answers.shape[-1]
        names = snapshot.explanations[chosen.sequence].class_names or [f"value {n + 1}" for n in range(outputs)]
        own = "its prediction" if snapshot.explanations[chosen.sequence].class_names else "its first value"
        choices = ((OWN, own), *enumerate(names))
        length = int(snapshot.trace.lengths[chosen.sequence])
        tools = common_tools(seen, unit=False)
        if outputs > 1:
            tools.append(
                Tool("output", "select", "The answer whose inputs are weighed", label="answer", options=choices)
            )
        if length > 1:
            title = "The answer after which step is weighed (input saliency)"
            tools.append(Tool("answer_step", "range", title, label="after step", low=1, high=length))
        pin = "Keep this curve in the figure while the step or the cell changes"
        tools.append(Tool("pin", "button", pin, "gradient", "Pin this curve"))
        tools.append(Tool("clear", "button", "Take all pinned curves away", "gradient", "Clear pins"))
        return tools

    def questions(self, seen: Seen) -> list[Question]:
        chosen, snapshot = self.fitted(seen), seen.view.snapshot
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
        title = "Comparing all pairs of steps" if large else ""
        return [
            Question("memory", "memory", about),
            Question("triangle", "triangle", cell, every=2.0, title=title),
        ]

    def cards(self, seen: Seen) -> Sequence[Figure | Words]:
        answer = seen.answer("memory")
        report: MemoryReport | None = answer.value
        cells = () if report is None else report.cells
        view = seen.view
        key = view.experiment.model.cell
        kept: tuple[Pinned, ...] = ()
        if view.snapshot is not None:
            chosen = self.fitted(seen)
            kept = pinned(chosen, view.experiment.task, _present(cells, chosen, answer))
        train = view.train
        return [
            gradient(cells, kept),
            findings(() if report is None else report.findings, None if report is None else answer.step),
            loss_gradient(cells),
            triangle(seen.answer("triangle").value),
            saliency(None if report is None else report.saliency, key),
            gate_statistics(cells, 0 if report is None else report.length),
            gradient_norm(
                train["step"], train["grad_norm"], train["applied_norm"], view.experiment.training.clip_norm, key
            ),
        ]


def _present(cells: Sequence[CellMemory], chosen: MemorySelection, answer: Answer) -> Pinned | None:
    """The curve of the chosen layer as it can be pinned."""
    for cell in cells:
        if (cell.layer, cell.direction) == (chosen.layer, chosen.direction):
            label = f"{layer_name(cell.cell, cell.layer, cell.direction)}, step {answer.step}"
            return Pinned(label, cell.cell, cell.log10_norm)
    return None
