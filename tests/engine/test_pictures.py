"""What a view shows, as frames: what is sent, and that it is no more than what is new."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.engine.base import RunView
from rnn_explorer.engine.frames import unpack
from rnn_explorer.engine.pictures import Encoder, status_of
from rnn_explorer.experiment import Experiment
from rnn_explorer.training import Trainer
from rnn_explorer.views import VIEWS
from rnn_explorer.views.base import ViewState
from rnn_explorer.views.lab import LabSelection, LabView

NAMES = {"curves", "prediction", "states", "state_trajectory", "gates"}


def view_of(trainer: Trainer, version: int = 1, **more: Any) -> RunView:
    opening = trainer.opening()
    start = {"step": np.array([0]), "loss": np.array([opening.val_loss]), "metric": np.array([opening.val_metric])}
    steps = np.arange(1, trainer.step_count + 1)
    values = np.linspace(1, 0.5, len(steps))
    fields: dict[str, Any] = {
        "run_id": "made", "experiment": trainer.experiment, "status": "paused", "message": "",
        "step": trainer.step_count, "epoch": trainer.epoch_position(), "target": trainer.target,
        "steps_per_epoch": trainer.steps_per_epoch(), "steps_per_second": 0.0,
        "train": {"step": steps, "loss": values, "metric": values, "grad_norm": values, "applied_norm": values},
        "validation": start, "test": None, "baseline": trainer.task.baseline(), "metric_name": trainer.task.metric.name,
        "summary": tuple(trainer.summary()), "parameters": 1, "keras_parameters": 1,
        "snapshot": trainer.snapshot(), "kept_steps": (0,), "origin": None, "version": version,
    }  # fmt: skip
    return RunView(**{**fields, **more})


def trainer_of(query: str) -> Trainer:
    return Trainer(Experiment.from_query(query))


def seen(run_view: RunView, **more: Any) -> ViewState:
    return ViewState(run_view, run_view.step, **more)


def encoder_of(selection: LabSelection | None = None) -> Encoder:
    return Encoder(LabView(selection or LabSelection()))


@pytest.mark.parametrize(
    "query", ["task=digits", "task=names&cell=gru", "task=flip_flop&bidirectional=true&num_layers=2"]
)
def test_the_first_frame_holds_everything_and_the_next_only_what_changed(query: str) -> None:
    trainer = trainer_of(query)
    encoder = encoder_of()
    run_view = view_of(trainer)
    first = unpack(encoder.frame(seen(run_view)))
    assert set(first["figures"]) == NAMES
    for figure in first["figures"].values():
        assert figure["title"] and figure["how"] and figure["layout"]
        assert len(figure["data"]) == figure["count"]
    assert unpack(encoder.frame(seen(run_view)))["figures"] == {}, "nothing changed, nothing is sent"
    trainer.step()
    third = unpack(encoder.frame(seen(view_of(trainer, 2))))
    assert list(third["figures"]["states"]) == ["change"] and list(third["figures"]["states"]["change"]["0"]) == ["z"]
    assert third["status"]["step"] == 1


def test_a_trace_that_went_and_comes_back_is_sent_again() -> None:
    trainer = trainer_of("task=adding&cell=gru&hidden_size=3")
    encoder, run_view = encoder_of(), view_of(trainer)
    past = seen(run_view, past=True)
    there = unpack(encoder.frame(past))["figures"]["curves"]
    gone = unpack(encoder.frame(seen(run_view)))["figures"]["curves"]
    again = unpack(encoder.frame(past))["figures"]["curves"]
    assert gone["count"] == there["count"] - 2
    assert again["count"] == there["count"]
    np.testing.assert_equal(again["data"][str(there["count"] - 1)], there["data"][str(there["count"] - 1)])


def test_what_is_sent_of_a_map_is_the_map() -> None:
    trainer = trainer_of("task=adding&cell=lstm&hidden_size=5")
    frame = unpack(encoder_of(LabSelection(sequence=2)).frame(seen(view_of(trainer))))
    sent = frame["figures"]["states"]["data"]["0"]["z"]
    hidden = trainer.snapshot().trace.layer(0).states["hidden"][2]  # (time, hidden)
    assert sent.dtype == np.float16
    np.testing.assert_allclose(sent, hidden.T, atol=1e-3)


def test_a_frame_can_be_made_even_where_nothing_is_known_or_finite() -> None:
    trainer = trainer_of("task=adding&cell=rnn&hidden_size=3")
    bare = view_of(trainer, snapshot=None, baseline=None, metric_name="", status="starting")
    told = unpack(encoder_of().frame(seen(bare)))
    assert not {"panels", "grid", "tools"} & set(told) and told["figures"] == {}, "what the page shows stays"
    broken = {"step": np.array([1, 2]), "loss": np.array([1.0, math.inf]), "metric": np.array([math.nan, math.nan])}
    run_view = view_of(
        trainer,
        train={**broken, "grad_norm": broken["loss"], "applied_norm": broken["loss"]},
        status="diverged",
        message="Diverged",
    )
    status = unpack(encoder_of().frame(seen(run_view)))["status"]
    assert status["train_loss"] is None and status["message"] == "Diverged"


@pytest.mark.parametrize("name", VIEWS.names())
def test_a_page_waits_in_the_places_of_the_panels_that_come(name: str) -> None:
    view = VIEWS.get(name)
    told = unpack(Encoder(view(view.selection_class())).frame(seen(view_of(trainer_of("task=digits")))))
    assert tuple(told["panels"]) == view.usual
    places = [told["grid"]["spans"].get(panel) for panel in told["panels"]]
    assert places == [(list(view.spans[panel]) if panel in view.spans else None) for panel in view.usual]
    assert (told["grid"]["rows"], told["grid"]["least"]) == (view.rows, view.least_height)


@given(st.dictionaries(st.sampled_from([*LabSelection.__dataclass_fields__, "other"]), st.text(max_size=8)))
def test_any_query_makes_a_selection(query: dict[str, str]) -> None:
    chosen = LabSelection.read(query)
    assert chosen.direction in ("forward", "backward") and chosen.dims in (2, 3) and chosen.layer >= 0


def test_a_selection_is_read_and_fitted_to_the_model() -> None:
    query = {"layer": "9", "direction": "backward", "sequence": "99", "unit": "77", "gates": "unit", "log": "true",
             "dims": "3", "color": "class"}  # fmt: skip
    chosen = LabSelection.read(query)
    assert chosen == LabSelection(9, "backward", 99, 77, "unit", True, 3, "class")
    snapshot = trainer_of("task=adding&cell=gru&num_layers=2&hidden_size=4").snapshot()
    fitted = chosen.fit(snapshot)
    assert (fitted.layer, fitted.direction, fitted.sequence, fitted.unit) == (1, "forward", 7, 3)
    assert fitted.gates == "unit"


def test_a_path_keeps_its_axes_while_the_states_move_little() -> None:
    trainer = trainer_of("task=adding&cell=gru&hidden_size=8")
    picture = LabView(LabSelection())
    run_view = view_of(trainer)
    before = next(figure for figure in picture.panels(seen(run_view)) if figure.name == "state_trajectory")
    trainer.change(learning_rate=1e-6)
    trainer.step()
    after = next(figure for figure in picture.panels(seen(view_of(trainer, 2))) if figure.name == "state_trajectory")
    drawn = [np.array(figure.data[-1]["x"]) for figure in (before, after)]
    np.testing.assert_allclose(drawn[0], drawn[1], atol=1e-2)
    assert before.layout["xaxis"]["range"] == after.layout["xaxis"]["range"]


def test_the_ends_of_a_path_fit_when_it_rests_and_only_grow_while_it_moves() -> None:
    trainer = trainer_of("task=adding&cell=rnn&nonlinearity=relu&hidden_size=8")
    view = LabView(LabSelection())

    def width(status: str) -> float:
        path = next(
            figure for figure in view.panels(seen(view_of(trainer, status=status))) if figure.name == "state_trajectory"
        )
        low, high = path.layout["xaxis"]["range"]
        return high - low

    narrow = width("training")
    for parameter in (trainer.model.cells()[0].weight_ih, trainer.model.cells()[0].bias_ih):
        parameter.data.mul_(50)
    trainer.step_count = 1
    wide = width("training")
    assert wide > 5 * narrow
    trainer.model.cells()[0].weight_ih.data.div_(50)
    trainer.step_count = 2
    assert width("training") >= wide
    assert width("paused") < wide


EXPLODING = "cell=rnn&nonlinearity=relu&init=identity&optimizer=sgd&learning_rate=5.0&clip_norm=0"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("query", ["task=adding&seq_len=100", "task=flip_flop", "task=names", "task=forecast"])
@pytest.mark.parametrize("selection", [LabSelection(), LabSelection(gates="unit", dims=3), LabSelection(log=True)])
def test_a_picture_of_exploded_weights_can_be_sent(query: str, selection: LabSelection) -> None:
    trainer = trainer_of(f"{query}&{EXPLODING}")
    encoder = encoder_of(selection)
    encoder.frame(seen(view_of(trainer)))
    for grown in (1e6, 1e18, 1e38, math.inf):
        trainer.model.head.weight.data.fill_(min(grown, 1e38))
        for cell in trainer.model.cells():
            cell.weight_hh.data.fill_(grown)
        worst = np.array([grown])
        validation = {"step": np.array([1]), "loss": worst, "metric": worst}
        run_view = view_of(trainer, status="training", validation=validation, test=(math.nan, math.inf))
        frame = unpack(encoder.frame(seen(run_view)))
        assert frame["status"]["status"] == "training"


def test_all_numbers_of_the_status_are_of_the_step_looked_at() -> None:
    trainer = trainer_of("task=digits&train_size=100&hidden_size=3&batch_size=20")
    trainer.advance(math.inf, 12)
    measured = {"step": np.array([0, 5, 10]), "loss": np.array([2.3, 2.0, 1.5]), "metric": np.array([0.1, 0.3, 0.6])}
    run_view = view_of(trainer, validation=measured, test=(0.5, 0.9))
    now, past, first = status_of(run_view), status_of(run_view, 9), status_of(run_view, 0)
    assert (now["at"], now["val_step"], now["val_loss"], now["val_metric"], now["test"]) == (
        None,
        10,
        1.5,
        0.6,
        [0.5, 0.9],
    )
    assert (past["at"], past["val_step"], past["val_loss"], past["val_metric"], past["test"]) == (9, 5, 2.0, 0.3, None)
    assert past["epoch"] == pytest.approx(9 / trainer.steps_per_epoch()) and now["epoch"] == trainer.epoch_position()
    assert past["train_loss"] == pytest.approx(float(np.interp(9, run_view.train["step"], run_view.train["loss"])))
    assert (past["step"], past["target"]) == (12, now["target"]), "where the run is, for the timeline"
    assert (first["train_loss"], first["val_loss"], first["epoch"]) == (None, 2.3, 0.0)
    assert status_of(run_view, 12)["test"] == [0.5, 0.9]
    sent = unpack(encoder_of().frame(ViewState(run_view, 9, past=True)))["status"]
    assert (sent["at"], sent["val_loss"]) == (9, 2.0)
