"""Runs out of one engine and into another by a file, with their past, and on from there."""

from __future__ import annotations

import gc
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnn_explorer.engine.base import EngineFull, UnknownRun
from rnn_explorer.engine.local import LocalEngine
from rnn_explorer.engine.run_files import known, write
from rnn_explorer.errors import UserError
from rnn_explorer.recording.run_file.reading import opened
from rnn_explorer.recording.state_file import BLOCK, read
from rnn_explorer.recording.store.store import RunStore
from tests.recording.run_files import good

Settle = Callable[..., Any]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalEngine, RunStore]]:
    """An engine with a store."""
    store = RunStore(tmp_path_factory.mktemp("here"))
    engine = LocalEngine(workers=1, store=store)
    yield engine, store
    engine.close()
    assert store.close()


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalEngine, RunStore]]:
    """Another one, as on another machine."""
    store = RunStore(tmp_path_factory.mktemp("there"))
    engine = LocalEngine(workers=1, store=store)
    yield engine, store
    engine.close()
    assert store.close()


def exported(engine: LocalEngine, store: RunStore | None, run_id: str) -> io.BytesIO:
    file = io.BytesIO()
    write(file, *known(engine, store, run_id))
    return file


def same(one: Any, other: Any) -> None:
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def played(engine: LocalEngine, settle: Settle, run: str, status: str = "finished") -> Any:
    engine.command(run, "play")
    return settle(engine, run, status)


def test_a_run_goes_on_elsewhere_as_if_it_had_never_left(here: Any, there: Any, small: Any, settle: Settle) -> None:
    engine, store = here
    run = engine.start(small(steps=12), "anna")
    settle(engine, run, "ready")
    before = played(engine, settle, run)
    store.flush()
    store.change([run], name="Mine", note="of anna", tags=("a",))
    file = exported(engine, store, run)

    with opened(file, "run.rnnx") as found:
        copy = there[0].adopt(found, "ben")
    view = settle(there[0], copy, "paused")
    assert copy != run and (view.owner, view.step, view.origin) == ("ben", 12, (run, 12))
    assert view.kept_steps == before.kept_steps
    same(before.train, view.train)
    same(before.validation, view.validation)
    there[1].flush()
    kept = there[1].run(copy)
    assert kept is not None and (kept.name, kept.note, kept.tags, kept.owner) == ("Mine", "of anna", ("a",), "ben")
    assert kept.origin == run and kept.origin_step == 12 and kept.versions and kept.bytes > 0 and kept.best_loss
    assert tuple(there[1].states(copy)) == before.kept_steps
    np.testing.assert_array_equal(there[1].curve(copy, "train"), store.curve(run, "train"))
    assert [each.run_id for each in there[1].runs("ben")] == [copy] and there[1].bytes_of("ben") == kept.bytes

    one, other = played(engine, settle, run), played(there[0], settle, copy)
    assert one.step == other.step == 24
    same(one.train, other.train)
    same(one.validation, other.validation)
    assert one.marks == other.marks == (), "it is the same machine"
    branch = there[0].branch(copy, before.kept_steps[3], "ben")
    assert settle(there[0], branch, "paused").step == before.kept_steps[3]


def test_a_run_that_was_trained_with_something_else_says_so(there: Any, settle: Settle) -> None:
    with opened(io.BytesIO(good()), "run.rnnx") as found:
        run = there[0].adopt(found)
    view = settle(there[0], run, "paused")
    first, (step, words) = view.marks
    assert first == (2, "torch 2 (before: 1)") and step == 6 and "(before: 2)" in words
    assert "From here on it trains with" in view.message


def test_a_run_that_trains_is_exported_as_it_is_known(here: Any, small: Any, settle: Settle, wait_for: Any) -> None:
    engine, store = here
    run = engine.start(small(steps=100_000))
    settle(engine, run, "ready")
    engine.command(run, "play")
    wait_for(lambda: engine.view(run).kept_steps[-1] > 20)
    with opened(exported(engine, store, run), "run.rnnx") as found:
        assert found.steps[-1] > 20 and found.run.step == found.steps[-1]
        assert found.curves["train"][-1, 0] <= found.run.step and found.curves["train"][-1, 0] > found.run.step - 5
        np.testing.assert_array_equal(np.diff(found.curves["train"][:, 0]), 1)
    engine.command(run, "stop")


def test_a_run_that_was_never_trained_has_its_first_state(here: Any, there: Any, small: Any, settle: Settle) -> None:
    run = here[0].start(small())
    settle(here[0], run, "ready")
    with opened(exported(*here, run), "run.rnnx") as found:
        assert found.steps == (0,) and len(found.curves["train"]) == 0 and len(found.curves["validation"]) == 1
        copy = there[0].adopt(found)
    assert settle(there[0], copy, "paused").step == 0


def test_a_run_that_has_left_the_engine_comes_out_of_the_store(here: Any, small: Any, settle: Settle) -> None:
    engine, store = here
    run = engine.start(small(steps=8))
    settle(engine, run, "ready")
    played(engine, settle, run)
    with opened(exported(engine, store, run), "a.rnnx") as found:
        before = [(entry.step, read(entry.state)) for entry in found.entries()]
    engine.command(run, "stop")
    store.flush()
    with pytest.raises(UnknownRun):
        engine.view(run)
    with opened(exported(engine, store, run), "b.rnnx") as found:
        assert [(entry.step, read(entry.state)) for entry in found.entries()] == before and found.run.run_id == run
    with pytest.raises(UnknownRun):
        exported(engine, store, "nothing")


def test_a_state_that_goes_meanwhile_is_left_out_but_not_the_newest(here: Any, small: Any, settle: Settle) -> None:
    engine, store = here
    run = engine.start(small(steps=8))
    settle(engine, run, "ready")
    played(engine, settle, run)
    engine.command(run, "stop")
    store.flush()
    about, past, curves = known(engine, store, run)
    gone, newest = past[2].step, past[-1].step
    store.keep_only(run, {entry.step for entry in past} - {gone})
    store.flush()
    file = io.BytesIO()
    write(file, about, past, curves)
    with opened(file, "run.rnnx") as found:
        assert found.steps == tuple(entry.step for entry in past if entry.step != gone)
    store.keep_only(run, {entry.step for entry in past} - {newest})
    store.flush()
    with pytest.raises(OSError, match=f"step {newest} of run"):
        write(io.BytesIO(), about, past, curves)


def test_where_there_is_no_room_nothing_is_left(there: Any, small: Any) -> None:
    full = LocalEngine(workers=1, store=there[1], memory=1)
    there[1].flush()
    before = len(there[1].runs())
    try:
        with opened(io.BytesIO(good()), "run.rnnx") as found, pytest.raises(EngineFull):
            full.adopt(found, "carl")
        gc.collect()  # an error holds what it was raised in
        free = len(full._states._free) + sum(map(len, full._states.returned))
        assert there[1].flush() and len(there[1].runs()) == before and full._states.size() == BLOCK * free
    finally:
        full.close()


def test_a_file_that_changes_while_it_is_read_is_refused(there: Any, tmp_path: Path) -> None:
    place = tmp_path / "run.rnnx"
    place.write_bytes(good())
    with opened(place) as found:
        content = bytearray(good())
        content[content.index(b"states/3.safetensors") + 2000] ^= 1
        place.write_bytes(content)
        with pytest.raises(UserError, match="checksum"):
            there[0].adopt(found)
