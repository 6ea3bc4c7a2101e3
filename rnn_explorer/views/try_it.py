"""The view to try a model out: what it writes, how it goes on, what may come next, and sequences of one's own."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rnn_explorer.analysis.generate.record import ClosedLoop, Correlates
from rnn_explorer.analysis.own_sequence.record import OwnSequence
from rnn_explorer.analysis.text_features import text_features
from rnn_explorer.engine.base import RunView
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.gates import gates
from rnn_explorer.figures.prediction import prediction
from rnn_explorer.figures.states import states
from rnn_explorer.figures.svg_panel import SvgPanel
from rnn_explorer.figures.text_panel import TextPanel
from rnn_explorer.figures.try_it.closed_loop import closed_loop
from rnn_explorer.figures.try_it.colored_text import colored_text
from rnn_explorer.figures.try_it.generated_text import generated_text
from rnn_explorer.figures.try_it.legal_symbols import legal_symbols
from rnn_explorer.figures.try_it.unit_correlations import unit_correlations
from rnn_explorer.tasks import TASKS
from rnn_explorer.tasks.grammar import GrammarTask
from rnn_explorer.trace import Array, Explanation, LayerTrace, Snapshot
from rnn_explorer.views.base import VIEWS, AnalysisRequest, Control, Grid, Selection, View, ViewState, common_controls

BEST = -1  # as a unit: the one that goes best with the chosen feature
WRITTEN = 160  # characters that are written at a time
COLUMNS = 64  # in a line of them
HOTTEST = 2.0
MOST_STEPS = 300  # of a free run
STRONGEST = ""  # as a feature: the one that some unit follows most closely
Way = Literal["text", "series", "grammar", "symbols", "values"]
_COMMON = {"colored_text": (4, 1), "unit_correlations": (2, 1)}
_OWN = {"prediction": (4, 1), "legal_symbols": (4, 1), "states": (2, 1)}  # beside the field that it is given in
_WIDE = {"generated_text": (6, 1), "closed_loop": (6, 1), "gates": (6, 1)}


@dataclass(frozen=True)
class TrySelection(Selection):
    """What is tried.

    Attributes:
        unit: from 0; -1 for the one that goes best with `feature`.
        mode: sequences of the task, or one of one's own.
        own: that one, as JSON: a text, or numbers by time step.
        prefix: what the model reads before it writes.
        temperature: of its draws, 0 to `HOTTEST`.
        again: how often a new sample was asked for.
        steps: of the free run.
        begin: it begins after a "sequence" of the task, or near the "end" of the series that this is of.
        back: how many steps before that end.
        value: which of the values at a step is drawn, from 0.
        feature: of the text; units are sought that go with it. "" for the one that some unit follows most closely.
        quantity: the state or gate that colors the text.
    """

    unit: int = BEST
    mode: Literal["task", "own"] = "task"
    own: str = ""
    prefix: str = ""
    temperature: float = 0.8
    again: int = 0
    steps: int = 100
    begin: Literal["sequence", "end"] = "sequence"
    back: int = 0
    value: int = 0
    feature: str = STRONGEST
    quantity: str = "hidden"

    @classmethod
    def lowest_unit(cls) -> int:
        return BEST

    def fit(self, snapshot: Snapshot) -> TrySelection:
        fitted = super().fit(snapshot)
        trace = snapshot.trace
        known = _quantities(trace.layer(fitted.layer, fitted.direction))
        values = trace.inputs.shape[2] if trace.inputs.ndim == 3 else 1
        return dataclasses.replace(
            fitted,
            temperature=min(max(self.temperature, 0.0), HOTTEST),
            again=max(self.again, 0),
            steps=min(max(self.steps, 1), MOST_STEPS),
            back=min(max(self.back, 0), MOST_STEPS),
            value=min(max(self.value, 0), values - 1),
            quantity=self.quantity if self.quantity in known else "hidden",
        )

    def values(self) -> Any:
        """The own sequence as the analysis takes it; None where there is none, or the text makes no sense."""
        try:
            given = json.loads(self.own or "null")
        except (ValueError, RecursionError):
            return None
        return given if isinstance(given, (str, list)) and given else None


def way_of(task: str, inputs: Array, targets: Array, lengths: Array) -> Way:
    """What can be tried with a task.

    Args:
        task: its key.
        inputs, targets, lengths: (batch, ...) of some of its sequences, as in a trace.

    Returns:
        "text": it writes; "series": it goes on with a series; "grammar": there are legal symbols; "symbols" and
        "values": it answers sequences of these.
    """
    symbols = inputs.ndim == 2
    if issubclass(TASKS.get(task), GrammarTask):
        return "grammar"
    if _goes_on(inputs, targets, lengths):
        return "text" if symbols else "series"
    return "symbols" if symbols else "values"


def _goes_on(inputs: Array, targets: Array, lengths: Array) -> bool:
    """Whether what is asked for at each step is what enters at the next."""
    if inputs.shape != targets.shape:
        return False
    real = np.arange(1, inputs.shape[1])[None, :] < lengths[:, None]  # (batch, time - 1)
    asked = targets[:, :-1]
    return bool(((asked == inputs[:, 1:]) | np.isnan(asked))[real].all())  # a missing target is NaN


def _way(view: RunView) -> Way:
    """What can be tried with a run's task; there is a snapshot."""
    assert view.snapshot is not None
    trace = view.snapshot.trace
    return way_of(view.experiment.task, trace.inputs, trace.targets, trace.lengths)


def _quantities(layer: LayerTrace) -> tuple[str, ...]:
    return (*layer.states, *layer.gates)


@VIEWS.register("try")
class TryView(View):
    """What a task lets one try, or an own sequence with its answer, states and gates."""

    name = "try"
    selection_class = TrySelection
    rows = "1fr 1.05fr"
    spans = _WIDE | _OWN
    least_height = 540
    usual = ("prediction", "states", "gates")

    def tools(self, seen: ViewState) -> list[Control]:
        chosen, way, own = self.fitted(seen), _way(seen.view), self._own(seen)
        common = common_controls(seen, unit=False)
        if own or way == "text":
            common = [tool for tool in common if tool.field != "sequence"]
        if way == "series" and not own:
            return [tool for tool in common if tool.field == "sequence"] + self._series_tools(seen, chosen)
        tools = common
        if way == "text" and not own:
            hot = "Below 1 the likely becomes likelier, at 0 only the likeliest is written; above 1 the rare comes up"
            tools.append(
                Control("temperature", "range", hot, "generated_text", "temperature", low=0, high=HOTTEST, step=0.1)
            )
            tools.append(
                Control("again", "button", "Draw anew from the same probabilities", "generated_text", "New sample")
            )
            sequences = common_controls(seen, unit=False)[:1]
            tools += [dataclasses.replace(tool, place="colored_text") for tool in sequences]
        if way in ("values", "series"):
            return tools
        return tools + self._text_tools(seen, chosen)

    def _series_tools(self, seen: ViewState, chosen: TrySelection) -> list[Control]:
        title = "Time steps that it goes on for, reading its own forecasts"
        tools = [Control("steps", "range", title, "closed_loop", "steps", low=1, high=MOST_STEPS)]
        places = (("sequence", "after the sequence"), ("end", "at the end of its series"))
        tools.append(Control("begin", "select", "Where it is left to itself", "closed_loop", options=places))
        if chosen.begin == "end":
            title = "Time steps before the end from which it reads its own forecasts: at 0 it goes beyond the data"
            tools.append(Control("back", "range", title, "closed_loop", "before the end", low=0, high=MOST_STEPS))
        found: ClosedLoop | None = seen.result("closed_loop").value
        if found is not None and len(found.names) > 1:
            names = tuple(enumerate(found.names))
            tools.append(Control("value", "select", "The value that is drawn", "closed_loop", options=names))
        return tools

    def _text_tools(self, seen: ViewState, chosen: TrySelection) -> list[Control]:
        assert seen.view.snapshot is not None
        layer = seen.view.snapshot.trace.layer(chosen.layer, chosen.direction)
        found: Correlates | None = seen.result("correlates").value
        named = tuple((name, name.replace("_", "-")) for name in _quantities(layer))
        units = ((BEST, "best unit"), *((n, f"unit {n}") for n in range(layer.hidden_size)))
        tools = [
            Control("unit", "select", "The unit whose colors the text has", "colored_text", options=units),
            Control("quantity", "select", "The state or gate that colors the text", "colored_text", options=named),
        ]
        if found is not None:
            features = ((STRONGEST, "the strongest"), *((name, name) for name in found.features))
            tools.append(
                Control(
                    "feature", "select", "Search for units that go with this", "unit_correlations", options=features
                )
            )
        return tools

    def analyses(self, seen: ViewState) -> list[AnalysisRequest]:
        chosen, way, asked = self.fitted(seen), _way(seen.view), list[AnalysisRequest]()
        if self._own(seen):
            given = chosen.values()
            if given is not None:
                asked.append(AnalysisRequest("own", "own_sequence", {"values": given}))
        elif way == "text":
            options = {
                "prefix": chosen.prefix,
                "length": WRITTEN,
                "temperature": chosen.temperature,
                "seed": chosen.again,
            }
            asked.append(AnalysisRequest("sample", "sample", options, every=1.0))
        elif way == "series":
            options = {"sequence": chosen.sequence, "steps": chosen.steps}
            options |= {"back": chosen.back} if chosen.begin == "end" else {}
            asked.append(AnalysisRequest("closed_loop", "closed_loop", options))
        elif way == "grammar":
            assert seen.view.snapshot is not None
            told = seen.view.snapshot.explanations[chosen.sequence]
            asked.append(AnalysisRequest("own", "own_sequence", {"values": "".join(told.symbols)}))
        if way in ("text", "grammar", "symbols"):
            where = {"layer": chosen.layer, "direction": chosen.direction}
            asked.append(AnalysisRequest("correlates", "correlates", where, every=2.0))
        return asked

    def grid(self, seen: ViewState) -> Grid:
        own, way = self._own(seen), "" if seen.view.snapshot is None else _way(seen.view)
        if own and way not in ("values", "series"):
            return Grid("1fr 1fr 1.1fr", {**_COMMON, **_WIDE, **_OWN}, 800)
        if own or not way:  # a canvas or a table stands beside the answer
            return Grid(self.rows, self.spans, self.least_height)
        rows = {"text": "1.5fr 1fr", "series": "1fr"}.get(way, "1.1fr 1fr")
        return Grid(rows, {**_COMMON, **_WIDE, "prediction": (6, 1), "legal_symbols": (6, 1)}, self.least_height)

    def panels(self, seen: ViewState) -> Sequence[Figure | SvgPanel | TextPanel]:
        view = seen.view
        cell = view.experiment.model.cell
        if view.snapshot is None:
            return []
        chosen, way = self.fitted(seen), _way(view)
        if self._own(seen):
            return self._own_panels(seen, chosen, way)
        if way == "series":
            found: ClosedLoop | None = seen.result("closed_loop").value
            return [closed_loop(found, cell, min(chosen.value, len(found.names) - 1) if found else 0)]
        first: Figure | SvgPanel
        told = view.snapshot.explanations[chosen.sequence]
        if way == "text":
            first = generated_text(seen.result("sample").value, cell, COLUMNS)
        elif way == "grammar":
            first = legal_symbols(seen.result("own").value, cell)
        else:
            first = prediction(told, cell)
        layer = view.snapshot.trace.layer(chosen.layer, chosen.direction)
        return [first, *self._text_panels(seen, chosen, layer, chosen.sequence, told.symbols)]

    def _own_panels(self, seen: ViewState, chosen: TrySelection, way: Way) -> list[Figure]:
        """The answer to the own sequence, the states and gates; as many panels before it is known."""
        cell, found = seen.view.experiment.model.cell, _own_answer(seen, chosen)
        told = found.explanation if found else _nothing(way)
        assert seen.view.snapshot is not None
        trace = found.trace if found else seen.view.snapshot.trace
        layer, length = trace.layer(chosen.layer, chosen.direction), told.length
        first = legal_symbols(found, cell) if way == "grammar" else prediction(told, cell)
        text = []
        if way not in ("values", "series"):
            text = self._text_panels(seen, chosen, layer if found else None, 0, told.symbols)
        return [
            first,
            states(layer, 0, length),
            *text,
            gates(layer, 0, length, trace.inputs[0] if found else None, told.symbols),
        ]

    def _text_panels(
        self, seen: ViewState, chosen: TrySelection, layer: LayerTrace | None, sequence: int, symbols: Sequence[str]
    ) -> list[Figure]:
        """The text in the colors of one unit, and the units that go with a feature."""
        found: Correlates | None = seen.result("correlates").value
        if found is not None and (found.layer, found.direction) != (chosen.layer, chosen.direction):
            found = None
        feature = _feature(found, chosen, symbols)
        unit = self._unit(found, feature, chosen)
        cell = seen.view.experiment.model.cell
        return [
            colored_text(layer, sequence, symbols, unit, chosen.quantity, shape=4.5),
            unit_correlations(found, feature, chosen.quantity, unit, cell),
        ]

    def _unit(self, found: Correlates | None, feature: str, chosen: TrySelection) -> int:
        if chosen.unit != BEST:
            return int(chosen.unit)
        ranked = found.ranked(feature, chosen.quantity) if found is not None and feature else []
        return ranked[0][0] if ranked else 0

    def _own(self, seen: ViewState) -> bool:
        """Whether an own sequence is tried, which is all that some tasks let one try."""
        return self.selection.mode == "own" or (seen.view.snapshot is not None and _way(seen.view) == "values")


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


def _own_answer(seen: ViewState, chosen: TrySelection) -> OwnSequence | None:
    """What is known of the own sequence, unless there is none any more or it could not be read."""
    told = seen.result("own")
    return None if chosen.values() is None or told.error else told.value


def _nothing(way: Way) -> Explanation:
    """No sequence yet."""
    kind: Literal["symbols", "series"] = "series" if way in ("values", "series") else "symbols"
    return Explanation(kind, "", "nothing yet", None, 0)
