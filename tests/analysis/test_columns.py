"""The error of each column, and that a column which leaks stands out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from rnn_explorer.analysis import registry
from rnn_explorer.analysis.columns.record import ColumnErrors
from rnn_explorer.analysis.data.compute import report
from rnn_explorer.analysis.frozen_model import FrozenModel
from rnn_explorer.analysis.registry import ANALYSES
from rnn_explorer.cli import main
from rnn_explorer.errors import UserError
from rnn_explorer.experiment import Experiment
from rnn_explorer.figures.data.column_errors import column_errors
from rnn_explorer.slices import run_to_end
from rnn_explorer.tasks.user_data import store
from rnn_explorer.tensors import TensorBatch
from rnn_explorer.training import Trainer
from rnn_explorer.views import AnalysisResult, ViewState
from rnn_explorer.views.data import DataSelection, DataView
from tests.engine.test_pictures import view_of

NOISE = np.random.default_rng(0).normal(size=(3, 600)).round(3)


@pytest.fixture(autouse=True, scope="module")
def forgotten() -> Iterator[None]:
    yield
    store.drop_all()


def leaking(gaps: bool = False) -> bytes:
    """Three columns of noise and one that repeats the first of them a step later."""
    first, second, third = NOISE
    columns = {"a": first, "b": second, "c": third, "later": np.roll(first, 1)}
    lines = [",".join(columns)]
    for n in range(600):
        cells = [str(values[n]) for values in columns.values()]
        lines.append(",".join("" if gaps and n % 17 == 3 and k == 1 else cell for k, cell in enumerate(cells)))
    return "\n".join(lines).encode()


def trained(steps: int = 0, gaps: bool = False, **changes: object) -> Trainer:
    settings = {
        "data": store.put(leaking(gaps), "a.csv"),
        "columns": "a,b,c,later",
        "seq_len": 12,
        "learning_rate": 0.01,
    }
    trainer = Trainer(Experiment.default("own_series").replace(**{**settings, "steps": 400, **changes}))
    if steps:
        trainer.advance(math.inf, steps)
    return trainer


def ask(trainer: Trainer, **options: object) -> ColumnErrors:
    registry.load()
    return run_to_end(ANALYSES.get("columns")(FrozenModel.of(trainer), **options))


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("split", ["validation", "test"])
def test_the_mean_over_columns_is_what_is_reported_and_each_is_its_own(gaps: bool, split: str) -> None:
    trainer = trained(3, gaps)
    found = ask(trainer, split=split)
    assert found.names == ("a", "b", "c", "later") and found.split == split
    assert found.model.mean() == pytest.approx(trainer.evaluate(split)[0], rel=1e-5)
    if split == "validation":
        assert found.baseline.mean() == pytest.approx(trainer.task.baseline().loss, rel=1e-5)
    batch = TensorBatch.of(trainer.task.evaluation(split))
    with torch.no_grad():
        off = (trainer.model(batch.inputs) - batch.targets).numpy()
    for column in range(4):
        errors = [
            off[n, t, column] ** 2 for n in range(len(batch)) for t in range(6, 12) if np.isfinite(off[n, t]).all()
        ]
        assert found.model[column] == pytest.approx(np.mean(errors), rel=1e-4)


def test_a_column_that_leaks_stands_out() -> None:
    trainer = trained(400)
    found = ask(trainer)
    assert found.suspicious().tolist() == [False, False, False, True]
    assert (found.model[:3] > 0.5).all() and found.model[3] < 0.15
    assert (found.repeated > 1.5 * found.baseline).all(), "noise repeated is off by twice its variance"
    assert found.baseline[3] < 1e-4, "what leaks can be read off the present row"
    assert trainer.evaluate("validation")[0] > 0.5, "the mean says nothing of it"
    panel = column_errors(found)
    assert [line["kind"] for line in panel.lines] == ["fact", "fact", "fact", "warning"]
    assert panel.lines[3]["text"].startswith("later: 0.") and "a time step ahead?" in panel.lines[3]["text"]
    assert panel.to_csv().splitlines()[0] == "column,model,memoryless baseline"


def test_without_a_validation_part_the_test_part_is_measured() -> None:
    assert ask(trained(val_split=0.0)).split == "test"


@pytest.mark.parametrize("query", ["task=forecast", "task=flip_flop", "task=names", "task=own_series"])
def test_other_tasks_have_no_columns(query: str) -> None:
    with pytest.raises(UserError, match="does not forecast several columns"):
        ask(Trainer(Experiment.from_query(f"{query}&hidden_size=3")))


def test_the_view_of_the_data_page_shows_them() -> None:
    trainer = trained(3)
    run_view, view = view_of(trainer), DataView(DataSelection())
    seen = ViewState(run_view, 3)
    (asked,) = view.analyses(seen)
    assert [panel.name for panel in view.panels(seen)] == ["curves", "columns"]
    assert sum(width for width, _ in view.grid(seen).spans.values()) == 6
    seen = ViewState(run_view, 3, results={"columns": AnalysisResult(ask(trainer, **asked.options), 3)})
    assert len(view.panels(seen)[1].lines) == 4  # type: ignore[union-attr]
    alone = ViewState(view_of(trained(columns="a")), 0)
    assert view.analyses(alone) == [] and [panel.name for panel in view.panels(alone)] == ["curves"]


def test_the_report_of_the_data_has_the_baseline_by_column() -> None:
    told = report(trained().task)
    assert list(told.baseline_by_value) == ["a", "b", "c", "later"]
    assert np.mean(list(told.baseline_by_value.values())) == pytest.approx(told.baseline_loss, rel=1e-5)
    assert report(trained(columns="a").task).baseline_by_value == {}


def test_the_command_line_says_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(leaking())
    told = ["train", "steps=5&seq_len=12&hidden_size=4", "--data", str(path), "--column", "a", "--column", "later"]
    assert main([*told, "--json"]) == 0
    done = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(done["columns"]) == ["a", "later"]
    errors = [entry["mse"] for entry in done["columns"].values()]
    assert np.mean(errors) == pytest.approx(done["test_loss"], rel=1e-5)
    assert main(told) == 0
    words = capsys.readouterr().out
    assert "memoryless baseline\n" in words and "\nlater " in words
    assert main(told[:-2]) == 0 and "memoryless baseline\n" not in capsys.readouterr().out
