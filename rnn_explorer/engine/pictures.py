"""What a view shows of a run, as the parts of a frame."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

import numpy as np

from rnn_explorer.engine.base import RunView
from rnn_explorer.engine.frame_encoder import FrameEncoder, Panel
from rnn_explorer.engine.frames import pack
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.svg_panel import SvgPanel
from rnn_explorer.figures.text_panel import TextPanel
from rnn_explorer.views import View, ViewState

READABLE = 2  # steps a second whose numbers can be read one after the other


class Encoder:
    """Turns looks at a run into frames.

    Args:
        view: whose figures these are.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self._frames = FrameEncoder()
        self._header: dict[str, Any] = {}
        self._coarse = False

    def frame(
        self,
        state: ViewState,
        film: float = 0.0,
        busy: tuple[str, str, float] | None = None,
        only: Collection[str] | None = None,
    ) -> bytes:
        """One frame: `run`, `version` and `status` always, others where they are new; no panels while a run starts.

        Args:
            state: what the view renders.
            film: kept steps a second, where the past is being replayed.
            busy: a question on its way: its name, its title, how far it has come.
            only: the names of the panels that are in sight; None: all.
        """
        view = state.view
        at = state.step if state.past else None
        errors = [result.error for result in state.results.values() if result.error]
        status = {**status_of(view, at), "film": film, "busy": busy, "errors": errors}
        parts: dict[str, Any] = {"frames": view.kept_steps}
        header = self._header = {"run": view.run_id, "version": view.version, "status": status}
        if view.snapshot is None and view.status == "starting":
            return pack({**header, **parts, "figures": {}})  # nothing is known yet; what the page shows stays
        if view.snapshot is not None:
            parts |= {"chosen": self.view.fitted(state), "tools": self.view.tools(state)}
        parts["grid"] = self.view.grid(state)
        panels = [plain_panel(panel) for panel in self.view.panels(state)]
        self._coarse = _is_moving(state, film)
        return self._frames.encode(header, parts, panels, only, coarse=self._coarse)

    def again(self) -> bytes:
        """All that was sent until now, as one frame."""
        return self._frames.again(self._header, self._coarse)


def _is_moving(state: ViewState, film: float) -> bool:
    """Whether what is shown is another thing before its numbers could be read."""
    limit = state.view.experiment.training.speed_limit
    return film > READABLE or (state.view.status == "training" and not state.past and not 0 < limit <= READABLE)


def status_frame(view: RunView) -> bytes:
    """A frame that holds the status line alone, for what no worker can tell."""
    status = {**status_of(view), "film": 0.0, "busy": None, "errors": []}
    del status["at"]  # each browser knows where it looks
    return pack({"run": view.run_id, "version": view.version, "status": status, "figures": {}})


def plain_panel(panel: Figure | SvgPanel | TextPanel) -> Panel:
    """A panel as plain data."""
    about: dict[str, Any] = {"title": panel.title, "how": panel.how_to_read}
    if isinstance(panel, Figure):
        return Panel(panel.name, {**about, "marks": panel.marks, "layout": panel.layout}, panel.data)
    own = (part.name for part in fields(panel) if part.name not in ("name", "title", "how_to_read", "table"))
    return Panel(panel.name, {**about, **{name: getattr(panel, name) for name in own}})


def status_of(view: RunView, at: int | None = None) -> dict[str, Any]:
    """The numbers and words of the status line; what is not known is None.

    Args:
        view: the run.
        at: the step of the past that is looked at, to which epoch, losses and metric then belong; None: the present.
            `step` and `target` stay those of the run.
    """
    train, validation = _newest(view.train, at), _newest(view.validation, at)
    # An epoch may have been of another length before the batch size was changed; then this is as near as is known.
    epoch = view.epoch if at in (None, view.step) else at / max(view.steps_per_epoch, 1)
    return {
        "status": view.status,
        "message": view.message,
        "at": at,
        "step": view.step,
        "target": view.target,
        "epoch": epoch,
        "epochs": view.target / max(view.steps_per_epoch, 1),
        "rate": view.steps_per_second,
        "train_loss": train.get("loss"),
        "val_loss": validation.get("loss"),
        "val_metric": validation.get("metric"),
        "val_step": validation.get("step"),
        "metric": view.metric_name,
        "test": list(view.test) if view.test and at in (None, view.step) else None,
    }


def _newest(table: Mapping[str, np.ndarray], at: int | None) -> dict[str, float]:
    """The last row, or the last that is not after step `at`."""
    steps = table.get("step", ())
    last = (len(steps) if at is None else int(np.searchsorted(steps, at, side="right"))) - 1
    return {name: float(values[last]) for name, values in table.items() if last >= 0 and math.isfinite(values[last])}
