"""Reading the shipped files."""

from __future__ import annotations

import pytest

from rnn_explorer.tasks import files


def test_a_file_is_read_once_and_cannot_be_written_to() -> None:
    assert files.arrays("digits") is files.arrays("digits")
    assert files.columns("sunspots") is files.columns("sunspots")
    with pytest.raises(ValueError, match="read-only"):
        files.arrays("digits")["images"][0, 0, 0] = 1


def test_columns_keep_their_order_and_length() -> None:
    table = files.columns("sunspots")
    assert list(table) == ["year", "sunspots"]
    assert table["year"][:2] == ("1700", "1701") and len(table["year"]) == len(table["sunspots"]) == 309


def test_the_source_is_that_of_the_manifest() -> None:
    source = files.source("digits")
    assert "Alpaydin" in source.citation and source.license == "CC BY 4.0" and source.url.startswith("https://")
    with pytest.raises(KeyError):
        files.source("nothing")
