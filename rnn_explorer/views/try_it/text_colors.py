"""Which unit follows which feature of a text: its controls, its analysis, and the text in the unit's colors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnn_explorer.analysis.correlates.record import Correlates
from rnn_explorer.analysis.text_features import text_features
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.try_it.colored_text import colored_text
from rnn_explorer.figures.try_it.unit_correlations import unit_correlations
from rnn_explorer.trace import LayerTrace
from rnn_explorer.views.base import AnalysisRequest, Control, ViewState
from rnn_explorer.views.try_it.mode import snapshot_of
from rnn_explorer.views.try_it.selection import BEST, STRONGEST, TrySelection, quantities


def text_tools(state: ViewState, chosen: TrySelection) -> list[Control]:
    """The choice of unit, of what colors the text, and of the feature that units are sought for."""
    layer = snapshot_of(state).trace.layer(chosen.layer, chosen.direction)
    found: Correlates | None = state.result("correlates").value
    named = tuple((name, name.replace("_", "-")) for name in quantities(layer))
    units = ((BEST, "best unit"), *((n, f"unit {n}") for n in range(layer.hidden_size)))
    tools = [
        Control("unit", "select", "The unit whose colors the text has", "colored_text", options=units),
        Control("quantity", "select", "The state or gate that colors the text", "colored_text", options=named),
    ]
    if found is not None:
        features = ((STRONGEST, "the strongest"), *((name, name) for name in found.features))
        title = "Search for units that go with this"
        tools.append(Control("feature", "select", title, "unit_correlations", options=features))
    return tools


def correlates(chosen: TrySelection) -> AnalysisRequest:
    """The request for the correlations of every unit with every feature."""
    where = {"layer": chosen.layer, "direction": chosen.direction}
    return AnalysisRequest("correlates", "correlates", where, every=2.0)


def text_panels(
    state: ViewState, chosen: TrySelection, layer: LayerTrace | None, sequence: int, symbols: Sequence[str]
) -> list[Figure]:
    """The text in the colors of one unit, and the units that go with a feature."""
    found: Correlates | None = state.result("correlates").value
    if found is not None and (found.layer, found.direction) != (chosen.layer, chosen.direction):
        found = None
    feature = _feature(found, chosen, symbols)
    unit = _unit(found, feature, chosen)
    cell = state.view.experiment.model.cell
    return [
        colored_text(layer, sequence, symbols, unit, chosen.quantity, shape=4.5),
        unit_correlations(found, feature, chosen.quantity, unit, cell),
    ]


def _unit(found: Correlates | None, feature: str, chosen: TrySelection) -> int:
    if chosen.unit != BEST:
        return int(chosen.unit)
    ranked = found.ranked(feature, chosen.quantity) if found is not None and feature else []
    return ranked[0][0] if ranked else 0


def _feature(found: Correlates | None, chosen: TrySelection, symbols: Sequence[str]) -> str:
    """The feature that is shown: of those that this text has any of, the one followed most closely, or the chosen one.

    "" where nothing is known of any.
    """
    if found is None or chosen.feature in found.features:
        return "" if found is None else chosen.feature
    here = _varying(symbols)
    size = np.abs(found.values[found.quantities.index(chosen.quantity)])  # (units, features)
    best = {name: np.nan_to_num(size[:, n]).max() for n, name in enumerate(found.features) if name in here}
    return max(best, key=best.__getitem__, default=found.features[0])


def _varying(symbols: Sequence[str]) -> frozenset[str]:
    """The features that are not the same at every place of a text."""
    alphabet = sorted(set(symbols))
    if not alphabet:
        return frozenset()
    names, values = text_features(np.array([[alphabet.index(symbol) for symbol in symbols]]), alphabet)
    return frozenset(name for n, name in enumerate(names) if np.ptp(values[0, :, n]) > 0)
