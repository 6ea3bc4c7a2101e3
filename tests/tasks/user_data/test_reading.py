"""Files of every kind, good and bad: each is read as it is meant, or refused with a sentence that says what to do."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import math
import pickle
import random
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnn_explorer.tasks.user_data.column import Column, check_classes
from rnn_explorer.tasks.user_data.csv_file import Table
from rnn_explorer.tasks.user_data.limits import (
    DECIMALS,
    ENCODINGS,
    MAX_BYTES,
    MAX_COLUMNS,
    MAX_ROWS,
    DataError,
    listed,
    quoted,
)
from rnn_explorer.tasks.user_data.number_format import is_formula, read_cell, written
from rnn_explorer.tasks.user_data.reading import FORMS, How, decode, is_table, read
from rnn_explorer.tasks.user_data.text_file import Text

SOME = b"time,temp\n1,20.5\n2,21\n3,19.25\n"


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.csv", SOME)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("a.csv")
        info.size = len(SOME)
        archive.addfile(info, io.BytesIO(SOME))
    return file.getvalue()


def wide(columns: int, cell: bytes = b"1") -> bytes:
    names = b",".join(b"c%d" % number for number in range(columns))
    return names + b"\n" + b",".join([cell] * columns) + b"\n"


# name of the case: (bytes, what the sentence says)
NO_FILES = {
    "nothing": (b"", "The file is empty (0 bytes)."),
    "blanks": (b" \n\t\r\n  ", "The file holds nothing but blanks."),
    "only a byte order mark": (b"\xef\xbb\xbf", "nothing but blanks"),
    "too large": (b"1\n" * (MAX_BYTES // 2 + 1), "The file has 5.0 MB, and the limit is 5 MB; keep a part of it."),
    "gzip": (gzip.compress(SOME), "The file is compressed (gzip), and compressed files are not read; unpack it first."),
    "a gzip bomb": (gzip.compress(b"0" * 10_000_000), "compressed (gzip)"),
    "bzip2": (bz2.compress(SOME), "compressed (bzip2)"),
    "xz": (lzma.compress(SOME), "compressed (xz)"),
    "lzma": (lzma.compress(SOME, format=lzma.FORMAT_ALONE), "compressed (lzma)"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x00" + SOME, "compressed (zstd)"),
    "7z": (b"7z\xbc\xaf\x27\x1c\x00\x04", "compressed (7z)"),
    "rar": (b"Rar!\x1a\x07\x01\x00", "compressed (rar)"),
    "zip, or Excel": (zipped(), "a zip archive, which may be an Excel or OpenDocument table"),
    "tar": (tarred(), "The file is a tar archive"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "an old Excel or Word file"),
    "PDF": (b"%PDF-1.7\n1 0 obj\n", "The file is a PDF document, not plain text; save it as CSV or as plain text."),
    "PNG": (b"\x89PNG\r\n\x1a\n" + bytes(20), "a PNG image"),
    "Parquet": (b"PAR1" + bytes(20), "a Parquet file"),
    "SQLite": (b"SQLite format 3\x00" + bytes(20), "an SQLite database"),
    "a pickle": (pickle.dumps({"a": 1}, protocol=4), "a Python pickle"),
    "a program": (b"\x7fELF\x02\x01\x01" + bytes(20), "The file is a program"),
    "a NUL byte": (b"a,b\n1,\x002\n", "holds a NUL byte (byte 7), so it is binary and no plain text"),
    "utf-16 unsaid": ("a,b\n1,2\n".encode("utf-16"), "is in utf-16, by its first bytes; state that encoding"),
    "utf-16 without its mark": ("a,b\n1,2\n".encode("utf-16-le"), "if it is in utf-16, state that encoding"),
    "latin-1 unsaid": ("a,b\n1,é\n".encode("latin-1"), "not in utf-8: byte 7, in line 2, does not fit"),
    "random bytes": (random.Random(1).randbytes(4000).replace(b"\x00", b""), "not in utf-8"),
    "control characters": (b"a,b\n1,\x1b[31m2\n", "a control character (code 27, in line 2)"),
}
NO_TABLES = {
    "header only": (b"time,temp\n", "a row of column names and nothing below it; add rows of values."),
    "header and blank lines": (b"time,temp\n\n\n", "nothing below it"),
    "header and empty cells": (b"time,temp\n,\n,\n", "nothing below it"),
    "names that are all empty": (b",,,\n1,2,3,4\n", "The first row is empty cells only"),
    "two columns of one name": (b"a,b,a\n1,2,3\n", "Two columns are called 'a': columns 1 and 3."),
    "a name like a made-up one": (b"column 2,\n1,2\n", "Two columns are called 'column 2'"),
    "an endless name": (b"x" * 81 + b",b\n1,2\n", "Column 1 has a name of 81 characters, and the limit is 80."),
    "a row too short": (b"a,b,c\n1,2,3\n4,5\n6,7,8\n", "Line 3 has 2 cells, but the first row names 3 columns."),
    "a row too long": (b"a,b\n1,2\n3,4,5\n6,7\n", "Line 3 has 3 cells, but the first row names 2 columns."),
    "a title above": (b"my table\na,b\n1,2\n3,4\n", "a title or a remark above the names must go"),
    "201 columns": (wide(201), "The file has 201 columns, and the limit is 200; leave some out."),
    "200,000 columns": (wide(200_000), "Line 1 has 200,000 columns, and the limit is 200; leave some out."),
    "200,000 empty columns": (b"," * 200_000, "Line 1 has 200,001 columns, and the limit is 200; leave some out."),
    "too many rows": (b"a\n" + b"1\n" * (MAX_ROWS + 1), "The file has more than 100,000 rows, which is the limit"),
    "a quote never closed": (
        b'a,b\n"1,2\n' + b"3,4\n" * 40_000,
        "A quote may have been opened there and never closed.",
    ),
    "a quoted-newline bomb": (
        b'a,b\n1,"' + b"\n" * 1_000_000 + b'"\n',
        "The row that begins in line 2 has more than 100,",
    ),
    "cells full of newlines": (b"a,b\n" + b'"\n",' * 200_000, "The row that begins in line 2"),
    "an enormous field": (
        b"a,b\n1," + b"x" * 4_000_000,
        "The row that begins in line 2 has more than 100,000 characters",
    ),
    "a long cell": (b"a,b\n1," + b"x" * 1_001 + b"\n", "Line 2 has a cell of more than 1,000 characters"),
    "a strange sep": (b"sep=!\na!b\n1!2\n", "says sep=!, but columns may be separated by commas, semicolons, tabs or"),
    "ragged below a sep line": (b"sep=;\na;b\n1;2\n3\n", "Line 4 has 1 cell, but the first row names 2 columns."),
    "one line and no end": (b"x" * 3_000_000, "The row that begins in line 1 has more than 100,000 characters"),
}


def refusal(data: bytes, name: str, encoding: str = "utf-8") -> str:
    with pytest.raises(DataError) as caught:
        read(data, name, encoding)
    return str(caught.value)


def is_sentence(text: str) -> bool:
    return (
        (text[0].isupper() or text[0].isdigit())
        and text[-1] in ".?"
        and "\n" not in text
        and len(text) < 400
        and text.isprintable()
    )


@pytest.mark.parametrize("name", ["a.csv", "a.txt"])
@pytest.mark.parametrize("case", NO_FILES)
def test_what_is_no_text_is_refused_with_a_sentence(case: str, name: str) -> None:
    data, words = NO_FILES[case]
    told = refusal(data, name)
    assert words in told and is_sentence(told), told


@pytest.mark.parametrize("case", NO_TABLES)
def test_what_is_no_table_is_refused_with_a_sentence(case: str) -> None:
    data, words = NO_TABLES[case]
    told = refusal(data, "a.csv")
    assert words in told and is_sentence(told), told


def test_there_are_enough_bad_files() -> None:
    assert len(NO_FILES) + len(NO_TABLES) >= 40


@pytest.mark.parametrize("codec", ["zip", "unicode_escape", "idna", "punycode", "rot13", "", "utf-99", "base64"])
def test_only_plain_encodings_are_used(codec: str) -> None:
    assert "is no encoding that is read here" in refusal(SOME, "a.csv", codec)


def test_a_wrong_encoding_is_told() -> None:
    assert "not in utf-16" in refusal(b"abc", "a.txt", "utf-16")
    assert "not in shift_jis" in refusal(b"a\xff\xffb", "a.txt", "shift_jis")


def test_the_limits_themselves_are_allowed() -> None:
    table = read(b"a\n" + b"1\n2\n" * (MAX_ROWS // 2), "a.csv")
    assert isinstance(table, Table) and table.rows == MAX_ROWS
    table = read(wide(MAX_COLUMNS), "a.csv")
    assert isinstance(table, Table) and len(table.columns) == MAX_COLUMNS
    assert isinstance(read(b"x" * MAX_BYTES, "a.txt"), Text)


# -- good tables ------------------------------------------------------------------------------------------------

GOOD = {
    "commas": b'time,temp,note\n1,1.5,a\n2,2.5,"b, c"\n3,-4e1,d\n',
    "semicolons": b"time;temp;note\n1;1.5;a\n2;2.5;b, c\n3;-40;d\n",
    "semicolons and decimal commas": b"time;temp;note\n1;1,5;a\n2;2,5;b, c\n3;-40,0;d\n",
    "tabs": b"time\ttemp\tnote\n1\t1.5\ta\n2\t2.5\tb, c\n3\t-40\td\n",
    "vertical bars": b"time|temp|note\n1|1.5|a\n2|2.5|b, c\n3|-40|d\n",
    "said in line 1": b"sep=;\r\ntime;temp;note\r\n1;1.5;a\r\n2;2.5;b, c\r\n3;-40;d\r\n",
    "everything in quotes": b'"time","temp","note"\n"1","1.5","a"\n"2","2.5","b, c"\n"3","-40","d"\n',
    "quotes and decimal commas": b'time,temp,note\n1,"1,5",a\n2,"2,5","b, c"\n3,"-40,0",d\n',
    "Windows": b'time,temp,note\r\n1,1.5,a\r\n2,2.5,"b, c"\r\n3,-40,d\r\n',
    "old Mac": b'time,temp,note\r1,1.5,a\r2,2.5,"b, c"\r3,-40,d\r',
    "no newline at the end": b'time,temp,note\n1,1.5,a\n2,2.5,"b, c"\n3,-40,d',
    "byte order mark": b'\xef\xbb\xbftime,temp,note\n1,1.5,a\n2,2.5,"b, c"\n3,-40,d\n',
    "spaces around": b'time , temp , note\n 1, 1.5 ,a\n 2 ,2.5, "b, c"\n3, -40 ,d \n',
    "blank lines": b'\ntime,temp,note\n\n1,1.5,a\n2,2.5,"b, c"\n\n\n3,-40,d\n\n',
    "a comma too many": b'time,temp,note\n1,1.5,a,\n2,2.5,"b, c",\n3,-40,d,,\n',
    "DOS end": b'time,temp,note\r\n1,1.5,a\r\n2,2.5,"b, c"\r\n3,-40,d\r\n\x1a',
}


@pytest.mark.parametrize("case", GOOD)
def test_a_table_of_any_dialect_is_read_the_same(case: str) -> None:
    table = read(GOOD[case], "here/my data.csv")
    assert isinstance(table, Table)
    assert table.name == "my data.csv" and table.rows == 3 and list(table.columns) == ["time", "temp", "note"]
    assert table.kinds == {"time": "numeric", "temp": "numeric", "note": "text"}
    assert table.column("time").series().tolist() == [1, 2, 3]
    assert table.column("temp").series().tolist() == [1.5, 2.5, -40]
    codes, names = table.column("note").names()
    assert [names[code] for code in codes] == ["a", "b, c", "d"]
    assert table.preview(1)[0]["note"] == "a" and len(table.preview()) == 3
    assert all(is_sentence(note) for note in table.notes), table.notes


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_can_be_stated(encoding: str) -> None:
    letter = {
        "cp1251": "ж",
        "koi8-r": "ж",
        "shift_jis": "あ",
        "gb18030": "中",
        "big5": "中",
        "euc-kr": "가",
        "cp1250": "č",
    }
    sign = letter.get(encoding, "é")
    table = read(f"{sign},b\n1,2\n".encode(encoding), "a.csv", encoding.upper())
    assert isinstance(table, Table) and list(table.columns) == [sign, "b"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a;b\n1;2\n", "The columns are separated by semicolons."),
        (b"sep=;\na;b\n1;2\n", "The columns are separated by semicolons, as line 1 says."),
        (b"temp\n1\n2\n", "There is one column."),
        (
            b"1,2\n3,4\n5,6\n",
            "The first row holds numbers, not names, so it counts as data, and the columns are called",
        ),
        (b",b\n1,2\n2,3\n", "Column 1 has no name, so it is called 'column 1'."),
        (b"a,b\n1,2\n2,3\n,\n,\n\n", "2 rows without any value at the end are left out: lines 4 and 5."),
        (b"a,b\n1,2\n,\n3,4\n", "The column 'a' has no value in 1 row of 3: line 3."),
        (b"a\n1\n\n3\n\n", "The column 'a' has no value in 1 row of 3: line 3."),
        (b"a,b\n1,2\nNA,4\n-,5\n3,n/a\n", "The column 'a' has no value in 2 rows of 4: lines 3 and 4."),
        (
            b"a,b\n1,2\ninf,4\n-Infinity,5\n1e999,3\n",
            "The column 'a' is infinite in 3 rows, which count as missing: the first is line 3.",
        ),
        (b"a,b\n5,2\n5.0,4\n5,5\n", "The column 'a' is constant."),
        (b"a,b\n,2\n,4\n", "The column 'a' is empty."),
        (b"a;b\n1,5;2\n1.234,5;4\n", "The column 'a' is read with a decimal comma: 1,5 is 1.5."),
        (b"a,b\n=SUM(B1:B3),2\n3,4\n", "looks like a formula in line 2 ('=SUM(B1:B3)'); it is taken as text and never"),
        (b"a,b\n1,2\n2,3\n3,x7\n4,5\n", "The column 'b' is taken as text: line 4 says 'x7'."),
        (b"d,b\n2020-01-01,2\n2020-01-02,3\n", "The column 'd' holds dates, which are not read"),
        (b"d,b\n2020-01-03,2\n2020-01-02,3\n", "They go back in time: sort the file"),
        (b"d,b\n3.1.2020,2\n4.1.2020,3\n", "The column 'd' holds dates"),
    ],
)
def test_what_is_usable_but_odd_is_told(data: bytes, words: str) -> None:
    table = read(data, "a.csv")
    assert isinstance(table, Table)
    assert any(words in note for note in table.notes), table.notes
    assert all(is_sentence(note) for note in table.notes), table.notes


def test_there_is_an_end_to_remarks() -> None:
    table = read(wide(150), "a.csv")
    assert isinstance(table, Table) and len(table.notes) == 31
    assert table.notes[-1] == "There are 121 more remarks like these."


def test_a_single_column_with_decimal_commas_is_not_cut() -> None:
    table = read(b"temp\n1,5\n2,5\n-3,25\n", "a.csv")
    assert isinstance(table, Table) and table.column("temp").series().tolist() == [1.5, 2.5, -3.25]


def test_gaps_are_counted_and_named() -> None:
    table = read(b"a,b\n1,x\n,y\n3,\n", "a.csv")
    assert isinstance(table, Table)
    assert table.kinds == {"a": "numeric with gaps", "b": "text with gaps"}
    assert np.isnan(table.columns["a"].numbers).tolist() == [False, True, False]
    assert table.column("b").names()[0].tolist() == [0, 1, -1]


@pytest.mark.parametrize(
    ("data", "column", "words"),
    [
        (b"a,b\n1,2\n2,3\n3,x7\n", "b", "The column 'b' is not numeric: line 4 says 'x7'. Correct the file, or choose"),
        (b"a,b\n1,p\n2,q\n3,r\n", "b", "line 2 says 'p' and 2 other cells are no numbers."),
        (b"a,b\n1,2\n2,=A1*2\n", "b", "line 3 says '=A1*2', a formula, which is not computed here"),
        (b"a;b\n1,5;2\n1.5;3\n", "a", "numbers with a decimal comma (1,5) and with a decimal point (1.5)"),
        (b"a,b\n1,7\n2,7\n", "b", "The column 'b' is constant (always 7), so there is nothing to learn; drop it."),
        (b"a,b\n1,\n2,NA\n", "b", "The column 'b' is empty; choose another one."),
        (b"a,b\n1,1e31\n2,3\n", "b", "The column 'b' holds numbers as large as 1e+31, and the limit is 1e+30"),
        (
            b"temperature,b\n1,2\n2,3\n",
            "temprature",
            "no column 'temprature'. Did you mean 'temperature'? There are: 't",
        ),
        (b"a,b\n1,12 kg\n2,13 kg\n", "b", "line 2 says '12 kg'"),
    ],
)
def test_a_column_that_is_no_series_says_why(data: bytes, column: str, words: str) -> None:
    table = read(data, "a.csv")
    assert isinstance(table, Table)
    with pytest.raises(DataError) as caught:
        table.column(column).series()
    assert words in str(caught.value) and is_sentence(str(caught.value)), caught.value


def test_numbers_are_labels_in_one_way_of_writing() -> None:
    table = read(b"k,m\n2,1\n1.0,2\n2.00,x\n,1.0\n", "a.csv")
    assert isinstance(table, Table)
    codes, names = table.column("k").names()
    assert names == ("1", "2") and codes.tolist() == [1, 0, 1, -1]
    codes, names = table.column("m").names()  # a text column from its third row on
    assert [names[code] for code in codes] == ["1", "2", "x", "1"]


def test_numbers_that_would_be_mixed_up_are_no_labels() -> None:
    table = read(b"id,b\n12345678901234567890,1\n12345678901234567891,2\n", "a.csv")
    assert isinstance(table, Table)
    with pytest.raises(DataError, match="more than 15 digits"):
        table.column("id").names()


def test_a_text_column_is_found_after_many_numeric_rows() -> None:
    rows = [f"{number},{number % 7}" for number in range(2_500)]
    table = read("\n".join(["a,b", *rows, "x,1"]).encode(), "a.csv")
    assert isinstance(table, Table)
    column = table.column("a")
    codes, names = column.names()
    assert (
        column.kind == "text"
        and names[codes[0]] == "0"
        and names[codes[2_499]] == "2499"
        and names[codes[2_500]] == "x"
    )
    assert column.why == "line 2502 says 'x'."


def test_too_many_texts_are_given_up_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rnn_explorer.tasks.user_data.builder.MAX_TEXTS", 50)
    rows = [f"a{number},{'yes' if number % 2 else 'no'}" for number in range(2_000)]
    table = read("\n".join(["id,b", *rows]).encode(), "a.csv")
    assert isinstance(table, Table)
    with pytest.raises(DataError, match="too many different texts"):
        table.column("id").names()
    assert table.column("b").names()[1] == ("no", "yes")


def test_classes_are_at_least_two_and_at_most_a_hundred() -> None:
    check_classes(["a", "b"], "x")
    check_classes([str(n) for n in range(100)], "x")
    with pytest.raises(DataError, match=r"^It holds one class only \('a'\); two are needed\.$"):
        check_classes(["a"], "It")
    with pytest.raises(DataError, match="holds 101 different values, and the limit is 100 classes"):
        check_classes([str(n) for n in range(101)], "It")


def test_nothing_of_a_name_can_break_a_sentence() -> None:
    table = read(b'"a\nb","<b>c</b>"\n1,2\n2,3\n', "../../etc/a\n.csv")
    assert isinstance(table, Table)
    assert list(table.columns) == ["a b", "<b>c</b>"] and table.name == "a.csv"
    assert quoted("x" * 100) == "'" + "x" * 39 + "…'" and quoted("a\nb") == "'a b'"
    assert listed([str(n) for n in range(20)]).endswith("'11' and 8 more")


# -- cells ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "value", "kind"),
    [
        ("3", 3, "whole"), ("-07", -7, "whole"), ("+2", 2, "whole"), ("1.5", 1.5, "point"), (".5", 0.5, "point"),
        ("5.", 5, "point"), ("1e-3", 0.001, "point"), ("1,5", 1.5, "comma"), (",5", 0.5, "comma"),
        ("1.234,5", 1234.5, "comma"), ("1,234", 1234, "open"), ("1.234", 1.234, "open"), ("1,234.5", 1234.5, "point"),
        ("1,234,567", 1234567, "point"), ("-1,234,567.5", -1234567.5, "point"), ("1,5e3", 1500, "comma"),
    ],
)  # fmt: skip
def test_numbers(cell: str, value: float, kind: str) -> None:
    assert read_cell(cell)[:2] == (value, kind)


@pytest.mark.parametrize("cell", ["", "NA", "n/a", "NaN", "null", "None", "-", "?", ".", "#N/A", "#DIV/0!"])
def test_missing_values(cell: str) -> None:
    assert read_cell(cell).kind == "missing" and math.isnan(read_cell(cell).value)


@pytest.mark.parametrize(
    "cell",
    ["1_00", "٣", "0x10", "1 2", "1.2.3", "12,34,5", "e5", "=1+1", "1-2", "5%%", "%5", "3 kg", "--1", "9" * 61, "1e"],
)
def test_texts(cell: str) -> None:
    assert read_cell(cell).kind == "text"


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "1e999", "-1e400", "∞"])
def test_infinities(cell: str) -> None:
    assert read_cell(cell).kind == "infinite" and math.isnan(read_cell(cell).value)


def test_formulas_are_known_by_their_beginning() -> None:
    assert all(map(is_formula, ["=1", "@x", "+A1", "-B2"])) and not any(map(is_formula, ["a=1", "", "x"]))
    assert written(3.0) == "3" and written(0.1) == "0.1" and written(-2e20) == "-2e+20"


@given(st.text(max_size=12))
def test_any_cell_is_something(cell: str) -> None:
    said = read_cell(cell)
    assert math.isfinite(said.value) == math.isfinite(said.comma) == said.is_number
    assert said.is_number == (said.kind in ("whole", "point", "comma", "open"))


# -- texts ------------------------------------------------------------------------------------------------------


def test_prose_is_for_a_character_model() -> None:
    text = read("Es war einmal\r\nein König.\r".encode(), "märchen.txt")
    assert isinstance(text, Text)
    assert (text.kind, text.content, text.name) == ("characters", "Es war einmal\nein König.\n", "märchen.txt")
    assert text.alphabet == tuple(sorted(set(text.content))) and text.preview() == ["Es war einmal", "ein König."]
    assert text.notes == ("25 characters, 16 of them different.",)


def test_labeled_lines_are_recognized_and_repetitions_counted() -> None:
    text = read(b"yes\tgood \nno\tbad\n\nyes\tgood\nyes\tso so\n", "a.txt")
    assert isinstance(text, Text) and text.kind == "labels"
    assert text.pairs() == ([("yes", "good"), ("no", "bad"), ("yes", "so so")], 1)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"yes\tgood\nno bad\n", "Line 2 has no tab: 'no bad'."),
        (b"yes\tgood\n\tbad\n", "Line 2 has no label before its tab"),
        (b"yes\tgood\nno\t \n", "Line 2 has no text after its tab"),
        (b"x" * 81 + b"\tgood\n", "The label in line 1 has 81 characters, and the limit is 80."),
        (b"a\tb\n" * 100_001, "The file has more than 100,000 lines"),
    ],
)
def test_lines_without_a_label_are_told(content: bytes, words: str) -> None:
    text = read(content, "a.txt")
    assert isinstance(text, Text)
    with pytest.raises(DataError) as caught:
        text.pairs()
    assert words in str(caught.value) and is_sentence(str(caught.value))


@pytest.mark.parametrize("count", [100, 101, 150, 3000])
def test_more_labels_than_a_model_learns_are_said_before_a_character_model_is_trained(count: int) -> None:
    lines = "".join(f"label {number % count}\ttext {number}\n" for number in range(max(2 * count, 6000)))
    text = read(lines.encode(), "a.txt")
    assert isinstance(text, Text)
    if count == 100:
        assert text.kind == "labels"
        return
    assert text.kind == "characters"
    assert (
        f"there are {count:,} different labels and the limit is 100; so it is taken for a model of its" in text.notes[0]
    )


@pytest.mark.parametrize(
    "content", [b"t,temp\n1,2.5\n2,3.5\n3,4.5\n4,2\n", b"a;b\n1;x\n2;y\n3;z\n", b"1\t2\n3\t4\n5\t6\n7\t8\n"]
)
def test_a_table_of_another_name_is_noticed_and_can_be_read_as_one(content: bytes) -> None:
    text = read(content, "a.txt")
    assert isinstance(text, Text) and text.notes[0].startswith("The lines look like the rows of a table; it is read as")
    assert isinstance(read(content, "a.txt", how=How(form="table")), Table)
    text = read(content, "a.csv", how=How(form="text"))
    assert isinstance(text, Text) and not any("look like" in note for note in text.notes)
    with pytest.raises(DataError, match="not as 'picture'"):
        read(content, "a.txt", how=How(form="picture"))


@pytest.mark.parametrize(
    "content", [b"Yes, it was.\nNo, it was not.\nSo, we go.\nOh, well.\n", b"yes\tgood\nno\tbad\nyes\tso\n"]
)
def test_prose_and_labeled_lines_are_no_table(content: bytes) -> None:
    text = read(content, "a.txt")
    assert isinstance(text, Text) and not any("look like the rows" in note for note in text.notes)


def test_prose_with_tabs_and_lines_of_names_are_no_labels() -> None:
    many = "".join(f"name {number}\tsomething\n" for number in range(500))
    for content in ("\tindented\ntext\n", "no tab at all\n", many):
        text = read(content.encode(), "a.txt")
        assert isinstance(text, Text) and text.kind == "characters"


@pytest.mark.parametrize(
    ("name", "expected"), [("a.csv", True), ("A.TSV", True), ("a.tab", True), ("a.txt", False), ("csv", False)]
)
def test_the_name_says_what_a_file_is(name: str, expected: bool) -> None:
    assert is_table(name) is expected


# -- anything ---------------------------------------------------------------------------------------------------

WORDS = (
    "a b,c 1 2.5 , ; | \" ' =1+1 NA inf - é 1,5 1.234,5 1.234 1,234"
    " 5% €3 −2 1'234 01 TRUE ? 1.2.2020 20200101 2020-01-01 1e999 \u2028 \ud7ff sep=;\n label\ttext\n"
)
PIECES = st.sampled_from(
    [*(word.encode() for word in WORDS.split(" ")), b" ", b"\t", b"\n", b"\r\n", b"\r", b"\x00", b"\xe9", b"\x1f\x8b"]
)


@given(
    st.one_of(st.binary(max_size=400), st.lists(PIECES, max_size=60).map(b"".join)),
    st.sampled_from(["a.csv", "a.txt", "a.tsv", ""]),
    st.builds(How, st.sampled_from(ENCODINGS), st.sampled_from(DECIMALS), st.booleans(), st.sampled_from(("", *FORMS))),
)
def test_any_bytes_are_read_or_refused(data: bytes, name: str, how: How) -> None:
    try:
        found = read(data, name, how=how)
    except DataError as error:
        assert is_sentence(str(error)), str(error)
        return
    if isinstance(found, Text):
        assert found.content and "\r" not in found.content
        return
    assert found.rows >= 1 and found.columns
    for column in found.columns.values():
        assert column.numbers.shape == (found.rows,) and column.kind in ("numeric", "text", "constant", "empty")
        for ask in (Column.series, Column.names):
            try:
                ask(column)
            except DataError as error:
                assert is_sentence(str(error)), str(error)
    assert all(is_sentence(note) for note in found.notes), found.notes


CELLS = st.one_of(
    st.floats(-1e6, 1e6).map(repr), st.integers(-1000, 1000).map(str), st.text('abcxyz é,;"\n', min_size=1, max_size=8)
)


@given(st.data(), st.sampled_from(",;\t|"))
def test_a_table_that_python_writes_is_read_back(data: st.DataObject, delimiter: str) -> None:
    width = data.draw(st.integers(2, 4))
    rows = data.draw(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=width, max_size=width), min_size=1, max_size=20))
    file = io.StringIO()
    writer = csv.writer(
        file, delimiter=delimiter, quoting=data.draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
    )
    writer.writerows([[f"column {chr(97 + number)}" for number in range(width)], *rows])
    table = read(file.getvalue().encode(), "a.csv", how=How(decimal="point"))  # 1.125 alone could be a thousand
    assert isinstance(table, Table)
    found = np.stack([column.numbers for column in table.columns.values()], axis=1)
    np.testing.assert_array_equal(found, np.array(rows))


def test_decoding_keeps_every_character() -> None:
    text = "ab\tc\n äöü \U0001f600 \u2028"
    assert decode(text.encode()) == text and decode(text.encode("utf-16"), "utf-16") == text
