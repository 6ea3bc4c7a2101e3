"""The live stream: what a run looks like now, sent to the browser whenever it changes.

A browser opens one event stream for the run and the selection (layer, unit, sequence ...) it shows. Each event holds
the status and, of the figures, only what is new: a layout that changed, traces that changed. Drawing is the browser's
part (`live_figures/live.js`). Where a browser or its network is slow, states in between are skipped; the newest is
always the next one sent. An open stream counts as somebody watching.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import math
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from rnn_explorer.analysis import projection
from rnn_explorer.engine.base import RunView, UnknownRun
from rnn_explorer.figures.answer import answer
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.curves import curves
from rnn_explorer.figures.gates import gates
from rnn_explorer.figures.path import path
from rnn_explorer.figures.states import states
from rnn_explorer.trace import LayerTrace, Snapshot
from rnn_explorer.ui import session

FRAMES_PER_SECOND = 14  # the most that one browser is sent
SHARE_OF_TIME = 0.5  # the most of one core that all streams together may take
REFIT = 0.5  # seconds between two fits of the path's axes while training: a fit of 128 units costs milliseconds
BREATH = 0.5  # seconds between two looks at whether the server or the browser is leaving
_HALF_LIMIT = 60_000.0  # half precision ends at 65,504
PING = 10.0  # seconds without news after which a sign of life is sent, and the run's lease renewed

_log = logging.getLogger(__name__)
_streams: Counter[str] = Counter()  # open streams by run
_cost = 0.005  # seconds that building one event took lately
_open = True


@dataclass(frozen=True)
class Selection:
    """What the person chose to look at; each part by its name in the stream's query.

    Attributes:
        layer, direction: which recurrent layer.
        sequence: which of the probe sequences, from 0.
        unit: which hidden unit, from 0.
        gates: "maps", "unit" or "saturation".
        log: whether the loss has a logarithmic axis.
        dims: 2 or 3 dimensions of the hidden state's path.
        colour: the path coloured by "time" or by "class".
    """

    layer: int = 0
    direction: Literal["forward", "backward"] = "forward"
    sequence: int = 0
    unit: int = 0
    gates: Literal["maps", "unit", "saturation"] = "maps"
    log: bool = False
    dims: Literal[2, 3] = 2
    colour: Literal["time", "class"] = "time"

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Selection:
        """Read a query; what is missing or makes no sense takes its default."""
        allowed: dict[str, dict[str, Any]] = {
            "direction": {"forward": "forward", "backward": "backward"},
            "gates": {"maps": "maps", "unit": "unit", "saturation": "saturation"},
            "log": {"true": True, "false": False},
            "dims": {"2": 2, "3": 3},
            "colour": {"time": "time", "class": "class"},
        }
        chosen: dict[str, Any] = {}
        for field in fields(cls):
            text = query.get(field.name, "")
            if field.name in allowed and text in allowed[field.name]:
                chosen[field.name] = allowed[field.name][text]
            elif field.name not in allowed and text.isascii() and text.isdigit() and len(text) < 6:
                chosen[field.name] = int(text)
        return cls(**chosen)

    def fit(self, snapshot: Snapshot) -> Selection:
        """The nearest selection that this snapshot has."""
        trace = snapshot.trace
        layer = min(self.layer, max(entry.layer for entry in trace.layers))
        directions = [entry.direction for entry in trace.layers if entry.layer == layer]
        direction = self.direction if self.direction in directions else directions[0]
        return Selection(
            layer=layer,
            direction=direction,
            sequence=min(self.sequence, len(trace.lengths) - 1),
            unit=min(self.unit, trace.layer(layer, direction).hidden_size - 1),
            gates=self.gates,
            log=self.log,
            dims=self.dims,
            colour=self.colour,
        )


class Picture:
    """The figures of one run for one selection; keeps what must not jump from one moment to the next.

    Args:
        selection: what to show.
    """

    def __init__(self, selection: Selection) -> None:
        self.selection = selection
        self._basis: projection.Basis | None = None
        self._fitted, self._fitted_step = -math.inf, -1
        self._limits: Any = None

    def figures(self, view: RunView) -> list[Figure]:
        """All figures as of `view`; before the first snapshot there are none but the curves."""
        cell = view.experiment.model.cell
        baseline = view.baseline
        drawn = [
            curves(
                view.train,
                view.validation,
                baseline.loss if baseline else math.nan,
                baseline.metric if baseline else math.nan,
                baseline.how if baseline else "",
                view.metric_name,
                cell,
                log=self.selection.log,
                test={"loss": view.test[0], "metric": view.test[1]} if view.test else None,
            )
        ]
        if view.snapshot is None:
            return drawn
        snapshot = view.snapshot
        chosen = self.selection.fit(snapshot)
        trace, explanation = snapshot.trace, snapshot.explanations[chosen.sequence]
        layer, length = trace.layer(chosen.layer, chosen.direction), int(trace.lengths[chosen.sequence])
        drawn.append(answer(explanation, cell))
        drawn.append(states(layer, chosen.sequence, length))
        drawn.append(self._path(view, snapshot, layer, chosen))
        drawn.append(
            gates(
                layer,
                chosen.sequence,
                length,
                trace.inputs[chosen.sequence],
                lengths=trace.lengths,
                symbols=explanation.symbols,
                view=chosen.gates,
                unit=chosen.unit,
            )
        )
        return drawn

    def _path(self, view: RunView, snapshot: Snapshot, layer: LayerTrace, chosen: Selection) -> Figure:
        hidden, lengths = layer.states["hidden"], snapshot.trace.lengths
        basis, now = self._basis, time.monotonic()
        rested = now - self._fitted > REFIT or view.status != "training"
        if basis is None or (snapshot.step != self._fitted_step and rested):
            fresh = projection.fit(hidden, lengths=lengths)
            basis = self._basis = fresh if basis is None else projection.align(fresh, basis)
            self._fitted, self._fitted_step = now, snapshot.step
        projected = projection.project(basis, hidden)
        # A state too large for single precision along one axis is not drawn along the others either.
        projected[~np.isfinite(projected).all(axis=-1)] = np.nan
        self._limits = projection.limits(projected, self._limits, lengths)
        return path(
            projected,
            lengths,
            basis.explained,
            snapshot.labels,
            snapshot.label_names,
            chosen.sequence,
            colour_by=chosen.colour,
            dims=chosen.dims,
            limits=self._limits,
        )


class Encoder:
    """Turns views into events that hold only what changed since the last one."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self._sent: dict[str, str] = {}

    def event(self, view: RunView) -> str:
        """One event as JSON text: `status` always, other parts where they are new."""
        message: dict[str, Any] = {"version": view.version, "status": status_of(view)}
        choices = choices_of(view, self.picture.selection)
        if self._new("choices", _json(choices)):
            message["choices"] = choices
        figures = {}
        for order, figure in enumerate(self.picture.figures(view)):
            changes = self._changes(figure)
            if changes:
                figures[figure.name] = {"order": order, **changes}
        message["figures"] = figures
        return _json(message)

    def _changes(self, figure: Figure) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        about = {
            "title": figure.title,
            "how": figure.how_to_read,
            "marks": [_mark(mark) for mark in figure.marks],
            "count": len(figure.data),
            "layout": figure.layout,
        }
        for part, value in about.items():
            if self._new(f"{figure.name}.{part}", _json(value)):
                changes[part] = value
        data = {}
        for number, trace in enumerate(figure.data):
            if self._new(f"{figure.name}.{number}", _json(trace)):
                data[str(number)] = trace
        if data:
            changes["data"] = data
        return changes

    def _new(self, part: str, text: str) -> bool:
        if self._sent.get(part) == text:
            return False
        self._sent[part] = text
        return True


def status_of(view: RunView) -> dict[str, Any]:
    """The numbers and words of the status line; what is not known is None."""
    train, validation = _newest(view.train), _newest(view.validation)
    return {
        "status": view.status,
        "message": view.message,
        "step": view.step,
        "target": view.target,
        "epoch": view.epoch,
        "epochs": view.target / max(view.steps_per_epoch, 1),
        "rate": view.steps_per_second,
        "train_loss": train.get("loss"),
        "val_loss": validation.get("loss"),
        "val_metric": validation.get("metric"),
        "metric": view.metric_name,
        "test": list(view.test) if view.test else None,
    }


def _newest(table: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {name: float(values[-1]) for name, values in table.items() if len(values) and math.isfinite(values[-1])}


def choices_of(view: RunView, selection: Selection) -> dict[str, Any]:
    """What can be chosen in this run, and what is."""
    if view.snapshot is None:
        return {}
    snapshot, fitted = view.snapshot, selection.fit(view.snapshot)
    return {
        "layers": 1 + max(entry.layer for entry in snapshot.trace.layers),
        "directions": sorted({entry.direction for entry in snapshot.trace.layers}, reverse=True),
        "units": snapshot.trace.layer(fitted.layer, fitted.direction).hidden_size,
        "sequences": [explanation.title for explanation in snapshot.explanations],
        "classes": bool(snapshot.label_names),
        "chosen": {field.name: getattr(fitted, field.name) for field in fields(fitted)},
    }


def _mark(mark: Any) -> dict[str, Any]:
    return {"kind": mark.kind, "axes": list(mark.axes), "trace": mark.trace, "steps": np.asarray(mark.steps).tolist()}


def _json(value: Any) -> str:
    try:
        return json.dumps(value, default=_plain, allow_nan=False, separators=(",", ":"))
    except ValueError:  # a number that JSON does not know, as a run that explodes brings them
        return json.dumps(_finite(value), default=_plain, allow_nan=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    """The same with None for numbers that are not finite; arrays stay, since they travel packed."""
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    if isinstance(value, np.ndarray) and value.dtype.kind not in "fiu":
        return _finite(value.tolist())
    return None if isinstance(value, (float, np.floating)) and not math.isfinite(value) else value


def _plain(value: Any) -> Any:
    """Arrays as Plotly's typed arrays (and `f2`, which the component unpacks), others as lists."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "f":
            value = value.astype(_precision(value))
        elif value.dtype == np.int64:
            value = value.astype(np.int32)
        if value.dtype.kind not in "fiu":
            return value.tolist()
        code = {"f": "f", "i": "i", "u": "u"}[value.dtype.kind] + str(value.dtype.itemsize)
        packed = {"dtype": code, "bdata": base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()}
        if value.ndim > 1:
            packed["shape"] = ", ".join(str(size) for size in value.shape)
        return packed
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (tuple, frozenset, set)):
        return list(value)
    raise TypeError(f"cannot send {type(value).__name__}")


def _precision(values: np.ndarray) -> type[np.floating]:
    """Maps are most of what is sent, and their colours need no more than half precision (three digits and a bit)."""
    small = values.ndim == 2 and values.size > 0 and float(np.nanmax(np.abs(values), initial=0.0)) < _HALF_LIMIT
    return np.float16 if small else np.float32


# -- the routes ---------------------------------------------------------------------------------------------------


def accept() -> None:
    """Let streams run."""
    global _open
    _open = True


def hang_up() -> None:
    """Tell all streams to end, so that the server can."""
    global _open
    _open = False


def viewers(run_id: str) -> int:
    """How many browsers are watching a run."""
    return _streams[run_id]


async def stream(request: Request) -> Response:
    """GET /explorer/live/{run_id}: the event stream of one run."""
    run_id = request.path_params["run_id"]
    selection = Selection.read(request.query_params)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_events(request, run_id, selection), media_type="text/event-stream", headers=headers)


async def _events(request: Request, run_id: str, selection: Selection) -> AsyncGenerator[str, None]:
    global _cost
    engine, loop, news = session.engine(), asyncio.get_running_loop(), asyncio.Event()
    encoder = Encoder(Picture(selection))
    try:
        engine.renew(run_id)
        unsubscribe = engine.subscribe(run_id, lambda: _call_soon(loop, news))
    except UnknownRun:
        yield "event: gone\ndata: {}\n\n"
        return
    _streams[run_id] += 1
    shown = -1
    try:
        news.set()
        while _open and not await request.is_disconnected():
            try:
                await asyncio.wait_for(news.wait(), timeout=BREATH)
            except TimeoutError:
                engine.renew(run_id)
                if time.monotonic() % PING < BREATH:
                    yield ": still here\n\n"
                continue
            news.clear()
            view = engine.view(run_id)
            if view.version == shown:
                continue
            shown, began = view.version, time.monotonic()
            engine.renew(run_id)
            try:
                event = encoder.event(view)
            except Exception:
                # The next state may be drawn where this one could not; a stream that ends would only come back.
                _log.exception("run %s could not be drawn at step %d", run_id, view.step)
                continue
            took = time.monotonic() - began
            _cost = 0.9 * _cost + 0.1 * took
            yield f"data: {event}\n\n"
            await asyncio.sleep(max(1 / FRAMES_PER_SECOND - took, _cost * _streams.total() / SHARE_OF_TIME - took, 0.0))
    except UnknownRun:
        yield "event: gone\ndata: {}\n\n"
    finally:
        unsubscribe()
        _streams[run_id] -= 1
        if not _streams[run_id]:
            del _streams[run_id]


def _call_soon(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(news.set)


def download(request: Request) -> Response:
    """GET /explorer/figure/{run_id}/{name}.{csv|html}: one figure as it is now, with all its data."""
    run_id, name, form = (request.path_params[key] for key in ("run_id", "name", "form"))
    try:
        view = session.engine().view(run_id)
    except UnknownRun:
        return PlainTextResponse("This run is no longer on the server.", status_code=404)
    chosen = {figure.name: figure for figure in Picture(Selection.read(request.query_params)).figures(view)}
    if name not in chosen or form not in ("csv", "html"):
        return PlainTextResponse("There is no such figure.", status_code=404)
    file = f"{view.experiment.task}-{view.experiment.model.cell}-{name}-step{view.step}.{form}"
    headers = {"content-disposition": f'attachment; filename="{file}"', "cache-control": "no-store"}
    if form == "csv":
        return Response(chosen[name].to_csv(), media_type="text/csv; charset=utf-8", headers=headers)
    page = chosen[name].to_plotly().to_html(include_plotlyjs=True, full_html=True)
    return Response(page, media_type="text/html; charset=utf-8", headers=headers)
