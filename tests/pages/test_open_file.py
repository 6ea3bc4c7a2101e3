"""A run file is opened as a run of one's own, or refused in a sentence; what grows is told."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rnn_explorer.experiment import Experiment
from rnn_explorer.recording.run_file.writing import write
from rnn_explorer.recording.store.records import StoredRun
from rnn_explorer.recording.store.store import RunStore
from rnn_explorer.recording.trained_run import TrainedRun
from rnn_explorer.tasks.user_data import store as uploaded
from rnn_explorer.tasks.user_data.chosen import settings_of, task_of
from rnn_explorer.tasks.user_data.reading import read
from rnn_explorer.training import Trainer
from rnn_explorer.ui import open_file, run_files, session, uploads
from tests.pages.conftest import run_of, wait_for
from tests.recording.run_files import NEWEST, QUERY, entries, good, with_about, with_entry, with_experiment, zipped

Open = Callable[..., AppTest]
SMALL = {"task": "adding", "hidden_size": "3", "steps": "50"}


@pytest.fixture(autouse=True)
def offered() -> Iterator[None]:
    yield
    run_files._offered.clear()
    run_files._followed.clear()


def kept() -> RunStore:
    found = session.store()
    assert found is not None and found.flush()
    return found


def bring(page: AppTest, content: bytes, name: str = "run.rnnx") -> None:
    page.file_uploader(key="open:file").set_value((name, content, "application/zip")).run()
    assert not page.exception, page.exception


def told(page: AppTest) -> str:
    return "\n".join(element.value for element in (*page.warning, *page.error))


def test_a_run_file_becomes_a_run_of_ones_own_in_the_lab_and_goes_on(open_lab: Open) -> None:
    page = open_lab("data", visitor="anna", **SMALL)
    first = run_of(page)
    bring(page, good())
    run = run_of(page)
    assert run != first and any(button.key == "do:play" for button in page.button), "the lab has the buttons"
    view = wait_for(page, lambda view: view.status == "paused")
    assert (view.step, view.owner, view.kept_steps) == (6, "anna", (0, 1, 3, 6)) and not told(page)
    assert page.session_state["experiment"]["seq_len"] == 10
    found = kept().run(run)
    assert found is not None and (found.name, found.owner, found.origin) == ("Mine <b>", "anna", "abc")
    page.button(key="do:step").click().run()
    assert wait_for(page, lambda view: view.step == 7).status in ("training", "paused")


def test_a_run_without_a_name_is_named_by_its_file(open_lab: Open) -> None:
    page = open_lab("data", **SMALL)
    bring(page, with_about(name=""), "my *lstm*.rnnx")
    found = kept().run(run_of(page))
    assert found is not None and found.name == "my *lstm*"


@pytest.mark.parametrize(
    "content, words",
    [
        (b"x,y\n1,2\n", "is no run file: such a file is a zip archive"),
        (good()[:-40], "is cut off"),
        (with_entry("../../etc/passwd", b""), "which no run file has"),
        (with_experiment(cell="gorilla"), "gorilla"),
        (with_about(version=7), "written by a newer program, in version 7"),
        (zipped(entries() | {NEWEST: b"{}"}), f"{NEWEST}: its header"),
        (b"0" * (open_file.MAX_BYTES + 1), "has 32.0 MB, and 32 MB can be opened here"),
    ],
)
def test_a_bad_file_is_one_sentence_and_leaves_nothing(open_lab: Open, content: bytes, words: str) -> None:
    page = open_lab("data", **SMALL)
    run, before = run_of(page), {each.run_id for each in kept().runs()}
    bring(page, content)
    assert words in told(page) and run_of(page) == run
    assert {each.run_id for each in kept().runs()} == before
    page.file_uploader(key="open:file").set_value(None).run()
    assert not told(page)


def test_a_foreign_name_is_shown_as_text(open_lab: Open) -> None:
    page = open_lab("data", **SMALL)
    bring(page, b"nothing", "**x** <b>y</b>.rnnx")
    assert r"\*\*x\*\*" in told(page)


def own_data(tmp_path: Path, with_data: bool = True) -> bytes:
    record = read(("x\n" + "\n".join(f"{n * n % 37}" for n in range(200))).encode(), "t.csv")
    chosen = {"hidden_size": 3, "steps": 3, "seq_len": 10}
    experiment = Experiment.from_dict({"task": task_of(record), **chosen, **settings_of(record, chosen)})
    run = TrainedRun(Trainer(experiment))
    run.trainer.step()
    run.save(tmp_path / "own.rnnx", with_data)
    uploaded.drop_all()
    return (tmp_path / "own.rnnx").read_bytes()


def test_data_in_a_file_are_an_upload_of_who_opens_it(open_lab: Open, tmp_path: Path) -> None:
    page = open_lab("data", visitor="anna", **SMALL)
    bring(page, own_data(tmp_path))
    view = wait_for(page, lambda view: view.status == "paused")
    assert view.step == 1 and uploads._known[uploads.token_of(view.experiment)].owner == "anna" and not told(page)
    assert kept().data(view.run_id) is not None, "they are kept with the run"
    page.button(key="do:step").click().run()
    wait_for(page, lambda view: view.step == 2)


def test_a_file_without_its_data_says_so(open_lab: Open, tmp_path: Path) -> None:
    page = open_lab("data", **SMALL)
    bring(page, own_data(tmp_path, with_data=False))
    assert "is a model of your own data, which it does not hold" in told(page)


def test_nothing_is_left_of_data_where_there_is_no_room_for_the_run(
    open_lab: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_lab("data", visitor="anna", **SMALL)
    content, before = own_data(tmp_path), set(uploads._known)
    monkeypatch.setattr(session.engine()._runs, "memory", 1)
    bring(page, content)
    assert "memory" in told(page) and set(uploads._known) == before


# -- rnn-explorer open ------------------------------------------------------------------------------------------


def grown(steps: int) -> bytes:
    """The file of a run that has come so far."""
    run = TrainedRun(Trainer(Experiment.from_query(QUERY)))
    for _ in range(steps):
        run.curves.add(run.trainer.step())
    file = io.BytesIO()
    run.past.take_now(run.trainer)
    curves = {"train": run.curves.train.rows(), "validation": run.curves.validation.rows()}
    states = [(entry.step, entry.state) for entry in run.past.history.entries()]
    write(file, StoredRun("", run.trainer.experiment.to_json()), curves, states)  # type: ignore[arg-type]
    return file.getvalue()


def test_a_file_is_opened_by_its_address_and_followed(open_lab: Open, tmp_path: Path) -> None:
    place = tmp_path / "job.rnnx"
    place.write_bytes(grown(2))
    token = run_files.offer(place)
    page = open_lab(visitor="anna", pace="", file=token)
    first = run_of(page)
    assert wait_for(page, lambda view: view.status == "paused").step == 2
    assert "file" not in page.query_params and not any("has grown" in info.value for info in page.info)
    page.run()
    assert run_of(page) == first, "it is opened once"

    place.write_bytes(grown(5))
    page.run()
    assert "job.rnnx has grown: its newest state is of step 5." in [info.value for info in page.info]
    page.button(key="newer:show").click().run()
    second = run_of(page)
    assert wait_for(page, lambda view: view.status == "paused").step == 5 and second != first
    found = {run.run_id: run for run in kept().runs("anna")}
    assert second in found and found[second].name == "job" and first not in found, "nobody had trained it"
    page.run()
    assert not any("has grown" in info.value for info in page.info)

    page.button(key="do:step").click().run()
    wait_for(page, lambda view: view.step == 6)
    place.write_bytes(grown(9))
    page.run()
    page.button(key="newer:show").click().run()
    assert wait_for(page, lambda view: view.status == "paused").step == 9
    assert kept().run(second) is not None, "what was trained here stays"

    place.unlink()
    page.run()
    assert any("job.rnnx cannot be read" in caption.value for caption in page.caption)


def test_an_address_of_a_file_that_is_not_offered_says_so(open_lab: Open) -> None:
    page = open_lab(file="nothing")
    assert "is not offered by this server (any more)" in told(page)


def test_only_who_opened_a_file_is_told_that_it_grows(open_lab: Open, tmp_path: Path) -> None:
    place = tmp_path / "job.rnnx"
    place.write_bytes(grown(2))
    page = open_lab(visitor="anna", pace="", file=run_files.offer(place))
    place.write_bytes(grown(3))
    other = open_lab(visitor="ben", run=run_of(page))
    assert not any("has grown" in info.value for info in other.info)
