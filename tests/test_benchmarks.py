from __future__ import annotations

import importlib
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import class_report, cold_page, common, kernels, main_thread, students, train_speed
from benchmarks.bare import BareLoop
from benchmarks.factories import made_task
from benchmarks.live_connection import Frame
from rnn_explorer.cells import CELLS
from rnn_explorer.experiment import Experiment
from rnn_explorer.training import Trainer

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize(
    "module, options",
    [
        ("trainer", {"--seconds", "--rounds", "--json"}),
        ("live", {"--seconds", "--rounds", "--json"}),
        ("main_thread", {"--roots", "--seconds", "--rounds", "--speeds", "--json"}),
        ("snapshots", {"--seconds", "--rounds", "--json"}),
        ("store", {"--runs", "--points", "--rounds", "--json"}),
        ("kernels", {"--seconds", "--kinds", "--hidden", "--json"}),
        ("train_speed", {"--rounds", "--rows", "--json"}),
        ("classroom", {"--students", "--one-run", "--task", "--seconds", "--rounds", "--starts", "--cores", "--json"}),
    ],
)
def test_help(module, options, capsys):
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"benchmarks.{module}").main(["--help"])
    assert ended.value.code == 0
    assert options <= set(re.findall(r"--[a-z-]+", capsys.readouterr().out))


def test_the_cells_measured_are_those_there_are():
    assert sorted(common.CELLS) == sorted(CELLS.names())


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("cell", common.CELLS)
@pytest.mark.parametrize(
    "query",
    ["task=flip_flop&seq_len=12&hidden_size=6&batch_size=8", "task=digits&train_size=100&hidden_size=6&dense=8,5"],
)
def test_the_bare_loop_does_the_same_work_as_the_trainer(query, cell, fused):
    experiment = Experiment.from_query(query).replace(cell=cell, learning_rate=0.02, clip_norm=0.05, steps=60)
    trainer = Trainer(experiment)
    loop = BareLoop(experiment, trainer.task, fused)
    ours, validated = [], []
    theirs, theirs_validated = [], []
    per_epoch = trainer.steps_per_epoch()
    for number in range(min(per_epoch, 50) + 2):
        report = trainer.step()
        ours.append(report.train_loss)
        theirs.append(loop.step())
        if report.val_loss is not None:
            validated.append((number, report.val_loss, report.val_metric))
        if number + 1 == per_epoch:
            theirs_validated.append((number, loop.val_loss, loop.val_metric))
    assert ours[0] == pytest.approx(theirs[0], rel=1e-6)  # the same weights and the same batch
    np.testing.assert_allclose(theirs, ours, rtol=1e-3)
    assert np.ptp(ours) > 1e-3  # they moved
    assert len(validated) == 1
    np.testing.assert_allclose(theirs_validated, validated, rtol=1e-3)


def test_the_bare_loop_refuses_what_it_does_not_know():
    for query in (
        "task=names",
        "task=adding&num_layers=2",
        "task=adding&bidirectional=true",
        "task=adding&optimizer=sgd",
    ):
        experiment = Experiment.from_query(query)
        with pytest.raises(ValueError, match="bare"):
            BareLoop(experiment, experiment.make_task())


TINY = train_speed.Row("gru", 4, 3, 5)


def test_operations_are_counted_as_by_hand():
    # gates x hidden x (inputs + hidden) at each of 4 steps, then the dense layers; forward, and twice that backward
    assert TINY.operations() == 3 * 2 * 32 * (4 * 3 * 5 * (3 + 5) + 5 * 64 + 64 * 32 + 32 * 10)


def test_a_peer_answers_from_a_process_of_its_own():
    peer = train_speed.Peer("ours", "ours")
    try:
        assert peer.seconds(TINY, 3) > 0
        peer.steps[TINY] = 5
        assert peer.milliseconds(TINY) > 0
    finally:
        peer.end()


def test_torch_alone_trains_the_same_row(monkeypatch):
    stepped = []
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self: stepped.append(len(self.param_groups[0]["params"])))
    train_speed._MAKERS["torch"](TINY)(3)
    assert stepped == [4 + 2 * (len(train_speed.DENSE) + 1)] * 3


def test_what_the_speed_table_says():
    times = {"ours, 1": [2.0, 2.0], "ours, 2": [1.0, 4.0], "torch.nn, 1": [6.0, 8.0], "torch.nn, 2": [3.0, 3.0]}
    ours, others = ["ours, 1", "ours, 2"], ["torch.nn, 1", "torch.nn, 2"]
    assert train_speed._best_ratio(times, others, ours) == 1.5  # by the medians 2.0 and 3.0
    result = {"row": "GRU 4, 3, 5", "ms": {"ours, 1": 2.0}, "ratio": 1.5, "ratio_torch": 3.5}
    assert train_speed.show([result]).splitlines()[-1] == "| GRU 4, 3, 5 | 2.00 | 3.50 | 1.50 |"


def test_a_made_task_trains():
    task = made_task(torch.randn(40, 4, 3).numpy(), np.arange(40) % 10, 10)
    trainer = Trainer(Experiment.default("digits").replace(hidden_size=5, batch_size=8), task)
    reports = [trainer.step() for _ in range(5)]
    assert reports[-1].epoch == 1.0 and reports[-1].val_loss is not None


def test_kernels_are_measured_and_put_in_a_table():
    ratio = kernels.measure("gru", 4, 5, 2, 0.0)
    assert ratio > 0
    told = [{"cell": "gru", "hidden": 4, "length": 5, "batch": 1, "ratio": 2.5}]
    assert kernels.show(told).splitlines()[-1] == "| gru | 4 | 2.5 |" + "  |" * 11


def test_ratio_is_taken_round_by_round():
    assert common.ratio([1.0, 4.0, 90.0], [2.0, 4.0, 100.0]) == 0.9
    assert common.middle([3.0, 1.0]) == 2.0


def test_table():
    assert common.table(["a", "b"], [["x", 1]]) == "| a | b |\n| --- | ---: |\n| x | 1 |"


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="what processes take is read from /proc")
@pytest.mark.long
@pytest.mark.parametrize("shared, options", [(False, ["--cores", "2", "8"]), (True, ["--one-run", "--task", "adding"])])
def test_two_students_are_measured(shared, options):
    command = [sys.executable, "-m", "benchmarks.classroom", "--students", "2", "--seconds", "1", "--json", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    (result,) = found["results"]
    assert (result["students"], result["runs"]) == (2, 1 if shared else 2)
    assert result["updates_per_second"] >= result["updates_per_second_slowest"] > 0
    for name in ("play_ms", "pause_ms"):
        middle, high = result[name]
        assert 0 < middle <= high
    assert result["slowest_to_fastest"] is None if shared else 0 < result["slowest_to_fastest"] <= 1
    assert result["steps_per_second_taken_off"] >= result["steps_per_second"] > 0
    assert result["steps_per_second_without_pages"] > 0 and result["ratio"] > 0
    assert result["bytes_per_update"] > 1000 and result["megabits_per_second"] > 0
    (memory,) = result["memory_mb"]
    assert len(memory) > 1 and min(memory.values()) > 20
    assert result["cores_taken"]["server"] > 0 and result["cores_taken"]["workers"] > 0
    cold = result["cold_page_bytes"]
    assert min(cold.values()) > 1000 and cold["all"] == sum(size for name, size in cold.items() if name != "all")
    assert result["seconds_until_the_server_answers"] > 0
    assert [guess["cores"] for guess in found["cores"]] == ([] if shared else [2, 8])
    assert all(guess["updates_per_second"] > 0 and guess["steps_per_second"] > 0 for guess in found["cores"])
    assert "| updates a second, each |" in class_report.show(found["results"])


def test_what_a_student_saw():
    told = [(0.5, 0), (1.5, 4), (2.0, 10), (4.0, 50), (6.5, 90)]
    frames = [Frame(at, 100, "training" if at < 6 else "paused", step, True) for at, step in told]
    assert students.rate_of(frames, 1.0, 5.0) == pytest.approx(46 / 2.5)  # from 4 steps at 1.5 s to 50 at 4.0
    assert students.rate_of(frames[:2] + frames[-1:], 1.0, 5.0) == pytest.approx(90 / 4)  # all, between the presses
    assert students.rate_of(frames[:1], 1.0, 5.0) == 0.0
    seen = students.watched(frames, 1.0, 5.0, rate=7.0)
    assert seen == students.Watched(play=0.5, pause=1.5, updates=3, bytes=300, seconds=4.0, steps=90, rate=7.0)


ROUND = {
    "watched": [
        {"play": 0.1, "pause": 0.3, "updates": 20, "bytes": 2000, "seconds": 10.0, "steps": 500, "rate": 50.0},
        {"play": 0.2, "pause": 0.1, "updates": 40, "bytes": 4000, "seconds": 10.0, "steps": 1000, "rate": 100.0},
    ],
    "runs": 2,
    "alone": [{"rate": 200.0, "cost": 0.004}, {"rate": 220.0, "cost": 0.006}],
    "shares": {"server": 0.3, "workers": 0.9, "students": 0.2, "idle": common.machine()["cores"] / 2},
    "memory": {"server": 300.0, "7": 200.0, "8": 210.0},
    "cold": {"page": 1000, "scripts": 3000},
    "answered": 4.0,
}


def test_numbers_of_a_class():
    result = class_report.summary([ROUND], 2, one_run=False)
    assert result["updates_per_second"] == 3.0 and result["updates_per_second_slowest"] == 2.0
    assert result["slowest_to_fastest"] == 0.5
    assert result["steps_per_second"] == 150.0 and result["steps_per_second_without_pages"] == 210.0
    # Half of the cores' time was idle: half of 0.2 s a second was taken from those who made 150 steps with 1.2 s.
    assert result["steps_per_second_taken_off"] == pytest.approx(150 * (1 + 0.1 / 1.2))
    assert result["ratio"] == pytest.approx(150 * (1 + 0.1 / 1.2) / 210)
    assert result["bytes_per_update"] == 100 and result["megabits_per_second"] == pytest.approx(600 * 8e-6)
    assert result["cold_page_bytes"]["all"] == 4000
    shown = class_report.show([result])
    assert "| steps/s of all | 150 |" in shown and "| of a worker, MB | 205 |" in shown
    one = class_report.summary([{**ROUND, "runs": 1}], 2, one_run=True)
    assert one["steps_per_second"] == 75.0 and one["slowest_to_fastest"] is None  # both saw the same run


def test_more_cores_help_until_the_server_is_full():
    # The server takes 0.05 s for an update, the workers 0.005 s for a step, and 0.025 s for an update.
    result = class_report.summary([ROUND], 2, one_run=False)
    assert result["cpu_per_step"] == 0.005
    few, many = class_report.predict(result, 1), class_report.predict(result, 64)
    assert few["updates_limited_by"] == "the workers" and few["updates_per_second"] < many["updates_per_second"]
    assert few["server_cores"] + few["worker_cores"] == pytest.approx(1.0, abs=1e-3)
    assert many["updates_limited_by"] == "the workers" and many["worker_cores"] == 2  # one for each run
    crowd = {**result, "students": 30, "runs": 30, "updates_per_second": 0.2, "cpu_per_step": 0.006}
    full = class_report.predict(crowd, 64)
    assert full["updates_limited_by"] == "the server" and full["server_cores"] == pytest.approx(1.0)
    assert full["updates_per_second"] == pytest.approx(20 / 30)


def test_a_cold_page_loads_what_draws_its_elements():
    script = (
        "m.f=[`./A.x1.js`,`./B-c.x2.js`,`./../css/C.x3.css`,`./D.x4.js`]);"
        "lazy(()=>H(()=>import(`./NumberInput.k9.js`),__vite__mapDeps([0,2])));"
        "lazy(()=>H(()=>import(`./Slider.k8.js`),__vite__mapDeps([1,3])));"
    )
    needed = cold_page.drawing(script, {"number_input", "markdown"})
    assert needed == {"static/js/NumberInput.k9.js", "static/js/A.x1.js", "static/css/C.x3.css"}
    with pytest.raises(ValueError, match="modules"):
        cold_page.drawing("nothing", {"slider"})


def test_the_installed_streamlit_says_what_draws_an_element():
    static = Path(importlib.util.find_spec("streamlit").origin).parent / "static"
    (main,) = (static / "static" / "js").glob("index.[!e]*.js")
    needed = cold_page.drawing(main.read_text(encoding="utf-8"), {"button", "selectbox", "bidi_component"})
    assert any("Selectbox" in name for name in needed) and len(needed) > 20
    assert all((static / name).is_file() for name in needed)


def test_the_time_of_a_main_thread_goes_to_what_it_was_spent_on():
    def event(name, begin, took, cpu, tid=1):
        return {"ph": "X", "name": name, "pid": 1, "tid": tid, "ts": begin, "dur": took, "tdur": cpu}

    def thread(name, tid):
        return {"ph": "M", "name": "thread_name", "pid": 1, "tid": tid, "args": {"name": name}}

    task = [
        event("RunTask", 0, 100_000, 50_000),
        event("FunctionCall", 10_000, 60_000, 30_000),
        event("Layout", 20_000, 10_000, 4_000),
        event("Unheard", 40_000, 10_000, 1_000),  # counts for the script around it
        event("Paint", 80_000, 10_000, 5_000),
    ]
    cut = [event("FunctionCall", -50_000, 20_000, 20_000)]  # of a task that began before the trace
    idle = [event("RunTask", 0, 1_000, 1_000, tid=2)]
    other = [event("RunTask", 0, 900_000, 900_000, tid=3)]
    threads = [thread("CrRendererMain", 1), thread("CrRendererMain", 2), thread("Compositor", 3)]
    parts = main_thread.spent([*threads, *other, *idle, *reversed(task), *cut])
    assert parts == {"scripts": 26.0, "style and layout": 4.0, "paint": 5.0, "other": 15.0}
    assert set(parts) == set(main_thread.PARTS)
    assert sum(main_thread.spent([]).values()) == 0
