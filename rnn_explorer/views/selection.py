"""What the person at a page chose to look at."""

from __future__ import annotations

import dataclasses
import math
import re
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from rnn_explorer.analysis.options import LayerOptions, SequenceOptions
from rnn_explorer.settings import Settings, Spec
from rnn_explorer.trace import Direction, Snapshot

_WHOLE = re.compile(r"-?[0-9]{1,9}")
_LONGEST = 16_000  # characters of a text in a selection, which may be a sequence of numbers


def option(options: type[Settings], name: str, opens: Any = None) -> Any:
    """Declare a part of a selection that is an option of an analysis.

    Args:
        options, name: which one.
        opens: what the page opens with, where that is not the option's default; for an option that may be none, a value
            of the page's own for that.
    """
    spec = options.spec(name)
    return field(default=spec.default if opens is None else opens, metadata={"spec": spec})


@dataclass(frozen=True)
class Selection:
    """What the person chose to look at; each part by its name in the page's query. Views add parts of their own.

    A part is a whole number, a number, a switch, one of a few words or numbers (`Literal`), or a text. One that is an
    option of an analysis too is declared by `option`.

    Attributes:
        layer, direction: which recurrent layer.
        sequence: which of the probe sequences, from 0.
        unit: which hidden unit, from 0; a view may give -1 a meaning of its own.
    """

    layer: int = option(LayerOptions, "layer")
    direction: Direction = option(LayerOptions, "direction")
    sequence: int = option(SequenceOptions, "sequence")
    unit: int = 0

    @classmethod
    def read(cls, query: Mapping[str, str]) -> typing.Self:
        """Read a query; what is missing or makes no sense takes its default."""
        kinds = typing.get_type_hints(cls)
        chosen = {}
        for part in dataclasses.fields(cls):
            spec, text = part.metadata.get("spec"), query.get(part.name, "")
            few = spec.offered if spec is not None and spec.step is None else ()
            value = _one_of(few, text) if few else _read(kinds[part.name], text)
            if value is not None:
                chosen[part.name] = value
        return cls(**chosen)

    def fit(self, snapshot: Snapshot) -> typing.Self:
        """The nearest selection that this snapshot has."""
        trace = snapshot.trace
        layer = min(max(self.layer, 0), max(entry.layer for entry in trace.layers))
        directions = [entry.direction for entry in trace.layers if entry.layer == layer]
        direction = self.direction if self.direction in directions else directions[0]
        return dataclasses.replace(
            self,
            **self._on_sliders(),
            layer=layer,
            direction=direction,
            sequence=min(max(self.sequence, 0), len(trace.lengths) - 1),
            unit=min(max(self.unit, self.lowest_unit()), trace.layer(layer, direction).hidden_size - 1),
        )

    @classmethod
    def spec(cls, name: str) -> Spec:
        """The declaration of the option that a part is; KeyError for another part."""
        (part,) = (part for part in dataclasses.fields(cls) if part.name == name)
        spec: Spec = part.metadata["spec"]
        return spec

    def _on_sliders(self) -> dict[str, Any]:
        """The parts that are chosen by sliders of an option, within the ends of these."""
        specs = {part.name: part.metadata.get("spec") for part in dataclasses.fields(self)}
        return {
            name: spec.check(min(max(getattr(self, name), spec.ends[0]), spec.ends[1]))
            for name, spec in specs.items()
            if spec is not None and spec.step is not None
        }

    @classmethod
    def lowest_unit(cls) -> int:
        """The least value of `unit`."""
        return 0


def _read(kind: Any, text: str) -> Any:
    """One part of a selection; None where the text makes no sense."""
    if typing.get_origin(kind) is Literal:
        return _one_of(typing.get_args(kind), text)
    if kind is bool:
        return {"true": True, "false": False}.get(text)
    if kind is int:
        return int(text) if text.isascii() and _WHOLE.fullmatch(text) else None
    if kind is float:
        try:
            number = float(text)
        except ValueError:
            return None
        return number if math.isfinite(number) else None
    return text[:_LONGEST] if text else None


def _one_of(choices: Sequence[Any], text: str) -> Any:
    return {str(choice): choice for choice in choices}.get(text)
