"""`import rnn_explorer as rx`: its examples run, runs are those of the command line, figures show themselves."""

from __future__ import annotations

import doctest
import html
import inspect
import json
import re
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

import rnn_explorer as rx
from rnn_explorer.cells.base import RecurrentCell, unchanged
from rnn_explorer.cli import main
from rnn_explorer.experiment import ModelSettings
from rnn_explorer.figures.base import Figure
from rnn_explorer.figures.svg_panel import SvgPanel
from rnn_explorer.figures.text_panel import TextPanel
from rnn_explorer.settings import SettingError
from rnn_explorer.tasks import TASKS
from rnn_explorer.training import Trainer

ROOT = Path(__file__).resolve().parents[1]
SMALL = {"cell": "gru", "hidden_size": 4, "seq_len": 12, "batch_size": 8}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


pytestmark = pytest.mark.usefixtures("registries")


@pytest.fixture(scope="module")
def run() -> rx.Run:
    return rx.train("temporal_order", **SMALL, steps=60)


# -- the module -------------------------------------------------------------------------------------------------


def test_importing_it_loads_nothing():
    heavy = {"torch", "numpy", "pandas", "plotly", "streamlit", "safetensors", "llvmlite"}
    script = f"import sys, rnn_explorer; dir(rnn_explorer); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_every_public_name_is_there():
    assert sorted(rx.__all__) == sorted(rx._HOMES) and set(rx.__all__) <= set(dir(rx))
    for name in rx.__all__:
        assert getattr(rx, name).__name__ == name
    namespace: dict[str, object] = {}
    exec("from rnn_explorer import *", namespace)
    assert set(rx.__all__) <= set(namespace)
    with pytest.raises(AttributeError, match="module 'rnn_explorer' has no attribute 'trian'"):
        rx.trian  # noqa: B018


@pytest.mark.parametrize("name", rx.__all__)
def test_its_example_runs(name):
    thing = getattr(rx, name)
    finder = doctest.DocTestFinder(recurse=False)
    (found,) = finder.find(thing, name, globs={"__name__": "an_example"})
    assert found.examples, "every public name has an example"
    result = doctest.DocTestRunner(optionflags=FLAGS).run(found)
    assert result.failed == 0


@pytest.mark.parametrize("kind", [rx.Run, rx.Result])
def test_every_method_says_what_it_does(kind):
    for name, member in inspect.getmembers(kind):
        if not name.startswith("_"):
            assert inspect.getdoc(member), name


# -- training ---------------------------------------------------------------------------------------------------


def test_a_run_is_that_of_the_command_line(run, capsys):
    query = "&".join(f"{name}={value}" for name, value in SMALL.items())
    assert main(["train", f"task=temporal_order&steps=60&{query}", "--json"]) == 0
    *reports, last = map(json.loads, capsys.readouterr().out.splitlines())
    validation = run.history.query("split == 'validation'")
    assert validation["step"].tolist() == [report["step"] for report in reports]
    assert validation["loss"].tolist() == [report["val_loss"] for report in reports]
    found = run.evaluate()
    assert (found.loss, found.metric, found.baseline) == (last["test_loss"], last["test_metric"], last["baseline"])
    assert found.beats_baseline == last["beats_baseline"] and run.status == last["status"] == "finished"


def test_the_history_has_a_row_for_each_optimizer_step_and_validation(run):
    rows = run.history
    assert list(rows.columns) == ["step", "split", "loss", "metric", "grad_norm", "applied_norm"]
    assert rows["split"].value_counts().to_dict() == {"train": 60, "validation": 3}
    assert rows["step"].is_monotonic_increasing and rows["step"].iloc[-1] == 60
    train = rows[rows["split"] == "train"]
    assert train.notna().all(axis=None) and (train["applied_norm"] <= train["grad_norm"] + 1e-6).all()
    assert rows[rows["split"] == "validation"]["grad_norm"].isna().all()


def test_settings_are_those_of_an_experiment():
    run = rx.train("digits", train_size=np.int64(64), dense=(8,), learning_rate=np.float32(0.5), epochs=1)
    assert run.experiment == rx.Experiment.default("digits").replace(
        train_size=64, dense=(8,), learning_rate=0.5, epochs=1
    )
    again = rx.train(run.experiment, seed=3, steps=1)
    assert again.experiment == run.experiment.replace(seed=3, steps=1) and again.step == 1


@pytest.mark.parametrize(
    "task, settings, words",
    [
        ("chess", {}, "task is 'chess', but must be one of digits"),
        (3, {}, "task is 3, but must be one of digits"),
        ("flip_flop", {"wings": 2}, "flip_flop has no setting 'wings'; there are: task, "),
        ("flip_flop", {"cell": "mamba"}, "cell is 'mamba', but must be one of rnn, lstm, gru."),
        ("flip_flop", {"hidden_size": "8"}, "hidden_size is '8', but must be a whole number from 1 to 256."),
        ("forecast", {"bidirectional": True}, "bidirectional is True, but must be false for forecast"),
    ],
)
def test_a_bad_setting_is_one_sentence(task, settings, words):
    with pytest.raises(SettingError, match="^" + re.escape(words)):
        rx.train(task, **settings)
    with pytest.raises(rx.UserError, match="too large to train live"):
        rx.train("digits", pixels=True, hidden_size=256, num_layers=4, cell="lstm", batch_size=512)


def test_settings_without_effect_are_told():
    with pytest.warns(UserWarning, match="dropout=0.5 has no effect here: it acts between recurrent layers"):
        rx.train("temporal_order", **SMALL, steps=1, dropout=0.5)


def test_training_goes_on(run):
    more = rx.train("temporal_order", **SMALL, steps=10).train(steps=50)
    assert more.step == 60 and more.evaluate() == run.evaluate()
    assert more.history.query("split == 'validation'")["step"].tolist() == [0, 10, 50, 60]
    assert rx.train("temporal_order", **SMALL, steps=2).train().step == 4
    with pytest.raises(SettingError, match="steps is -1"):
        more.train(steps=-1)


def test_progress_is_told_on_standard_error(capsys):
    rx.train("temporal_order", **SMALL, steps=60, progress=True)
    out, err = capsys.readouterr()
    assert out == "" and [line.split("  ")[0] for line in err.splitlines()] == ["step 50/60", "step 60/60"]


def test_a_divergence_is_a_warning_and_keeps_the_weights():
    shaky = {"cell": "rnn", "nonlinearity": "relu", "init": "identity", "optimizer": "sgd"}
    with pytest.warns(UserWarning, match="Diverged at step"):
        run = rx.train("adding", seq_len=50, learning_rate=5, clip_norm=0, **shaky)
    assert run.status == "diverged" and run.message.startswith("Diverged at step ")
    assert all(bool(weight.isfinite().all()) for weight in run.model.parameters())


def test_ctrl_c_ends_training_between_two_steps(interrupt_at):
    run = rx.Run(rx.Experiment.default("temporal_order").replace(**SMALL, steps=1_000_000))
    interrupt_at(3)
    run.train()
    assert (run.status, run.step) == ("interrupted", 4)
    assert run.history["step"].iloc[-1] == run.step and run.train(steps=1).status == "finished"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_can_be_trained_in_another_thread():
    found: list[rx.Run] = []
    thread = threading.Thread(target=lambda: found.append(rx.train("temporal_order", **SMALL, steps=3)))
    thread.start()
    thread.join()
    assert found[0].step == 3


def test_torch_keeps_its_threads(monkeypatch):
    seen: list[int] = []
    step = Trainer.step
    monkeypatch.setattr(Trainer, "step", lambda self: (seen.append(torch.get_num_threads()), step(self))[1])
    torch.set_num_threads(2)
    rx.train("temporal_order", **SMALL, steps=1)
    assert torch.get_num_threads() == 2 and seen == [1]
    torch.set_num_threads(1)


def test_a_summary_has_a_row_for_each_layer(run):
    rows = run.summary()
    assert list(rows.columns) == ["layer", "output_shape", "parameters", "keras_parameters"]
    assert rows["parameters"].sum() == run.model.parameter_count()


# -- looking inside ---------------------------------------------------------------------------------------------


def test_a_trace_is_that_of_the_trainer(run):
    trace = run.trace(sequence=2)
    right = run._trainer.snapshot().trace
    np.testing.assert_array_equal(trace.answers, right.answers)
    np.testing.assert_array_equal(trace.layer(0).gates["update"], right.layer(0).gates["update"])
    assert trace.record.layers[0].hidden_size == 4 and "layers" in dir(trace)
    assert [figure.name for figure in trace.figures()] == ["prediction", "states", "gates"]


def test_memory(run):
    memory = run.memory(sequence=1, output=2, time_step=5)
    assert (memory.step, memory.sequence, memory.length) == (60, 1, 12)
    assert memory.to_dict() == run.ask("memory", sequence=1, output=2, time_step=5).to_dict()


def test_fixed_points(run):
    points = run.fixed_points(inits=8)
    assert points.inits == 8 and points.points.shape == (len(points.record), 4)
    assert [figure.name for figure in points.figures()][-1] == "found"
    held = run.fixed_points([2], inits=4)
    assert held.held.values == (2.0,)
    with pytest.raises(TypeError):
        run.fixed_points(wings=3)


def test_what_if(run):
    result = run.what_if(clamp=[("update", -1, 1.0)], sequence=3)
    assert len(result.changes) == 1 and "update gate" in result.changes[0]
    assert result.changed.gates["update"].min() == 1.0 and result.original.gates["update"].max() < 1.0
    np.testing.assert_allclose(result.original.answers, run.trace().answers[3], rtol=1e-5)
    assert [type(figure) for figure in result.figures()] == [Figure, Figure, SvgPanel]


@pytest.mark.parametrize(
    "ask, words",
    [
        (lambda run: run.memory(sequence=8), "sequence is 8, but must be a whole number from 0 to 7."),
        (lambda run: run.trace(sequence=8), "sequence is 8, but must be a whole number from 0 to 7."),
        (lambda run: run.trace(sequence="x"), "sequence is 'x', but must be a whole number from 0 to 7."),
        (lambda run: run.trace(layer=1), "layer is 1, but this model has layers 0 to 0."),
        (lambda run: run.trace(direction="up"), "direction is 'up', but this model reads forwards only."),
        (lambda run: run.what_if(ablate=[9]), "unit is 9, but must be a whole number from 0 to 3."),
        (lambda run: run.fixed_points(inits=0), "inits"),
        (lambda run: run.evaluate("x"), "split is 'x', but must be one of train, validation, test."),
        (lambda run: run.ask("chess"), "There is no analysis 'chess'."),
        (lambda run: run.memory().figure("chess"), "There is no figure 'chess' here; there are: gradient, "),
    ],
)
def test_a_bad_question_is_one_sentence(run, ask, words):
    with pytest.raises(rx.UserError) as caught:
        ask(run)
    assert words in str(caught.value) and str(caught.value).endswith(".")


def test_results_can_be_copied(run):
    import copy
    import pickle

    memory = run.memory()
    assert copy.copy(memory).length == pickle.loads(pickle.dumps(memory)).length == 12


# -- files ------------------------------------------------------------------------------------------------------


def test_a_run_comes_back_from_its_file(run, tmp_path, capsys):
    file = tmp_path / "run.safetensors"
    run.save(file)
    again = rx.load(str(file))
    assert (again.experiment, again.step, again.status) == (run.experiment, 60, "ready")
    assert again.evaluate() == run.evaluate() and list(tmp_path.iterdir()) == [file]
    numbers = ["loss", "metric", "grad_norm", "applied_norm"]
    assert again.history[["step", "split"]].equals(run.history[["step", "split"]])
    np.testing.assert_allclose(again.history[numbers], run.history[numbers], rtol=1e-5)
    whole = rx.train("temporal_order", **SMALL, steps=60).train(steps=5)
    assert again.train(steps=5).evaluate() == whole.evaluate()
    assert main(["memory", "--load", str(file)]) == 0  # and the command line reads it
    assert json.loads(capsys.readouterr().out)["step"] == 60


def test_the_command_line_s_files_come_back(tmp_path):
    file = tmp_path / "run.safetensors"
    assert main(["train", "task=temporal_order&hidden_size=4&seq_len=12&steps=10", "--save", str(file)]) == 0
    assert rx.load(file).history["step"].iloc[-1] == 10
    Path(file).write_bytes(Trainer(rx.Experiment.from_query("task=adding&hidden_size=3")).state())
    assert rx.load(file).history["step"].tolist() == [0]  # without curves, they begin where it stands


def test_curves_that_are_none_are_refused(run, tmp_path):
    file = tmp_path / "run.safetensors"
    run.save(file)
    file.write_bytes(file.read_bytes().replace(b'\\"train\\":{\\"step\\":[1,2', b'\\"train\\":{\\"step\\":[9,2'))
    with pytest.raises(rx.UserError, match=r"cannot be used: its learning curves are not readable\."):
        rx.load(file)


@pytest.mark.parametrize(
    "content, words", [(None, "cannot be read: No such file or directory."), (b"x", "is no checkpoint of a run.")]
)
def test_a_file_that_is_no_checkpoint_is_one_sentence(tmp_path, content, words):
    file = tmp_path / "x.safetensors"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(rx.UserError) as caught:
        rx.load(file)
    assert str(caught.value) == f"{file} {words}"


def test_a_trace_is_written(run, tmp_path):
    run.save_trace(tmp_path / "trace.npz")
    with np.load(tmp_path / "trace.npz") as written:
        np.testing.assert_array_equal(written["layer0.forward.update"], run.trace().layer(0).gates["update"])


def test_data_of_ones_own(tmp_path):
    table, book, model = (tmp_path / name for name in ("t.csv", "b.txt", "m.safetensors"))
    table.write_text("temp,wind\n" + "\n".join(f"{np.sin(n / 9):.3f},{n % 7}" for n in range(300)))
    book.write_text("It was a dark and stormy night. " * 40)
    run = rx.train(data=table, columns=["temp", "wind"], hidden_size=4, steps=3)
    assert run.experiment.task == "own_series" and run.evaluate().metric_name == "MSE"
    assert rx.train(data=str(book), hidden_size=4, steps=1).experiment.task == "own_text"
    run.save(model)
    assert rx.load(model, data=table).evaluate() == run.evaluate()
    with pytest.raises(rx.UserError, match="is a model of your own data, which it does not hold"):
        rx.load(model)
    with pytest.raises(rx.UserError, match="are for own_text"):
        rx.load(model, data=book)
    with pytest.raises(SettingError, match="task is 'adding', but must be own_series for this file, or left out"):
        rx.train("adding", data=table)
    with pytest.raises(rx.UserError, match=r"x\.csv cannot be read: No such file"):
        rx.train(data=tmp_path / "x.csv")


# -- figures in a notebook --------------------------------------------------------------------------------------


def every_figure(run: rx.Run) -> list[Figure | SvgPanel | TextPanel]:
    results = [run.trace(), run.memory(), run.fixed_points(inits=4), run.what_if(ablate=[0])]
    return [run.curves(), *(figure for result in results for figure in result.figures())]


def test_every_figure_shows_itself(run):
    for figure in every_figure(run):
        page = figure._repr_html_()
        assert html.escape(figure.how_to_read) in page and figure.title in str(figure)
        bundle = figure._repr_mimebundle_()
        assert bundle["text/plain"] == str(figure) and len(bundle) > 1
        assert ("Plotly.newPlot" if isinstance(figure, Figure) else html.escape(figure.title)) in page
        assert figure.to_csv().count("\n") >= 1


def test_plotly_s_own_way_of_showing_is_taken_where_there_is_one(run):
    import plotly.io as pio

    before = pio.renderers.default
    try:
        pio.renderers.default = "plotly_mimetype"
        assert set(run.curves()._repr_mimebundle_()) == {"application/vnd.plotly.v1+json", "text/plain"}
    finally:
        pio.renderers.default = before


def test_what_stands_in_a_figure_is_text():
    words = TextPanel("x", "<b>a</b>", "<i>b</i>", [{"kind": "warning", "text": "<script>c</script>"}])
    page = words._repr_html_()
    assert not re.search("<(b|i|script)>", page) and "▲ &lt;script&gt;c&lt;/script&gt;" in page
    assert str(words) == "<b>a</b>\n▲ <script>c</script>"
    drawing = SvgPanel("x", "<b>a</b>", "<i>b</i>", "<svg></svg>")
    assert not re.search("<(b|i)>", drawing._repr_html_()) and "<svg></svg>" in drawing._repr_html_()
    figure = Figure("x", "<b>a</b>", "<i>b</i>", [], {})
    assert "<i>b" not in figure._repr_html_() and "&lt;i&gt;b" in figure._repr_html_()


def test_a_result_shows_its_first_figure(run):
    memory = run.memory()
    assert memory._repr_html_().count("Plotly.newPlot") == 1
    assert repr(memory) == memory._repr_mimebundle_()["text/plain"] == "<Result with a MemoryReport>"
    assert len(memory._repr_mimebundle_()) > 1


def test_names_at_the_left_of_an_exported_figure_have_room():
    figure = rx.train("flip_flop", hidden_size=4, steps=1).trace().figure("prediction")
    assert isinstance(figure, Figure)
    assert figure.to_plotly().layout.margin.l >= figure.layout["margin"]["l"] > 64


# -- cells and tasks of one's own -------------------------------------------------------------------------------


def decaying() -> type[RecurrentCell]:
    class Decaying(RecurrentCell):
        key, title, gate_names = "decaying", "Decaying cell", ("candidate",)

        def step(self, x, state, change=unchanged):
            n = change("candidate", torch.tanh(x @ self.weight_ih.T + self.bias_ih))
            return ((0.9 * state[0] + 0.1 * n),), {"candidate": n}

    return Decaying


def test_a_cell_of_ones_own_can_be_asked_everything():
    assert "decaying" not in ModelSettings.spec("cell").choices
    rx.register_cell(decaying())
    assert ModelSettings.spec("cell").allowed == "one of rnn, lstm, gru, decaying"
    run = rx.train("temporal_order", **{**SMALL, "cell": "decaying"}, steps=5)
    assert len(every_figure(run)) == 15 and run.what_if(clamp=[("candidate", 0, 0.5)]).changed.gates
    assert run.summary()["layer"].tolist()[1] == "decaying"


@pytest.mark.parametrize("register, kind", [(rx.register_cell, "RecurrentCell"), (rx.register_task, "Task")])
def test_what_is_no_cell_or_task_is_refused(register, kind):
    with pytest.raises(TypeError, match=f"3 is no subclass of {kind}"):
        register(3)
    base = RecurrentCell if kind == "RecurrentCell" else TASKS.get("adding").__mro__[1]
    with pytest.raises(TypeError, match=r"Half lacks .*(step|baseline)"):
        register(type("Half", (base,), {"key": "half"}))


def test_a_key_that_is_taken_is_refused():
    with pytest.raises(ValueError, match="cell 'gru' is already registered"):
        rx.register_cell(type("Other", (decaying(),), {"key": "gru"}))


# -- the tour ---------------------------------------------------------------------------------------------------


def test_nothing_here_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rx.train("temporal_order", **SMALL, steps=1).history.shape[0] == 3
