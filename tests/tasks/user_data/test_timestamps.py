"""Points in time in any common format, and what is said where they are not in order."""

from __future__ import annotations

import datetime

import numpy as np
import pytest

from rnn_explorer.tasks.user_data.csv_file import Table
from rnn_explorer.tasks.user_data.reading import read
from rnn_explorer.tasks.user_data.timestamps import parse_timestamps

DAY = 86400.0
FORMS = {
    "ISO": "%Y-%m-%d", "ISO with T": "%Y-%m-%dT%H:%M:%S", "ISO with a space": "%Y-%m-%d %H:%M", "y/m/d": "%Y/%m/%d",
    "d.m.y": "%d.%m.%Y", "d/m/y": "%d/%m/%Y", "m/d/y": "%m/%d/%Y", "d.m.y of two digits": "%d.%m.%y %H:%M",
    "01 Jan 2024": "%d %b %Y", "1 January": "%d %B %Y", "Jan 1, 2024": "%b %d, %Y", "01-Jan-24": "%d-%b-%y",
    "20240101": "%Y%m%d", "weekday": "%a, %d %b %Y %H:%M:%S", "am and pm": "%m/%d/%Y %I:%M:%S %p",
    "zone": "%Y-%m-%dT%H:%MZ",
}  # fmt: skip


def seconds(texts: list[str]) -> list[float]:
    found = parse_timestamps(texts)
    assert found is not None
    return found.tolist()


@pytest.mark.parametrize("form", FORMS)
def test_common_formats_are_read(form: str) -> None:
    start = datetime.datetime(2024, 1, 5, 12, tzinfo=datetime.UTC)
    days = [start + datetime.timedelta(days=number) for number in range(60)]
    found = np.array(seconds([day.strftime(FORMS[form]) for day in days]))
    assert (np.diff(found) == DAY).all()
    assert found[0] // DAY == start.timestamp() // DAY


def test_zones_fractions_and_gaps() -> None:
    one, other, gap = seconds(["2024-01-01T12:00:00.5+01:00", "2024-01-01 11:00:00.5Z", ""])
    assert one == other and np.isnan(gap)
    assert seconds(["2024-01", "2024-02"])[1] - seconds(["2024-01"])[0] == 31 * DAY
    assert seconds(["Jan 2024"]) == seconds(["2024-01-01"])


def test_day_or_month_first_is_decided_by_all() -> None:
    assert seconds(["1/2/2024", "2/13/2024"]) == seconds(["2024-01-02", "2024-02-13"])
    assert seconds(["1/2/2024", "13/2/2024"]) == seconds(["2024-02-01", "2024-02-13"])
    assert seconds(["11/30/2024", "1/2/2025"]) == seconds(["2024-11-30", "2025-01-02"])
    assert seconds(["1/11/2024", "1/12/2024", "2/1/2024"][:2]) == seconds(["2024-11-01", "2024-12-01"])
    assert seconds(["1/30/24", "1/31/24", "2/1/24"]) == seconds(["2024-01-30", "2024-01-31", "2024-02-01"])


@pytest.mark.parametrize(
    "texts", [["x"], ["2024-13-01"], ["31/31/2024"], ["12:30"], ["1.5"], ["", ""], [], ["2024-01-01", "soon"],
              ["13:00 PM"], ["2024-01-01 25:00"], ["Market 5, 2024"], ["2024-02-30"]],
)  # fmt: skip
def test_what_is_no_point_in_time_is_none(texts: list[str]) -> None:
    assert parse_timestamps(texts) is None


def told_of(times: list[str]) -> str:
    rows = "\n".join(f'"{time}",{number}' for number, time in enumerate(times))
    table = read(f"t,x\n{rows}\n".encode(), "a.csv")
    assert isinstance(table, Table)
    return " ".join(table.notes)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "d.m.y of two digits"])
def test_the_order_of_a_time_column_is_told(form: str) -> None:
    start = datetime.datetime(2024, 1, 28, 12)
    days = [(start + datetime.timedelta(days=number)).strftime(FORMS[form]) for number in range(20)]
    assert "The column 't' holds dates" in told_of(days) and "time in line" not in told_of(days)
    assert "They go back in time: sort the file" in told_of(days[::-1])
    shuffled = [days[0], days[2], days[1], *days[3:]]
    assert "The column 't' goes back in time in line 4. The data are cut by the order of rows" in told_of(shuffled)
    assert "has the same time as the row before in line 3" in told_of([days[0], *days])
