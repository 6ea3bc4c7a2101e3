"""Numbers of a record as JSON can hold them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rnn_explorer.trace import Array


def jsonable(values: Array | float | None) -> Any:
    """Numbers as nested lists: complex ones as [real, imaginary], and None for what is not finite or not there."""
    if values is None:
        return None
    if isinstance(values, np.ndarray):
        if np.iscomplexobj(values):
            values = np.stack([values.real, values.imag], axis=-1)
        return [jsonable(entry) for entry in (values if values.ndim > 1 else values.tolist())]
    return float(values) if math.isfinite(values) else None
