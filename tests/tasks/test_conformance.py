"""What every registered task must do, whatever it asks."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from rnn_explorer.cells import CELLS
from rnn_explorer.experiment import Experiment
from rnn_explorer.tasks import TASKS, Batch, Task
from rnn_explorer.tasks.base import PROBES, SPLITS, STREAM_EPOCH, STREAM_EVALUATION
from rnn_explorer.trace import Explanation

KEYS = TASKS.names()


def make(key: str, seed: int = 0, val_split: float = 0.2, **settings: object) -> Task:
    return Experiment.default(key).replace(seed=seed, val_split=val_split, **settings).make_task()


def same(one: Batch, other: Batch) -> bool:
    return one.inputs.shape == other.inputs.shape and bool(
        np.array_equal(one.inputs, other.inputs) and np.array_equal(one.targets, other.targets)
    )


def sequences(batch: Batch) -> list[bytes]:
    """Each sequence with its target as bytes, so that they can be counted and compared."""
    return [x.tobytes() + y.tobytes() for x, y in zip(batch.inputs, batch.targets, strict=True)]


def check_batch(task: Task, batch: Batch) -> None:
    """Shapes, types and ranges as the task's input and output say."""
    size, time = batch.inputs.shape[:2]
    if task.input.kind == "symbols":
        assert batch.inputs.dtype == np.int64 and batch.inputs.ndim == 2
        assert not size or 0 <= batch.inputs.min() <= batch.inputs.max() < task.input.size
    else:
        assert batch.inputs.dtype == np.float32 and batch.inputs.shape == (size, time, task.input.size)
        assert np.isfinite(batch.inputs).all()
    shape = {
        "classes": (size,),
        "classes_per_step": (size, time),
        "values": (size, task.output.size),
        "values_per_step": (size, time, task.output.size),
    }[task.output.kind]
    assert batch.targets.shape == shape
    if task.output.classes:
        assert batch.targets.dtype == np.int64
        assert not size or 0 <= batch.targets.min() <= batch.targets.max() < task.output.size
    else:
        assert batch.targets.dtype == np.float32 and np.isfinite(batch.targets).all()
    if batch.lengths is not None:
        assert batch.lengths.dtype == np.int64 and batch.lengths.shape == (size,)
        assert not size or 1 <= batch.lengths.min() <= batch.lengths.max() <= time
        padding = np.arange(time)[None, :] >= batch.lengths[:, None]
        assert (batch.inputs[padding] == 0).all()
    if batch.mask is not None:
        assert batch.mask.dtype == bool and batch.mask.shape == (size, time)
    assert batch.step_mask().any(axis=1).all(), "a sequence without any step that counts"


@pytest.mark.parametrize("key", KEYS)
def test_words_and_defaults_are_there(key: str) -> None:
    kind = TASKS.get(key)
    assert kind.key == key
    for text in (kind.title, kind.summary, kind.teaches, kind.reading_guide, kind.__doc__):
        assert text and text.strip() == text.strip("\n ") and len(text) > 5
    assert len(kind.reading_guide) > 150 and len(kind.summary) < 150 and "\n" not in kind.summary
    assert kind.source.citation and kind.source.license and kind.source.url.startswith("https://")
    assert {"cell", "hidden_size", "learning_rate", "batch_size"} <= set(kind.defaults)
    assert {"epochs", "steps"} & set(kind.defaults)


@pytest.mark.parametrize("key", KEYS)
def test_defaults_make_an_experiment_that_goes_through_a_query(key: str) -> None:
    experiment = Experiment.default(key)
    values = experiment.values()
    for name, value in TASKS.get(key).defaults.items():
        assert values[name] == value, "a default that no setting takes"
    assert experiment.to_query() == {"task": key}
    changed = experiment
    for spec in experiment.task_settings.specs():
        changed = changed.replace(**{spec.name: extremes(spec)[0]})
    assert Experiment.from_query(changed.to_query_string()) == changed
    assert Experiment.from_json(changed.to_json()) == changed


@pytest.mark.parametrize("key", KEYS)
def test_its_benchmarks_are_experiments_of_known_cells(key: str) -> None:
    rows = TASKS.get(key).benchmarks
    assert [row.settings for row in rows][:1] == [""] and len({row.settings for row in rows}) == len(rows)
    for row in rows:
        query = f"task={key}&{row.settings}".removesuffix("&")
        assert Experiment.from_query(query).to_query_string() == query
        assert set(row.expected) <= {"", *CELLS.names()}


def answers_are_next_inputs(task: Task) -> bool:
    """Whether the target of each step is the input of the next one, as far as it is known."""
    batch = task.evaluation("test")
    if batch.inputs.shape != batch.targets.shape or task.input.size != task.output.size:
        return False
    lengths = np.full(len(batch), batch.inputs.shape[1]) if batch.lengths is None else batch.lengths
    real = np.arange(batch.inputs.shape[1]) < lengths[:, None]
    same = (batch.targets[:, :-1] == batch.inputs[:, 1:]) | np.isnan(batch.targets[:, :-1])
    return bool(same[real[:, 1:]].all())


@pytest.mark.parametrize("key", KEYS)
def test_an_autoregressive_task_asks_for_its_next_input_and_no_other_does(key: str) -> None:
    for settings in modes(key):
        task = make(key, **settings)
        assert task.is_autoregressive(task.settings) == answers_are_next_inputs(task), settings


@pytest.mark.parametrize("key", KEYS)
def test_a_grammar_allows_what_comes_next(key: str) -> None:
    task = make(key)
    batch = task.evaluation("test")
    lengths = np.full(len(batch), batch.inputs.shape[1]) if batch.lengths is None else batch.lengths
    for inputs, targets, length in zip(batch.inputs[:20], batch.targets, lengths.tolist(), strict=False):
        allowed = task.legal(inputs)
        assert (allowed is not None) == task.grammatical
        if allowed is not None:
            assert task.symbols and allowed.shape == (len(inputs), task.output.size)
            assert allowed[np.arange(length), targets[:length]].all()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("split", SPLITS)
def test_batches_fit_their_description(key: str, split: str) -> None:
    task = make(key)
    assert len(task.input.names) == task.input.size and len(task.output.names) == task.output.size
    assert (task.input.kind == "symbols") == type(task).symbols
    batch = task.evaluation(split)  # type: ignore[arg-type]
    assert len(batch) >= PROBES
    check_batch(task, batch)
    check_batch(task, task.train_batch(3, 1, 7))
    assert len(task.train_batch(0, 0, 7)) == 7


@pytest.mark.parametrize("key", KEYS)
def test_same_seed_same_data_other_seed_other_data(key: str) -> None:
    one, again, other = make(key, seed=5), make(key, seed=5), make(key, seed=6)
    again.train_batch(4, 2, 16)  # what was asked before must not matter
    for epoch, index in ((0, 0), (0, 3), (7, 1)):
        assert same(one.train_batch(epoch, index, 16), again.train_batch(epoch, index, 16))
        assert not same(one.train_batch(epoch, index, 16), other.train_batch(epoch, index, 16))
    assert not same(one.train_batch(0, 0, 16), one.train_batch(0, 1, 16))
    assert not same(one.train_batch(0, 0, 16), one.train_batch(1, 0, 16))
    assert not same(one.train_batch(0, 1, 16), one.train_batch(1, 0, 16))
    for split in SPLITS:
        assert same(one.evaluation(split), one.evaluation(split))
        assert same(one.evaluation(split), again.evaluation(split))


@pytest.mark.parametrize("key", [key for key in KEYS if TASKS.get(key).finite])
def test_a_finite_set_is_cut_without_overlap_and_an_epoch_covers_it_once(key: str) -> None:
    task = make(key)
    found = {split: sequences(task.evaluation(split)) for split in SPLITS}
    for one, other in itertools.combinations(SPLITS, 2):
        assert not set(found[one]) & set(found[other])
    assert task.train_size == len(found["train"])
    steps = task.steps_per_epoch(32)
    for epoch in (0, 1):
        batches = [task.train_batch(epoch, index, 32) for index in range(steps)]
        assert all(len(batch) == 32 for batch in batches[:-1]) and 1 <= len(batches[-1]) <= 32
        assert Counter(seq for batch in batches for seq in sequences(batch)) == Counter(found["train"])


@pytest.mark.parametrize("key", [key for key in KEYS if TASKS.get(key).finite])
def test_a_finite_task_without_validation_share_shows_test_sequences(key: str) -> None:
    task = make(key, val_split=0.0)
    assert len(task.evaluation("validation")) == 0
    check_batch(task, task.evaluation("validation"))
    assert len(task.evaluation("train")) > len(make(key).evaluation("train"))
    assert set(sequences(task.probe())) <= set(sequences(task.evaluation("test")))
    assert np.isfinite(task.baseline().loss) and "test" in task.baseline().how


@pytest.mark.parametrize("key", [key for key in KEYS if not TASKS.get(key).finite])
def test_streams_do_not_meet(key: str) -> None:
    task = make(key)
    assert task.train_size == 0 and task.steps_per_epoch(1) == task.steps_per_epoch(512) == STREAM_EPOCH
    held = {split: sequences(task.evaluation(split)) for split in ("validation", "test")}
    assert len(held["validation"]) == len(held["test"]) == STREAM_EVALUATION
    trained = [seq for index in range(STREAM_EPOCH) for seq in sequences(task.train_batch(0, index, 32))]
    assert len(set(trained)) > 0.99 * len(trained)
    assert not set(held["validation"]) & set(held["test"])
    assert not (set(held["validation"]) | set(held["test"])) & set(trained)


@pytest.mark.parametrize("key", KEYS)
def test_probes_are_a_fixed_few_of_many_kinds(key: str) -> None:
    task = make(key)
    probe = task.probe()
    assert len(probe) == PROBES and same(probe, make(key).probe())
    check_batch(task, probe)
    assert len(set(sequences(probe))) == PROBES
    assert set(sequences(probe)) <= set(sequences(task.evaluation("validation")))
    labels, names = task.labels(probe)
    assert labels.shape == (PROBES,)
    if names:
        assert labels.min() >= 0 and labels.max() < len(names)
        assert len(set(labels.tolist())) == min(PROBES, len(names))
    else:
        assert (labels == -1).all()


@pytest.mark.parametrize("key", KEYS)
def test_the_baseline_is_worded_and_of_the_metric(key: str) -> None:
    task = make(key)
    baseline = task.baseline()
    assert baseline == make(key).baseline() and len(baseline.how) > 20
    assert np.isfinite(baseline.loss) and baseline.loss > 0
    if type(task).metric.name == "accuracy":
        assert task.output.classes and 0 < baseline.metric < 1
    else:
        assert not task.output.classes and baseline.metric == baseline.loss
    assert not type(task).metric.is_solved(baseline.metric), "nothing to learn"


def answers_for(task: Task, targets: np.ndarray, time: int, right: bool) -> np.ndarray:
    """(time, output_size) right answers, or random ones."""
    size = task.output.size
    if right:
        if task.output.classes:
            return np.broadcast_to(np.eye(size)[targets], (time, size)).copy()
        return np.broadcast_to(targets, (time, size)).copy()
    noise = np.random.default_rng(1).normal(size=(time, size))
    return np.exp(noise) / np.exp(noise).sum(axis=1, keepdims=True) if task.output.classes else noise


def check_explanation(task: Task, told: Explanation, length: int) -> None:
    assert told.title and told.verdict and told.length == length
    if told.kind == "image":
        assert told.image is not None and told.image_steps is not None and told.image.shape == told.image_steps.shape
        assert set(np.unique(told.image_steps)) == set(range(length))
    elif told.kind == "symbols":
        assert len(told.symbols) == length and all(told.symbols)
    else:
        roles = {strip.role for strip in told.strips}
        only_probabilities = task.output.classes and roles == {"input"}
        assert only_probabilities or roles == {"input", "target", "answer"}
    for strip in told.strips:
        assert strip.values.shape == (length,) and strip.name
        if strip.role == "target":
            assert any(other.role == "answer" and other.group == strip.group for other in told.strips)
    if task.output.kind == "classes":
        assert told.class_names == task.output.names and told.probabilities is not None
        assert told.probabilities.shape == (length, task.output.size)
        assert told.target_class is not None and told.correct is not None


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("key", KEYS)
def test_every_probe_can_be_explained(key: str, right: bool) -> None:
    task = make(key)
    probe = task.probe()
    inputs, targets, time = probe.inputs, probe.targets, probe.inputs.shape[1]
    verdicts = []
    for row in range(PROBES):
        length = time if probe.lengths is None else int(probe.lengths[row])
        told = task.explain(inputs[row], targets[row], length, answers_for(task, targets[row], time, right))
        check_explanation(task, told, length)
        verdicts.append(told.correct)
        if right:
            assert told.correct is not False
        if task.output.kind == "classes":
            assert told.target_class == targets[row]
    if not right:
        assert True not in verdicts or False in verdicts, "random answers cannot all be right"


@pytest.mark.parametrize("key", KEYS)
def test_answers_that_are_not_finite_are_told_without_an_error(key: str) -> None:
    task = make(key)
    probe = task.probe()
    time = probe.inputs.shape[1]
    length = time if probe.lengths is None else int(probe.lengths[0])
    nothing = np.full((time, task.output.size), np.nan)
    told = task.explain(probe.inputs[0], probe.targets[0], length, nothing)
    assert told.correct is not True and "finite" in told.verdict


def modes(key: str) -> list[dict[str, object]]:
    """Every combination of what is not a number or a free text among a task's settings."""
    specs = [spec for spec in TASKS.get(key).settings_class.specs() if spec.kind is bool or spec.choices]
    choices = [spec.choices or (False, True) for spec in specs]
    return [dict(zip([spec.name for spec in specs], values, strict=True)) for values in itertools.product(*choices)]


def extremes(spec: object) -> tuple[object, ...]:
    if spec.kind is bool:  # type: ignore[attr-defined]
        return (True, False)
    if spec.is_free_text:  # type: ignore[attr-defined]
        return (spec.default,)  # type: ignore[attr-defined]
    if spec.kind is str:  # type: ignore[attr-defined]
        return tuple(reversed(spec.choices))  # type: ignore[attr-defined]
    return (spec.kind(spec.low), spec.kind(spec.high))  # type: ignore[attr-defined]


CORNERS = [
    (key, dict(zip([spec.name for spec in specs], values, strict=True)))
    for key in KEYS
    for specs in [TASKS.get(key).settings_class.specs()]
    for values in itertools.product(*(extremes(spec) for spec in specs))
]


@pytest.mark.parametrize("val_split", [0.01, 0.5])
@pytest.mark.parametrize(("key", "settings"), CORNERS)
def test_the_ends_of_every_range_work(key: str, settings: dict[str, object], val_split: float) -> None:
    task = make(key, val_split=val_split, **settings)
    check_batch(task, task.train_batch(0, 0, 3))
    check_batch(task, task.evaluation("validation"))
    probe = task.probe()
    assert len(probe) == PROBES
    check_batch(task, probe)
    assert np.isfinite(task.baseline().loss)
    time = probe.inputs.shape[1]
    length = time if probe.lengths is None else int(probe.lengths[0])
    targets = probe.targets[0]
    told = task.explain(probe.inputs[0], targets, length, answers_for(task, targets, time, right=True))
    check_explanation(task, told, length)
