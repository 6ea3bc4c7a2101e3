"""How the numbers of a column are written is decided by the whole column, and said; what is no number is named."""

from __future__ import annotations

import numpy as np
import pytest

from rnn_explorer.tasks.user_data.csv_file import Table
from rnn_explorer.tasks.user_data.limits import DataError, DecimalOpen
from rnn_explorer.tasks.user_data.number_format import read_cell, written
from rnn_explorer.tasks.user_data.reading import How, read


def table_of(text: str, **how: object) -> Table:
    found = read(text.encode(), "a.csv", how=How(**how))  # type: ignore[arg-type]
    assert isinstance(found, Table)
    return found


def column_of(text: str, name: str = "a", **how: object) -> list[float]:
    return table_of(text, **how).column(name).series().tolist()


def told_of(text: str, **how: object) -> str:
    return " ".join(table_of(text, **how).notes)


# -- thousands or decimals --------------------------------------------------------------------------------------

THOUSANDS = {
    "groups of three beside commas as the delimiter": ('a,b\n"999",1\n"1,234",2\n"1,500",3\n', [999, 1234, 1500]),
    "one cell has both signs": ('a,b\n"1,234.50",1\n"1,500",2\n', [1234.5, 1500]),
    "one cell has two groups": ("a;b\n1,500;1\n1,234,567;2\n", [1500, 1234567]),
    "one cell is too short for a group": ("a;b\n1,5;1\n1,234;2\n", [1.5, 1.234]),
    "one cell begins with 0": ("a;b\n0.123;1\n1.234;2\n", [0.123, 1.234]),
    "one cell has more than three digits before": ("a;b\n1234.567;1\n1.234;2\n", [1234.567, 1.234]),
    "a whole number has no groups": ("a;b\n12000;1\n1.234;2\n", [12000, 1.234]),
    "the other signs are decimal": ("a;b\n999;1,5\n1.234;2\n1.500;3\n", [999, 1234, 1500]),
    "the other signs are points": ("a;b\n999;1.5\n1.234;2\n1.500;3\n", [999, 1.234, 1.5]),
    "decimals of three digits in a plain CSV file": ("a,b\n1.234,1\n21.500,2\n", [1.234, 21.5]),
    "points separate the thousands of decimal commas": ("a;b\n1.234,5;1\n1.500;2\n", [1234.5, 1500]),
}


@pytest.mark.parametrize("case", THOUSANDS)
def test_the_whole_column_and_the_delimiter_decide(case: str) -> None:
    text, numbers = THOUSANDS[case]
    assert column_of(text) == numbers
    needs_no_remark = case in ("one cell begins with 0", "one cell has more than three digits before")
    assert ("The column 'a' is read with a decimal" in told_of(text)) != needs_no_remark


@pytest.mark.parametrize(
    "text", ["a;b\n999;1\n1.234;2\n1.500;3\n", "temp\n999\n1,234\n1,500\n", "a\tb\n1,234\t1\n2,345\t2\n"]
)
def test_what_nothing_decides_is_asked_and_the_answer_is_said(text: str) -> None:
    with pytest.raises(DecimalOpen, match=r"may be 1\.234 or 1234, and nothing in the file says which\. State its"):
        table_of(text)
    point, comma = (column_of(text, "temp" if "temp" in text else "a", decimal=sign) for sign in ("point", "comma"))
    row = 1 if "999" in text else 0
    assert {point[row], comma[row]} == {1.234, 1234.0}
    for sign in ("point", "comma"):
        assert f"is read with a decimal {sign}: " in told_of(text, decimal=sign)
        assert "as you stated" in told_of(text, decimal=sign)


def test_a_stated_sign_leaves_columns_alone_that_show_their_own() -> None:
    text = "a;b\n1.234;1,5\n1.500;2,5\n"
    assert column_of(text, "b", decimal="point") == [1.5, 2.5] and column_of(text, decimal="point") == [1.234, 1.5]
    with pytest.raises(DataError, match="'dot' is no decimal sign; say point or comma"):
        table_of(text, decimal="dot")


def test_the_decision_holds_across_batches() -> None:
    rows = [f"{number % 9 + 1}.{number % 900 + 100};{number}" for number in range(2_500)]
    assert column_of("\n".join(["a;b", *rows, "0.5;1"]))[0] == 1.1
    assert column_of("\n".join(["a;b", *rows, "0,5;1"]))[0] == 1100


# -- units, signs, groups ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0,5 %", 0.5), ("12%", 12), ("20 $", 20), ("$20", 20), ("-$20", -20), ("$-20", -20), ("€ 1.234,50", 1234.5),
        ("20 EUR", 20), ("CHF 1'200.50", 1200.5), ("−20", -20), ("–20", -20), ("1_200", 1200), ("1 234", 1234),
        ("1\u00a0234", 1234), ("1\u2009234\u2009567", 1234567), ("1\u202f234,5", 1234.5), ("1'234", 1234),
        ("1’234.567", 1234.567), ("−1 234,5 %", -1234.5),
    ],
)  # fmt: skip
def test_a_number_in_other_clothes_is_a_number_and_that_is_said(cell: str, value: float) -> None:
    said = read_cell(cell)
    assert said.is_number and value in (said.value, said.comma)
    text = f'a,b\n"{cell}",1\n"{cell.replace("2", "3").replace("0,5", "0,7")}",2\n"{cell}",3\n'
    assert column_of(text)[0] == value and "'a'" in told_of(text)


def test_units_are_named_and_not_mixed() -> None:
    assert "The column 'a' is in percent: 0,5 % is 0.5." in told_of('a,b\n"0,5 %",1\n"1,5 %",2\n')
    assert "The column 'a' is in $: 20 $ is 20." in told_of("a,b\n20 $,1\n30 $,2\n0,3\n")
    mixed = table_of("a,b\n5 %,1\n0.3,2\n")
    assert mixed.column("a").why == "line 2 says '5 %' and line 3 '0.3', which are different units."
    assert any("'a' is taken as text" in note for note in mixed.notes)
    with pytest.raises(DataError, match="different units"):
        mixed.column("a").series()


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (("0xc8", "0xc9"), "hexadecimal numbers are not read, so write them with the digits 0 to 9"),
        (("TRUE", "FALSE"), "it can be a label, and for numbers write 1 and 0"),
        (("20 kg", "21 kg"), "line 2 says '20 kg' and 1 other cell are no numbers"),
        (("<5", "7"), "line 2 says '<5'"),
        (("12:30", "12:45"), "line 2 says '12:30'"),
        (("(20)", "(30)"), "line 2 says '(20)'"),
        (("1_2", "3_4"), "line 2 says '1_2'"),
    ],
)
def test_a_column_that_was_plausibly_meant_as_numbers_is_named_with_its_reason(
    cells: tuple[str, str], words: str
) -> None:
    told = told_of(f"a,b\n{cells[0]},1\n{cells[1]},2\n")
    assert "The column 'a' is taken as text: " in told and words in told


def test_plain_words_need_no_remark() -> None:
    assert told_of("a,b\nred,1\nblue,2\n") == "The columns are separated by commas."


# -- constants, outliers ----------------------------------------------------------------------------------------


def test_small_differences_are_no_constant() -> None:
    assert table_of("a,b\n1e-170,1\n2e-170,2\n").kinds["a"] == "numeric"
    text = "a,b\n" + "".join(f"{10**15 + n},{n}\n" for n in range(7))
    assert table_of(text).kinds["a"] == "numeric"
    assert len(set(table_of(text).column("a").names()[1])) == 7, "as labels they have names of their own"
    assert written(10.0**15 + 1) == "1000000000000001" and written(0.1 + 0.2) != written(0.3)


def test_outliers_are_named_with_their_lines() -> None:
    table = table_of("a,b\n1,1\n\n1e31,3\n1e40,5\n2,6\n")
    assert any("beyond 1e+30 in lines 4 and 5, which no model can read" in note for note in table.notes)
    with pytest.raises(DataError, match=r"as large as 1e\+40, and the limit is 1e\+30 \(lines 4 and 5\)"):
        table.column("a").series()


# -- gaps and labels --------------------------------------------------------------------------------------------


def test_gaps_and_blank_lines_are_told_by_line() -> None:
    told = told_of("a,b\n1,2\n\n,3\n4,5\n\n\n5,6\n?,7\n\n")
    assert "3 blank lines are left out, lines 3, 6 and 7: the rows around them" in told
    assert "The column 'a' has no value in 2 rows of 5: lines 4 and 9." in told
    assert "lines 3, 5, 7 and 1 more." in told_of("a,b\n1,1\n,1\n2,1\n,1\n1,1\n,1\n3,1\n,1\n5,2\n")


@pytest.mark.parametrize("word", ["NA", "none", "-", "?", "inf", "−"])
def test_labels_that_look_like_nothing_are_told_and_can_be_kept(word: str) -> None:
    text = f"k,x\n{word},1\nyes,2\n{word},3\nno,4\n"
    codes, names = table_of(text).column("k").names()
    assert names == ("yes", "no") and codes.tolist() == [-1, 0, -1, 1]
    assert f"no value in 2 rows of 4: lines 2 and 4; '{word}' in it count as no value" in told_of(text)
    codes, names = table_of(text, as_written=True).column("k").names()
    assert names == (word, "yes", "no") and codes.tolist() == [0, 1, 0, 2]
    assert f"'{word}' are kept as labels" in told_of(text, as_written=True)


def test_words_beside_numbers_are_kept_as_labels_and_the_numbers_stay() -> None:
    table = table_of("k,x\n1,1\n2,2\n?,3\n,4\n", as_written=True)
    codes, names = table.column("k").names()
    assert names == ("1", "2", "?") and codes.tolist() == [0, 1, 2, -1]
    np.testing.assert_array_equal(table.column("k").series(), [1, 2, np.nan, np.nan])


@pytest.mark.parametrize("many", [0, 1_500])
def test_01_and_1_are_two_classes(many: int) -> None:
    table = table_of("k,x\n" + "1,0\n" * many + "01,1\n1,2\n01,3\n1.0,4\n")
    codes, names = table.column("k").names()
    assert set(names) == {"01", "1"} and [names[code] for code in codes[many:]] == ["01", "1", "01", "1"]
    assert any("as labels they stay as written" in note for note in table.notes)
    assert table.columns["k"].numbers.tolist()[many:] == [1, 1, 1, 1]


# -- quotes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('a,b\n1,2\n"3,4\n5,6\n', 'The quote (") that is opened in line 3 is never closed.'),
        ('a,b\n1,"x"\n3,"y\n5,6', 'The quote (") that is opened in line 3 is never closed.'),
        ('a,b\n1,2\n"p\nq","r\ns\n', 'The quote (") that is opened in line 4 is never closed.'),
        ('a,b\n1,2\n"3,4\n5,"6\n', 'A quote (") that is opened there is closed in line 4 only'),
        ('a,b\n"1,' + "2\n" * 600 + '",3\n', "a cell of more than 1,000 characters, which is the limit, from a quote"),
    ],
)
def test_a_quote_left_open_is_named_with_its_line(text: str, words: str) -> None:
    with pytest.raises(DataError) as caught:
        table_of(text)
    assert words in str(caught.value)


def test_a_quote_in_the_last_cell_that_is_closed_is_no_fault() -> None:
    assert table_of('a,b\n1,"x\ny"').column("b").names()[1] == ("x y",)
