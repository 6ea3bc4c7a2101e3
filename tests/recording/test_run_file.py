"""A run in a file: the same run out of it, whole or not at all."""

from __future__ import annotations

import io
import json
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording import checkpoint_file, trained_run
from rnn_explorer.recording.learning_curves import LearningCurves
from rnn_explorer.recording.recorder import record
from rnn_explorer.recording.run_file import about as about_run
from rnn_explorer.recording.run_file import parts as file_parts
from rnn_explorer.recording.run_file.reading import Uploads, opened
from rnn_explorer.recording.run_file.writing import write
from rnn_explorer.recording.state_file import read
from rnn_explorer.recording.trained_run import GrowingFile, TrainedRun, load
from rnn_explorer.recording.versions import present
from rnn_explorer.sizes import parameter_shapes
from rnn_explorer.tasks.user_data import packing, store
from rnn_explorer.tasks.user_data.chosen import settings_of, task_of
from rnn_explorer.tasks.user_data.limits import DataError
from rnn_explorer.tasks.user_data.reading import read as read_data
from rnn_explorer.training import Trainer
from rnn_explorer.training.checkpoint import Checkpoint
from tests.recording.run_files import QUERY, entries, good, parts, with_entry, zipped

TABLE = "day;temp;kind\n" + "".join(f"{n // 4};{n * n % 17}.5;{'abc'[n // 4 % 3]}\n" for n in range(120))


def trained(steps: int = 12, query: str = QUERY) -> TrainedRun:
    run = TrainedRun(Trainer(Experiment.from_query(query)))
    run.curves.add(run.trainer.opening())
    run.past.take(run.trainer)
    go_on(run, steps)
    return run


def go_on(run: TrainedRun, steps: int) -> None:
    run.trainer.target = run.trainer.step_count + steps
    record(run.trainer, run.curves, lambda report: run.past.take(run.trainer))


def same_state(one: bytes | Trainer, other: bytes | Trainer) -> None:
    """Every bit; the words about it may stand in another order."""
    left, right = (Checkpoint.from_bytes(it if isinstance(it, bytes) else it.state()) for it in (one, other))
    assert (left.experiment, left.position, left.best) == (right.experiment, right.position, right.best)
    assert set(left.tensors) == set(right.tensors)
    for name, tensor in left.tensors.items():
        assert tensor.equal(right.tensors[name]), name


def same_curves(one: LearningCurves, other: LearningCurves) -> None:
    np.testing.assert_array_equal(one.train.rows(), other.train.rows())
    np.testing.assert_array_equal(one.validation.rows(), other.validation.rows())


# -- what goes in comes out -------------------------------------------------------------------------------------


def test_a_run_comes_out_as_it_went_in() -> None:
    about, curves, states = parts()
    with opened(io.BytesIO(good()), "a.rnnx") as found:
        run = found.run
        for name in about_run._FIELDS:
            assert getattr(run, name) == getattr(about, name), name
        assert Experiment.from_json(run.experiment) == Experiment.from_json(about.experiment) == found.experiment
        assert (run.owner, run.step, run.target, run.parameters) == ("", 6, 20, 101) and run.visibility == "link"
        for kind in curves:
            np.testing.assert_array_equal(found.curves[kind], curves[kind])
        assert [(entry.step, entry.state) for entry in found.entries()] == list(states)
        assert [entry.epoch for entry in found.entries()] == [step / run.steps_per_epoch for step, _ in states]
        assert run.epoch == 6 / run.steps_per_epoch and found.data is None


def test_who_owns_a_run_is_not_in_its_file() -> None:
    assert b"anna" not in b"".join(entries().values())


def test_the_same_run_gives_the_same_file() -> None:
    file = io.BytesIO()
    write(file, *parts())
    assert file.getvalue() == good()


@pytest.mark.parametrize("query", [QUERY, "task=names&bidirectional=true&dense=5,3&embedding=4&steps=20&patience=1"])
def test_a_run_goes_on_from_its_file_bit_by_bit(tmp_path: Path, query: str) -> None:
    run = trained(query=query)
    run.save(tmp_path / "run.rnnx")
    again = load(tmp_path / "run.rnnx")
    same_state(again.trainer, run.trainer)
    assert again.past.history.steps == run.past.history.steps
    same_curves(again.curves, run.curves)
    for one in (run, again):
        go_on(one, 8)
    same_state(again.trainer, run.trainer)
    assert again.trainer.step_count == 20
    same_curves(again.curves, run.curves)


def test_every_state_of_the_past_can_be_gone_on_from(tmp_path: Path) -> None:
    run = trained()
    run.save(tmp_path / "run.rnnx")
    with opened(tmp_path / "run.rnnx") as found:
        assert found.steps[0] == 0 and found.steps[-1] == 12 and len(found.steps) > 4
        for entry in found.entries():
            trainer = Trainer(found.experiment)
            trainer.restore(read(entry.state))
            assert trainer.step_count == entry.step


def test_rows_after_the_newest_state_and_those_that_are_not_finite_stay_out() -> None:
    rows = np.array([[1, 1, 1, 1, 1], [2, np.nan, 1, 1, 1], [3, 1, 1, np.inf, 1], [4, 1, 1, 1, 1], [9, 1, 1, 1, 1]])
    content = file_parts.curves_written({"train": rows, "validation": np.empty((0, 3))}, 4)
    assert file_parts.curves_read(content)["train"][:, 0].tolist() == [1, 4]


def test_a_checkpoint_stays_what_it_was(tmp_path: Path) -> None:
    run = trained()
    run.save(tmp_path / "run.safetensors")
    trainer, curves = checkpoint_file.read(tmp_path / "run.safetensors")
    same_state(trainer, run.trainer)
    assert len(curves.train) == 12
    again = load(tmp_path / "run.safetensors")
    same_state(again.trainer, run.trainer)
    assert again.about is None


def test_a_file_is_read_by_what_it_holds(tmp_path: Path) -> None:
    run = trained()
    run.save(tmp_path / "run.rnnx")
    (tmp_path / "run.rnnx").rename(tmp_path / "run.safetensors")
    assert load(tmp_path / "run.safetensors").past.history.steps == run.past.history.steps


def test_a_run_that_goes_on_with_something_else_has_a_mark_where_it_does(tmp_path: Path) -> None:
    (tmp_path / "a.rnnx").write_bytes(good())
    run = load(tmp_path / "a.rnnx")
    run.save(tmp_path / "b.rnnx")
    about = load(tmp_path / "b.rnnx").about
    assert about is not None and (about.versions, about.marks) == (parts()[0].versions, parts()[0].marks)
    for _ in range(2):  # the second time it goes on with the same
        go_on(run, 2)
        run.save(tmp_path / "b.rnnx")
        run = load(tmp_path / "b.rnnx")
        assert run.about is not None and run.about.versions == present()
        first, (step, words) = run.about.marks
        assert first == (2, "torch 2 (before: 1)") and step == 6 and "(before: 2)" in words


def test_what_a_file_says_of_its_run_stays_with_it(tmp_path: Path) -> None:
    (tmp_path / "a.rnnx").write_bytes(good())
    run = load(tmp_path / "a.rnnx")
    go_on(run, 2)
    run.save(tmp_path / "b.rnnx")
    about = load(tmp_path / "b.rnnx").about
    assert about is not None
    assert (about.name, about.note, about.tags, about.run_id, about.step) == (
        "Mine <b>",
        "two\nlines",
        ("a", "ä"),
        "abc",
        8,
    )
    assert about.seconds >= 1.5


# -- data of the user's own -------------------------------------------------------------------------------------


def own(content: str = TABLE, name: str = "t.csv", **settings: Any) -> TrainedRun:
    record = read_data(content.encode(), name)
    chosen = {"hidden_size": 3, "steps": 3, **settings}
    experiment = Experiment.from_dict({"task": task_of(record), **chosen, **settings_of(record, chosen)})
    run = TrainedRun(Trainer(experiment))
    go_on(run, 3)
    return run


@pytest.mark.parametrize(
    "content, name, settings",
    [
        (TABLE, "t.csv", {"seq_len": 10}),
        (TABLE, "t.csv", {"kind": "classification", "label": "kind", "columns": "temp", "series_id": "day"}),
        ("".join(f"{'ab'[n % 2]}\tthing {n}\n" for n in range(40)), "t.txt", {"kind": "labels"}),
        ("To be, or not to be. " * 60, "t.txt", {}),
    ],
)
def test_data_of_the_users_own_go_along(tmp_path: Path, content: str, name: str, settings: dict[str, Any]) -> None:
    run = own(content, name, **settings)
    run.save(tmp_path / "own.rnnx")
    token = str(run.trainer.experiment.task_settings.to_dict()["data"])
    before = store.get(token)
    store.drop(token)  # as on another machine
    again = load(tmp_path / "own.rnnx")
    new = str(again.trainer.experiment.task_settings.to_dict()["data"])
    assert new != token and packing.packed(store.get(new))[0] == packing.packed(before)[0]
    for key, array in packing.packed(before)[1].items():
        np.testing.assert_array_equal(packing.packed(store.get(new))[1][key], array)
    assert again.trainer.evaluate("test") == run.trainer.evaluate("test")
    for entry in again.past.history.entries():
        again.trainer.restore(read(entry.state))


def test_data_can_be_left_out_and_given_again(tmp_path: Path) -> None:
    run = own(seq_len=10)
    run.save(tmp_path / "own.rnnx", with_data=False)
    with pytest.raises(UserError, match="is a model of your own data, which it does not hold"):
        load(tmp_path / "own.rnnx")
    record = read_data(TABLE.encode(), "t.csv")
    again = load(tmp_path / "own.rnnx", lambda: (task_of(record), store.keep(record)))
    assert again.trainer.evaluate("test") == run.trainer.evaluate("test")


def test_nothing_is_left_of_data_whose_run_cannot_be_used(tmp_path: Path) -> None:
    own(seq_len=10).save(tmp_path / "own.rnnx")
    content = (tmp_path / "own.rnnx").read_bytes()
    (newest,) = [name for name in entries(content) if "states/3." in name]
    found = entries(content) | {newest: b"{}"}
    kept: list[str] = []
    dropped: list[str] = []
    uploads = Uploads(lambda record: kept.append(store.keep(record)) or kept[-1], dropped.append)  # type: ignore[func-returns-value]
    with pytest.raises(UserError, match="states/3"), opened(io.BytesIO(zipped(found)), "x.rnnx", uploads=uploads):
        pass
    assert kept and kept == dropped


def spoiled(change: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    about, arrays = packing.packed(read_data(TABLE.encode(), "t.csv"))
    about = json.loads(json.dumps(about))
    change(about, arrays)
    return about, arrays


@pytest.mark.parametrize(
    "change",
    [
        lambda about, arrays: about.update(record="Pickle"),
        lambda about, arrays: about.update(rows=10**9),
        lambda about, arrays: about.update(rows=-1),
        lambda about, arrays: about.update(columns=[]),
        lambda about, arrays: about.update(columns=about["columns"] * 2),
        lambda about, arrays: about.update(name=3),
        lambda about, arrays: about.update(notes=["x" * 10_000]),
        lambda about, arrays: about.update(head=[["x"]]),
        lambda about, arrays: about["columns"][0].update(name="x" * 500),
        lambda about, arrays: about["columns"][0].update(kind="fast"),
        lambda about, arrays: about["columns"][0].update(missing="none"),
        lambda about, arrays: about["columns"][1].update(kind="constant"),
        lambda about, arrays: about["columns"][0].pop("why"),
        lambda about, arrays: arrays.pop("numbers1"),
        lambda about, arrays: arrays.update(numbers1=arrays["numbers1"][:5]),
        lambda about, arrays: arrays.update(numbers1=arrays["numbers1"] * np.inf),
        lambda about, arrays: arrays.update(numbers1=arrays["numbers1"].astype("f4")),
        lambda about, arrays: arrays.update(codes2=arrays["codes2"] + 1),
        lambda about, arrays: arrays.update(codes2=arrays["codes2"] - 3),
        lambda about, arrays: arrays.update(texts2=np.frombuffer(b"a\na\nb", np.uint8)),
        lambda about, arrays: arrays.update(texts2=np.frombuffer(b"a\n\xff\nb", np.uint8)),
        lambda about, arrays: arrays.pop("texts2"),
        lambda about, arrays: arrays.update(more=arrays["numbers1"]),
    ],
)
def test_data_that_no_reading_gives_are_refused(change: Any) -> None:
    packing.checked(*spoiled(lambda about, arrays: None))
    with pytest.raises(DataError):
        packing.checked(*spoiled(change))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"  ", b"a\r\nb"])
def test_a_text_that_no_reading_gives_is_refused(content: bytes) -> None:
    about, _ = packing.packed(read_data(b"hello\n", "t.txt"))
    with pytest.raises(DataError):
        packing.checked(about, {"content": np.frombuffer(content, np.uint8)})


# -- a file that grows ------------------------------------------------------------------------------------------


def test_whoever_reads_a_file_while_it_grows_finds_a_whole_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained_run, "EVERY", 0.0)
    monkeypatch.setattr(trained_run, "_SHARE", 1.0)
    path, steps, done = tmp_path / "run.rnnx", [], threading.Event()

    def look() -> None:
        while not done.is_set():
            if path.exists():
                with opened(path) as found:
                    steps.append(found.steps[-1])

    run = TrainedRun(Trainer(Experiment.from_query(QUERY.replace("steps=20", "steps=150"))))
    file = GrowingFile(run, path, True, pytest.fail)
    reader = threading.Thread(target=look)
    reader.start()

    def show(report: Any) -> None:
        run.past.take(run.trainer)
        file.refresh()

    record(run.trainer, run.curves, show)
    done.set()
    reader.join()
    assert len(set(steps)) > 2 and steps == sorted(steps)
    assert [place.name for place in tmp_path.iterdir()] == ["run.rnnx"]


def test_a_file_is_not_written_more_often_than_it_may(tmp_path: Path) -> None:
    run = trained(1)
    file = GrowingFile(run, tmp_path / "run.rnnx", True, pytest.fail)
    file.refresh()
    before = (tmp_path / "run.rnnx").stat().st_mtime_ns
    go_on(run, 1)
    file.refresh()
    assert (tmp_path / "run.rnnx").stat().st_mtime_ns == before


def test_a_file_that_cannot_be_written_ends_no_training(tmp_path: Path) -> None:
    failed: list[OSError] = []
    GrowingFile(trained(1), tmp_path / "nowhere" / "run.rnnx", True, failed.append).refresh()
    assert len(failed) == 1


# -- whatever the bytes are -------------------------------------------------------------------------------------


def judged(content: bytes) -> str:
    """Why a file is refused; "" where it is not."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with opened(io.BytesIO(content), "x.rnnx") as found:
                list(found.entries())
        return ""
    except UserError as error:
        return str(error)


@given(st.integers(0, 10**9))
def test_a_file_that_is_cut_off_is_refused(length: int) -> None:
    assert judged(good()[: length % len(good())]).endswith(".")


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 255)), min_size=1, max_size=8))
def test_flipped_bytes_are_refused_or_change_nothing(flips: list[tuple[int, int]]) -> None:
    content = bytearray(good())
    for place, mask in flips:
        content[place % len(content)] ^= mask
    if not judged(bytes(content)):  # a time of day, say, or a flag that nothing reads
        with opened(io.BytesIO(content), "x.rnnx") as found:
            assert [(entry.step, entry.state) for entry in found.entries()] == list(parts()[2])
            np.testing.assert_array_equal(found.curves["train"], parts()[1]["train"])


@given(st.sampled_from(sorted(entries())), st.data())
def test_an_entry_with_other_bytes_is_refused_or_a_run(name: str, data: st.DataObject) -> None:
    """As the flips, with right checksums."""
    content = bytearray(entries()[name])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content))) if data.draw(st.booleans()) else len(content)
    said = judged(with_entry(name, bytes(content[:cut])))
    assert not said or said.endswith(".")


# -- the shapes of a model without torch ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "task=digits", QUERY, "task=names&embedding=3&bidirectional=true&num_layers=2&dense=4,3", "task=reber&cell=rnn",
        "task=flip_flop&cell=lstm&num_layers=3",
    ],
)  # fmt: skip
def test_the_shapes_of_weights_are_the_models_own(query: str) -> None:
    experiment = Experiment.from_query(query)
    trainer = Trainer(experiment)
    found = {name: tuple(parameter.shape) for name, parameter in trainer.model.named_parameters()}
    assert list(parameter_shapes(experiment, trainer.task).items()) == list(found.items())
