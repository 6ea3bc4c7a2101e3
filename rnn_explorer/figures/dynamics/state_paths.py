"""Paths of states as traces: of the sequences, of kicked states, and a ring around the chosen one."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnn_explorer.analysis.dynamics.record import Perturbation, Trajectories
from rnn_explorer.analysis.dynamics.space import Space
from rnn_explorer.figures.dynamics.point_marks import LEAVES, PICK, STAYS
from rnn_explorer.figures.state_space import Dims, coordinates, joined
from rnn_explorer.figures.style import (
    CLASS_COLORS,
    MUTED,
    REFERENCE,
    plain,
)
from rnn_explorer.trace import Array


def sequence_paths(trajectories: Trajectories, space: Space, dims: Dims) -> list[dict[str, Any]]:
    """One trace for each class of sequences, or one for all."""
    projected, lengths = space.project(trajectories.states), trajectories.lengths
    groups: dict[int, list[int]] = {}
    for sequence, label in enumerate(trajectories.labels):
        groups.setdefault(int(label), []).append(sequence)
    traces = []
    for label, members in sorted(groups.items()):
        known = 0 <= label < len(trajectories.label_names)
        places = [[f"{s + 1}, {step}" for step in range(1, lengths[s] + 1)] for s in members]
        traces.append(
            {
                **coordinates(joined([projected[s, : lengths[s]] for s in members]), dims),
                "mode": "lines+markers",
                "name": plain(trajectories.label_names[label], 14) if known else "sequences",
                "showlegend": False,
                "opacity": 0.45,
                "line": {"color": CLASS_COLORS[label % len(CLASS_COLORS)] if known else MUTED, "width": 1},
                "marker": {"size": 3 if dims == 2 else 1.5},
                "meta": PICK,
                "customdata": [place for run in places for place in (*run, "")][:-1],
                "hovertemplate": "sequence, t: %{customdata}<extra></extra>",
            }
        )
    return traces


def kicked_paths(perturbation: Perturbation, space: Space, dims: Dims) -> list[dict[str, Any]]:
    """The path of the state left alone, of those that return, and of those that do not; ends as triangles."""
    projected = space.project(perturbation.states)  # (1 + kicks, 1 + steps, 3)
    back = perturbation.returned.copy()
    back[0] = False  # drawn on its own
    away = ~perturbation.returned
    traces = []
    for name, members, color, width in (
        (f"{int(back.sum())} kicked, return", np.flatnonzero(back), STAYS, 1.5),
        (f"{int(away.sum())} kicked, do not", np.flatnonzero(away), LEAVES, 1.5),
        ("left alone", np.array([0]), REFERENCE, 3.0),
    ):
        traces.append(
            {
                **coordinates(joined([projected[index] for index in members]), dims),
                "mode": "lines",
                "name": name,
                "showlegend": True,
                "line": {"color": color, "width": width if dims == 2 else 2 * width},
                "hoverinfo": "skip",
            }
        )
    ends = np.array([STAYS if returned else LEAVES for returned in perturbation.returned])
    ends[0] = "#888888"
    traces.append(
        {
            **coordinates(projected[:, -1], dims),
            "mode": "markers",
            "name": "where they end",
            "showlegend": False,
            "marker": {
                "symbol": "square-open",
                "size": 9 if dims == 2 else 5,
                "color": list(ends),
                "line": {"width": 2, "color": list(ends)},
            },
            "hoverinfo": "skip",
        }
    )
    return traces


def ring(projected: Array, dims: Dims) -> dict[str, Any]:
    """A ring around one point."""
    return {
        **coordinates(projected, dims),
        "mode": "markers",
        "name": "chosen",
        "showlegend": False,
        "marker": {
            "symbol": "circle-open",
            "size": 20 if dims == 2 else 14,
            "color": REFERENCE,
            "line": {"width": 2.5, "color": REFERENCE},
        },
        "hoverinfo": "skip",
    }
