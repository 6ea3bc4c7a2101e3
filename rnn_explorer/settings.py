"""Settings: frozen dataclasses whose fields carry their own range, unit and help text.

A setting is declared once, beside its default::

    hidden_size: int = setting(32, low=1, high=256, label="Hidden size", help="Units in each recurrent layer.")

and everything that shows, parses, checks or documents it reads that declaration.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from rnn_explorer.errors import UserError

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


class SettingError(UserError):
    """A setting with a value it cannot have. The message is a sentence for the person who set it.

    Attributes:
        field: the setting's name, as in the URL.
        value: the value that was refused, as it was given.
        allowed: what would be accepted, in words ("a whole number from 1 to 256").
        message: the sentence, where it is not the usual one of these three.
    """

    def __init__(self, field: str, value: object, allowed: str, message: str = "") -> None:
        self.field, self.value, self.allowed, self.message = field, value, allowed, message
        super().__init__(message or f"{field} is {shown(value)}, but must be {allowed}.")

    def __reduce__(self) -> tuple[Any, ...]:  # keeps its parts when it crosses a process boundary
        return (type(self), (self.field, self.value, self.allowed, self.message))


@dataclass(frozen=True)
class Spec:
    """What is known of one setting.

    Attributes:
        name: the field's name and its key in a URL.
        kind: int, float, bool, str, tuple (a list of numbers), or object for what whoever uses it checks.
        default: the value when nothing is said.
        label: what the control is called.
        help: one or two sentences for the person at the control.
        low, high: smallest and largest value (for a tuple: of each item); None where there is no limit.
        names: gives the values a str may take, those too that are registered later; none for a free text, and where
            the kind is not str.
        longest: the most items a tuple may have, or characters a free text.
        items: int or float, of a tuple.
        optional: whether None is a value, too.
        absent: what None stands for, in words.
        verbatim: whether a free text may have several lines, and blanks at its ends.
        offered: the values that a page's control offers, where these are not all that there are: each of them, or with
            `step` the two ends of a slider.
        step: of a slider.
        unit: the unit in words, or "".
        log: whether a control should move by factors rather than by steps.
        live: whether it can be changed while a model trains, without building it anew.
    """

    name: str
    kind: type[Any]
    default: Any
    label: str
    help: str
    low: float | None = None
    high: float | None = None
    names: Callable[[], Sequence[str]] = tuple
    longest: int = 4
    items: type[Any] = int
    optional: bool = False
    absent: str = ""
    verbatim: bool = False
    offered: tuple[float, ...] = ()
    step: float | None = None
    unit: str = ""
    log: bool = False
    live: bool = False

    @property
    def choices(self) -> tuple[str, ...]:
        """The values a str may take; empty for a free text, and where the kind is not str."""
        return tuple(self.names())

    @property
    def is_free_text(self) -> bool:
        """Whether any text will do, such as a name from the user's file."""
        return self.kind is str and not self.choices

    @property
    def ends(self) -> tuple[float, float]:
        """The ends of a slider: those that are offered, or the smallest and the largest value.

        Raises:
            ValueError: for a setting without these.
        """
        if self.offered:
            return self.offered[0], self.offered[-1]
        if self.low is None or self.high is None:
            raise ValueError(f"{self.name} has no limits")
        return self.low, self.high

    @property
    def allowed(self) -> str:
        """What is accepted, in words."""
        if self.optional:
            needed = dataclasses.replace(self, optional=False).allowed.removeprefix("'none' or ")
            return f"{needed}, or none" + (f" for {self.absent}" if self.absent else "")
        span = f" from {_plain(self.low)} to {_plain(self.high)}" if self.low is not None else ""
        if self.kind is bool:
            return "true or false"
        if self.is_free_text and self.verbatim:
            return f"a text of at most {self.longest} characters"
        if self.is_free_text:
            return f"a text of one line and at most {self.longest} characters, or nothing"
        if self.kind is str:
            return "one of " + ", ".join(self.choices)
        if self.kind is tuple:
            return f"'none' or up to {self.longest} {self._numbers}s{span}, separated by commas"
        return f"a {self._numbers}{span}"

    @property
    def _numbers(self) -> str:
        if (self.items if self.kind is tuple else self.kind) is int:
            return "whole number"
        return "finite number" if self.kind is tuple and self.low is None else "number"

    def check(self, value: Any) -> Any:
        """Return `value` in the setting's own type.

        Raises:
            SettingError: for a value of another type or outside the range.
        """
        if self.kind is object or (self.optional and value is None):
            return value
        checked = self._typed(value.tolist() if hasattr(value, "tolist") else value)  # numpy's numbers and arrays
        items = checked if isinstance(checked, tuple) else (checked,)
        if self.kind in (int, float, tuple) and self.low is not None and self.high is not None:
            if not all(self.low <= item <= self.high for item in items):
                raise SettingError(self.name, value, self.allowed)
        if self.kind is tuple and len(items) > self.longest:
            raise SettingError(self.name, value, self.allowed)
        if self.is_free_text:
            checked = checked if self.verbatim else checked.strip()
            if len(checked) > self.longest or not (self.verbatim or checked.isprintable()):
                raise SettingError(self.name, value, self.allowed)
        elif self.kind is str and checked not in self.choices:
            raise SettingError(self.name, value, self.allowed)
        return checked

    def _typed(self, value: Any) -> Any:
        if self.kind is bool and isinstance(value, bool):
            return value
        if self.kind in (int, float):
            return self._number(value, self.kind)
        if self.kind is str and isinstance(value, str):
            return value
        if self.kind is tuple and isinstance(value, (list, tuple)):
            return tuple(self._number(item, self.items, value) for item in value)
        raise SettingError(self.name, value, self.allowed)

    def _number(self, item: Any, kind: type[Any], of: Any = None) -> Any:
        """An int or float; `of` is the list that it stands in, if any."""
        number: Any = _float(item) if kind is float and isinstance(item, int) else item
        if not isinstance(item, bool) and isinstance(number, kind) and (kind is int or math.isfinite(number)):
            return number
        raise SettingError(self.name, item if of is None else of, self.allowed)

    def parse(self, text: str) -> Any:
        """Read the value from the text of a URL or a command line.

        Raises:
            SettingError: for text that is no such value.
        """
        text = text if self.verbatim else text.strip()
        if self.optional and text in ("", "none"):
            return None
        try:
            if self.kind is bool:
                if text.lower() not in _TRUE + _FALSE:
                    raise ValueError
                return text.lower() in _TRUE
            if self.kind is int:
                return self.check(_whole(text))
            if self.kind is float:
                return self.check(_number(text))
            if self.kind is tuple:
                words = [] if text in ("", "none") else text.split(",")
                read = _whole if self.items is int else _number
                return self.check(tuple(read(word.strip()) for word in words))
        except SettingError:
            raise SettingError(self.name, text, self.allowed) from None
        except ValueError:
            raise SettingError(self.name, text, self.allowed) from None
        return self.check(text)

    def text(self, value: Any) -> str:
        """Write the value so that `parse` reads it back exactly."""
        if value is None:
            return "none"
        if self.kind is bool:
            return "true" if value else "false"
        if self.kind is tuple:
            return ",".join(map(repr, value)) or "none"
        return repr(value) if self.kind is float else str(value)


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(text)
    return int(text)


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):  # float() alone would also read 1_000 and the digits of other scripts
        raise ValueError(text)
    return float(text)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond the largest float
        return math.inf


def shown(value: object) -> str:
    """A foreign value inside a sentence: on one line, at most 60 characters."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to write whole numbers of thousands of digits
        text = "a number of thousands of digits"
    return text if len(text) <= 60 else text[:57] + "..."


def _plain(number: float | None) -> str:
    if number is None:
        return "no limit"
    return str(number) if isinstance(number, int) else f"{number:.15g}"


def setting(
    default: Any,
    *,
    help: str,
    label: str,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] | Callable[[], Sequence[str]] = (),
    longest: int = 4,
    absent: str = "",
    verbatim: bool = False,
    offered: Sequence[float] = (),
    step: float | None = None,
    unit: str = "",
    log: bool = False,
    live: bool = False,
) -> Any:
    """Declare a field of a `Settings` class; the arguments are those of `Spec`, with `choices` or what gives them.

    What kind of value it has, the type of the field says: so `int | None` for one that is optional, `tuple[float, ...]`
    for a list of numbers, a `Literal` of texts for a choice; anything else is checked elsewhere.
    """
    declared = {
        "label": label, "help": help, "low": low, "high": high, "longest": longest,
        "names": choices if callable(choices) else functools.partial(tuple, choices),
        "absent": absent, "verbatim": verbatim, "offered": tuple(offered), "step": step,
        "unit": unit, "log": log, "live": live,
    }  # fmt: skip
    return dataclasses.field(default=default, metadata={"setting": declared})


@dataclass(frozen=True)
class Settings:
    """Base of all groups of settings: checked when made, comparable, to and from plain values."""

    def __post_init__(self) -> None:
        for spec in self.specs():
            object.__setattr__(self, spec.name, spec.check(getattr(self, spec.name)))

    @classmethod
    def specs(cls) -> tuple[Spec, ...]:
        """The declared settings, in order."""
        cached = cls.__dict__.get("_specs")
        if cached is None:
            hints = get_type_hints(cls)
            cached = tuple(
                Spec(name=field.name, default=field.default, **field.metadata["setting"] | _typing(hints[field.name]))
                for field in dataclasses.fields(cls)
                if "setting" in field.metadata
            )
            cls._specs = cached  # type: ignore[attr-defined]
        return cached

    @classmethod
    def spec(cls, name: str) -> Spec:
        """The declaration of one setting; KeyError where there is none of this name."""
        for spec in cls.specs():
            if spec.name == name:
                return spec
        raise KeyError(name)

    def to_dict(self) -> dict[str, Any]:
        """Plain values (numbers, text, lists), fit for JSON."""
        values = {spec.name: getattr(self, spec.name) for spec in self.specs()}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def replace(self, **changes: Any) -> Self:
        """A copy with some settings changed, checked like any other."""
        return dataclasses.replace(self, **changes)


def _typing(hint: Any) -> dict[str, Any]:
    """What the type of a field says of its setting."""
    if NoneType in get_args(hint):
        (kind,) = (part for part in get_args(hint) if part is not NoneType)
        return {**_typing(kind), "optional": True}
    if get_origin(hint) is Literal:
        return {"kind": str, "names": functools.partial(tuple, get_args(hint))}
    if get_origin(hint) is tuple:
        return {"kind": tuple, "items": get_args(hint)[0]}
    return {"kind": hint if hint in (int, float, bool, str) else object}


def keep_known(specs: Sequence[Spec], values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `values` that one of `specs` names."""
    names = {spec.name for spec in specs}
    return {name: value for name, value in values.items() if name in names}
