"""The shipped files are what their manifest says."""

from __future__ import annotations

import ast
import csv
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from rnn_explorer.tasks import build_data

FOLDER = build_data.FOLDER
ENTRIES = json.loads((FOLDER / "manifest.json").read_text(encoding="utf-8"))["files"]
BY_NAME = {entry["name"]: entry for entry in ENTRIES}


def columns_of(path: Path) -> dict[str, list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return {name: [row[index] for row in rows] for index, name in enumerate(header)}


@pytest.mark.parametrize("entry", ENTRIES, ids=[entry["name"] for entry in ENTRIES])
def test_a_file_is_what_the_manifest_says(entry: dict[str, object]) -> None:
    path = FOLDER / str(entry["file"])
    content = path.read_bytes()
    assert len(content) == entry["bytes"]
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    for name in ("source", "citation", "license", "url", "changes", "built_from"):
        assert entry[name]
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as arrays:
            assert {name: list(arrays[name].shape) for name in arrays.files} == entry["shape"]
    elif path.suffix == ".txt":
        assert {"characters": [len(content.decode("utf-8"))]} == entry["shape"]
    else:
        assert {name: [len(values)] for name, values in columns_of(path).items()} == entry["shape"]


def test_the_manifest_lists_what_is_there_and_what_the_script_builds() -> None:
    licenses = {"surnames.LICENSE.txt"}
    assert {path.name for path in FOLDER.iterdir()} == {entry["file"] for entry in ENTRIES} | {
        "manifest.json"
    } | licenses
    assert [entry["name"] for entry in ENTRIES] == [file.name for file in build_data.FILES]
    for file in build_data.FILES:
        for name in ("file", "source", "citation", "license", "url", "changes"):
            assert BY_NAME[file.name][name] == getattr(file, name), "the manifest is older than the script: build again"


def test_the_mit_license_comes_with_its_text() -> None:
    text = (FOLDER / "surnames.LICENSE.txt").read_text(encoding="utf-8")
    assert "Copyright (c) 2012 Daniele Faraglia" in text and "Permission is hereby granted" in text


def test_the_files_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 700_000


def test_the_script_needs_only_numpy_until_it_builds() -> None:
    tree = ast.parse(Path(build_data.__file__).read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module).split(".")[0])
    assert imported - set(sys.stdlib_module_names) == {"numpy"}


def test_digits_are_whole_numbers_of_ink() -> None:
    with np.load(FOLDER / "digits.npz", allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    assert images.dtype == labels.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 16)
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]  # as UCI counts them
    assert images[0].sum() == 294 and labels[0] == 0


def test_surnames_are_clean_and_each_of_one_language() -> None:
    table = columns_of(FOLDER / "surnames.csv")
    assert set(table["language"]) == set(build_data.LOCALES) and len(build_data.LOCALES) == 10
    lower = [name.lower() for name in table["name"]]
    assert len(set(lower)) == len(lower)
    assert all(2 <= len(name) <= 16 and all(c.isalpha() or c in " '-" for c in name) for name in lower)
    rows = list(zip(table["language"], table["name"], strict=True))
    assert rows == sorted(rows)
    assert min(table["language"].count(language) for language in build_data.LOCALES) > 300
    assert not {"martin", "smith", "meyer"} & set(lower)  # names of several languages


def test_series_are_those_of_their_sources() -> None:
    spots = columns_of(FOLDER / "sunspots.csv")
    assert [int(year) for year in spots["year"]] == list(range(1700, 2009))
    assert (spots["sunspots"][0], spots["sunspots"][-1]) == ("5.0", "2.9")
    with np.load(FOLDER / "seattle.npz", allow_pickle=False) as arrays:
        hours, tenths = arrays["hours"], arrays["tenths_fahrenheit"]
    assert tenths[:3].tolist() == [394, 392, 390] and (tenths.min(), tenths.max()) == (375, 759)
    steps = np.diff(hours)
    assert (hours[0], hours[-1]) == (0, 8759) and sorted(set(steps)) == [1, 2] and (steps == 2).sum() == 1


def test_vowels_are_those_of_the_source() -> None:
    with np.load(FOLDER / "vowels.npz", allow_pickle=False) as arrays:
        frames, lengths, labels, is_test = (arrays[name] for name in ("frames", "lengths", "labels", "is_test"))
    assert frames.dtype == np.float16 and np.isfinite(frames).all() and np.abs(frames).max() < 3
    assert lengths.sum() == len(frames) and (lengths.min(), lengths.max()) == (7, 29)
    assert not is_test[:270].any() and is_test[270:].all()
    assert np.bincount(labels[:270]).tolist() == [30] * 9
    # How the source's notes count the test utterances of each speaker.
    assert np.bincount(labels[270:]).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    assert frames[:4, 0].tolist() == pytest.approx([1.860936, 1.891651, 1.939205, 1.717517], abs=1e-3)


def test_prose_is_clean_and_of_few_symbols() -> None:
    text = (FOLDER / "moby_dick.txt").read_bytes().decode("utf-8")
    assert text.startswith("CHAPTER 1. Loomings.\nCall me Ishmael. Some years ago")
    assert 180_000 < len(text) <= build_data.LONGEST_TEXT and text.endswith(".\n")
    assert len(set(text)) < 90 and {"e", "E", " ", "\n", "7"} <= set(text)
    assert not set(text) & set("\t\r*$") and "  " not in text and "\n\n" not in text and " \n" not in text
