"""The commands that ask about a model: they train it or load it, and print one JSON object."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from rnn_explorer.analysis import registry
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.cli import main, printing, running
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording import checkpoint_file
from rnn_explorer.training import Trainer

ROOT = Path(__file__).resolve().parents[1]
QUICK = "task=temporal_order&seq_len=12&cell=gru&hidden_size=4&batch_size=8&steps=20"
TWO_WAYS = "task=flip_flop&seq_len=10&cell=lstm&hidden_size=3&num_layers=2&bidirectional=true&steps=3"
SHAKY = "task=adding&seq_len=50&cell=rnn&nonlinearity=relu&init=identity&optimizer=sgd&learning_rate=5&clip_norm=0"
ENDLESS = "task=temporal_order&seq_len=12&hidden_size=4&batch_size=4&steps=1000000"


def strictly(text: str) -> dict[str, Any]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def found(query: str, kind: str, **options: Any) -> dict[str, Any]:
    """The same without a command line."""
    trainer = Trainer(Experiment.from_query(query))
    trainer.advance(600)
    record = registry.analyze(FrozenModel.of(trainer), kind, **options)
    return json.loads(json.dumps(record.to_dict()))


@pytest.fixture
def run(capsys):
    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        seen = capsys.readouterr()
        return status, seen.out, seen.err

    return call


@pytest.fixture
def untrained(monkeypatch):
    monkeypatch.setattr(running, "trained", lambda *_: pytest.fail("trained"))


def test_memory_prints_one_json_object_and_shows_progress_on_standard_error(run):
    status, out, err = run("memory", QUICK, "--sequence", "2", "--output", "1", "--time-step", "9")
    assert status == 0 and out.count("\n") == 1
    told = strictly(out)
    assert Experiment.from_query(told.pop("experiment")) == Experiment.from_query(QUICK)
    right = found(QUICK, "memory", sequence=2, output=1, time_step=9)
    assert told == right and told["step"] == 20 and told["saliency"]["time_step"] == 9
    assert [line.split("  ")[0] for line in err.splitlines()] == ["step 0/20", "step 20/20"]


def test_the_triangle_is_folded_in(run):
    status, out, _ = run("memory", TWO_WAYS, "--jacobian-norms", "--layer", "1", "--direction", "backward")
    told = strictly(out)
    assert status == 0 and len(told["cells"]) == 4
    assert told["jacobian_norms"] == found(TWO_WAYS, "jacobian_norms", layer=1, direction="backward")
    assert "jacobian_norms" not in strictly(run("memory", TWO_WAYS)[1])


def test_fixed_points(run):
    options = ("--layer", "1", "--direction", "backward", "--input=-1,0,0.5", "--inits", "8", "--noise", "0.1")
    more = ("--tolerance", "1e-12", "--slow-tolerance", "1e-4", "--max-iterations", "50", "--seed", "3")
    status, out, _ = run("fixed-points", TWO_WAYS, *options, *more)
    told = strictly(out)
    assert status == 0 and Experiment.from_query(told.pop("experiment")) == Experiment.from_query(TWO_WAYS)
    right = found(
        TWO_WAYS, "fixed_points", layer=1, direction="backward", input=(-1.0, 0.0, 0.5), inits=8, noise=0.1,
        tolerance=1e-12, slow_tolerance=1e-4, max_iterations=50, seed=3,
    )  # fmt: skip
    assert {name: told[name] for name in right if name != "seconds"} == {
        name: value for name, value in right.items() if name != "seconds"
    }


def test_a_saved_model_is_asked_without_training(run, tmp_path, untrained):
    file = tmp_path / "model.safetensors"
    trainer = Trainer(Experiment.from_query(QUICK))
    trainer.advance(600)
    checkpoint_file.write(file, trainer)
    assert list(tmp_path.iterdir()) == [file]
    status, out, err = run("memory", "--load", str(file))
    told = strictly(out)
    assert (status, err) == (0, "") and told["step"] == 20
    assert Experiment.from_query(told.pop("experiment")) == Experiment.from_query(QUICK)
    assert told == found(QUICK, "memory")


def test_train_saves_what_load_reads(run, tmp_path):
    file, out = tmp_path / "model.safetensors", tmp_path / "trace.npz"
    file.write_bytes(b"something old")
    assert run("train", QUICK, "--save", str(file), "--out", str(out))[0] == 0
    assert {path.name for path in tmp_path.iterdir()} == {"model.safetensors", "trace.npz"}
    trainer = Trainer(Experiment.from_query(QUICK))
    trainer.advance(600)
    again, curves = checkpoint_file.read(file)
    assert curves.validation.last() == pytest.approx(
        {"step": 20, **dict(zip(("loss", "metric"), again.evaluate("validation"), strict=True))}, rel=1e-5
    )
    assert len(curves.train.arrays()["step"]) == 20
    assert (again.step_count, again.experiment) == (20, trainer.experiment)
    with np.load(out) as written:
        np.testing.assert_array_equal(again.snapshot().trace.answers, written["answers"])
    for one in (trainer, again):  # it goes on as if it had never stopped
        one.extend()
    assert again.advance(600, 25) == trainer.advance(600, 25)


def test_a_model_that_cannot_be_saved_leaves_the_old_file(run, tmp_path, monkeypatch):
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"something old")
    real = Path.replace

    def full(self: Path, target: Path) -> Path:
        if self.name.endswith(".part"):
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    status, _, err = run("train", QUICK, "--save", str(file))
    assert status == 1 and "the model could not be written" in err
    assert file.read_bytes() == b"something old" and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("place", ["missing/model.safetensors", ".", ""])
def test_an_unwritable_place_is_told_before_training(run, tmp_path, monkeypatch, untrained, place):
    monkeypatch.chdir(tmp_path)
    status, out, err = run("train", QUICK, "--save", place)
    assert (status, out) == (2, "") and err.startswith("rnn_explorer: --save ") and err.count("\n") == 1
    assert "cannot be written" in err and not list(tmp_path.iterdir())


def damaged(kind: str, place: Path) -> None:
    """A file that holds no model."""
    state = Trainer(Experiment.from_query(QUICK)).state()
    if kind == "garbage":
        place.write_bytes(b"no model at all")
    elif kind == "cut off":
        place.write_bytes(state[:-100])
    elif kind == "bare tensors":
        save_file({"x": torch.zeros(2)}, place)
    elif kind == "no position":
        save_file({"x": torch.zeros(2)}, place, metadata={"experiment": Experiment.from_query(QUICK).to_json()})
    elif kind == "another model":
        about = {"experiment": Experiment.default().to_json(), "position": '{"step":1,"epoch":0,"index":1,"target":2}'}
        save_file({"model.x": torch.zeros(2)}, place, metadata=about)
    elif kind == "a setting unknown":
        save_file({"x": torch.zeros(2)}, place, metadata={"experiment": '{"task": "adding", "wings": 2}'})
    elif kind == "folder":
        place.mkdir()


@pytest.mark.parametrize(
    "kind, words",
    [
        ("missing", "cannot be read: No such file or directory."),
        ("folder", "cannot be read: Is a directory."),
        ("garbage", "is no checkpoint of a run."),
        ("cut off", "is no checkpoint of a run."),
        ("bare tensors", "is no checkpoint of a run."),
        ("no position", "cannot be used: this is no stored state of a run."),
        ("another model", "cannot be used: the stored state belongs to a model of another shape."),
        ("a setting unknown", "wings"),
    ],
)
def test_a_file_that_holds_no_model_is_one_sentence(run, tmp_path, kind, words):
    file = tmp_path / "model.safetensors"
    damaged(kind, file)
    status, out, err = run("memory", "--load", str(file))
    assert (status, out) == (2, "")
    assert words in err and err.startswith("rnn_explorer: ") and err.count("\n") == 1


@pytest.mark.parametrize("command", ["memory", "fixed-points"])
def test_weights_that_are_no_numbers_are_refused(run, tmp_path, untrained, command):
    file, trainer = tmp_path / "model.safetensors", Trainer(Experiment.from_query(QUICK))
    with torch.no_grad():
        trainer.model.head.bias[0] = torch.nan
    checkpoint_file.write(file, trainer)
    status, out, err = run(command, "--load", str(file))
    assert (status, out) == (2, "") and err.count("\n") == 1
    assert "numbers in 'model.head.bias' that are not finite (NaN or infinite)." in err


def forged(place: Path, query: str, extra: int = 0, holes: int = 0) -> None:
    """A file that says it holds a model of an experiment, and `extra` bytes more, of which `holes` are no blocks."""
    about = {"experiment": Experiment.from_query(query).to_json(), "position": "{}"}
    entry = {"dtype": "U8", "shape": [extra + holes], "data_offsets": [0, extra + holes]}
    header = json.dumps({"__metadata__": about, "model.x": entry}).encode()
    with place.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header + b"x" * extra)
        file.truncate(8 + len(header) + extra + holes)


def test_a_file_is_refused_by_its_header_before_it_is_read(tmp_path):
    """In a process of its own, whose memory is bounded: 3 GB were read whole once."""
    place = tmp_path / "model.safetensors"
    forged(place, QUICK, holes=3 * 10**9)
    script = (
        "import resource, sys; from rnn_explorer.cli import main; "
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; "
        "status = main(['memory', '--load', sys.argv[1]]); "
        "print(status, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(place)], cwd=ROOT, capture_output=True, text=True)
    status, grown = map(int, done.stdout.split())
    assert status == 2 and grown < 300, done.stderr
    assert "has 3,000.0 MB, but a model of its experiment takes at most 0.0 MB" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("query", ["task=digits&pixels=true&hidden_size=256&num_layers=4&cell=lstm&batch_size=512"])
def test_a_model_has_one_limit_wherever_it_comes_from(run, tmp_path, untrained, query):
    place = tmp_path / "model.safetensors"
    forged(place, query, extra=100)
    for arguments in (["memory", "--load", str(place)], ["memory", query], ["train", query]):
        status, out, err = run(*arguments)
        assert (status, out) == (2, "") and "too large to train live" in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda whole: b"",
        lambda whole: (10**15).to_bytes(8, "little") + whole[8:],
        lambda whole: (900_000).to_bytes(8, "little") + b"[" * 900_000,
        lambda whole: whole + b"more",
        lambda whole: whole.replace(b'"U8"', b'"??"'),
        lambda whole: whole.replace(b'"shape": [9]', b'"shape": 900'),
        lambda whole: whole.replace(b"[0, 9]", b"[9, 0]"),
        lambda whole: whole.replace(b'"model.x": {', b'"model.x": 3,"y":{'),
    ],
)
def test_a_header_that_does_not_fit_its_file_is_no_model(run, tmp_path, spoil):
    place = tmp_path / "model.safetensors"
    forged(place, QUICK, extra=9)
    place.write_bytes(spoil(place.read_bytes()))
    status, out, err = run("memory", "--load", str(place))
    assert (status, out) == (2, "") and err.endswith("is no checkpoint of a run.\n")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["memory", QUICK, "--sequence", "8"], "sequence is 8, but must be a whole number from 0 to 7."),
        (["memory", QUICK, "--output", "4"], "output is 4, but must be a whole number from 0 to 3."),
        (["memory", QUICK, "--time-step", "13"], "time_step is 13, but must be a whole number from 1 to 12."),
        (["memory", QUICK, "--time-step", "x"], "time_step is 'x', but must be a whole number, or none for the last."),
        (["memory", QUICK, "--layer", "0"], "--layer and --direction go with --jacobian-norms"),
        (["memory", QUICK, "--triangle", "--layer", "1"], "layer is 1, but this model has layers 0 to 0."),
        (
            ["memory", QUICK, "--triangle", "--direction", "up"],
            "direction is 'up', but must be one of forward, backward.",
        ),
        (["memory", "hidden_size=0"], "hidden_size is '0', but must be a whole number from 1 to 256."),
        (["memory", QUICK, "--load", "x"], "Give a query or --load, not both"),
        (["fixed-points", QUICK, "--inits", "0"], "inits"),
        (
            ["fixed-points", QUICK, "--input", "1,b"],
            "input is '1,b', but must be up to 4096 finite numbers, sep",
        ),
        (["fixed-points", QUICK, "--noise", "loud"], "noise is 'loud', but must be a number from 0 to 10."),
        (["fixed-points", QUICK, "--noise", "x" * 9999], "xxx..., but must be a number from 0 to 10."),
        (
            ["memory", "--load", "x", "--column", "temp"],
            "--column says what to read of a file, and the model of --load",
        ),
        (["memory", QUICK, "--column", "temp"], "--column says what to read of a file, so it needs --data FILE."),
        (["memory", "--load", "a\x1b[31m\n" * 999], "--load a"),
        (["memory", QUICK, "\x1b]0;" * 999], "unrecognized arguments"),
        (["fixed-points", QUICK, "--layer", "5"], "layer"),
    ],
)
def test_bad_input_is_one_sentence_before_training(run, untrained, arguments, words):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert words in err and err.startswith("rnn_explorer: ") and err.count("\n") == 1
    assert err[:-1].isprintable() and len(err) < 1100


def test_a_fault_of_the_program_is_told_as_one(run, monkeypatch):
    monkeypatch.setattr(registry, "load", lambda: [].pop())
    status, out, err = run("memory", QUICK)
    assert (status, out) == (3, "") and "IndexError" in err
    assert err.endswith(
        "rnn_explorer: This is a fault of the program, not of what you typed; the lines above say where.\n"
    )


def test_what_a_question_objects_to_later_is_bad_input_too(run, monkeypatch):
    def objects(frozen: FrozenModel):
        yield 0.0
        if frozen.step:
            raise UserError("the states are no longer finite")

    monkeypatch.setattr(registry.ANALYSES, "get", lambda kind: lambda frozen, **options: objects(frozen))
    status, out, err = run("memory", QUICK)
    assert (status, out) == (2, "")
    assert err.splitlines()[-1] == "rnn_explorer: the states are no longer finite."


def test_divergence_is_told_and_what_was_kept_is_looked_at(run):
    status, out, err = run("memory", SHAKY)
    assert status == 1
    told = strictly(out)
    assert told["step"] > 0 and told["cells"][0]["cell"] == "rnn"
    assert err.splitlines()[-1].startswith("rnn_explorer: Diverged at step ")


def test_ctrl_c_stops_training_and_looks_at_what_was_reached(run, interrupt_at):
    interrupt_at(3)
    status, out, _ = run("memory", ENDLESS)
    assert (status, strictly(out)["step"]) == (130, 4)


def test_nested_numbers_that_are_not_finite_are_null(capsys):
    printing.print_json(
        {"a": [1.0, float("nan"), (float("-inf"), {"b": float("inf")})], "c": "x", "d": None, "e": True}
    )
    told = strictly(capsys.readouterr().out)
    assert told == {"a": [1.0, None, [None, {"b": None}]], "c": "x", "d": None, "e": True}
