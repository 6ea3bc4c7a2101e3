from __future__ import annotations

import dataclasses
import json
import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.experiment import DEFAULT_TASK, Experiment, ModelSettings, TrainingSettings
from rnn_explorer.registry import UnknownName
from rnn_explorer.settings import SettingError, Spec
from rnn_explorer.tasks import TASKS

FUTURE = [name for name, kind in TASKS.items() if kind.autoregressive]
QUERY_KEYS = [
    "cell", "hidden_size", "num_layers", "bidirectional", "dense", "nonlinearity", "dense_activation", "init",
    "forget_bias", "dropout", "embedding", "optimizer", "learning_rate", "batch_size", "clip_norm", "weight_decay",
    "steps", "val_split", "seed",
]  # fmt: skip


def values_of(spec: Spec) -> st.SearchStrategy:
    if spec.kind is bool:
        return st.booleans()
    if spec.is_free_text:
        return st.text(max_size=spec.longest).map(str.strip).filter(str.isprintable)
    if spec.kind is str:
        return st.sampled_from(spec.choices)
    if spec.kind is int:
        return st.integers(int(spec.low), int(spec.high))
    if spec.kind is tuple:
        return st.lists(st.integers(int(spec.low), int(spec.high)), max_size=spec.longest).map(tuple)
    return st.floats(spec.low, spec.high)


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    base = Experiment.default(draw(st.sampled_from(TASKS.names())))
    specs = [spec for spec in base.specs() if spec.name != "bidirectional" or base.task not in FUTURE]
    chosen = draw(st.lists(st.sampled_from(specs), unique_by=lambda spec: spec.name))
    return base.replace(**{spec.name: draw(values_of(spec)) for spec in chosen})


@given(experiments())
def test_every_experiment_survives_every_form(experiment):
    assert Experiment.from_query(experiment.to_query()) == experiment
    assert Experiment.from_query(experiment.to_query_string()) == experiment
    assert Experiment.from_query("?" + experiment.to_query_string()) == experiment
    assert Experiment.from_json(experiment.to_json()) == experiment
    assert Experiment.from_dict(experiment.to_dict()) == experiment
    assert Experiment.from_query_forgiving(experiment.to_query()) == (experiment, [])
    assert pickle.loads(pickle.dumps(experiment)) == experiment
    assert hash(Experiment.from_json(experiment.to_json())) == hash(experiment)


@given(experiments())
def test_the_query_holds_just_what_differs_from_the_defaults(experiment):
    plain = Experiment.default(experiment.task)
    differing = {name for name, value in experiment.values().items() if value != plain.get(name)}
    assert set(experiment.to_query()) == {"task"} | differing


@pytest.mark.parametrize("name", TASKS.names())
def test_the_default_is_the_tasks(name):
    experiment = Experiment.default(name)
    assert experiment.to_query() == {"task": name}
    for key, value in TASKS.get(name).defaults.items():
        assert experiment.get(key) == value, key
    assert set(QUERY_KEYS) <= set(experiment.values())


@pytest.mark.parametrize("name", TASKS.names())
def test_every_key_and_help_text_is_there_once(name):
    specs = Experiment.default(name).specs()
    assert len({spec.name for spec in specs}) == len(specs)
    assert all(spec.label and spec.help.endswith((".", "?")) for spec in specs)


def test_the_reference_program():
    experiment = Experiment.from_query("")
    assert experiment == Experiment.default() and experiment.task == DEFAULT_TASK == "digits"
    model, training = experiment.model, experiment.training
    assert (model.cell, model.nonlinearity, model.hidden_size, model.dense) == ("rnn", "relu", 128, (64, 32))
    assert (training.optimizer, training.epochs, training.batch_size, training.val_split) == ("adam", 10, 32, 0.2)


@pytest.mark.parametrize(
    "query, field, words",
    [
        ("task=chess", "task", "digits"),
        ("task=", "task", "digits"),
        ("hidden_size=0", "hidden_size", "a whole number from 1 to 256"),
        ("hidden_size=257", "hidden_size", "257"),
        ("hidden_size=12.5", "hidden_size", "12.5"),
        ("hidden_size=99999999999999999999", "hidden_size", "whole number"),
        ("learning_rate=nan", "learning_rate", "'nan'"),
        ("learning_rate=inf", "learning_rate", "from 1e-06 to 10"),
        ("learning_rate=0", "learning_rate", "1e-06"),
        ("bidirectional=maybe", "bidirectional", "true or false"),
        ("dense=64,0", "dense", "1 to 1024"),
        ("dense=1,2,3,4,5", "dense", "up to 4"),
        ("cell=mamba", "cell", "rnn, lstm, gru"),
        ("seed=2147483648", "seed", "2147483647"),
        ("val_split=.51", "val_split", "0.5"),
        ("num_layers=5", "num_layers", "from 1 to 4"),
        ("wings=2", "wings", "digits has no setting 'wings'; there are: task, pixels"),
        ("seq_len=8", "seq_len", "digits has no setting 'seq_len'"),
        ("cell=rnn&cell=gru", "cell", "given once"),
        ("task=adding&task=digits", "task", "given once"),
        ("cell", "cell", "one of"),
    ],
)
def test_a_bad_query_is_told_by_field_value_and_range(query, field, words):
    with pytest.raises(SettingError) as caught:
        Experiment.from_query(query)
    assert caught.value.field == field
    assert words in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    "text, field",
    [
        ("", "experiment"), ("[]", "experiment"), ("{", "experiment"), ("[" * 100_000, "experiment"),
        ('{"hidden_size": true}', "hidden_size"), ('{"hidden_size": 3.0}', "hidden_size"),
        ('{"bidirectional": 1}', "bidirectional"), ('{"learning_rate": NaN}', "learning_rate"),
        ('{"learning_rate": Infinity}', "learning_rate"), ('{"learning_rate": 1e999}', "learning_rate"),
        ('{"learning_rate": 1%s}' % ("0" * 400), "learning_rate"), ('{"seed": -1}', "seed"), ('{"task": 3}', "task"),
        ('{"task": ["digits"]}', "task"), ('{"dense": [true]}', "dense"), ('{"dense": {}}', "dense"),
        ('{"cell": null}', "cell"), ('{"nope": {}}', "nope"),
    ],
)  # fmt: skip
def test_bad_json_is_refused(text, field):
    with pytest.raises(SettingError) as caught:
        Experiment.from_json(text)
    assert caught.value.field == field


def test_json_is_plain():
    told = json.loads(Experiment.from_query("task=adding&dense=3,4").to_json())
    assert told["task"] == "adding" and told["dense"] == [3, 4] and told["seq_len"] == 30


def test_an_unknown_task_or_setting_cannot_be_made():
    plain = Experiment.default()
    with pytest.raises(UnknownName):
        dataclasses.replace(plain, task="chess")
    with pytest.raises(SettingError, match="no setting 'wings'"):
        plain.replace(wings=2)
    with pytest.raises(KeyError):
        plain.get("wings")


@pytest.mark.parametrize("task", FUTURE)
def test_no_backward_layer_where_it_would_read_the_answers(task):
    with pytest.raises(SettingError, match=rf"^bidirectional is True, but must be false for {task}"):
        Experiment.from_query({"task": task, "bidirectional": "true"})
    read, errors = Experiment.from_query_forgiving({"task": task, "bidirectional": "true", "cell": "gru"})
    assert read == Experiment.from_query({"task": task, "cell": "gru"})
    assert [error.field for error in errors] == ["bidirectional"]


def test_settings_without_effect_are_named_with_their_reason():
    asked = (
        "cell=gru&num_layers=1&dropout=0.5&forget_bias=2&momentum=0.5&embedding=4&epochs=3&steps=5&learning_rate=0.1"
    )
    told = Experiment.from_query(asked).idle()
    assert set(told) == {"dropout", "forget_bias", "momentum", "embedding", "epochs"}
    assert told["dropout"] == ("dropout=0.5 has no effect here: it acts between recurrent layers, and num_layers is 1.")
    assert told["forget_bias"] == "forget_bias=2.0 has no effect here: it is one of the cell LSTM."
    assert not Experiment.from_query("num_layers=2&dropout=0.5").idle()
    for task in TASKS.names():  # what a person did not set is not told
        assert not Experiment.default(task).idle()


def test_a_setting_applies_where_there_is_no_reason_why_not():
    for task in TASKS.names():
        experiment = Experiment.default(task)
        for spec in experiment.specs():
            assert experiment.applies(spec.name) == (experiment.why_idle(spec.name) == "")
    assert "single recurrent layer" in ModelSettings.spec("dropout").help


# -- forgiving --------------------------------------------------------------------------------------------------


def test_only_what_is_bad_falls_back():
    read, errors = Experiment.from_query_forgiving(
        {"task": "adding", "hidden_size": "0", "cell": "gru", "wings": "2", "seq_len": "20", "dropout": "x"}
    )
    assert read == Experiment.from_query("task=adding&cell=gru&seq_len=20")
    assert {error.field for error in errors} == {"hidden_size", "wings", "dropout"}
    assert len(errors) == 3


def test_an_unknown_task_falls_back_to_the_default_task_and_keeps_the_rest():
    read, errors = Experiment.from_query_forgiving({"task": "chess", "hidden_size": "17", "seq_len": "20"})
    assert read == Experiment.from_query("hidden_size=17")
    assert [error.field for error in errors] == ["task", "seq_len"]


def test_a_clash_told_of_a_field_that_was_not_given_still_ends(monkeypatch):
    def refuse(self: Experiment) -> None:
        if self.model.hidden_size > 200:
            raise SettingError("num_layers", self.model.num_layers, "fewer")

    monkeypatch.setattr(Experiment, "__post_init__", refuse)
    read, errors = Experiment.from_query_forgiving({"cell": "gru", "hidden_size": "201"})
    assert read == Experiment.from_query("cell=gru")
    assert [error.field for error in errors] == ["num_layers"]


KEYS = st.one_of(st.sampled_from(["task", "seq_len", "series", *QUERY_KEYS]), st.text(max_size=8))
WORDS = st.one_of(
    st.sampled_from(["true", "gru", "3", "1e-3", "64,32", "none", "-1", *TASKS.names()]), st.text(max_size=8)
)


@given(st.dictionaries(KEYS, WORDS, max_size=12))
def test_any_query_is_read_and_every_unused_part_told(query):
    before = dict(query)
    read, errors = Experiment.from_query_forgiving(query)
    assert query == before
    dropped = [error.field for error in errors]
    assert len(set(dropped)) == len(dropped) and set(dropped) <= set(query)
    assert read == Experiment.from_query({key: text for key, text in query.items() if key not in dropped})


# -- what has an effect -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query, yes, no",
    [
        ("cell=rnn", "nonlinearity val_split epochs bidirectional", "forget_bias dropout embedding momentum"),
        ("cell=lstm&dense=none", "forget_bias", "nonlinearity dense_activation"),
        ("cell=gru&num_layers=2", "dropout hidden_size", "nonlinearity forget_bias"),
        ("task=names&optimizer=sgd", "embedding momentum", ""),
        ("task=adding", "seq_len steps", "val_split epochs embedding"),
        ("task=forecast", "series", "bidirectional noise"),
        ("task=forecast&series=noisy_sine", "noise", ""),
    ],
)  # fmt: skip
def test_what_applies(query, yes, no):
    experiment = Experiment.from_query(query)
    assert all(experiment.applies(name) for name in yes.split()), yes
    assert not any(experiment.applies(name) for name in no.split()), no


def test_live_changes():
    one = Experiment.from_query("task=adding")
    assert one.live_changes_to(one) == {}
    assert one.live_changes_to(one.replace(learning_rate=0.1, batch_size=8)) == {"learning_rate": 0.1, "batch_size": 8}
    assert one.live_changes_to(one.replace(learning_rate=0.1, hidden_size=8)) is None
    for name, value in {"seed": 3, "optimizer": "sgd", "seq_len": 20, "cell": "gru"}.items():
        assert one.live_changes_to(one.replace(**{name: value})) is None, name
    assert one.live_changes_to(Experiment.default("digits")) is None


def test_settings_are_frozen():
    for group in (Experiment.default(), ModelSettings(), TrainingSettings()):
        with pytest.raises(dataclasses.FrozenInstanceError):
            group.task = "adding"  # type: ignore[misc, union-attr]


def test_learning_rates_are_written_exactly():
    rate = math.nextafter(1e-3, 1)
    assert (
        Experiment.from_query(Experiment.default().replace(learning_rate=rate).to_query_string()).training.learning_rate
        == rate
    )
