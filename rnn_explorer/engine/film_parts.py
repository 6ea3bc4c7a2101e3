"""What a film holds: each part of its figures once, however many steps and choices show it.

A film's content is a sequence of frames (`engine.frames`), each behind its length as 4 little-endian bytes, in one gzip
stream. The first is the header; the others are kept steps in their order, the present last. A *value* is a text of JSON
or an array; its number counts through "groups", first those of the header, which hold what several steps show, then
those of the step. A group is a list of texts; an array of arrays of one shape; or lines of one length, one after the
other in "lines". What a panel shows with one choice is a *record*: the number of a form, and the numbers of the values
that the form names.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import numpy as np

from rnn_explorer.engine.frame_encoder import Panel, coarsely
from rnn_explorer.engine.frames import Coarse, pack
from rnn_explorer.jsonable import jsonable

VERSION = 1
PLAIN = "plain"  # of a form's trace: the property whose value is all that is no array, as one text
_LEVEL = 6  # of compression: higher ones take several times as long for some percent

_Value = str | np.ndarray | Coarse
_Kind = tuple[Any, ...]


@dataclass
class Shot:
    """What the panels show at one step.

    Attributes:
        status: of the step, as `pictures.status_of` has it.
        records: panel -> a record for each choice, in the order of the film's keys.
    """

    status: Mapping[str, Any]
    records: dict[str, list[tuple[int, ...]]] = field(default_factory=dict)


class FilmParts:
    """Collects the panels of a film; equal values are kept once.

    Attributes:
        size: bytes of all values, before compression.
    """

    def __init__(self) -> None:
        self.size = 0
        self._values: list[_Value] = []
        self._numbers: dict[Any, int] = {}
        self._forms: dict[tuple[Any, ...], int] = {}

    @np.errstate(over="ignore", invalid="ignore")
    def record(self, panel: Panel) -> tuple[int, ...]:
        """Take a panel in."""
        refs = [self._text(value) for value in panel.parts.values()]
        traces = []
        for trace in panel.traces or ():
            found = ((name, coarsely(name, value, trace)) for name, value in trace.items() if _is_array(value))
            arrays = {name: value for name, value in found if not isinstance(value, list)}
            refs.append(self._text({name: value for name, value in trace.items() if name not in arrays}))
            refs += [self._array(value) for value in arrays.values()]
            traces.append((PLAIN, *arrays))
        form = (tuple(panel.parts), tuple(traces), panel.traces is not None)
        return (self._forms.setdefault(form, len(self._forms)), *refs)

    def _text(self, value: Any) -> int:
        try:
            text = _JSON.encode(value)
        except ValueError:  # a number that JSON does not know
            text = _JSON.encode(jsonable(value))
        return self._number(text, text, len(text))

    def _array(self, value: np.ndarray | Coarse) -> int:
        numbers = value.codes if isinstance(value, Coarse) else value
        return self._number((_kind(value), numbers.tobytes()), value, numbers.nbytes)

    def _number(self, key: Any, value: _Value, size: int) -> int:
        number = self._numbers.setdefault(key, len(self._values))
        if number == len(self._values):
            self._values.append(value)
            self.size += size
        return number

    def packed(self, header: Mapping[str, Any], shots: Sequence[Shot]) -> bytes:
        """The film's content.

        Args:
            header: plain data about the film.
            shots: in the order of their steps.
        """
        used = [
            sorted({ref for panel in shot.records.values() for record in panel for ref in record[1:]}) for shot in shots
        ]
        counts = Counter(ref for refs in used for ref in refs)
        shared, numbers = self._grouped([ref for ref, count in counts.items() if count > 1], 0)
        forms = [{"parts": parts, "traces": traces if figure else None} for parts, traces, figure in self._forms]
        messages: list[Mapping[str, Any]] = [{"version": VERSION, **header, "groups": shared, "forms": forms}]
        for shot, refs in zip(shots, used, strict=True):
            own, more = self._grouped([ref for ref in refs if counts[ref] == 1], len(numbers))
            known = {**numbers, **more}
            records = {
                name: np.array(
                    [n for first, *rest in panel for n in (first, *(known[ref] for ref in rest))], dtype=np.int32
                )
                for name, panel in shot.records.items()
            }
            messages.append({"status": shot.status, "groups": own, "records": records})
        frames = [pack(message) for message in messages]
        content = b"".join(part for frame in frames for part in (len(frame).to_bytes(4, "little"), frame))
        return gzip.compress(content, _LEVEL, mtime=0)

    def _grouped(self, refs: Iterable[int], first: int) -> tuple[list[Any], dict[int, int]]:
        """Values in groups of one kind; with the numbers that they get, from `first` on."""
        kinds: dict[_Kind, list[int]] = {}
        for ref in refs:
            kinds.setdefault(_kind(self._values[ref]), []).append(ref)
        groups = [_group([self._values[ref] for ref in members]) for members in kinds.values()]
        order = [ref for members in kinds.values() for ref in members]
        return groups, {ref: first + number for number, ref in enumerate(order)}


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 0


def _kind(value: _Value) -> _Kind:
    if isinstance(value, str):
        return ()
    if isinstance(value, Coarse):
        return (value.codes.shape, value.low, value.high)
    double = value.tobytes() if value.dtype == np.float64 else b""  # a line that only this tells apart stands alone
    return (value.dtype.str, value.shape, double)


def _group(values: list[Any]) -> Any:
    if isinstance(values[0], str):
        return values
    if isinstance(values[0], Coarse):
        return Coarse(np.stack([value.codes for value in values]), values[0].low, values[0].high)
    if values[0].ndim > 1:
        return np.stack(values)
    return {"lines": np.concatenate(values), "length": len(values[0]), "count": len(values)}


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: getattr(value, part.name) for part in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"cannot keep {type(value).__name__}")


_JSON = json.JSONEncoder(default=_plain, allow_nan=False, separators=(",", ":"))
