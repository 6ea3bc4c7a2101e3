from __future__ import annotations

import math
import threading
import time

import numpy as np
import pytest

from rnn_explorer.engine import local
from rnn_explorer.engine.base import EngineFull, UnknownRun
from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.engine.worker_process import WorkerProcess
from rnn_explorer.settings import SettingError
from rnn_explorer.training import Trainer
from rnn_explorer.work import ModelTooLarge


def bare_losses(experiment, steps):
    trainer = Trainer(experiment)
    return [trainer.step().train_loss for _ in range(steps)]


def test_start_returns_a_run_that_becomes_ready_with_everything_a_page_needs(engine, small, settle, watch):
    experiment = small("temporal_order", cell="gru")
    run = engine.start(experiment)
    view, trainer = settle(engine, run), Trainer(experiment)
    assert (view.status, view.message, view.step, view.epoch) == ("ready", "", 0, 0.0)
    assert view.experiment == experiment
    assert (view.target, view.steps_per_epoch) == (trainer.target, trainer.steps_per_epoch())
    assert view.baseline == trainer.task.baseline()
    assert view.metric_name == "accuracy"
    assert view.summary == trainer.summary()
    assert view.parameters == trainer.model.parameter_count()
    assert view.keras_parameters == sum(row.keras_parameters for row in trainer.summary())
    opening = trainer.opening()
    assert view.validation["step"].tolist() == [0]
    assert view.validation["loss"].tolist() == [opening.val_loss]
    assert view.validation["metric"].tolist() == [opening.val_metric]
    assert view.train["step"].size == 0
    assert view.test is None
    hidden = trainer.snapshot().trace.layer(0).states["hidden"][0]  # (time, hidden)
    np.testing.assert_allclose(watch(engine, run).until_step(0).states(), hidden.T, atol=2e-3)


def test_a_view_is_frozen_and_the_same_until_the_run_changes(engine, small, settle):
    run = engine.start(small())
    view = settle(engine, run)
    assert engine.view(run) is view
    with pytest.raises(ValueError):
        view.validation["loss"][0] = 0.0
    engine.command(run, "step")
    later = settle(engine, run, "paused")
    assert later.version > view.version
    assert view.step == 0
    assert later.step == 1


def test_step_is_exactly_one_optimizer_step(engine, small, settle):
    experiment = small(cell="rnn")
    run = engine.start(experiment)
    losses = bare_losses(experiment, 3)
    for number in (1, 2, 3):
        engine.command(run, "step")
        view = settle(engine, run, "paused")
        assert view.step == number
        assert view.train["loss"].tolist() == losses[:number]
    engine.command(run, "step")
    engine.command(run, "step")
    assert settle(engine, run, "paused").train["step"].tolist() == [1, 2, 3, 4, 5]


def test_pause_stops_and_shows_the_last_step(engine, small, settle, wait_for, watch):
    run = engine.start(small())
    engine.command(run, "play")
    assert engine.view(run).status == "training"  # at once, so that a page starts to draw
    wait_for(lambda: engine.view(run).steps_per_second > 0 and engine.view(run).step > 5)
    engine.command(run, "pause")
    view = settle(engine, run)
    assert (view.status, view.message, view.steps_per_second) == ("paused", "", 0.0)
    assert view.step == view.train["step"][-1]
    assert watch(engine, run).until_step(view.step).parts["status"]["status"] == "paused"
    engine.command(run, "test")  # an answer from the worker: nothing moved meanwhile
    tested = wait_for(lambda: engine.view(run).test and engine.view(run))
    assert (tested.step, tested.status) == (view.step, "paused")


def test_epoch_goes_to_the_end_of_the_present_epoch(engine, small, settle):
    experiment = small()
    run = engine.start(experiment)
    engine.command(run, "step")
    for end in (50, 100):
        engine.command(run, "epoch")
        view = settle(engine, run, "paused")
        assert (view.step, view.epoch) == (end, end / 50)
    assert view.validation["step"].tolist() == [0, 50, 100]
    assert view.train["loss"].tolist() == bare_losses(experiment, 100)


def test_step_and_epoch_end_a_training_that_goes_on(engine, small, settle, wait_for):
    run = engine.start(small(steps=100_000))
    for command, ends_at in (("step", 1), ("epoch", 50)):
        engine.command(run, "play")
        before = engine.view(run).step
        wait_for(lambda: engine.view(run).step > before)  # noqa: B023
        engine.command(run, command)
        view = settle(engine, run, "paused")
        assert view.step > before and view.step % ends_at == 0
        assert view.train["step"].tolist() == list(range(1, view.step + 1)), "nothing is lost, nothing made twice"


def test_reset_gives_the_same_curve_again(engine, small, settle, wait_for, watch):
    run = engine.start(small(cell="gru"))
    first = settle(engine, run, "ready")
    shown = watch(engine, run).until_step(0).states()
    engine.command(run, "play")
    wait_for(lambda: engine.view(run).step >= 20)
    engine.command(run, "reset")
    fresh = settle(engine, run)
    assert (fresh.status, fresh.step, fresh.train["step"].size) == ("ready", 0, 0)
    assert fresh.validation["loss"].tolist() == first.validation["loss"].tolist()
    np.testing.assert_array_equal(watch(engine, run).until_step(0).states(), shown)
    for _ in range(4):
        engine.command(run, "step")
    view = settle(engine, run, "paused")
    assert view.train["loss"].tolist() == bare_losses(view.experiment, 4)


def test_change_acts_from_the_next_step_on(engine, small, settle):
    experiment = small(learning_rate=1e-3)
    run, trainer = engine.start(experiment), Trainer(experiment)
    engine.command(run, "step")
    engine.change(run, learning_rate=0.05, batch_size=16)
    assert engine.view(run).experiment.training.learning_rate == 0.05
    engine.command(run, "step")
    engine.command(run, "step")
    view = settle(engine, run, "paused")
    expected = [trainer.step().train_loss]
    trainer.change(learning_rate=0.05, batch_size=16)
    expected += [trainer.step().train_loss for _ in range(2)]
    assert view.train["loss"].tolist() == expected
    for wrong in ({"seed": 3}, {"hidden_size": 4}, {"batch_size": 0}):
        with pytest.raises(SettingError) as error:
            engine.change(run, **wrong)
        assert error.value.field in wrong
    assert engine.view(run).experiment == view.experiment


def test_a_speed_limit_is_kept_shown_at_every_step_and_hurts_no_neighbor(engine, small, settle, wait_for, watch):
    limit = 4
    experiment = small(speed_limit=limit)
    run, neighbor = engine.start(experiment), engine.start(small(seed=1))
    for one in (run, neighbor):
        settle(engine, one, "ready")
    seen = watch(engine, run).until_step(0)
    begin = time.monotonic()
    engine.command(run, "play")
    engine.command(neighbor, "play")
    for step in (1, 2, 3):
        seen.until_step(step)
        view = engine.view(run)
        assert view.status == "training"
        assert view.step <= 1 + (time.monotonic() - begin) * limit
    wait_for(lambda: engine.view(neighbor).step > 200)
    engine.command(neighbor, "stop")
    engine.change(run, speed_limit=0)
    wait_for(lambda: engine.view(run).step > 200)
    engine.change(run, speed_limit=0.01)
    engine.command(run, "epoch")  # the first step comes at once, the second in 100 s
    before = engine.view(run).step
    engine.command(run, "step")  # is asked for and does not wait
    view = settle(engine, run, "paused")
    assert view.step > before
    assert view.train["loss"].tolist()[:50] == bare_losses(experiment, 50)


def test_the_slow_pace_shows_the_first_steps_and_takes_its_time(engine, small, settle, wait_for, watch):
    experiment = small(pace="slow", steps=200)
    run = engine.start(experiment)
    settle(engine, run, "ready")
    seen = watch(engine, run).until_step(0)
    begin = time.monotonic()
    engine.command(run, "play")
    for step in (1, 2, 3, 4, 5):
        seen.until_step(step)
    view = settle(engine, run, "finished")
    # Step s comes after 20 s * sqrt(s / 200), but for the first ones, which are not waited for so long.
    assert time.monotonic() - begin > 15
    assert view.step == 200
    assert view.train["loss"].tolist()[:50] == bare_losses(experiment, 50)


def test_test_is_measured_while_it_trains(engine, small, settle, wait_for):
    run = engine.start(small())
    engine.command(run, "play")
    engine.command(run, "test")
    view = wait_for(lambda: engine.view(run).test and engine.view(run))
    assert view.status == "training"
    assert all(math.isfinite(value) for value in view.test)
    engine.command(run, "pause")
    settle(engine, run, "paused")
    engine.command(run, "step")
    assert settle(engine, run, "paused").test is None  # it belonged to other weights


def test_five_runs_on_two_workers_all_move_and_finish(engine, small, settle, wait_for):
    tasks = ("adding", "temporal_order", "adding", "temporal_order", "adding")
    experiments = [small(task, seed=seed, steps=120, cell="rnn") for seed, task in enumerate(tasks)]
    runs = [engine.start(experiment) for experiment in experiments]
    assert len(set(runs)) == 5
    for run in runs:
        engine.command(run, "play")
    for run, experiment in zip(runs, experiments, strict=True):
        view = settle(engine, run)
        trainer = Trainer(experiment)
        losses = [report.train_loss for report in trainer.advance(math.inf)]
        assert (view.status, view.step, view.target) == ("finished", 120, 120)
        assert view.train["loss"].tolist() == losses
        assert view.test == trainer.evaluate("test")
        assert view.validation["step"].tolist() == [0, 50, 100, 120]
        assert view.validation["loss"][-1] == trainer.evaluate("validation")[0]
        engine.command(run, "stop")


def test_play_after_the_end_goes_on_for_another_budget(engine, small, settle):
    experiment = small(steps=20)
    run = engine.start(experiment)
    engine.command(run, "play")
    assert settle(engine, run).step == 20
    engine.command(run, "play")
    view = settle(engine, run)
    assert (view.status, view.step, view.target) == ("finished", 40, 40)
    assert view.train["loss"].tolist() == bare_losses(experiment, 40)


def test_a_diverged_run_says_why_and_stays_until_reset_or_change(engine, small, settle):
    wild = dict(cell="rnn", nonlinearity="relu", init="identity", optimizer="sgd", learning_rate=10.0, clip_norm=0.0)
    run = engine.start(small(seq_len=20, **wild))
    engine.command(run, "play")
    view = settle(engine, run)
    assert view.status == "diverged"
    assert view.message.startswith("Diverged at step ")
    for command in ("step", "play", "epoch"):
        engine.command(run, command)
        assert settle(engine, run).message == view.message
        assert engine.view(run).status == "diverged"
    engine.change(run, learning_rate=1e-4, clip_norm=1.0)
    changed = settle(engine, run, "paused")
    assert "diverged" in changed.message
    engine.command(run, "step")  # it is tried: made, or refused under the new learning rate
    tried = settle(engine, run, "paused", "diverged")
    assert tried.step > view.step or "0.0001" in tried.message
    engine.command(run, "reset")
    assert settle(engine, run).status == "ready"
    engine.command(run, "step")
    assert settle(engine, run).status == "paused"


def test_a_run_with_thirty_neighbors_still_moves(engine, small, wait_for):
    runs = [engine.start(small(seed=seed, hidden_size=2, seq_len=5)) for seed in range(31)]
    for run in runs:
        engine.command(run, "play")
    wait_for(lambda: all(engine.view(run).step >= 3 for run in runs))
    assert all(engine.view(run).status == "training" for run in runs)
    for run in runs:
        engine.command(run, "stop")
    with pytest.raises(UnknownRun):
        engine.view(runs[0])


def test_runs_that_train_are_spread_over_the_workers(engine, small, settle, wait_for):
    experiments = [small(seed=seed) for seed in range(4)]
    runs = [engine.start(experiment) for experiment in experiments]
    for run in runs:
        settle(engine, run, "ready")
    worker_of = {run: engine._runs[run].worker for run in runs}
    together = [run for run in runs if worker_of[run] is worker_of[runs[0]]]
    assert len(together) == 2
    engine.command(together[0], "step")
    engine.command(together[1], "step")
    for run in together:
        settle(engine, run, "paused")
        engine.command(run, "play")
    assert engine._runs[together[0]].worker is not engine._runs[together[1]].worker
    for run in together:  # and the one that was moved went on where it was
        wait_for(lambda run=run: engine.view(run).step >= 10)
        view = engine.view(run)
        assert view.train["loss"][:10].tolist() == bare_losses(view.experiment, 10)


def test_an_unwatched_run_is_paused_and_later_forgotten(engine, small, settle, wait_for, monkeypatch):
    run = engine.start(small())
    watched = engine.start(small())
    leave = engine.subscribe(watched, lambda: None)
    engine.command(run, "play")
    engine.command(watched, "play")
    monkeypatch.setattr(engine, "lease", 0.3)
    view = settle(engine, run)
    assert (view.status, view.message) == ("paused", "Paused: nobody was watching.")
    assert engine.view(watched).status == "training"
    engine.renew(run)
    monkeypatch.setattr(engine, "keep", 0.3)

    def gone():
        try:
            return engine.view(run) is None
        except UnknownRun as error:
            return str(error).startswith("There is no run")

    wait_for(gone)
    assert engine.view(watched).status == "training"
    monkeypatch.undo()
    leave()


def test_frames_are_made_only_for_those_who_ask(engine, small, settle, wait_for, watch):
    run = engine.start(small())
    settle(engine, run, "ready")
    seen = watch(engine, run)
    engine.command(run, "play")
    wait_for(lambda: engine.view(run).step >= 100)
    assert seen.heard == [], "nothing was asked for"
    seen.look.ready()
    wait_for(lambda: seen.heard)
    step = engine.view(run).step
    wait_for(lambda: engine.view(run).step > step + 100)
    assert [kind for kind, _ in seen.heard] == ["frame"], "one frame was asked for"
    engine.command(run, "stop")
    wait_for(lambda: seen.said("gone"))


def test_a_subscriber_is_called_at_changes_until_it_leaves(engine, small, settle):
    run = engine.start(small())
    settle(engine, run)
    called = threading.Event()
    leave = engine.subscribe(run, called.set)
    engine.command(run, "step")
    assert called.wait(10)
    settle(engine, run, "paused")
    leave()
    leave()
    called.clear()
    engine.command(run, "step")
    settle(engine, run, "paused")
    assert not called.is_set()


def test_a_subscriber_that_raises_hurts_nobody(engine, small, settle):
    run = engine.start(small())

    def broken():
        raise RuntimeError("a broken page")

    engine.subscribe(run, broken)
    engine.command(run, "step")
    assert settle(engine, run, "paused").step == 1


def test_the_number_of_runs_is_bounded(engine, small, monkeypatch):
    monkeypatch.setattr(engine._runs, "max_runs", 2)
    first, second = engine.start(small()), engine.start(small())
    with pytest.raises(EngineFull, match="All 2 places"):
        engine.start(small())  # both were just looked at
    engine.renew(first)
    monkeypatch.setattr(engine._runs, "glance", 0.0)
    leave = engine.subscribe(first, lambda: None)
    engine.start(small())
    assert engine.view(first)
    with pytest.raises(UnknownRun):
        engine.view(second)
    leave()


def test_wrong_words_are_refused(engine, small):
    run = engine.start(small())
    with pytest.raises(ValueError, match="no command"):
        engine.command(run, "fly")
    engine.command(run, "stop")
    for call in (
        lambda: engine.view(run),
        lambda: engine.renew(run),
        lambda: engine.command(run, "play"),
        lambda: engine.change(run, learning_rate=0.1),
        lambda: engine.subscribe(run, lambda: None),
        lambda: engine.view(None),
    ):
        with pytest.raises(UnknownRun):
            call()
    with pytest.raises(ValueError, match="at least one worker"):
        LocalEngine(workers=0)


def test_the_worker_says_that_a_gpu_is_not_there(engine, small, settle):
    view = settle(engine, engine.start(small(device="mps")))
    assert view.status == "failed" and "no such GPU" in view.message and "by a fault" not in view.message


def test_a_model_that_is_too_large_is_refused_before_it_is_built(engine, small):
    before = len(engine._runs)
    with pytest.raises(ModelTooLarge, match="too large to train live"):
        engine.start(small(hidden_size=256, num_layers=4, batch_size=512, seq_len=100))
    assert len(engine._runs) == before


def test_the_history_of_a_run_is_bounded(engine, small, wait_for, settle):
    run = engine.start(small(hidden_size=1, cell="rnn", seq_len=5, batch_size=1, steps=2500))
    engine.command(run, "play")
    view = settle(engine, run, "finished")
    assert view.train["step"].size <= 2001
    assert view.train["step"][[0, -1]].tolist() == [1, 2500]


def test_default_number_of_workers_is_bounded(monkeypatch):
    monkeypatch.setattr(local, "_cores", lambda: 64)
    started = []
    monkeypatch.setattr(WorkerProcess, "_keep_alive", lambda self: started.append(self.name))
    engine = LocalEngine()
    engine.close()
    assert len(started) == local.MAX_WORKERS
