"""Anybody's table: labels are text, separators and encodings are recognised, what cannot be read is named."""

import bz2
import datetime
import gzip
import lzma
import os
import time

import numpy as np
import pandas as pd
import pytest

from analysis.errors import UserError
from analysis.phases.from_table import read_label_table
from analysis.phases.phase_map import fit_phase_map
from search.cli import main

ROWS = [(10.0 ** -(i // 2), 4 + i % 2, "01" if i < 8 else "1") for i in range(16)]
NAMES = {"x": "x", "y": "y", "label": "phase"}


def text(separator: str = ",", *, comma: bool = False, rows=ROWS) -> str:
    lines = [separator.join(["x", "y", "phase"])]
    for x, y, label in rows:
        number = repr(x).replace(".", ",") if comma else repr(x)
        lines.append(separator.join([number, str(y), label]))
    return "\n".join(lines) + "\n"


def read(tmp_path, content: bytes | str, name: str = "t.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_label_table(path, **NAMES)


def check(found) -> None:
    x, y, labels = found
    assert x.tolist() == [row[0] for row in ROWS] and y.tolist() == [row[1] for row in ROWS]
    assert labels.tolist() == [row[2] for row in ROWS]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_separators_and_encodings(separator, encoding, tmp_path):
    check(read(tmp_path, text(separator).encode(encoding)))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas(separator, tmp_path):
    check(read(tmp_path, text(separator, comma=True)))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_tables(pack, tmp_path):
    check(read(tmp_path, pack(text().encode()), "t.csv.gz"))
    with pytest.raises(UserError, match="damaged archive"):
        read(tmp_path, pack(text().encode() * 50)[:-20], "t.csv.gz")


def test_labels_are_text_as_written(tmp_path):
    labels = ["01", "1", "1e1", "10", "007", "7", "NA", "None", "true", "nan", "1.0", " a "]
    rows = [(i + 1.0, 4, label) for i, label in enumerate(labels)]
    assert read(tmp_path, text(rows=rows))[2].tolist() == [label.strip() for label in labels]
    frame = pd.DataFrame(rows, columns=["x", "y", "phase"])
    frame.to_parquet(tmp_path / "t.parquet")
    assert read_label_table(tmp_path / "t.parquet", **NAMES)[2].tolist() == [label.strip() for label in labels]


def test_numbers_as_labels_of_a_parquet_table(tmp_path):
    frame = pd.DataFrame({"x": np.arange(1.0, 9), "y": 4, "phase": [2**60 + i for i in range(8)]})
    frame.to_parquet(tmp_path / "t.parquet")
    assert read_label_table(tmp_path / "t.parquet", **NAMES)[2].tolist() == [str(2**60 + i) for i in range(8)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n1,2\n", "no column 'x'; it has a, b"),
        ("x,x,y,phase\n" + "1,2,3,a\n" * 9, "two columns are called 'x'"),
        (text().replace("0.001,4,01", "0.001,4"), r"row 7 has 2 cells, the header has 3"),
        (text(comma=True), r"row 1 has 4 cells, the header has 3 \(numbers with decimal commas need"),
        (text(";").replace("0.001;", "0,001;"), "x mixes decimal points"),
        (text().replace("0.001", "1_000"), r"x is not a finite number \('1_000'\) in row 7"),
        (text().replace("0.001", "inf"), r"x is not a finite number \('inf'\) in row 7"),
        (text().replace("0.001", "2026-01-01"), "x is not a finite number"),
        (text().replace("0.001", ""), "x is missing in row 7"),
        (text().replace("01\n", '"a\nb"\n'), "phase holds control characters or a line break in row 1"),
        (text().replace("01\n", "größe\n").encode("latin-1"), r"not UTF-8 \(byte 0xf6 in line 2\); save it as UTF-8"),
        (b"\x00\x01\x02" * 99, "zero bytes"),
        (b"PK\x03\x04 xl/workbook.xml", "an Excel workbook"),
        (b"PK\x03\x04 other", "a zip archive"),
        (b"\x28\xb5\x2f\xfd", "packed by zstd: unpack it first"),
        (b"\x04\x22\x4d\x18", "packed by lz4"),
        (b"7z\xbc\xaf\x27\x1c", "packed by 7-Zip"),
        (b"\x1f\x9d\x90", "packed by compress"),
        (lzma.compress(text().encode(), format=lzma.FORMAT_ALONE), "packed by lzma"),
        (gzip.compress(gzip.compress(text().encode())), "packed twice"),
        (gzip.compress(text().encode())[:-20], "is a damaged archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an Excel workbook"),
        (bytes(257) + b"ustar", "a tar archive"),
        (b"SQLite format 3\0", "a database"),
        (b"\x93NUMPY\x01", "a NumPy file"),
        (b"PARE", "an encrypted Parquet file"),
        ("<!DOCTYPE html><html>sign in</html>", "a web page, not a table"),
        ('[{"x": 1, "y": 4, "phase": "a"}]', "JSON, not a table: export it as CSV"),
        (b"PAR1 damaged", "cannot read .* as a Parquet table"),
        (b"", "is empty"),
        ("x,y,phase\n" + '1,2,"' + "a" * 200_000 + '"\n', "cannot read .* as a table"),
    ],
)
def test_what_cannot_be_read_is_named(content, message, tmp_path):
    with pytest.raises(UserError, match=message) as caught:
        read(tmp_path, content)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [[datetime.datetime(2026, 1, day + 1) for day in range(8)], [datetime.date(2026, 1, day + 1) for day in range(8)],
     [datetime.timedelta(day) for day in range(8)], [[1.0]] * 8, [True, False] * 4],
)  # fmt: skip
def test_a_parquet_axis_is_of_numbers(values, tmp_path):
    pd.DataFrame({"x": values, "y": 4, "phase": list("aabbaabb")}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"dates or times|lists or tables|not a finite number"):
        read_label_table(tmp_path / "t.parquet", **NAMES)


def test_what_has_no_end_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    started = time.monotonic()
    for path in (tmp_path / "pipe", "/dev/zero", "/dev/tty", tmp_path):
        with pytest.raises(UserError, match=r"regular file|is a folder|cannot be read"):
            read_label_table(path, **NAMES)
    assert time.monotonic() - started < 60
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(2**20)) * 600)
    with pytest.raises(UserError, match="unpacks to more than"):
        read_label_table(tmp_path / "bomb.gz", **NAMES)


def test_too_many_labels_are_refused():
    with pytest.raises(UserError, match="60 labels are too many"):
        fit_phase_map(np.arange(1.0, 61), np.ones(60), [f"l{i}" for i in range(60)])


def test_letters_that_no_font_has_are_named(tmp_path, monkeypatch):
    from analysis import literal_text as literal
    from analysis.charts.chart import new_chart, save_png

    def chart():
        made = new_chart(2, 2)
        made.figure.subplots().set_title("相 β")
        return made

    real = literal._letters
    monkeypatch.setattr(literal, "_letters", lambda font: frozenset() if font != "DejaVu Sans" else real(font))
    literal._fonts_with.cache_clear()
    with pytest.warns(UserWarning, match="no font of this machine has 相"):
        save_png(chart(), tmp_path / "a.png")
    monkeypatch.setattr(literal, "_letters", lambda font: real(font) | ({"相"} if font == "cmr10" else frozenset()))
    monkeypatch.setattr(literal, "BOXES", ("Last Resort", "STIXNonUnicode"))
    literal._fonts_with.cache_clear()
    made = chart()
    literal.show_literally(made.figure)
    assert made.figure.axes[0].title.get_fontfamily() == ["DejaVu Sans", "cmr10"]
    literal._fonts_with.cache_clear()


def test_one_label_that_is_left_is_told_in_one_line(tmp_path, capfd):
    (tmp_path / "t.csv").write_text(text())
    command = ["boundaries", str(tmp_path / "t.csv"), "--x", "x", "--y", "y", "--label", "phase", "--log-x"]
    assert main.main([*command, "--merge", "01=1", "--out", str(tmp_path / "out")]) == 2
    told = capfd.readouterr()
    assert told.out == "" and told.err.endswith("every label merges into '1'; no boundary to find\n")
    assert told.err.count("\n") == 1
