from __future__ import annotations

import io
import json
import math
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rnn_explorer import progress
from rnn_explorer.cli import base, main, printing, running, screens
from rnn_explorer.experiment import Experiment
from rnn_explorer.recording import files
from rnn_explorer.tasks import TASKS
from rnn_explorer.tasks.base import Metric, Task
from rnn_explorer.training import Trainer
from rnn_explorer.ui import application

ROOT = Path(__file__).resolve().parents[1]
QUICK = "task=temporal_order&cell=gru&seq_len=12&hidden_size=6&batch_size=8&steps=120"
SHAKY = "task=adding&seq_len=50&cell=rnn&nonlinearity=relu&init=identity&optimizer=sgd&learning_rate=5&clip_norm=0"
ENDLESS = "task=temporal_order&seq_len=12&hidden_size=4&batch_size=4&steps=1000000"
REPORT = {"event", "step", "epoch", "train_loss", "val_loss", "train_metric", "val_metric"}
DONE = {
    "event", "status", "task", "cell", "steps", "epochs", "parameters", "val_loss", "val_metric", "test_loss",
    "test_metric", "metric", "baseline", "baseline_loss", "baseline_how", "beats_baseline", "seconds",
    "steps_per_second",
}  # fmt: skip


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "rnn_explorer", *arguments]


def strictly(line: str) -> dict:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    return json.loads(line, parse_constant=refuse)


# -- as a program -----------------------------------------------------------------------------------------------


def test_ctrl_c_stops_and_says_what_was_reached(tmp_path):
    """As a program; `test_ctrl_c_in_this_process` looks at its words."""
    out = tmp_path / "trace.npz"
    process = subprocess.Popen(
        command("train", ENDLESS, "--out", str(out), "--json"),
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline()  # training has begun
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    last = strictly(output.splitlines()[-1])
    assert set(last) == DONE and last["status"] == "interrupted" and 0 < last["steps"] < 1_000_000
    assert np.load(out)["answers"].shape == (8, 12, 4)


def test_a_reader_that_has_seen_enough_is_no_accident():
    process = subprocess.Popen(
        command("train", QUICK, "--json"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(60) == 1
    assert process.stderr.read() == b""
    process.stderr.close()


# -- in this process, which is quicker --------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def run(capsys):
    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        seen = capsys.readouterr()
        return status, seen.out, seen.err

    return call


def test_training_prints_one_json_object_a_line(run):
    status, out, err = run("train", QUICK, "--json")
    assert status == 0 and err == ""
    *reports, last = [strictly(line) for line in out.splitlines()]
    assert [report["step"] for report in reports] == [0, 50, 100, 120]
    assert all(set(report) == REPORT and report["event"] == "report" for report in reports)
    assert reports[0]["train_loss"] is None and reports[0]["train_metric"] is None
    assert all(isinstance(report["val_loss"], float) for report in reports)
    assert set(last) == DONE and last["event"] == "done"
    assert (last["status"], last["task"], last["cell"]) == ("finished", "temporal_order", "gru")
    assert (last["steps"], last["epochs"], last["metric"]) == (120, 2.4, "accuracy")
    assert last["seconds"] > 0 and last["steps_per_second"] == pytest.approx(120 / last["seconds"])

    trainer = Trainer(Experiment.from_query(QUICK))  # the same numbers as without a command line
    curve = trainer.advance(600)
    assert reports[1]["val_loss"] == curve[49].val_loss
    assert reports[2]["train_loss"] == pytest.approx(np.mean([report.train_loss for report in curve[50:100]]))
    assert reports[3]["val_loss"] == last["val_loss"]
    assert (last["val_loss"], last["val_metric"]) == trainer.evaluate("validation")
    assert (last["test_loss"], last["test_metric"]) == trainer.evaluate("test")
    assert last["parameters"] == trainer.model.parameter_count()
    baseline = trainer.task.baseline()
    assert (last["baseline"], last["baseline_loss"], last["baseline_how"]) == (
        baseline.metric, baseline.loss, baseline.how,
    )  # fmt: skip
    assert last["beats_baseline"] == (last["test_metric"] > baseline.metric)


def test_tasks(run):
    status, out, _ = run("tasks")
    assert status == 0
    lines = out.splitlines()
    assert lines[0].split() == ["key", "title", "metric", "teaches"]
    for line, (key, kind) in zip(lines[2:], TASKS.items(), strict=True):
        assert line.startswith(key) and kind.title in line and kind.metric.name in line and line.endswith(kind.teaches)


def test_tasks_as_json(run):
    told = json.loads(run("tasks", "--json")[1])
    assert [row["key"] for row in told] == list(TASKS.names())
    assert set(told[0]) == {"key", "title", "metric", "teaches", "summary"}


@pytest.mark.parametrize("task", TASKS.names())
def test_settings(run, task):
    status, out, _ = run("settings", task)
    assert status == 0
    experiment, words = Experiment.default(task), " ".join(out.split())
    for spec in experiment.specs():
        shown = f"{spec.name} = {spec.text(experiment.get(spec.name))} {spec.allowed}"
        assert " ".join(shown.split()) in words
        assert " ".join(spec.help.split()) in words


def test_settings_as_json(run):
    told = {row["key"]: row for row in json.loads(run("settings", "digits", "--json")[1])}
    assert told["dense"]["default"] == [64, 32] and told["hidden_size"]["allowed"] == "a whole number from 1 to 256"
    assert list(told) == [spec.name for spec in Experiment.default("digits").specs()]
    assert run("settings", "--json")[1] == run("settings", "digits", "--json")[1]


def test_the_help_lists_every_key_with_its_range(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["train", "--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    for name in TASKS.names():
        assert f"for task={name}:" in out
        for spec in Experiment.default(name).specs():
            assert f"  {spec.name:<17} {spec.allowed}\n" in out
    assert "layer0.forward.forget" in out


@pytest.mark.parametrize(
    "typed, options",
    [
        ((), []),
        (("app",), []),
        (("app", "--host", "0.0.0.0", "--port", "8600"), ["--server.address", "0.0.0.0", "--server.port", "8600"]),
        (("app", "--server.maxUploadSize", "7"), ["--server.maxUploadSize", "7"]),
    ],
)
def test_the_pages_are_served_with_streamlits_options(run, monkeypatch, typed, options):
    served = []
    monkeypatch.setattr(application, "serve", served.append)
    assert run(*typed)[0] == 0
    assert served == [options]


def test_the_text_output(run):
    status, out, err = run("train", QUICK)
    assert status == 0
    heads = [line.split("  ")[0] for line in err.splitlines()]
    assert heads == ["step 0/120", "step 50/120", "step 100/120", "step 120/120"]
    assert "training loss" in err.splitlines()[1] and "validation loss" in err.splitlines()[0]
    assert "gru" in out and "as Keras counts" in out and "total" in out
    result = dict(line.split(None, 1) for line in out.splitlines() if len(line.split(None, 1)) == 2)
    assert result["status"] == "finished" and result["steps"] == "120" and result["metric"] == "accuracy"


@pytest.mark.parametrize(
    "metric, better, words",
    [("accuracy", 0.9, "is better."), ("accuracy", 0.5, "is no better: whatever"), ("accuracy", 0.1, "is no better"),
     ("MSE", 0.1, "is better."), ("MSE", 0.5, "is no better"), ("MSE", math.nan, "is no number to compare")],
)  # fmt: skip
def test_the_baseline_is_named_and_compared(metric, better, words):
    beats = Metric(metric).beats(better, 0.5)
    told = screens.against_baseline(
        {"metric": metric, "baseline": 0.5, "baseline_how": "guesses", "test_metric": better, "beats_baseline": beats}
    )
    assert told.startswith(f"The memoryless baseline, which guesses, has {metric} 0.5. This model") and words in told


def test_ctrl_c_in_this_process(run, interrupt_at):
    interrupt_at(3)
    status, out, _ = run("train", ENDLESS)
    assert status == 130 and re.search(r"status +interrupted\n", out) and re.search(r"steps +4\n", out)


def test_settings_without_effect_are_told(run):
    asked = "task=temporal_order&seq_len=12&cell=gru&hidden_size=3&steps=2"
    for more, words in [
        ("&dropout=0.5", "dropout=0.5 has no effect here: it acts between recurrent layers, and num_layers is 1."),
        ("&forget_bias=3", "forget_bias=3.0 has no effect here: it is one of the cell LSTM."),
        ("&momentum=0.5", "momentum=0.5 has no effect here: it is one of the optimizer sgd."),
        ("&speed_limit=3", "speed_limit has no effect here: the command line trains at full speed."),
    ]:
        assert run("train", asked + more, "--json")[2] == f"rnn_explorer: {words}\n"
        assert words in run("memory", asked + more)[2]
    assert run("train", f"{asked}&dropout=0.5&num_layers=2", "--json")[2] == ""


@pytest.mark.parametrize("flags", [["--json"], []])
def test_a_loss_that_is_no_number_is_no_result(run, monkeypatch, flags):
    measure = Trainer.evaluate
    monkeypatch.setattr(
        Trainer, "evaluate", lambda self, split: (math.nan, math.nan) if split == "test" else measure(self, split)
    )
    status, out, err = run("train", QUICK.replace("120", "2"), *flags)
    assert status == 1 and "no_result" in out and "finished" not in out
    assert "rnn_explorer: No result: the test loss is no finite number" in err


def test_an_empty_query_is_the_default_experiment(run, monkeypatch):
    asked: list[Experiment] = []

    def stop(experiment: Experiment, task: Task) -> None:
        asked.append(experiment)
        raise base.BadInput("enough")

    monkeypatch.setattr(running, "Trainer", stop)
    assert run("train")[0] == run("train", "")[0] == 2
    assert asked == [Experiment.default()] * 2


def test_divergence_is_told_and_still_ends_with_a_done_line(run):
    status, out, err = run("train", SHAKY, "--json")
    assert status == 1
    last = strictly(out.splitlines()[-1])
    assert set(last) == DONE and last["status"] == "diverged"
    assert err.startswith("rnn_explorer: Diverged at step ") and err.count("\n") == 1
    assert run("train", SHAKY)[0] == 1


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["train", "task=chess"], "task is 'chess', but must be one of digits"),
        (["train", "cell=mamba", "--json"], "cell is 'mamba', but must be one of rnn, lstm, gru.\n"),
        (["train", "hidden_size=0"], "hidden_size is '0', but must be a whole number from 1 to 256."),
        (["train", "wings=2"], "digits has no setting 'wings'"),
        (["train", "cell=rnn&cell=gru"], "given once"),
        (["train", "task=forecast&bidirectional=true"], "must be false for forecast"),
        (
            ["train", "pixels=true&hidden_size=256&num_layers=4&cell=lstm&batch_size=512"],
            "too large to train live",
        ),
        (["train", "a", "b"], "unrecognized arguments: b"),
        (["train", "--wings"], "--wings"),
        (["train", "--out"], "--out"),
        (["settings", "chess"], "task is 'chess'"),
        (["fly"], "'fly'"),
        (["app", "--nosuch"], "No such option '--nosuch'"),
        (["app", "--port", "high"], "'high' is no whole number"),
        (["app", "lab"], "lab is no option"),
        (["tasks", "--port", "1"], "unrecognized arguments: --port 1"),
    ],
)
def test_every_bad_input_is_one_sentence(run, arguments, words):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert words in err and err.startswith("rnn_explorer: ") and err.count("\n") == 1


@pytest.mark.parametrize("out", ["missing/trace.npz", ".", "", "file/trace.npz", "x" * 300])
def test_an_unwritable_place_is_told_before_training(run, monkeypatch, tmp_path, out):
    (tmp_path / "file").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(running, "Trainer", lambda *_: pytest.fail("trained"))
    status, printed, err = run("train", QUICK, "--out", out)
    assert (status, printed) == (2, "")
    assert "cannot be written" in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "query, layers",
    [
        ("cell=lstm&num_layers=2", {"layer0.forward", "layer1.forward"}),
        ("task=names&train_size=64&cell=gru&bidirectional=true&epochs=1", {"layer0.forward", "layer0.backward"}),
    ],
)
def test_out_holds_the_whole_trace(run, tmp_path, query, layers):
    query += "&hidden_size=5&steps=2"
    out = tmp_path / "trace.npz"
    out.write_bytes(b"something old")
    assert run("train", query, "--json", "--out", str(out))[0] == 0
    assert list(tmp_path.iterdir()) == [out]
    trainer = Trainer(Experiment.from_query(query))
    trainer.advance(600)
    trace = trainer.snapshot().trace
    with np.load(out, allow_pickle=False) as written:
        plain = {"inputs", "targets", "lengths", "answers"}
        assert {name.rpartition(".")[0] for name in written.files} - {""} == layers
        for name in plain:
            np.testing.assert_array_equal(written[name], getattr(trace, name))
        for entry in trace.layers:
            for name, values in (*entry.gates.items(), *entry.states.items()):
                np.testing.assert_array_equal(written[f"layer{entry.layer}.{entry.direction}.{name}"], values)
        assert len(written.files) == 4 + sum(len(entry.gates) + len(entry.states) for entry in trace.layers)


def test_a_trace_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    out = tmp_path / "trace.npz"
    out.write_bytes(b"something old")
    trainer = Trainer(Experiment.from_query(QUICK))

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.np, "savez", full)
    with pytest.raises(OSError):
        files.write_trace(out, trainer.snapshot().trace)
    assert out.read_bytes() == b"something old" and list(tmp_path.iterdir()) == [out]


def test_what_is_not_finite_is_null(capsys):
    printing.print_json({"a": float("nan"), "b": float("inf"), "c": 1.5, "d": None, "e": "x"})
    assert strictly(capsys.readouterr().out) == {"a": None, "b": None, "c": 1.5, "d": None, "e": "x"}


def test_the_bar():
    assert progress.bar(0) == "." * 24 and progress.bar(1) == "#" * 24 and progress.bar(0.5) == "#" * 12 + "." * 12
    assert progress.bar(7) == "#" * 24 and progress.bar(-1) == "." * 24


def test_on_a_terminal_there_is_a_progress_bar(run, monkeypatch):
    monkeypatch.setattr(sys, "stderr", seen := Terminal())
    assert run("train", QUICK)[0] == 0
    assert "\r" in seen.getvalue() and "[########################] 120/120" in seen.getvalue()


def test_the_bar_is_not_redrawn_at_every_step(monkeypatch):
    monkeypatch.setattr(time, "monotonic", lambda: 1.0)
    trainer, stream = Trainer(Experiment.from_query(QUICK)), Terminal()
    screen = screens.TextScreen(trainer, stream)
    screen.report(trainer.opening())
    for _ in range(5):
        screen.progress(trainer.step())
    assert stream.getvalue().count("\r") == 1 and "1/120" in stream.getvalue()


def test_training_stops_early_where_it_is_asked_to(capsys):
    query = "task=digits&train_size=40&hidden_size=12&dense=8&learning_rate=0.03&epochs=40&patience=2"
    assert main(["train", query, "--json"]) == 0
    output, errors = capsys.readouterr()
    *reports, last = [strictly(line) for line in output.splitlines()]
    assert errors.startswith("rnn_explorer: Stopped early: the validation loss has not improved since epoch ")
    best = min(reports, key=lambda report: report["val_loss"])
    assert f"since epoch {best['epoch']:.0f};" in errors and reports[-1]["epoch"] == best["epoch"] + 2 < 40
    assert last["status"] == "finished" and last["val_loss"] == best["val_loss"]
