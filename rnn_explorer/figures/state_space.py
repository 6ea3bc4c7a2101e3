"""What figures of a state space share: points and paths as traces, and the axes of a room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from rnn_explorer.figures.style import MUTED
from rnn_explorer.trace import Array

Dims = Literal[2, 3]


def coordinates(points: Array, dims: Dims) -> dict[str, Any]:
    """(n, k >= dims) points as the type and coordinates of a trace."""
    columns = {axis: np.ascontiguousarray(points[:, index], np.float32) for index, axis in enumerate("xyz"[:dims])}
    return {"type": "scatter" if dims == 2 else "scatter3d", **columns}


def joined(pieces: list[Array]) -> Array:
    """(n, k): several runs of points with a row of NaN between them, so that one trace draws all."""
    if not pieces:
        return np.zeros((0, 3), dtype=np.float32)
    gap = np.full((1, pieces[0].shape[1]), np.nan, dtype=np.float32)
    return np.concatenate([part for piece in pieces for part in (piece, gap)][:-1])


def room_axes(titles: Sequence[str], ends: Sequence[Sequence[float]]) -> dict[str, Any]:
    """The three axes of a 3D figure, the last one shorter."""
    axes = {
        f"{name}axis": {"title": {"text": title, "font": {"size": 10}}, "range": end, "nticks": 4, "gridcolor": MUTED}
        for name, title, end in zip("xyz", titles, ends, strict=True)
    }
    return {**axes, "aspectmode": "manual", "aspectratio": {"x": 1.5, "y": 1.5, "z": 0.9}}
