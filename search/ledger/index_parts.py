"""Parts of a ledger's index: Parquet files, each with what some records say of themselves, hypernetworks apart.

A part appears whole or not at all and is never changed. Columns: `key`; `size` (bytes) and `time` (ns since the epoch)
of the record's file when it was read; `recipe`, `row` and `snapshots`, JSON as in the record.
"""

import io
import itertools
import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from search.ledger.record import Record

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = b"1"  # of this format and of what records are checked for: other parts are read from the ledger again
NAMES = ("key", "size", "time", "recipe", "row", "snapshots")


class DamagedPart(Exception):
    """A file that is no part of ours."""


@dataclass
class Entries:
    """What of some records is kept, column by column (`recipe`, `row`, `snapshots` as ASCII JSON)."""

    columns: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in NAMES})

    def __len__(self) -> int:
        return len(self.columns["key"])

    def add(self, record: Record, stamp: tuple[int, int]) -> None:
        """stamp: size and time of the record's file, looked up before it was read."""
        row = record.row
        rest = row | {"recipe": None} if "recipe" in row else row  # many records have one recipe
        texts = (json.dumps(value) for value in (row.get("recipe"), rest, record.snapshots))
        values = (row["key"], *stamp, *texts)
        for name, value in zip(NAMES, values, strict=True):
            self.columns[name].append(value)

    def table(self) -> "pa.Table":
        import pyarrow as pa

        schema = pa.schema(
            [(name, pa.int64() if name in ("size", "time") else pa.string()) for name in NAMES],
            metadata={"hyperphase": VERSION},
        )
        return pa.table(self.columns, schema=schema)


def new_name() -> str:
    return f"{uuid.uuid4().hex}.parquet"


def is_part(name: str) -> bool:
    """Whether a file in the index's folder has a name of ours."""
    stem, dot, kind = name.partition(".")
    return dot + kind == ".parquet" and len(stem) == 32 and set(stem) <= set("0123456789abcdef")


def encode(tables: Iterable["pa.Table"]) -> bytes:
    """A part's content, a row group a table."""
    from pyarrow import parquet

    content, writer = io.BytesIO(), None
    for table in tables:
        writer = writer or parquet.ParquetWriter(content, table.schema, compression="zstd", write_page_checksum=True)
        writer.write_table(table)
    if writer is not None:
        writer.close()
    return content.getvalue()


def decode(content: bytes, columns: Sequence[str] = NAMES) -> "pa.Table":
    """DamagedPart for what is not a part of this version."""
    import pyarrow as pa
    from pyarrow import parquet

    try:  # not `parquet.read_table`, which imports pandas: that takes longer than all else of a command that looks here
        file = parquet.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        _check(file.schema_arrow, columns)
        return file.read(list(columns))
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise DamagedPart(str(error)) from error


def decode_batches(content: bytes, columns: Sequence[str], rows: int) -> "Iterator[pa.Table]":
    """The same, so many rows at a time: texts take several times a part's size."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(pa.BufferReader(content), page_checksum_verification=True)
        _check(file.schema_arrow, columns)
        for batch in file.iter_batches(rows, columns=list(columns)):
            yield pa.Table.from_batches([batch])
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise DamagedPart(str(error)) from error


def _check(schema: "pa.Schema", columns: Sequence[str]) -> None:
    if (schema.metadata or {}).get(b"hyperphase") != VERSION or not set(columns) <= set(schema.names):
        raise DamagedPart("it is of another version")


def rows_of(table: "pa.Table") -> list[dict[str, Any]]:
    """The records' rows. Those of one recipe share its text: a ledger has few."""
    try:
        rows = _parse(table["row"].to_pylist())
        encoded = table["recipe"].combine_chunks().dictionary_encode()
        recipes = _parse(encoded.dictionary.to_pylist())
        for row, key, number in zip(rows, table["key"].to_pylist(), encoded.indices.to_pylist(), strict=True):
            if row["key"] != key:
                raise DamagedPart(f"{key} has the row of {row['key']}")
            if "recipe" in row:
                row["recipe"] = recipes[number]
        return rows
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedPart(str(error)) from error


def snapshots_of(table: "pa.Table") -> list[dict[str, Any]]:
    """The records' snapshot rows, record by record."""
    try:
        return list(itertools.chain.from_iterable(_parse(table["snapshots"].to_pylist())))
    except (ValueError, TypeError) as error:
        raise DamagedPart(str(error)) from error


def _parse(texts: list[str]) -> list[Any]:
    """At once: what they have in common, such as the names of columns, is in memory once."""
    found: list[Any] = json.loads(f"[{','.join(texts)}]")
    if len(found) != len(texts):
        raise ValueError("more values than texts")
    return found
