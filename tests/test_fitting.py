"""An experiment that is too large, or that its data do not bear, is changed as little as can be."""

from __future__ import annotations

import itertools

import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.fitting import fitted, sentence
from rnn_explorer.settings import SettingError
from rnn_explorer.sizes import work_of
from rnn_explorer.tasks import TASKS
from rnn_explorer.work import ModelTooLarge


def fits(experiment: Experiment) -> bool:
    try:
        work_of(experiment, experiment.make_task()).check()
    except (ModelTooLarge, SettingError):
        return False
    return True


@pytest.mark.parametrize(
    "query, changed",
    [
        ("task=adding&hidden_size=20&learning_rate=0.5", ()),
        (
            "cell=lstm&hidden_size=256&num_layers=4&bidirectional=true&dense=1024,1024,1024,1024&batch_size=512&seed=7",
            None,
        ),
        ("task=adding&seq_len=100&hidden_size=256&batch_size=512&cell=lstm&learning_rate=0.02", ("batch_size",)),
        ("pixels=true&hidden_size=256&num_layers=4&cell=lstm&batch_size=512&seed=3", None),
        ("task=char_lm&hidden_size=256&num_layers=4&cell=lstm&batch_size=512&dropout=0.1", ("batch_size",)),
    ],
)
def test_as_few_settings_as_can_be_are_set_back(query, changed):
    wanted = Experiment.from_query(query)
    found, names = fitted(wanted)
    assert fits(found) and (changed is None or names == changed)
    default = Experiment.default(wanted.task)
    for name, value in wanted.values().items():
        assert found.get(name) == (default.get(name) if name in names else value)
    sizes = [name for name in wanted.to_query() if name not in ("task", "learning_rate", "seed", "dropout")]
    for count in range(len(names)):
        for some in itertools.combinations(sizes, count):
            assert not fits(wanted.replace(**{name: default.get(name) for name in some}))


def test_what_was_changed_is_named():
    wanted = Experiment.from_query("task=adding&seq_len=100&hidden_size=256&batch_size=512&cell=lstm")
    found, names = fitted(wanted)
    assert sentence(found, names) == "Set back to the default: batch_size=64; all else is as it was asked for."


def test_data_that_are_gone_take_only_what_belongs_to_them():
    wanted = Experiment.from_query("task=own_series&data=AAAAAAAAAAAAAAAAAAAAAA&columns=height&hidden_size=11&cell=gru")
    found, names = fitted(wanted)
    assert fits(found) and set(names) == {"data", "columns"}
    assert (found.model.hidden_size, found.model.cell) == (11, "gru")
    assert "height" not in sentence(found, names)


def test_a_device_that_is_not_there_is_the_only_thing_that_goes():
    wanted = Experiment.from_query("device=mps&hidden_size=9")
    found, names = fitted(wanted)
    assert names in ((), ("device",)) and found.model.hidden_size == 9


def test_every_default_fits():
    for task in TASKS.names():
        assert fitted(Experiment.default(task)) == (Experiment.default(task), ())
