"""Frames as differences: each holds what is new since the last one.

A *coarse* frame, for a figure that changes in a moment, has maps in bytes (a color scale has no more colors) and lines
in half precision.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnn_explorer.engine.frames import Coarse, Grown, pack, sendable


@dataclass(frozen=True)
class Panel:
    """One panel of a view as plain data.

    Attributes:
        name: unique on its view.
        parts: what it consists of but the traces, by name.
        traces: of a figure, as Plotly names their properties; None for a panel that is no figure.
    """

    name: str
    parts: Mapping[str, Any]
    traces: Sequence[Mapping[str, Any]] | None = None


@dataclass
class _Part:
    """What was sent of one part of a panel or a frame.

    Attributes:
        given: as it was given.
        wired: the same as it goes out, finely.
        fine: whether it went out so.
    """

    given: Any
    wired: Any
    fine: bool = True


_Parts = dict[str, _Part]


@dataclass
class _Sent:
    """What was sent of one panel."""

    parts: _Parts = field(default_factory=dict)
    traces: list[_Parts] = field(default_factory=list)


class FrameEncoder:
    """Makes frames, and keeps what it last sent.

    An object that `is` the one sent last time is unchanged: what was given must not be written to afterwards. Other
    objects are compared as they would go out, arrays by their bytes.
    """

    def __init__(self) -> None:
        self._parts: _Parts = {}
        self._panels: dict[str, _Sent] = {}

    def forget(self) -> None:
        """The next frame is a whole one."""
        self._parts.clear()
        self._panels.clear()

    @np.errstate(over="ignore", invalid="ignore")
    def encode(
        self,
        status: Mapping[str, Any],
        parts: Mapping[str, Any],
        panels: Sequence[Panel],
        only: Collection[str] | None = None,
        whole: bool = False,
        coarse: bool = False,
    ) -> bytes:
        """One frame, for who has all frames before it.

        Args:
            status: sent each time; its entries stand in the header beside the parts.
            parts: sent where they are new. The names of the panels are one more, "panels".
            panels: of each what is new: parts; "count" where there are more or fewer traces; under "data" traces that
                are new or have other properties than before, by number; under "change" of other traces the properties
                that changed.
            only: panels that are wanted; of others nothing is sent, unless they were never sent. None: all.
            whole: whether all of it is sent, for who joins or has fallen behind.
            coarse: whether numbers need be no finer than a moving picture shows them. What went out coarsely is sent
                once more by the next frame that is not coarse.

        Raises:
            TypeError: when something is no plain data.
        """
        if whole:
            self.forget()
        message: dict[str, Any] = dict(status)
        for name, value in (*parts.items(), ("panels", [panel.name for panel in panels])):
            if _is_new(self._parts, name, value):
                message[name] = self._parts[name].wired
        figures = {}
        for panel in panels:
            if only is not None and panel.name not in only and panel.name in self._panels:
                continue
            news = self._news(panel, coarse)
            if news:
                figures[panel.name] = news
        message["figures"] = figures
        return pack(message)

    @np.errstate(over="ignore", invalid="ignore")
    def again(self, status: Mapping[str, Any], coarse: bool = False) -> bytes:
        """All that was sent as one frame, for who joins or has fallen behind.

        Args:
            status, coarse: as in the frame before.
        """
        message: dict[str, Any] = {**status, **{name: part.wired for name, part in self._parts.items()}}
        figures = {}
        for name in message.get("panels", ()):
            if (sent := self._panels.get(name)) is not None:
                figures[name] = {name: part.wired for name, part in sent.parts.items()}
                if sent.traces:
                    figures[name]["data"] = {
                        str(number): {name: _repeated(name, trace, coarse) for name in trace}
                        for number, trace in enumerate(sent.traces)
                    }
        message["figures"] = figures
        return pack(message)

    def _news(self, panel: Panel, coarse: bool) -> dict[str, Any]:
        sent = self._panels.setdefault(panel.name, _Sent())
        news = {name: sent.parts[name].wired for name, value in panel.parts.items() if _is_new(sent.parts, name, value)}
        if panel.traces is None:
            return news
        if len(panel.traces) != len(sent.traces) or not panel.traces:
            if _is_new(sent.parts, "count", len(panel.traces)):
                news["count"] = len(panel.traces)
        del sent.traces[len(panel.traces) :]  # forgotten in the browser, too
        data, change = {}, {}
        for number, trace in enumerate(panel.traces):
            if number < len(sent.traces) and sent.traces[number].keys() == trace.keys():
                if changed := _changes(sent.traces[number], trace, coarse):
                    change[str(number)] = changed
                continue
            fresh = {name: _Part(value, _wired(value)) for name, value in trace.items()}
            sent.traces[number : number + 1] = [fresh]
            data[str(number)] = {name: _outgoing(name, fresh, coarse) for name in fresh}
        sent.parts["count"] = _Part(len(panel.traces), len(panel.traces))
        return {**news, **{name: value for name, value in (("data", data), ("change", change)) if value}}


_PLAIN = frozenset((str, int, float, bool))  # without arrays inside, and not sent coarsely


def _changes(last: _Parts, trace: Mapping[str, Any], coarse: bool) -> dict[str, Any]:
    """The properties of a trace that go out: those that changed, and those that went out coarsely, when it is over."""
    changed = {}
    for name, value in trace.items():
        before = last[name]
        given, kind = before.given, type(value)
        # Most are the same; these looks save a call.
        if given is value and (before.fine or coarse):
            continue
        if kind in _PLAIN and type(given) is kind and given == value:
            continue
        if _is_new(last, name, value) or not (before.fine or coarse):
            changed[name] = _outgoing(name, last, coarse, before)
    return changed


def _outgoing(name: str, trace: _Parts, coarse: bool, before: _Part | None = None) -> Any:
    """A property of a trace as it goes out now.

    Args:
        name: of the property.
        trace: all of them; that this one is sent is noted there.
        coarse: whether it may be coarse.
        before: what was sent of the property last; None where the trace is new.
    """
    part = trace[name]
    value, was_fine, part.fine = part.wired, before is None or before.fine, True
    if not isinstance(value, np.ndarray):
        return value
    rough: Any = None
    if value.ndim == 1 and before is not None:
        grown = _grown(before.wired, value)
        if grown is not None:
            return grown if was_fine else value
        rough = _in_half(value) if coarse else None
    elif coarse and name == "z":
        rough = _in_bytes(value, *(trace[key].given if key in trace else None for key in _ABOUT_A_MAP))
    part.fine = rough is None
    return value if rough is None else rough


_ABOUT_A_MAP = ("zmin", "zmax", "texttemplate")


def coarsely(name: str, value: np.ndarray, trace: Mapping[str, Any]) -> np.ndarray | Coarse | list[Any]:
    """A property of a trace as a moving picture shows it; a list where it is no array of numbers."""
    wired = sendable(value)
    if not isinstance(wired, np.ndarray):
        return wired
    rough: np.ndarray | Coarse | None = None
    if wired.ndim == 1:
        rough = _in_half(wired)
    elif name == "z":
        rough = _in_bytes(wired, *(trace.get(key) for key in _ABOUT_A_MAP))
    return wired if rough is None else rough


def _repeated(name: str, trace: _Parts, coarse: bool) -> Any:
    """A property as it goes out to who joins; the others may still have it coarsely."""
    was_fine = trace[name].fine
    value = _outgoing(name, trace, coarse)
    trace[name].fine &= was_fine
    return value


def _grown(before: Any, value: np.ndarray) -> Grown | None:
    """What follows the numbers that are the same in both; None where those are fewer than half."""
    if not isinstance(before, np.ndarray) or before.ndim != 1 or before.dtype != value.dtype:
        return None
    size = min(len(before), len(value))
    other = np.flatnonzero(_bits(before[:size]) != _bits(value[:size]))
    keep = int(other[0]) if other.size else size
    return Grown(keep, value[keep:]) if keep and 2 * keep >= len(value) else None


def _bits(value: np.ndarray) -> np.ndarray:
    return value.view(f"u{value.dtype.itemsize}")  # no NaN is another number than itself


def _in_half(value: np.ndarray) -> np.ndarray | None:
    """A line in half precision; None where that could be seen: by a thousandth of the line's span, or more."""
    if value.dtype != np.float32 or not value.size:
        return None
    half, known = value.astype(np.float16), np.isfinite(value)
    shown = value[known]
    error = np.abs(half[known].astype(np.float32) - shown).max(initial=0.0)
    return half if error <= 1e-3 * (shown.max(initial=-np.inf) - shown.min(initial=np.inf)) else None


def _in_bytes(value: np.ndarray, bottom: float | None, top: float | None, written: str | None) -> Coarse | None:
    """A map as numbers of colors; None where it goes far beyond its color scale, or its numbers are written out."""
    if value.ndim != 2 or value.dtype.kind != "f" or bottom is None or top is None or written is not None:
        return None
    single, known = value.astype(np.float32), ~np.isnan(value)
    shown = single if known.all() else single[known]
    low, high = min(float(shown.min(initial=bottom)), bottom), max(float(shown.max(initial=top)), top)
    if not 0 < high - low <= 2 * (top - bottom):  # neither where one is infinite
        return None
    codes = np.rint((single - np.float32(low)) * np.float32(254 / (high - low)))
    return Coarse(np.where(known, codes, 255).astype(np.uint8), low, high)


def _is_new(sent: _Parts, name: str, value: Any) -> bool:
    """Whether a part differs from the one sent last; it then counts as sent."""
    last = sent.get(name)
    if last is None:
        sent[name] = _Part(value, _wired(value))
        return True
    given, wired = last.given, last.wired
    if given is value:
        return False
    if wired is given and type(given) is not np.ndarray:  # no arrays in it: Python compares it at once
        new = isinstance(given, bool) != isinstance(value, bool)  # 1 == True, but not in JSON
        try:
            new = new or bool(given != value)
        except ValueError:  # arrays in the new one
            new = True
        sent[name] = _Part(value, _wired(value) if new else value, last.fine)
        return new
    fresh = _wired(value)
    new = not _same(wired, fresh)
    sent[name] = _Part(value, fresh if new else wired, last.fine)
    return new


def _wired(value: Any) -> Any:
    """The same with arrays as they go out; itself where there are none."""
    if isinstance(value, np.ndarray):
        return sendable(value)
    if isinstance(value, dict):
        wired = {name: _wired(part) for name, part in value.items()}
        return value if all(wired[name] is part for name, part in value.items()) else wired
    return value


def _same(old: Any, new: Any) -> bool:
    """Whether two parts look the same when they arrive."""
    if old is new:
        return True
    if isinstance(new, np.ndarray) or isinstance(old, np.ndarray):
        both = isinstance(new, np.ndarray) and isinstance(old, np.ndarray)
        return both and old.dtype == new.dtype and old.shape == new.shape and old.tobytes() == new.tobytes()
    if isinstance(new, dict):
        if not isinstance(old, dict) or old.keys() != new.keys():
            return False
        return all(_same(old[name], value) for name, value in new.items())
    if isinstance(new, bool) != isinstance(old, bool):
        return False
    try:
        return bool(old == new)
    except ValueError:  # arrays somewhere inside
        if dataclasses.is_dataclass(new) and type(old) is type(new):
            return all(_same(getattr(old, part.name), getattr(new, part.name)) for part in dataclasses.fields(new))
        if isinstance(new, (list, tuple)) and isinstance(old, (list, tuple)) and len(old) == len(new):
            return all(_same(*pair) for pair in zip(old, new, strict=True))
        return False
