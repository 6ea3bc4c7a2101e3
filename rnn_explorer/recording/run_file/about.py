"""What a run file says of its run beside curves and states: `run.json`."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from rnn_explorer.recording.store.records import StoredRun
from rnn_explorer.settings import shown

FORMAT = "rnnx"
VERSION = 1
MAX_BYTES = 256 * 1024  # of run.json
_MOST = {"name": 200, "note": 20_000, "origin": 64, "run_id": 64}  # characters
_TAGS, _TAG = 100, 100  # of a run, and characters of each
_VERSIONS, _VERSION = 50, 200  # entries, and characters of each
_MARKS, _MARK = 100, 1_000  # of a curve, and characters of each
_SECONDS = 1e12  # of training, and since 1970
MAX_STEP = 10**10 - 1
_REQUIRED = ("format", "version", "experiment")


def _is_text(longest: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and len(value) <= longest


def _is_number(value: Any) -> bool:
    is_one = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_one and 0 <= value <= _SECONDS and math.isfinite(value)


def is_step(value: Any) -> bool:
    """Whether a foreign value is a number of optimizer steps."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_STEP


def _are_tags(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= _TAGS and all(map(_is_text(_TAG), value))


def _are_versions(value: Any) -> bool:
    return (
        isinstance(value, dict) and len(value) <= _VERSIONS and all(map(_is_text(_VERSION), (*value, *value.values())))
    )


def _are_marks(value: Any) -> bool:
    """[step, words] each, with steps that do not descend."""
    is_list = isinstance(value, list) and len(value) <= _MARKS
    pairs = is_list and all(isinstance(mark, list) and len(mark) == 2 for mark in value)
    known = pairs and all(is_step(step) and _is_text(_MARK)(words) for step, words in value)
    return known and all(one[0] <= other[0] for one, other in itertools.pairwise(value))


_FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {  # those of `StoredRun`, beside the experiment
    **{name: (_is_text(most), f"a text of at most {most:,} characters") for name, most in _MOST.items()},
    "origin_step": (is_step, f"a whole number from 0 to {MAX_STEP:,}"),
    "tags": (_are_tags, f"a list of at most {_TAGS} texts of at most {_TAG} characters"),
    "marks": (
        _are_marks,
        f"at most {_MARKS} pairs of a step and a text of at most {_MARK} characters, steps ascending",
    ),
    "versions": (_are_versions, f"at most {_VERSIONS} texts of at most {_VERSION} characters by name"),
    "seconds": (_is_number, "a number from 0"),
    "created": (_is_number, "seconds since 1970"),
}


def written(run: StoredRun) -> bytes:
    """`run.json` of a run. Whose it is, and who may see it, is not in it."""
    found: dict[str, Any] = {"format": FORMAT, "version": VERSION, "experiment": json.loads(run.experiment)}
    for name in _FIELDS:
        value = getattr(run, name)
        found[name] = list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value
    return json.dumps(found, indent=1, ensure_ascii=False).encode("utf-8", "replace")


def read(content: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The experiment as it is written there, and the fields of `StoredRun`.

    Raises:
        ValueError: the message says what is wrong, without a full stop.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("run.json is no JSON") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ValueError(f'run.json does not say "format": "{FORMAT}"')
    version = found.get("version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ValueError(f"its format version is {shown(version)}, and should be a whole number from 1")
    if version > VERSION:
        raise ValueError(
            f"it was written by a newer program, in version {shown(version)} of the format, and this one reads version "
            f"{VERSION}; update RNN Explorer"
        )
    if not isinstance(found.get("experiment"), dict):
        raise ValueError("run.json has no experiment")
    for name, value in found.items():
        if name in _REQUIRED:
            continue
        if name not in _FIELDS:
            raise ValueError(f"run.json has {shown(name)}, which is not in version {VERSION} of the format")
        holds, allowed = _FIELDS[name]
        if not holds(value):
            raise ValueError(f"{name} in run.json is {shown(value)}, but must be {allowed}")
    fields = {name: value for name, value in found.items() if name in _FIELDS}
    lists = {"tags": tuple(found.get("tags", ())), "marks": tuple(map(tuple, found.get("marks", ())))}
    return found["experiment"], fields | lists
