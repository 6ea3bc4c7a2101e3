"""`train --data FILE`: a file of one's own from the command line."""

from __future__ import annotations

import io
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rnn_explorer.cli import main
from rnn_explorer.tasks.user_data import store

ROOT = Path(__file__).resolve().parents[1]
QUICK = "steps=12&hidden_size=6&batch_size=8"


@pytest.fixture(autouse=True)
def forgotten():
    yield
    store.drop_all()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "weather.csv"
    rows = [
        f"{n // 10};{math.sin(n / 3):.3f};{n % 7};{'wet' if n // 10 % 2 else 'dry'}".replace(".", ",")
        for n in range(400)
    ]
    path.write_text("\n".join(["day;temp;wind, north;sort", *rows]), encoding="utf-8")
    return path


@pytest.fixture
def run(capsys):
    def call(*arguments: str) -> tuple[int, list[dict], str]:
        status = main(["train", *arguments, "--json"])
        seen = capsys.readouterr()
        return status, [json.loads(line) for line in seen.out.splitlines()], seen.err

    return call


def test_a_column_is_forecast(run, table: Path) -> None:
    status, rows, told = run(QUICK, "--data", str(table), "--column", "temp")
    assert status == 0 and rows[-1]["task"] == "own_series" and rows[-1]["metric"] == "MSE"
    assert "rnn_explorer: weather.csv: The columns are separated by semicolons." in told
    assert "is read with a decimal comma" in told and "The columns read are 'temp'." in told


def test_several_columns_and_settings_of_the_query(run, table: Path) -> None:
    status, rows, told = run(f"seq_len=12&{QUICK}", "--data", str(table), "--column", "wind, north", "--column", "temp")
    assert status == 0 and "The columns read are 'wind, north', 'temp'." in told
    assert rows[-1]["steps"] == 12


def test_a_label_makes_it_a_classification(run, table: Path) -> None:
    status, rows, told = run(QUICK, "--data", str(table), "--label", "sort", "--series-id", "day", "--column", "temp")
    assert status == 0 and rows[-1]["metric"] == "accuracy" and "The classes are those of 'sort'" in told


def test_texts_are_told_apart_by_their_lines(run, tmp_path: Path) -> None:
    book, lines = tmp_path / "book.txt", tmp_path / "lines.txt"
    book.write_text("It was a dark and stormy night. " * 40)
    lines.write_text("\n".join(f"{'ab'[n % 2]}\tname {n}" for n in range(80)))
    assert run(QUICK, "--data", str(book))[1][-1]["task"] == "own_text"
    status, rows, told = run(QUICK, "--data", str(lines))
    assert status == 0 and rows[-1]["baseline"] == pytest.approx(0.5, abs=0.5) and "Every line is a label" in told
    assert run(QUICK, "--data", str(lines), "--kind", "characters")[0] == 0


def test_a_short_table_gets_windows_that_fit(run, tmp_path: Path) -> None:
    short = tmp_path / "short.csv"
    short.write_text("x\n" + "\n".join(f"{math.sin(n):.3f}" for n in range(60)))
    assert run(QUICK, "--data", str(short))[0] == 0
    status, _, told = run(f"seq_len=30&{QUICK}", "--data", str(short))
    assert status == 2 and "Choose a window length (seq_len) of at most 12, or bring more rows." in told


def test_another_encoding_can_be_stated(run, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("höhe\n" + "\n".join(str(n * n % 31) for n in range(300)), encoding="cp1252")
    assert "not in utf-8" in run("", "--data", str(path))[2]
    assert run(QUICK, "--data", str(path), "--encoding", "cp1252")[0] == 0


@pytest.mark.parametrize(
    ("query", "options", "words"),
    [
        ("", ["--data", "{}", "--column", "tmp"], "The data have no column 'tmp'. Did you mean 'temp'?"),
        ("", ["--data", "{}", "--column", "sort"], "The column 'sort' is not numeric"),
        ("", ["--data", "{}", "--kind", "guess"], "kind is 'guess', but must be one of forecast, classification."),
        ("", ["--data", "{}", "--label", "sort", "--series-id", "none"], "The data have no column 'none'"),
        ("task=names", ["--data", "{}"], "task is 'names', but must be own_series for this file, or left out."),
        ("label=sort", ["--data", "{}", "--label", "sort"], "label is 'sort', but must be given once."),
        ("seq_len=4", ["--data", "{}"], "seq_len is '4', but must be a whole number from 5 to 100."),
        ("wings=2", ["--data", "{}"], "own_series has no setting 'wings'"),
        ("data=x", ["--data", "{}"], "data is 'x', but must be given once."),
        ("", ["--data", "{}", "--encoding", "rot13"], "'rot13' is no encoding that is read here"),
        ("", ["--data", "{}.none"], "cannot be read: No such file or directory."),
        ("", ["--data", "."], "cannot be read: Is a directory."),
        ("", ["--column", "temp"], "--column says what to read of a file, so it needs --data FILE."),
        ("", ["--series-id", "day"], "--series-id says what to read of a file, so it needs --data FILE."),
    ],
)
def test_bad_input_is_told_in_a_sentence(run, table: Path, query: str, options: list[str], words: str) -> None:
    status, rows, told = run(query, *(option.replace("{}", str(table)) for option in options))
    assert (status, rows) == (2, []) and words in told.splitlines()[-1], told


def test_a_text_has_no_columns(run, tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text("It was a dark and stormy night. " * 40)
    status, _, told = run(QUICK, "--data", str(book), "--label", "x")
    assert status == 2 and "--label names a column, and a text has none; a table's name ends in .csv or .tsv." in told


def test_a_bad_file_is_told(run, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\x1f\x8b\x08\x00")
    assert run("", "--data", str(path))[2] == (
        "rnn_explorer: The file is compressed (gzip), and compressed files are not read; unpack it first.\n"
    )
    path.write_bytes(b"1\n" * 4_000_000)
    assert "and the limit is 5 MB" in run("", "--data", str(path))[2]


def test_a_text_may_come_through_a_pipe(run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"It was a dark and stormy night. " * 40)))
    assert run(QUICK, "--data", "-")[0] == 0


@pytest.mark.parametrize("command", ["memory", "fixed-points"])
def test_a_model_of_ones_own_data_is_saved_and_asked(table: Path, tmp_path: Path, capsys, command: str) -> None:
    model, own = tmp_path / "model.safetensors", ["--data", str(table)]
    assert main(["train", QUICK, *own, "--column", "temp", "--save", str(model)]) == 0
    store.drop_all()  # as in another process
    capsys.readouterr()
    assert main([command, "--load", str(model), *own]) == 0
    loaded = json.loads(capsys.readouterr().out)
    assert main([command, QUICK, *own, "--column", "temp"]) == 0
    trained = json.loads(capsys.readouterr().out)
    for found in (loaded, trained):
        found.pop("experiment")  # an upload has another name each time
        found.pop("seconds", None)
    assert loaded == trained and loaded["step"] == 12


def test_a_model_of_ones_own_data_needs_them(table: Path, tmp_path: Path, capsys) -> None:
    model, book = tmp_path / "model.safetensors", tmp_path / "book.txt"
    book.write_text("It was a dark and stormy night. " * 40)
    assert main(["train", QUICK, "--data", str(table), "--column", "temp", "--save", str(model)]) == 0
    narrow = tmp_path / "narrow.csv"
    narrow.write_text("x\n" + "\n".join(f"{math.sin(n):.3f}" for n in range(400)))
    for options, words in [
        ([], "is a model of your own data, which it does not hold: give their file, too, as data."),
        (["--data", str(book)], "are for own_text: give the file that it was trained on."),
        (["--data", str(narrow)], "The data have no column 'temp'"),
        (["--data", str(table), "--column", "temp"], "--column says what to read of a file, and the model of --load"),
    ]:
        capsys.readouterr()
        assert main(["memory", "--load", str(model), *options]) == 2
        assert words in capsys.readouterr().err.splitlines()[-1]
    assert main(["train", "task=adding&seq_len=12&hidden_size=3&steps=2", "--save", str(model)]) == 0
    assert main(["memory", "--load", str(model), "--data", str(table)]) == 2
    assert "is a model of the task adding, which takes no data of your own." in capsys.readouterr().err


OPEN = "a;b\n" + "\n".join(f"{n % 7 + 1}.{n * 37 % 900 + 100};{n % 5}" for n in range(200))


def test_a_decimal_sign_is_demanded_where_nothing_decides(run, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(OPEN)
    status, rows, told = run(QUICK, "--data", str(path))
    assert (status, rows) == (2, []) and told.endswith(
        "nothing in the file says which. State its decimal sign: point or comma. "
        "Add --decimal point or --decimal comma.\n"
    )
    for sign in ("point", "comma"):
        status, rows, told = run(QUICK, "--data", str(path), "--decimal", sign, "--column", "a")
        assert status == 0 and f"The column 'a' is read with a decimal {sign}: 1.100 is " in told


def test_labels_are_kept_as_written(run, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y,k\n" + "\n".join(f"{n * n % 17},{n * n % 11},{('none', 'some')[n % 2]}" for n in range(80)))
    status, _, told = run(QUICK, "--data", str(path), "--label", "k")
    assert status == 2 and "choose labels as written (--labels-as-written)" in told and "one class only" in told
    status, _, told = run(QUICK, "--data", str(path), "--label", "k", "--labels-as-written")
    assert status == 0 and "In the column 'k', 'none' are kept as labels." in told


def test_a_table_of_another_name_is_read_as_one_when_told(run, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x\ty\n" + "\n".join(f"{n * n % 17}\t{n % 5}" for n in range(80)))
    assert "look like the rows of a table" in run(QUICK, "--data", str(path))[2]
    status, rows, _ = run(QUICK, "--data", str(path), "--form", "table", "--column", "x")
    assert status == 0 and rows[-1]["task"] == "own_series"


@pytest.mark.parametrize("option", [["--decimal", "point"], ["--labels-as-written"], ["--form", "table"]])
def test_options_on_reading_need_a_file(run, option: list[str]) -> None:
    assert f"{option[0]} says what to read of a file, so it needs --data FILE." in run("", *option)[2]


def test_sigterm_leaves_nothing_behind(table: Path, tmp_path: Path) -> None:
    before = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "rnn_explorer", "train", "steps=1000000", "--data", str(table), "--json"]
    with subprocess.Popen(words, env=before, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline().startswith(b"{")
        assert list(tmp_path.glob("rnn-explorer-uploads-*"))
        child.terminate()
        assert child.wait(60) == 128 + signal.SIGTERM
    assert not list(tmp_path.glob("rnn-explorer-uploads-*"))


@pytest.mark.long
def test_nothing_is_left_behind(table: Path, tmp_path: Path) -> None:
    before = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "rnn_explorer", "train", QUICK, "--data", str(table)]
    done = subprocess.run(words, env=before, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.glob("rnn-explorer-uploads-*"))
