"""Columns of anybody's table, without guesses: texts stay as they are written, numbers are numbers or refused."""

import bz2
import codecs
import csv
import gzip
import io
import itertools
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import UserError
from analysis.files import read_bytes

if TYPE_CHECKING:
    import pyarrow as arrow

MAX_BYTES = 2**29  # of a table, unpacked
MAX_ROWS = 1_000_000
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
         (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
PACKED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
OTHER_PACKERS = {
    b"\x28\xb5\x2f\xfd": "zstd", b"\x04\x22\x4d\x18": "lz4", b"\x1f\x9d": "compress", b"7z\xbc\xaf": "7-Zip",
    b"Rar!": "RAR", b"\xff\x06\x00\x00sNaPpY": "Snappy", b"\x5d\x00\x00": "lzma",
}  # fmt: skip
FORMATS = {
    b"\xd0\xcf\x11\xe0": "an Excel workbook", b"ARROW1": "an Arrow file", b"\x89HDF": "an HDF5 file",
    b"SQLite format 3": "a database", b"\x93NUMPY": "a NumPy file", b"ORC": "an ORC file", b"Obj\x01": "an Avro file",
    b"PARE": "an encrypted Parquet file", b"%PDF": "a PDF", b"\x89PNG": "a picture", b"\x80\x04\x95": "a pickle",
    b"\x80\x05\x95": "a pickle",
}  # fmt: skip
TEXTS = {"<!doctype html": "a web page", "<html": "a web page", '{"': "JSON", "[{": "JSON", "[[": "JSON"}

Cells = list[str | None] | np.ndarray  # texts, None where a cell is empty; or (rows,) numbers of a Parquet file


def read_columns(path: Path, numeric: list[str], text: list[str]) -> tuple[dict[str, Cells], bool]:
    """The named columns of a .csv (also .tsv, and packed by gzip, bzip2 or xz) or .parquet file, from its content.

    -> name -> cells; and whether numbers may have a decimal comma. UserError in one line for whatever is wrong.
    """
    if path.is_dir():
        raise UserError(f"{path} is a folder, not a table")
    content, names = read_bytes(path, most=MAX_BYTES), [*numeric, *text]
    if content[:4] == b"PAR1" or path.suffix.lower() in (".parquet", ".pq"):
        return _read_parquet(path, content, numeric, text), False
    content = _unpacked(path, content)
    _refuse_other_formats(path, content)
    if not content.strip():
        raise UserError(f"{path} is empty")
    return _read_text(path, _decoded(path, content), names)


def numbers(cells: Cells, column: str, path: Path, *, comma: bool = False) -> np.ndarray:
    """(rows,) the cells as finite numbers. comma: they may be written 0,5, all of the column or none."""
    if isinstance(cells, np.ndarray):
        found, texts = cells, None
    else:
        texts = cells
        commas = [cell is not None and "," in cell for cell in texts]
        points = [cell is not None and "." in cell for cell in texts]
        if comma and any(commas) and any(points):
            raise UserError(f"{path}: {column} mixes decimal points (row {points.index(True) + 1}) and decimal commas "
                            f"(row {commas.index(True) + 1})")  # fmt: skip
        found = np.array([_number(cell.replace(",", ".") if comma and cell else cell) for cell in texts])
    wrong = np.flatnonzero(~np.isfinite(found))
    if len(wrong):
        row = int(wrong[0])
        missing = texts[row] is None if texts else bool(np.isnan(found[row]))
        given = texts[row] if texts else found[row]
        what = "is missing" if missing else f"is not a finite number ({str(given)[:40]!r})"
        raise UserError(f"{path}: {column} {what} in row {row + 1}")
    return found


def _number(text: str | None) -> float:
    """NaN for what is none. float() alone would take 1_000 and digits of other scripts."""
    try:
        return float(text) if text and text.isascii() and "_" not in text else np.nan
    except ValueError:
        return np.nan


def _unpacked(path: Path, content: bytes) -> bytes:
    """The content of a file that may be packed. Bounded: a small file may unpack to any size."""
    for mark, packer in OTHER_PACKERS.items():
        if content.startswith(mark):
            raise UserError(f"{path} is packed by {packer}: unpack it first")
    for mark, opened in PACKED:
        if content.startswith(mark):
            try:
                with opened(io.BytesIO(content)) as file:
                    unpacked = file.read(MAX_BYTES + 1)
            except (OSError, EOFError, lzma.LZMAError, zlib.error, zipfile.BadZipFile):
                raise UserError(f"{path} is a damaged archive") from None
            if len(unpacked) > MAX_BYTES:
                raise UserError(f"{path}: unpacks to more than {MAX_BYTES:,} bytes")
            return unpacked
    return content


def _refuse_other_formats(path: Path, content: bytes) -> None:
    """UserError that names what the file is, if it is known and no table."""
    start = content[:100].lstrip().lower()
    found = [kind for mark, kind in FORMATS.items() if content.startswith(mark)]
    found += [kind for mark, kind in TEXTS.items() if start.startswith(mark.encode())]
    found += ["an Excel workbook" if b"xl/" in content else "a zip archive"] * content.startswith(
        (b"PK\3\4", b"PK\5\6")
    )
    found += ["a tar archive"] * (content[257:262] == b"ustar")
    found += ["packed twice"] * content.startswith(tuple(mark for mark, _ in PACKED))
    if found:
        raise UserError(f"{path} is {found[0]}, not a table: export it as CSV")


def _decoded(path: Path, content: bytes) -> str:
    encoding = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in content[:1000]:
        halves = content[:1000:2].count(0), content[1:1000:2].count(0)
        if min(halves) == 0 and max(halves) > 0.3 * len(content[:1000]) / 2:
            encoding = "utf-16-be" if halves[0] else "utf-16-le"
        else:
            raise UserError(f"cannot read {path}: it is not a text, it holds zero bytes")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(
            f"cannot read {path}: it is not {encoding.upper().removesuffix('-SIG')} "
            f"(byte 0x{content[error.start]:02x} in line {line}); save it as UTF-8"
        ) from None


def _read_text(path: Path, text: str, names: list[str]) -> tuple[dict[str, Cells], bool]:
    """The separator is the one whose header has the columns; the comma's header is shown if none has."""
    text = text.removeprefix("\ufeff")
    headers = {separator: _header(path, text, separator) for separator in SEPARATORS}
    fitting = [separator for separator in SEPARATORS if all(name in headers[separator] for name in names)]
    separator = fitting[0] if fitting else max(SEPARATORS, key=lambda separator: len(headers[separator]))
    header = headers[separator]
    for name in names:
        if name not in header:
            shown = ", ".join(column for column in header if column)
            raise UserError(f"{path}: no column {name!r}; it has {shown or 'no columns'}")
        if header.count(name) > 1:
            raise UserError(f"{path}: two columns are called {name!r}")
    at = {name: header.index(name) for name in names}
    cells: dict[str, list[str | None]] = {name: [] for name in names}
    for number, row in enumerate(_rows(path, text, separator, skip=1), start=1):
        if number > MAX_ROWS:
            raise UserError(f"{path}: more than {MAX_ROWS:,} rows")
        if len(row) != len(header):
            commas = " (numbers with decimal commas need semicolons or quotes)" if separator == "," else ""
            raise UserError(f"{path}: row {number} has {len(row)} cells, the header has {len(header)}{commas}")
        for name in names:
            cells[name].append(row[at[name]].strip() or None)
    return dict(cells), separator != ","


def _header(path: Path, text: str, separator: str) -> list[str]:
    return [name.strip() for name in next(_rows(path, text, separator), [])]


def _rows(path: Path, text: str, separator: str, *, skip: int = 0) -> Iterator[list[str]]:
    """Rows that are not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    rows = (row for row in reader if row and (len(row) > 1 or row[0].strip()))
    try:
        yield from itertools.islice(rows, skip, None)
    except csv.Error as error:
        raise UserError(f"cannot read {path} as a table: {error} in line {reader.line_num}") from None


def _read_parquet(path: Path, content: bytes, numeric: list[str], text: list[str]) -> dict[str, Cells]:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    try:
        file = parquet.ParquetFile(io.BytesIO(content))
        for name in [*numeric, *text]:
            if name not in file.schema_arrow.names:
                raise UserError(f"{path}: no column {name!r}; it has {', '.join(file.schema_arrow.names)}")
        if file.metadata.num_rows > MAX_ROWS:
            raise UserError(f"{path}: more than {MAX_ROWS:,} rows")
        table = file.read(columns=[*numeric, *text])
    except UserError:
        raise
    except (arrow.ArrowException, OSError, ValueError, MemoryError):
        raise UserError(f"cannot read {path} as a Parquet table") from None
    return {name: _parquet_cells(path, name, table.column(name), name in numeric) for name in [*numeric, *text]}


def _parquet_cells(path: Path, name: str, column: "arrow.ChunkedArray", numeric: bool) -> Cells:
    import pyarrow.types as types

    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if numeric and types.is_temporal(kind):
        raise UserError(f"{path}: {name} holds dates or times: make numbers of them (days since the first, say) first")
    if types.is_nested(kind):
        raise UserError(f"{path}: {name} holds lists or tables, not single values")
    values = column.to_pylist()
    if numeric and (types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind)):
        return np.array([np.nan if value is None else float(value) for value in values], dtype=float)
    texts = [value.decode(errors="replace") if isinstance(value, bytes) else value for value in values]
    return [None if text is None else str(text).strip() or None for text in texts]
