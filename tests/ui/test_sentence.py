"""The sentence that says what is going on is true of every task, in every mode of it, and one line."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks import TASKS
from rnn_explorer.tasks.user_data.series_settings import OwnSeriesSettings
from rnn_explorer.tasks.user_data.text_settings import OwnTextSettings
from rnn_explorer.ui.sentence import LONGEST, sentence


def modes(key: str) -> list[dict[str, Any]]:
    """Every combination of switches, of words to choose from, and of the ends of ranges."""
    found: dict[str, tuple[Any, ...]] = {}
    for spec in TASKS.get(key).settings_class.specs():
        if spec.kind is bool:
            found[spec.name] = (False, True)
        elif spec.choices:
            found[spec.name] = spec.choices
        elif not spec.is_free_text:
            assert spec.low is not None and spec.high is not None
            found[spec.name] = (spec.kind(spec.low), spec.kind(spec.high))
    return [dict(zip(found, values, strict=True)) for values in itertools.product(*found.values())]


@pytest.mark.parametrize("key", TASKS.names())
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_every_mode_of_every_task_has_one_short_sentence(key: str, cell: str) -> None:
    plain = Experiment.default(key).replace(cell=cell)
    for settings in modes(key):
        changed = plain.replace(**settings)
        deep = changed.replace(num_layers=4)
        if not TASKS.get(key).is_autoregressive(changed.task_settings):
            deep = deep.replace(bidirectional=True)
        for experiment in (changed, deep):
            said = sentence(experiment)
            assert said.isprintable() and len(said) <= LONGEST and said.endswith(".") and "  " not in said
            assert said[0] == "A" and cell.upper() in said and "None" not in said


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "An RNN reads an 8 × 8 digit one row per time step, then names it."),
        ("pixels=true", "An RNN reads an 8 × 8 digit one pixel per time step, then names it."),
        ("cell=gru&num_layers=2", "A 2-layer GRU reads an 8 × 8 digit one row per time step, then names it."),
        (
            "task=names&bidirectional=true",
            "A bidirectional LSTM reads a surname one letter per time step, then names its language.",
        ),
        (
            "task=adding&cell=lstm&seq_len=40",
            "An LSTM reads 40 numbers, two of them marked, then says the sum of these two.",
        ),
        ("task=copy&cell=gru&items=7&lag=1", "A GRU reads 7 letters, then 1 blank, then repeats the letters in order."),
        (
            "task=forecast&cell=gru&series=noisy_sine&noise=0",
            "A GRU reads a sine value by value and each time forecasts the next.",
        ),
        (
            "task=forecast&cell=gru&series=sunspots",
            "A GRU reads yearly sunspot numbers value by value and each time forecasts the next.",
        ),
        (
            "task=parity&cell=rnn&seq_len=9",
            "An RNN reads up to 9 numbers, +1 or −1, then says if the count of +1 is even or odd.",
        ),
        (
            "task=parity&cell=rnn&seq_len=9&variable=false",
            "An RNN reads 9 numbers, +1 or −1, then says if the count of +1 is even or odd.",
        ),
        (
            "task=own_text&cell=rnn&kind=labels",
            "An RNN reads a surname one character per time step, then names its language.",
        ),
        (
            "task=own_series&cell=rnn&kind=classification",
            "An RNN reads temperatures of a day, one every three hours, then names the season.",
        ),
    ],
)
def test_it_follows_from_the_settings(query: str, said: str) -> None:
    assert sentence(Experiment.from_query(query)) == said


def test_data_of_ones_own_have_their_sentence_without_a_word_of_the_file() -> None:
    assert "a text of yours" in OwnTextSettings(data="t").does and "a line" in OwnTextSettings("t", "labels").does
    named = OwnSeriesSettings(data="t", columns="<b>price")
    assert named.does == "reads a series one table row per time step and each time forecasts the next values"
    wide = OwnSeriesSettings(data="t", kind="classification")
    assert wide.does == "reads a table row one column per time step, then names its class"
    assert "one table row per time step" in OwnSeriesSettings("t", "classification", series_id="who").does


def test_the_numbers_in_it_are_those_of_the_data() -> None:
    for key in ("adding", "local_peak", "temporal_order"):
        task = Experiment.from_query(f"task={key}&seq_len=17").make_task()
        assert f"reads {task.probe().inputs.shape[1]} " in task.settings.does
    assert Experiment.from_query("task=digits&pixels=true").make_task().probe().inputs.shape[1:] == (64, 1)
    assert Experiment.from_query("task=digits").make_task().probe().inputs.shape[1:] == (8, 8)
    assert Experiment.default("flip_flop").make_task().input.size == 3
    assert Experiment.default("vowels").make_task().input.size == 12
