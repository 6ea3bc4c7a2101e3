"""Eigenvalues of a Jacobian in the complex plane, with the unit circle."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import numpy as np

from rnn_explorer.analysis.dynamics.fixed_points import FixedPoints
from rnn_explorer.analysis.dynamics.record import Spectrum
from rnn_explorer.analysis.dynamics.stability import BAND, period, time_constant
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.dynamics import samples
from rnn_explorer.figures.dynamics.point_marks import AT_ONE, LEAVES, STAYS, eigenvalue_words
from rnn_explorer.figures.registry import EMPTY, EXTREME, FIGURES, USUAL, Examples
from rnn_explorer.figures.samples import HOSTILE
from rnn_explorer.figures.style import REFERENCE, layer_name, legend, margin, nice_ceiling, plain, saying
from rnn_explorer.trace import Array

_FARTHEST = 20.0  # an eigenvalue beyond this is drawn outside the figure, and found in the table


def eigenvalues(values: Array, where: str = "", limit: float | None = None) -> Figure:
    """The eigenvalues of one Jacobian.

    Args:
        values: (n,) complex; empty where nothing is known yet.
        where: of what, for the title ("at point 3 (stable) of LSTM layer 1").
        limit: the axes run at least from -limit to limit in both directions; None: from the values alone.
    """
    values = np.asarray(values, dtype=np.complex128)
    size = np.abs(values)
    groups = (
        ("outside", size > 1 + BAND, LEAVES, "diamond"),
        ("on it", np.abs(size - 1) <= BAND, AT_ONE, "square"),
        ("inside", size < 1 - BAND, STAYS, "circle"),
    )
    angle = np.linspace(0, 2 * np.pi, 181)
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "x": np.cos(angle).astype(np.float32),
            "y": np.sin(angle).astype(np.float32),
            "mode": "lines",
            "name": "|λ| = 1",
            "showlegend": False,
            "line": {"color": REFERENCE, "width": 1.5},
            "hoverinfo": "skip",
        }
    ]
    for name, among, color, symbol in groups:
        data.append(
            {
                "type": "scatter",
                "x": values.real[among].astype(np.float32),
                "y": values.imag[among].astype(np.float32),
                "mode": "markers",
                "name": f"{int(among.sum())} {name}",
                "showlegend": True,
                "marker": {"color": color, "symbol": symbol, "size": 8, "opacity": 0.85},
                "text": [_words(complex(value)) for value in values[among]],
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    return Figure(
        name="eigenvalues",
        title=f"Eigenvalues {plain(where, 100)}" if where else "Eigenvalues of the Jacobian",
        how_to_read=(
            "Each mark is one direction: outside the circle states leave along it, inside they come back, slower near "
            "the circle; off the horizontal axis they turn as they go."
        ),
        data=data,
        layout=saying(_layout(_limit(values, limit)), "Click a state<br>or a fixed point." if not len(values) else ""),
        table={
            "real": values.real,
            "imaginary": values.imag,
            "size": size,
            "time constant (time steps)": time_constant(values),
            "period (time steps)": period(values),
        },
    )


def at_point(points: FixedPoints, index: int, limit: float | None = None) -> Figure:
    """The eigenvalues at one fixed or slow point."""
    place = points.place
    name = layer_name(place.cell, place.layer, place.direction)
    return eigenvalues(
        points.eigenvalues[index], f"at point {index + 1} ({points.natures[index].kind}) of {name}", limit
    )


def at_state(spectrum: Spectrum, limit: float | None = None) -> Figure:
    """The eigenvalues at one state."""
    place = spectrum.place
    name = layer_name(place.cell, place.layer, place.direction)
    where = (
        spectrum.words.removeprefix("the state ") if spectrum.words.startswith("the state ") else f"at {spectrum.words}"
    )
    return eigenvalues(spectrum.eigenvalues, f"{where}, {name}, {spectrum.held.words}", limit)


def limit_of(values: Array) -> float:
    """Where axes may end that hold all of these eigenvalues and the unit circle, for figures that share them."""
    return _limit(np.asarray(values).ravel(), None)


def _limit(values: Array, limit: float | None) -> float:
    parts = np.concatenate([np.abs(values.real), np.abs(values.imag), [1.05]])
    reach = float(parts[parts <= _FARTHEST].max())
    return max(nice_ceiling(1.05 * reach, (1, 1.2, 1.5, 2, 3, 5, 7, 10)), limit or 0.0)


def _words(value: complex) -> str:
    return f"λ = {value.real:.3f} {'+' if value.imag >= 0 else '−'} {abs(value.imag):.3f}i<br>" + (
        eigenvalue_words(value).replace(": ", "<br>", 1).replace("; ", "<br>")
    )


def _layout(limit: float) -> dict[str, Any]:
    axis: dict[str, Any] = {"range": [-limit, limit], "nticks": 6, "zeroline": True}
    return {
        "margin": margin(48, 12, 24, 36),
        "legend": legend(),
        "xaxis": {**axis, "title": {"text": "real part of λ", "standoff": 4}, "constrain": "domain"},
        "yaxis": {
            **axis,
            "title": {"text": "imaginary part of λ", "standoff": 2},
            "scaleanchor": "x",
            "scaleratio": 1,
            "constrain": "domain",
        },
    }


@FIGURES.register("eigenvalues")
def _examples() -> Examples:
    return {
        USUAL: partial(eigenvalues, np.array([1.3, 1.0005, 0.6 + 0.7j, 0.6 - 0.7j, -0.2]), "at a state"),
        EMPTY: partial(eigenvalues, np.zeros(0)),
        EXTREME: partial(eigenvalues, np.geomspace(1e-12, 1e6, 256), f"at {HOSTILE}"),
    }


@FIGURES.register("at_point")
def _examples_of_points() -> Examples:
    found = samples.points(3)
    return {
        USUAL: partial(at_point, found, 2),
        EMPTY: partial(at_point, dataclasses.replace(found, eigenvalues=found.eigenvalues[:, :0]), 0),
        EXTREME: partial(at_point, dataclasses.replace(samples.points(64), answer_names=(HOSTILE, HOSTILE)), 5, 3.0),
    }


@FIGURES.register("at_state")
def _examples_of_states() -> Examples:
    def of(size: int, words: str) -> Spectrum:
        return Spectrum(samples.place(size), samples.HELD, words, np.zeros(size), np.linspace(-1.2, 1.2, size), 0.1)

    return {
        USUAL: partial(at_state, of(3, "the state at t = 2 of sequence 1")),
        EMPTY: partial(at_state, of(0, "the state at t = 2 of sequence 1")),
        EXTREME: partial(at_state, of(256, f"the state at {HOSTILE}"), 3.0),
    }
