"""Run files that are none, or not what they say: each is one sentence and costs little memory."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnn_explorer.errors import UserError
from rnn_explorer.recording.run_file.about import VERSION
from rnn_explorer.recording.run_file.archive import MAX_BYTES, MAX_ENTRIES
from rnn_explorer.recording.run_file.reading import opened
from tests.recording.run_files import (
    NEWEST,
    entries,
    good,
    with_about,
    with_curves,
    with_entry,
    with_experiment,
    with_metadata,
    with_state,
    zipped,
)

BOUND = 24 * 2**20  # bytes that judging the smallest of files may take, tasks and all
WEIGHT = "model.layers.0.forwards.weight_hh"


def bomb() -> bytes:
    """Three gigabytes of zeros by its directory, a few kilobytes as a file."""
    content = bytearray(with_entry("states/9.safetensors", b"0" * 1000))
    place = content.rindex(b"PK\x01\x02")
    struct.pack_into("<L", content, place + 24, 3 * 10**9)
    return bytes(content)


def heavy() -> bytes:
    """A state that unpacks to a hundred times what the model takes, all zeros."""
    return zipped(entries() | {NEWEST: bytes(64 * 2**20)}, zipfile.ZIP_DEFLATED)


def many() -> bytes:
    """More states than there can be."""
    return zipped(entries() | {f"states/{step}.safetensors": b"" for step in range(10, 11 + MAX_ENTRIES)})


def directory_of_a_billion() -> bytes:
    content = bytearray(good())
    place = content.rindex(b"PK\x05\x06")
    struct.pack_into("<HHLL", content, place + 8, 0xFFFF, 0xFFFF, 46 * 10**8 % 2**32, 0)
    return bytes(content)


def twice() -> bytes:
    file = io.BytesIO(good())
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("run.json", "{}")
    return file.getvalue()


def flipped() -> bytes:
    """A bit of a state is another one."""
    content = bytearray(good())
    content[content.index(b'{"__metadata__"') + 3000] ^= 4
    return bytes(content)


def encrypted() -> bytes:
    content = bytearray(good())
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(sign) + place] |= 1
    return bytes(content)


def other_name_inside() -> bytes:
    """The directory calls an entry otherwise than the entry itself does."""
    return good().replace(b"run.json", b"ran.json", 1)


def zero_inside() -> bytes:
    return good().replace(b"states/1.safetensors", b"run.json\0safetensors")


def first_row(curves: dict[str, Any], column: int, value: float) -> None:
    curves["train"][0, column] = value


def reshape(found: dict[str, Any], shape: list[int]) -> None:
    found[WEIGHT]["shape"] = shape


def retype(found: dict[str, Any]) -> None:
    found[WEIGHT] |= {"dtype": "I32"}


def rename(found: dict[str, Any]) -> None:
    found["model.wings"] = found.pop(WEIGHT)


def overlap(found: dict[str, Any]) -> None:
    found[WEIGHT]["data_offsets"] = found["optimizer.1.exp_avg"]["data_offsets"]


def negative(found: dict[str, Any]) -> None:
    found[WEIGHT]["shape"] = [-12, -4]


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "is empty (0 bytes)"),
    "no archive": (lambda: b"hello, this is a text and no archive", "is no run file: such a file is a zip archive"),
    "another archive": (lambda: zipped({"word/document.xml": b"<w/>"}), "'word/document.xml', which no run file has"),
    "cut off": (lambda: good()[:-30], "is cut off, or something was added to its end"),
    "more at its end": (lambda: good() + b"more", "is cut off, or something was added to its end"),
    "more at its beginning": (lambda: b"more" + good(), "its zip archive does not fit the file"),
    "a billion entries": (directory_of_a_billion, "for 65,535 entries, and 1,000 entries"),
    "too many entries": (many, "for 1,007 entries, and 1,000 entries"),
    "a bomb": (bomb, "it unpacks to 3.0 GB, and the limit is 1.1 GB"),
    "a state that is too large": (heavy, f"{NEWEST} unpacks to 67.1 MB, and 1.0 MB are possible"),
    "an absolute name": (lambda: with_entry("/etc/passwd", b""), "'/etc/passwd', which no run file has"),
    "a name that goes up": (lambda: with_entry("../run.json", b""), "'../run.json', which no run file has"),
    "a name on Windows": (lambda: with_entry("C:\\run.json", b""), "which no run file has"),
    "a name with a zero": (zero_inside, "'run.json\\x00safetensors', which no run file has"),
    "a step with a sign": (lambda: with_entry("states/-1.safetensors", b""), "'states/-1.safetensors', which no run"),
    "a pickle": (lambda: with_entry("states/1.pkl", b""), "'states/1.pkl', which no run file has"),
    "an entry twice": (twice, "it has the entry 'run.json' twice"),
    "another name inside": (other_name_inside, "run.json is damaged, it cannot be unpacked"),
    "a bit flipped": (flipped, "is damaged, its checksum (CRC-32) is wrong"),
    "encrypted": (encrypted, "run.json' is encrypted"),
    "another compression": (lambda: zipped(entries(), zipfile.ZIP_LZMA), "another method than deflate"),
    "no run.json": (lambda: with_entry("run.json", None), "it holds no run.json"),
    "no curves": (lambda: with_entry("curves.safetensors", None), "it holds no curves.safetensors"),
    "no state": (
        lambda: zipped({name: content for name, content in entries().items() if "states" not in name}),
        "it holds no state",
    ),
    "run.json too long": (lambda: with_entry("run.json", b" " * 300_000), "run.json unpacks to 0.3 MB, and 0.3 MB"),
    "run.json that is none": (lambda: with_entry("run.json", b"{"), "run.json is no JSON"),
    "run.json too deep": (lambda: with_entry("run.json", b"[" * 200_000), "run.json is no JSON"),
    "run.json of another thing": (lambda: with_entry("run.json", b"[1]"), 'run.json does not say "format": "rnnx"'),
    "another format": (lambda: with_about(format="zip"), 'run.json does not say "format": "rnnx"'),
    "no version": (lambda: with_about(version=None), "its format version is None"),
    "a newer version": (lambda: with_about(version=VERSION + 1), "written by a newer program, in version 2"),
    "a version of many digits": (lambda: with_about(version=10**400), "written by a newer program, in version 1000"),
    "a word that is not in the format": (lambda: with_about(owner="me"), "run.json has 'owner', which is not in"),
    "a name that is a number": (lambda: with_about(name=3), "name in run.json is 3, but must be a text of at most"),
    "a note that is a book": (lambda: with_about(note="x" * 30_000), "note in run.json is 'xxx"),
    "too many tags": (lambda: with_about(tags=["x"] * 200), "tags in run.json is ["),
    "marks that descend": (lambda: with_about(marks=[[3, "a"], [2, "b"]]), "marks in run.json is [[3, 'a'], [2, 'b']]"),
    "marks that are none": (lambda: with_about(marks=[[3]]), "marks in run.json is [[3]]"),
    "seconds that are none": (lambda: with_about(seconds=float("nan")), "seconds in run.json is nan"),
    "negative seconds": (lambda: with_about(seconds=-1), "seconds in run.json is -1"),
    "no experiment": (lambda: with_about(experiment=None), "run.json has no experiment"),
    "an unknown task": (lambda: with_experiment(task="chess"), "chess"),
    "an unknown cell": (lambda: with_experiment(cell="gorilla"), "gorilla"),
    "an unknown setting": (lambda: with_experiment(wings=2), "wings"),
    "a setting out of range": (lambda: with_experiment(hidden_size=10**9), "hidden_size"),
    "another experiment in its states": (lambda: with_experiment(seed=7), "it belongs to another experiment"),
    "a model that is too large": (
        lambda: with_experiment(cell="lstm", hidden_size=256, num_layers=4, batch_size=512, seq_len=100),
        "too large to train live",
    ),
    "curves that are none": (lambda: with_entry("curves.safetensors", b"x" * 99), "curves.safetensors cannot be used"),
    "a curve missing": (lambda: with_curves(lambda c: c.__delitem__("train")), "should hold train and validation"),
    "a curve with NaN": (lambda: with_curves(lambda c: first_row(c, 1, np.nan)), "not finite (NaN or infinite)"),
    "an infinite curve": (lambda: with_curves(lambda c: first_row(c, 3, np.inf)), "not finite (NaN or infinite)"),
    "steps that descend": (lambda: with_curves(lambda c: first_row(c, 0, 5)), "has steps that do not ascend"),
    "a negative step": (lambda: with_curves(lambda c: first_row(c, 0, -1)), "steps that are no whole numbers from 0"),
    "half a step": (lambda: with_curves(lambda c: first_row(c, 0, 0.5)), "steps that are no whole numbers from 0"),
    "a curve of another width": (
        lambda: with_curves(lambda c: c.update(train=c["train"][:, :3])),
        "the curve train should be a table of float64 (F64) with 5 columns",
    ),
    "a curve of another type": (
        lambda: with_curves(lambda c: c.update(train=c["train"].astype("<f4"))),
        "the curve train should be a table of float64 (F64) with 5 columns",
    ),
    "curves that go on": (lambda: with_curves(lambda c: c["train"].__setitem__((5, 0), 9)), "go on to step 9"),
    "a state that is none": (lambda: with_entry(NEWEST, b"{}"), f"{NEWEST}: its header"),
    "a header longer than its file": (
        lambda: with_entry(NEWEST, (10**15).to_bytes(8, "little") + b"{}"),
        "its header is longer than the file",
    ),
    "a header too deep": (
        lambda: with_entry(NEWEST, (90_000).to_bytes(8, "little") + b"[" * 90_000),
        "its header is no JSON",
    ),
    "a state that is cut off": (lambda: with_entry(NEWEST, entries()[NEWEST][:-8]), "its tensors take"),
    "tensors that overlap": (lambda: with_state(overlap), "its tensors overlap, or leave gaps"),
    "a negative size": (lambda: with_state(negative), "a size that is no whole number from 0"),
    "another shape": (lambda: with_state(lambda h: reshape(h, [4, 12])), "has the shape [4, 12], and the model's is"),
    "another type": (lambda: with_state(retype), "has the type I32, and should be float32 (F32)"),
    "a weight of another name": (lambda: with_state(rename), f"it lacks '{WEIGHT}'"),
    "weights that are no numbers": (
        lambda: with_state(numbers=lambda n: b"\xff\xff\xff\xff" * (len(n) // 4)),
        "has numbers that are not finite",
    ),
    "a state of another step": (lambda: with_entry("states/7.safetensors", entries()[NEWEST]), "is of step 6"),
    "a state of a negative epoch": (lambda: with_metadata("position", epoch=-1), "it is of a step that there is not"),
    "a state beyond its epoch": (lambda: with_metadata("position", index=10**6), "its batch 1,000,000 is beyond"),
    "a state without a position": (
        lambda: with_state(lambda h: h["__metadata__"].__delitem__("position")),
        "does not say how far the training had come",
    ),
    "a state of another experiment": (lambda: with_metadata("experiment", seed=3), "belongs to another experiment"),
    "a best epoch without weights": (
        lambda: with_metadata("best", loss=0.1, epoch=1, since=0, stopped=False),
        "it lacks 'best.",
    ),
    "a best epoch that is none": (lambda: with_metadata("best", loss="low"), "what it says of its best epoch"),
    "data that nothing asks for": (
        lambda: with_entry("data.safetensors", entries()["curves.safetensors"]),
        "data.safetensors cannot be read",
    ),
}


@pytest.fixture(scope="module", autouse=True)
def warm() -> None:
    """What is imported and built once counts for no file."""
    with opened(io.BytesIO(good()), "good.rnnx"):
        pass


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_run_file_is_one_sentence_and_takes_little_memory(kind: str) -> None:
    make, words = BAD[kind]
    content = make()
    assert content != good()
    tracemalloc.start()
    try:
        with pytest.raises(UserError) as raised, opened(io.BytesIO(content), "bad.rnnx"):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    said = str(raised.value)
    assert words in said
    assert said.startswith("bad.rnnx ") and said.count("\n") == 0 and said.endswith(".") and len(said) < 600
    assert ".." not in said.replace("...", "").replace("'../", "")
    assert peak < BOUND, f"{peak / 2**20:.1f} MB"


def test_there_are_many_ways_to_be_bad() -> None:
    assert len(BAD) >= 30


def test_a_file_that_is_too_large_is_not_read(tmp_path: Any) -> None:
    place = tmp_path / "large.rnnx"
    with place.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(UserError, match=r"has 1\.1 GB, and a run file has at most 1\.1 GB"), opened(place):
        pass


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Any) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"), opened(tmp_path / "no.rnnx"):
        pass


def test_a_foreign_name_is_shown_on_one_line() -> None:
    content = with_entry("a\n<script>" + "x" * 200, b"")
    with pytest.raises(UserError) as raised, opened(io.BytesIO(content), "bad.rnnx"):
        pass
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 300


def test_run_json_may_say_little() -> None:
    about = json.loads(entries()["run.json"])
    short = {name: about[name] for name in ("format", "version", "experiment")}
    with opened(io.BytesIO(with_entry("run.json", json.dumps(short).encode())), "a.rnnx") as found:
        assert (found.run.name, found.run.tags, found.run.step, found.steps) == ("", (), 6, (0, 1, 3, 6))
