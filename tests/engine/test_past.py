"""The time machine's part of the engine: kept steps, branches, questions about now and then."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from rnn_explorer.analysis.questions import QUESTIONS
from rnn_explorer.engine.album import MEMORY
from rnn_explorer.engine.base import Reply, UnknownRun
from rnn_explorer.engine.local import LocalEngine
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
    assert view.frames == (0, 1, 2, 3, 4, 5, 6)
    assert view.origin is None
    engine.command(run, "reset")
    assert settle(engine, run, "ready").frames == (0,)
    engine.command(run, "stop")


def test_a_long_run_keeps_a_bounded_past_that_ends_with_the_present(engine, small, settle):
    run = engine.start(small(cell="rnn", hidden_size=64, steps=700))
    engine.command(run, "play")
    view = settle(engine, run, "finished")
    assert view.frames[0] == 0
    assert view.frames[-1] == 700
    assert view.frames[:41] == tuple(range(41))
    kept = engine._runs[run].album
    assert len(kept) == len(view.frames)
    assert kept.size <= MEMORY
    engine.command(run, "stop")


def test_a_large_model_keeps_no_more_than_it_may(engine, small, settle):
    run = engine.start(small(cell="lstm", hidden_size=160, seq_len=6, batch_size=2, steps=80))
    engine.command(run, "play")
    view = settle(engine, run, "finished")
    kept = engine._runs[run].album
    assert len(kept.at(80).state) * 15 > MEMORY, "else this shows nothing"
    assert kept.size <= MEMORY
    assert view.frames[0] == 0 and view.frames[-1] == 80 and len(view.frames) >= 3
    engine.command(run, "stop")


def test_a_question_about_an_old_step_sees_the_weights_of_that_step(engine, small, settle):
    experiment = small(cell="gru")
    run = engine.start(experiment)
    steps(engine, run, settle, 5)
    trainer = Trainer(experiment)
    for _ in range(2):
        trainer.step()
    then, now = Listener(), Listener()
    engine.ask(run, "snapshot", {}, then, step=2)
    engine.ask(run, "snapshot", {}, now)
    assert then.last().step == then.last().value.step == 2
    np.testing.assert_array_equal(then.last().value.trace.answers, trainer.snapshot().trace.answers)
    assert now.last().step == 5
    np.testing.assert_array_equal(now.last().value.trace.answers, engine.view(run).snapshot.trace.answers)
    assert engine.view(run).step == 5  # looking back changes nothing
    engine.command(run, "stop")


def test_a_branch_goes_on_as_the_run_itself_would_have(engine, small, settle):
    experiment = small(cell="lstm")
    run = engine.start(experiment)
    old = steps(engine, run, settle, 8)
    branch = engine.branch(run, 3)
    view = settle(engine, branch, "paused")
    assert (view.step, view.origin, view.frames) == (3, (run, 3), (0, 1, 2, 3))
    assert view.train["loss"].tolist() == old.train["loss"].tolist()[:3]
    again = steps(engine, branch, settle, 5)
    assert again.train["loss"].tolist() == old.train["loss"].tolist()
    assert engine.view(run).step == 8
    assert engine.family(run) == engine.family(branch) == (run, branch)
    engine.command(run, "stop")
    assert engine.family(branch) == (branch,)
    assert engine.view(branch).frames == tuple(range(9))
    engine.command(branch, "stop")


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
    engine.command(run, "stop")
    engine.command(branch, "stop")


def test_a_step_that_is_not_kept_is_refused_in_words(engine, small, settle):
    run = engine.start(small())
    settle(engine, run, "ready")
    with pytest.raises(ValueError, match="Step 77 of this run is not kept"):
        engine.branch(run, 77)
    with pytest.raises(ValueError, match="not kept"):
        engine.ask(run, "snapshot", {}, lambda reply: None, step=77)
    for call in (lambda: engine.branch("nobody", 0), lambda: engine.family("nobody")):
        with pytest.raises(UnknownRun):
            call()
    with pytest.raises(UnknownRun):
        engine.ask("nobody", "snapshot", {}, lambda reply: None)
    engine.command(run, "stop")


def test_a_question_that_makes_no_sense_is_answered_with_a_sentence(engine, small, settle):
    run = engine.start(small())
    settle(engine, run, "ready")
    unknown = Listener()
    engine.ask(run, "meaning", {}, unknown)
    assert "There is no question 'meaning'" in unknown.last().error
    assert unknown.last().value is None
    engine.command(run, "stop")


def test_a_fault_in_an_answer_is_told_and_the_run_goes_on(engine, small, settle):
    run = engine.start(small())
    settle(engine, run, "ready")
    faulty = Listener()
    engine.ask(run, "snapshot", {"no_such_option": 1}, faulty)
    assert "by a fault of the program" in faulty.last().error
    assert steps(engine, run, settle, 1).step == 1
    engine.command(run, "stop")


def test_who_asks_about_a_run_that_goes_is_told(engine, small, settle):
    run = engine.start(small())
    settle(engine, run, "ready")
    waiting = Listener()
    with engine._lock:  # so that no answer can come in between
        engine.ask(run, "snapshot", {}, waiting)
        engine.command(run, "stop")
    assert waiting.last().error == "This run is no longer on the server."


def test_a_question_taken_back_is_not_answered(engine, small, settle):
    run = engine.start(small())
    settle(engine, run, "ready")
    silent, heard = Listener(), Listener()
    with engine._lock:
        engine.ask(run, "snapshot", {}, silent)()
    engine.ask(run, "snapshot", {}, heard)
    heard.last()
    assert silent.replies == []
    engine.command(run, "stop")


def test_questions_and_training_share_the_worker(small, settle, wait_for):
    engine = LocalEngine(workers=1)
    try:
        run = engine.start(small())
        settle(engine, run, "ready")
        engine.command(run, "play")
        wait_for(lambda: engine.view(run).step > 3)
        answers = [Listener() for _ in range(20)]
        for listener in answers:
            engine.ask(run, "snapshot", {}, listener)
        seen = [listener.last().step for listener in answers]
        assert seen == sorted(seen)
        before = engine.view(run).step
        wait_for(lambda: engine.view(run).step > before + 3)
    finally:
        engine.close()


def test_when_the_worker_dies_questions_are_answered_in_words(small, settle, wait_for):
    engine = LocalEngine(workers=1)
    try:
        run = engine.start(small())
        settle(engine, run, "ready")
        waiting, late = Listener(), Listener()
        with engine._lock:
            engine.ask(run, "snapshot", {}, waiting)
            engine._workers[0].process.kill()
        assert waiting.last().error or waiting.last().value is not None  # it may just have been done
        wait_for(lambda: engine.view(run).status == "interrupted")
        engine.ask(run, "snapshot", {}, late)
        assert "worker process of this run died" in late.last().error
    finally:
        engine.close()


def test_every_question_is_registered_by_one_call():
    from rnn_explorer.analysis import questions

    questions.load()
    assert "snapshot" in QUESTIONS
