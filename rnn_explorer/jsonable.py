"""Values as JSON can hold them: it knows no NaN, no infinity and no complex number."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def jsonable(value: Any, keep_arrays: bool = False) -> Any:
    """The same as plain dicts, lists and numbers: complex ones as [real, imaginary], and None for what is not finite.

    Args:
        value: numbers, texts, arrays, and mappings, sequences and dataclasses of them.
        keep_arrays: whether arrays of real numbers stay arrays.
    """
    if isinstance(value, Mapping):
        return {name: jsonable(part, keep_arrays) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(part, keep_arrays) for part in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {part.name: jsonable(getattr(value, part.name), keep_arrays) for part in dataclasses.fields(value)}
    if isinstance(value, np.ndarray):
        return value if keep_arrays and value.dtype.kind in "fiu" else jsonable(value.tolist())
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, complex):
        return [jsonable(value.real), jsonable(value.imag)]
    return None if isinstance(value, float) and not math.isfinite(value) else value
