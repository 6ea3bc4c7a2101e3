"""The time machine's part of the engine: kept steps, branches, questions about now and then."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from rnn_explorer.analysis.registry import ANALYSES
from rnn_explorer.engine.base import Reply, UnknownRun
from rnn_explorer.recording.weight_history import MEMORY
from rnn_explorer.training import Trainer


class Listener:
    """Collects the words of an answer."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.done = threading.Event()

    def __call__(self, reply: Reply) -> None:
        self.replies.append(reply)
        if reply.done:
            self.done.set()

    def last(self) -> Reply:
        assert self.done.wait(30), "no answer came"
        return self.replies[-1]


def steps(engine, run, settle, count):
    for _ in range(count):
        engine.command(run, "step")
    return settle(engine, run, "paused")


def test_the_first_steps_are_all_kept(engine, small, settle):
    run = engine.start(small())
    settle(engine, run, "ready")
    view = steps(engine, run, settle, 6)
    assert view.kept_steps == (0, 1, 2, 3, 4, 5, 6)
    assert view.origin is None
    engine.command(run, "reset")
    assert settle(engine, run, "ready").kept_steps == (0,)


def test_a_long_run_keeps_a_bounded_past_that_ends_with_the_present(engine, small, settle):
    run = engine.start(small(cell="rnn", hidden_size=64, steps=700))
    engine.command(run, "play")
    view = settle(engine, run, "finished")
    assert view.kept_steps[0] == 0
    assert view.kept_steps[-1] == 700
    assert view.kept_steps[:41] == tuple(range(41))
    kept = engine._runs[run].weight_history
    assert len(kept) == len(view.kept_steps)
    assert kept.size <= MEMORY


def test_a_large_model_keeps_no_more_than_it_may(engine, small, settle):
    run = engine.start(small(cell="lstm", hidden_size=160, seq_len=6, batch_size=2, steps=80))
    engine.command(run, "play")
    view = settle(engine, run, "finished")
    kept = engine._runs[run].weight_history
    assert len(kept.at(80).state) * 15 > MEMORY, "else this shows nothing"
    assert kept.size <= MEMORY
    assert view.kept_steps[0] == 0 and view.kept_steps[-1] == 80 and len(view.kept_steps) >= 3


def test_a_branch_goes_on_as_the_run_itself_would_have(engine, small, settle):
    experiment = small(cell="lstm")
    run = engine.start(experiment)
    old = steps(engine, run, settle, 8)
    branch = engine.branch(run, 3)
    view = settle(engine, branch, "paused")
    assert (view.step, view.origin, view.kept_steps) == (3, (run, 3), (0, 1, 2, 3))
    assert view.train["loss"].tolist() == old.train["loss"].tolist()[:3]
    again = steps(engine, branch, settle, 5)
    assert again.train["loss"].tolist() == old.train["loss"].tolist()
    assert engine.view(run).step == 8
    assert engine.family(run) == engine.family(branch) == (run, branch)
    engine.command(run, "stop")
    assert engine.family(branch) == (branch,)
    assert engine.view(branch).kept_steps == tuple(range(9))


def test_a_branch_takes_the_settings_of_now(engine, small, settle):
    run = engine.start(small(learning_rate=1e-3))
    steps(engine, run, settle, 4)
    engine.change(run, learning_rate=1e-2)
    branch = engine.branch(run, 2)
    settle(engine, branch, "paused")
    engine.command(branch, "step")
    trainer = Trainer(small(learning_rate=1e-3))
    for _ in range(2):
        trainer.step()
    trainer.change(learning_rate=1e-2)
    expected = [trainer.step().train_loss, trainer.step().train_loss]
    engine.command(branch, "step")
    view = settle(engine, branch, "paused")
    assert view.experiment.training.learning_rate == 1e-2
    assert view.train["loss"].tolist()[2:] == expected


def test_a_step_that_is_not_kept_is_refused_in_words(engine, small, settle):
    run = engine.start(small())
    settle(engine, run, "ready")
    with pytest.raises(ValueError, match="Step 77 of this run is not kept"):
        engine.branch(run, 77)
    for call in (lambda: engine.branch("nobody", 0), lambda: engine.family("nobody")):
        with pytest.raises(UnknownRun):
            call()
    with pytest.raises(UnknownRun):
        engine.look("nobody", "lab", {}, lambda kind, content: None)


def test_every_question_is_registered_by_one_call():
    from rnn_explorer.analysis import registry

    registry.load()
    assert "snapshot" in ANALYSES


def test_who_looks_at_an_old_step_sees_the_weights_of_that_step(engine, small, settle, watch):
    experiment = small(cell="gru")
    run = engine.start(experiment)
    steps(engine, run, settle, 5)
    trainer = Trainer(experiment)
    for _ in range(2):
        trainer.step()
    then = watch(engine, run, at="2").until(lambda seen: seen.parts["status"]["at"] == 2 if seen.parts else None)
    hidden = trainer.snapshot().trace.layer(0).states["hidden"][0]  # (time, hidden)
    np.testing.assert_allclose(then.states(), hidden.T, atol=2e-3)
    for _ in range(3):
        trainer.step()
    now = watch(engine, run).until_step(5)
    assert now.parts["status"]["at"] is None and now.parts["frames"] == [0, 1, 2, 3, 4, 5]
    hidden = trainer.snapshot().trace.layer(0).states["hidden"][0]
    np.testing.assert_allclose(now.states(), hidden.T, atol=2e-3)
    assert engine.view(run).step == 5  # looking back changes nothing


def test_a_film_goes_through_what_is_kept_and_ends_in_the_present(engine, small, settle, watch):
    run = engine.start(small())
    steps(engine, run, settle, 4)
    film = watch(engine, run, film="5")
    seen = []

    def is_over(it):
        seen.append(it.parts.get("status", {}).get("at"))
        return len(set(seen)) > 4 and seen[-1] is None

    film.until(is_over)
    assert [at for n, at in enumerate(seen) if at is not None and at != seen[n - 1]] == [0, 1, 2, 3, 4]


def test_other_branches_are_drawn_beside_a_run(engine, small, settle, watch):
    run = engine.start(small())
    steps(engine, run, settle, 4)
    branch = engine.branch(run, 2)
    settle(engine, branch, "paused")
    seen = watch(engine, branch)
    names = lambda: [trace.get("name") for trace in seen.figures.get("curves", {}).get("data", {}).values()]  # noqa: E731
    seen.until(lambda _: "other branch" in names())


def test_looks_and_training_share_the_worker(engine, small, settle, wait_for, watch):
    run = engine.start(small("temporal_order", cell="lstm", seq_len=20))
    settle(engine, run, "ready")
    engine.command(run, "play")
    seen = watch(engine, run, "memory")
    seen.until(lambda it: len([step for step in set(it.steps) if step]) > 3)
    before = engine.view(run).step
    wait_for(lambda: engine.view(run).step > before + 3)
    assert seen.steps == sorted(seen.steps)


def test_a_figure_is_made_to_a_file_beside_the_training(engine, small, settle, wait_for):
    run = engine.start(small())
    settle(engine, run, "ready")
    engine.command(run, "play")
    files = []
    for form in ("csv", "html", "svg"):
        engine.make_file(run, "lab", {}, "curves", form, files.append)
    engine.make_file(run, "lab", {}, "no such figure", "csv", files.append)
    wait_for(lambda: len(files) == 4)
    kinds = {file.media_type or file.error for file in files}
    assert kinds == {"text/csv", "text/html", "There is no such figure."}
    assert engine.view(run).status == "training"


def test_a_file_of_a_run_that_goes_is_told(engine, small, settle, wait_for):
    run = engine.start(small())
    settle(engine, run, "ready")
    files = []
    with engine._lock:  # so that no file can come in between
        engine.make_file(run, "lab", {}, "curves", "html", files.append)
        engine.command(run, "stop")
    wait_for(lambda: files)
    assert files[0].error == "This run is no longer on the server."
