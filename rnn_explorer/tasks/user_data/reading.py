"""Reading the user's file: from bytes to a checked table or text.

Whatever the bytes are, the answer is a `Table`, a `Text`, or a `DataError` with a sentence for the person. Nothing in a
file is executed, unpacked or followed, and its size bounds the time and memory that it takes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from rnn_explorer.tasks.user_data.csv_file import Table, looks_like_a_table, read_table
from rnn_explorer.tasks.user_data.limits import ENCODINGS, MAX_BYTES, MAX_NAME, DataError, quoted
from rnn_explorer.tasks.user_data.text_file import Text, read_text

__all__ = ["FORMS", "How", "Table", "Text", "decode", "is_table", "read"]

TABLES = (".csv", ".tsv", ".tab")
FORMS = ("", "table", "text")  # as what a file is read; "" goes by its name

_COMPRESSED = {
    b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!\x1a": "rar", b"\x04\x22\x4d\x18": "lz4", b"\x1f\x9d": "compress",
    b"LZIP": "lzip", b"\x5d\x00\x00": "lzma",
}  # fmt: skip
_BINARY = {
    b"%PDF": "a PDF document", b"\x89PNG": "a PNG image", b"\xff\xd8\xff": "a JPEG image", b"GIF8": "a GIF image",
    b"PAR1": "a Parquet file", b"SQLite format 3\x00": "an SQLite database", b"\x93NUMPY": "a numpy array",
    b"\x89HDF": "an HDF5 file", b"\xd0\xcf\x11\xe0": "an old Excel or Word file", b"\x7fELF": "a program",
    b"MZ\x90": "a program", b"{\\rtf": "an RTF document", b"ARROW1": "an Arrow file",
    b"\x80\x04\x95": "a Python pickle",
}  # fmt: skip
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # at the beginning of a file


@dataclass(frozen=True)
class How:
    """How a file is to be read, where the user has stated it.

    Attributes:
        encoding: one of `limits.ENCODINGS`.
        decimal: "point" or "comma": the decimal sign of columns that do not show it themselves; "" where nothing is
            stated.
        as_written: whether words such as NA or none are labels, where a column is one of labels.
        form: "table" or "text"; "" where the name of the file says it.
    """

    encoding: str = "utf-8"
    decimal: str = ""
    as_written: bool = False
    form: str = ""


def read(data: bytes, name: str = "", encoding: str = "utf-8", how: How | None = None) -> Table | Text:
    """Read a file.

    Args:
        data: the bytes as they came.
        name: of the file; one that ends in .csv, .tsv or .tab is a table, any other a text.
        encoding: one of `limits.ENCODINGS`.
        how: more of how it is to be read; its encoding counts, then.

    Raises:
        DecimalOpen: where a table's numbers can be read in two ways and the decimal sign is not stated.
        DataError: says why the file cannot be used, and what to do.
    """
    how = how or How(encoding)
    if how.form not in FORMS:
        raise DataError(f"A file is read as a table or as a text, not as {quoted(how.form)}.")
    text, shown = decode(data, how.encoding), _file_name(name)
    if how.form == "table" or (how.form == "" and is_table(name)):
        return read_table(text, shown, how.decimal, how.as_written)
    found = read_text(text, shown)
    if how.form == "" and looks_like_a_table(text):
        note = "The lines look like the rows of a table; it is read as a text, since its name does not end in .csv."
        return replace(found, notes=(f"{note} To read it as a table, say so (--form table).", *found.notes))
    return found


def is_table(name: str) -> bool:
    """Whether a file of this name is read as a table."""
    return name.lower().endswith(TABLES)


def decode(data: bytes, encoding: str = "utf-8") -> str:
    """Bytes to text, when they are text and not too many.

    A byte order mark at the beginning is left out, and so is the mark at the end of files from DOS.

    Raises:
        DataError: for too much, nothing, compressed, binary, and for bytes that are not of the encoding.
    """
    if len(data) > MAX_BYTES:
        raise DataError(
            f"The file has {len(data) / 1024**2:.1f} MB, and the limit is {MAX_BYTES // 1024**2} MB; keep a part of it."
        )
    if not data:
        raise DataError("The file is empty (0 bytes).")
    _refuse_other_formats(data)
    codec = _codec(encoding)
    if codec != "utf-16":
        _refuse_nul(data)
    text = _decoded(data, codec).removeprefix("\ufeff").rstrip("\x1a")
    _refuse_control(text)
    if not text or text.isspace():
        raise DataError("The file holds nothing but blanks.")
    return text


def _refuse_other_formats(data: bytes) -> None:
    if data.startswith(_ZIP):
        raise DataError(
            "The file is a zip archive, which may be an Excel or OpenDocument table; compressed files are not read. "
            "Save the table as CSV, or unpack the archive."
        )
    for begin, what in _COMPRESSED.items():
        if data.startswith(begin):
            raise DataError(f"The file is compressed ({what}), and compressed files are not read; unpack it first.")
    for begin, what in _BINARY.items():
        if data.startswith(begin):
            raise DataError(f"The file is {what}, not plain text; save it as CSV or as plain text.")
    if data[257:262] == b"ustar":
        raise DataError("The file is a tar archive, and archives are not read; unpack it first.")


def _codec(encoding: str) -> str:
    wanted = encoding.strip().lower().replace("_", "-").replace("shift-jis", "shift_jis")
    wanted = {"utf8": "utf-8", "utf-8-sig": "utf-8", "utf16": "utf-16", "latin1": "latin-1", "iso-8859-1": "latin-1",
              "windows-1252": "cp1252", "ascii": "utf-8"}.get(wanted, wanted)  # fmt: skip
    if wanted not in ENCODINGS:
        raise DataError(f"{quoted(encoding)} is no encoding that is read here; there are: {', '.join(ENCODINGS)}.")
    return wanted


def _refuse_nul(data: bytes) -> None:
    for mark, codec in _MARKS.items():
        if data.startswith(mark):
            raise DataError(f"The file is in {codec}, by its first bytes; state that encoding, or save it as UTF-8.")
    place = data.find(b"\x00")
    if place >= 0:
        raise DataError(
            f"The file holds a NUL byte (byte {place + 1:,}), so it is binary and no plain text. Save it as CSV or as "
            "plain text; if it is in utf-16, state that encoding."
        )


def _decoded(data: bytes, codec: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        others = ", ".join(name for name in ("utf-8", "latin-1", "cp1252", "utf-16") if name != codec)
        raise DataError(
            f"The file is not in {codec}: byte {error.start + 1:,}, in line {line:,}, does not fit. Save it as UTF-8, "
            f"or state its encoding ({others}, ...)."
        ) from None


def _refuse_control(text: str) -> None:
    found = _CONTROL.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise DataError(
            f"The file holds a control character (code {ord(found[0])}, in line {line:,}), so it is binary and no "
            "plain text, or it is in another encoding. Save it as CSV or as plain text."
        )


def _file_name(name: str) -> str:
    last = re.split(r"[\\/]", name)[-1]
    return "".join(letter for letter in last if letter.isprintable()).strip()[:MAX_NAME]
