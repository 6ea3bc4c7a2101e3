"""The lab's view: one basis for a run, whatever moment of it is looked at."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.figures.base import Figure
from rnn_explorer.trace import Snapshot
from rnn_explorer.training import Trainer
from rnn_explorer.views import lab
from rnn_explorer.views.base import ViewState
from rnn_explorer.views.lab import LabSelection, LabView
from tests.engine.test_pictures import view_of

QUERY = "task=adding&cell=gru&seq_len=12&hidden_size=8&learning_rate=0.02&steps=60"


@pytest.fixture(scope="module")
def moments() -> tuple[Trainer, Snapshot, Snapshot]:
    """A trained model, its picture before training with states that hardly move, and its picture now."""
    trainer = Trainer(Experiment.from_query(QUERY))
    early = trainer.snapshot()
    layer = early.trace.layers[0]
    small = {name: np.asarray(values * 0.02, dtype=np.float32) for name, values in layer.states.items()}
    layers = (dataclasses.replace(layer, states=small),)
    early = dataclasses.replace(early, trace=dataclasses.replace(early.trace, layers=layers))
    trainer.advance(math.inf, 60)
    return trainer, early, trainer.snapshot()


def seen(trainer: Trainer, snapshot: Snapshot, past: bool) -> ViewState:
    run_view = dataclasses.replace(view_of(trainer), snapshot=snapshot)
    return ViewState(run_view, snapshot.step, past)


def path_of(view: LabView, look: ViewState) -> Figure:
    return next(panel for panel in view.panels(look) if panel.name == "state_trajectory")


def points(figure: Figure) -> np.ndarray:
    return np.stack([figure.table["PC 1"], figure.table["PC 2"]], axis=1)


def ends(figure: Figure) -> np.ndarray:
    return np.array([figure.layout["xaxis"]["range"], figure.layout["yaxis"]["range"]])


def states(snapshot: Snapshot) -> np.ndarray:
    return snapshot.trace.layers[0].states["hidden"].astype(np.float64).reshape(-1, 8)


def test_a_past_step_is_drawn_in_the_basis_of_the_living_model(moments: Any) -> None:
    trainer, early, now = moments
    view = LabView(LabSelection())
    path_of(view, seen(trainer, now, past=False))
    drawn = path_of(view, seen(trainer, early, past=True))
    mean = states(now).mean(axis=0)
    _, _, vectors = np.linalg.svd(states(now) - mean, full_matrices=False)
    expected = (states(early) - mean) @ vectors[:2].T
    np.testing.assert_allclose(np.abs(points(drawn)), np.abs(expected), atol=1e-4)
    spread = ((states(early) @ vectors[:2].T).var(axis=0) / states(early).var(axis=0).sum()).sum()
    assert drawn.title == f"Hidden-state trajectories (PCA, {100 * spread:.0f} % of variance)"


def test_axes_that_fit_show_the_past_and_axes_that_are_kept_compare_it(moments: Any) -> None:
    trainer, early, now = moments
    for axes in ("fit", "keep"):
        view = LabView(LabSelection(axes=axes))  # type: ignore[arg-type]
        today = ends(path_of(view, seen(trainer, now, past=False)))
        drawn = path_of(view, seen(trainer, early, past=True))
        width = np.ptp(ends(drawn), axis=1)
        share = (np.ptp(points(drawn), axis=0) / width).max()
        assert (points(drawn) >= ends(drawn)[:, 0]).all() and (points(drawn) <= ends(drawn)[:, 1]).all()
        if axes == "fit":
            assert share > 0.3, "it fills its axes"
        else:
            assert share < 0.1 and (ends(drawn)[:, 0] <= today[:, 0]).all() and (ends(drawn)[:, 1] >= today[:, 1]).all()
        again = ends(path_of(view, seen(trainer, now, past=False)))
        np.testing.assert_allclose(again, today) if axes == "fit" else np.testing.assert_allclose(again, ends(drawn))


def test_who_begins_in_the_past_has_the_same_basis(moments: Any) -> None:
    trainer, early, now = moments
    one, other = LabView(LabSelection()), LabView(LabSelection())
    path_of(one, seen(trainer, now, past=False))
    assert other.analyses(seen(trainer, now, past=False)) == []  # asked of the living model first, as every viewer does
    past = seen(trainer, early, past=True)
    np.testing.assert_allclose(points(path_of(one, past)), points(path_of(other, past)), atol=1e-6)


def test_curves_that_grow_fast_are_not_drawn_for_every_frame_but_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(lab.time, "monotonic", lambda: now)
    trainer = Trainer(Experiment.from_query("task=adding&hidden_size=3"))
    view = LabView(LabSelection())

    def newest(**more: Any) -> int:
        trainer.advance(0.0)
        run_view = view_of(trainer, **{"status": "training", "steps_per_second": 500.0, **more})
        curves = view.panels(ViewState(run_view, run_view.step))[0]
        return int(curves.data[0]["x"][-1])

    first = newest()
    now += 0.05
    assert newest() == first < trainer.step_count
    now += 0.1
    assert newest() == trainer.step_count
    now += 0.01
    assert newest(status="paused") == trainer.step_count, "the end is shown"
    assert newest() == trainer.step_count, "another status is another picture"
    assert newest(steps_per_second=3.0) == trainer.step_count, "each step of a slow run"
    view.selection = LabSelection(log=True)
    assert newest() == trainer.step_count, "as is another axis"


@pytest.mark.parametrize(
    ("cell", "usual"), [("rnn", "RNN layer 1, unrolled"), ("lstm", "Gates, LSTM"), ("gru", "Gates, GRU")]
)
def test_the_simple_rnn_is_unrolled_and_every_way_can_be_chosen_for_every_cell(cell: str, usual: str) -> None:
    trainer = Trainer(Experiment.from_query(f"task=adding&seq_len=8&hidden_size=3&cell={cell}"))
    view, look = LabView(LabSelection()), seen(trainer, trainer.snapshot(), past=False)

    def title() -> str:
        return next(panel.title for panel in view.panels(look) if panel.name == "gates")

    assert title().startswith(usual)
    assert view.fitted(look).gates == ("unrolled" if cell == "rnn" else "maps"), "what the page's control shows"
    (tool,) = (tool for tool in view.tools(look) if tool.field == "gates")
    drawn = {}
    for way, _ in tool.options:
        view.selection = LabSelection.read({"gates": way})
        drawn[way] = title()
        assert view.fitted(look).gates == way
    assert list(drawn) == ["unrolled", "maps", "unit", "saturation"] and len(set(drawn.values())) == 4
    assert "unrolled over 8 time steps" in drawn["unrolled"] and drawn["unit"].startswith("Unit 0 over time")


def test_the_layer_that_is_chosen_is_the_one_unrolled() -> None:
    trainer = Trainer(Experiment.from_query("hidden_size=3&num_layers=2&bidirectional=true"))
    look = seen(trainer, trainer.snapshot(), past=False)
    view = LabView(LabSelection(layer=1, direction="backward"))
    panel = next(panel for panel in view.panels(look) if panel.name == "gates")
    assert panel.title == "RNN layer 2, backward, unrolled over 8 time steps"
    assert isinstance(panel, Figure) and look.view.snapshot is not None
    state = look.view.snapshot.trace.layer(1, "backward").states["hidden"][0]
    np.testing.assert_array_equal(panel.data[0]["z"][:, 1::3], state.T)
