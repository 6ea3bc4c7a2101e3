"""The size limit: every piece of work counts, and what is allowed is about what it takes."""

from __future__ import annotations

import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.sizes import work_of
from rnn_explorer.training import Trainer
from rnn_explorer.work import LEAST, MAX_WORK, MOST, ModelTooLarge, Work, measured_at_once

LARGEST = "cell=lstm&hidden_size=256&num_layers=4&dense=1024,1024,1024,1024"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        # builds for half a minute, for a picture of its inside reads 800 prefixes
        (
            f"task=temporal_order&{LARGEST}&bidirectional=true&seq_len=100&batch_size=1",
            "picture of its inside.* one way",
        ),
        (f"task=adding&{LARGEST}&bidirectional=true&seq_len=100&batch_size=1", "picture of its inside"),
        (f"task=temporal_order&{LARGEST}&seq_len=100&batch_size=512", "512 sequences x 100 time steps"),
    ],
)
def test_whatever_takes_long_is_refused_before_it_is_built(query, told):
    experiment = Experiment.from_query(query)
    for refuse in (lambda: work_of(experiment, experiment.make_task()).check(), lambda: Trainer(experiment)):
        with pytest.raises(ModelTooLarge, match=told):
            refuse()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"batch_size": 2000}, "2000 sequences"),
        ({"pictured": 10_000}, "picture"),
        ({"measured": 100_000}, "measuring it"),
        ({"parameters": 20_000_000, "time": 1}, "drawing its weights"),
    ],
)
def test_each_piece_has_its_limit_and_its_sentence(changes, told):
    plain = dict(parameters=1_000_000, batch_size=10, time=50, measured=1000, pictured=8)
    Work(**plain).check()
    with pytest.raises(ModelTooLarge, match=told) as error:
        Work(**{**plain, **changes}).check()
    assert str(error.value).count(".") >= 2 and "smaller" in str(error.value)


def test_every_task_with_its_own_settings_is_far_below_the_limit():
    from rnn_explorer.tasks import TASKS

    for name in TASKS.names():
        experiment = Experiment.default(name)
        work = work_of(experiment.replace(batch_size=32), experiment.make_task())
        assert max(work.step, work.picture, work.build, work.measurement / 10) < MAX_WORK / 4, name


def test_how_much_is_measured_at_once_follows_from_the_model():
    assert measured_at_once(1000, 10) == MOST
    assert measured_at_once(9_000_000, 100) == LEAST
    assert LEAST < measured_at_once(1_000_000, 40) < MOST
