"""The index of a ledger: rows and snapshots of all its records, without opening them again.

It lies beside the ledger, in Parquet parts (`search.ledger.index_parts`), and is derived: what is missing, damaged or
stale is read from the ledger again, once, with every checksum. A record is known by its key and by size and time of
its file, compared for equality only, so clocks may jump. Any number of processes may read and add parts at once: a
part that two of them wrote is there twice, which does no harm. Where nothing can be written there is no index.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.ledger import index_parts as parts
from search.ledger import ledger
from search.ledger.frames import arrow_table
from search.ledger.record import Record
from search.ledger.storage import LocalStorage, read_many

if TYPE_CHECKING:
    import pyarrow as pa

FLUSH = 1000  # records in memory until they are written as a part
SMALL = 5000  # rows of a part below which it is merged with others
MOST_SMALL = 16  # parts that small until they are merged


class LedgerIndex:
    """The index in the folder `place` of the ledger in the folder `ledger`.

    rows: key -> row, of every whole record as of the last `refresh`; not to be changed. fingerprint: of those files.
    """

    def __init__(self, folder: Path, place: Path):
        self.rows: dict[str, dict[str, Any]] = {}
        self.fingerprint = ""
        self._ledger, self._folder, self._parts = LocalStorage(folder), Path(folder), LocalStorage(place)
        self._part_of: dict[str, str] = {}  # key -> the part that its snapshots are in
        self._small: dict[str, int] = {}  # part -> its rows, of those to be merged some day
        self._fresh = parts.Entries()  # not in a part yet

    def refresh(self, *, verify: bool = False) -> None:
        """Reads what is new or changed, sets torn records aside, and writes what it read.

        verify: reads every record anew, whatever the index says.
        """
        before = self._names()  # the parts first: what they hold was in the ledger before it is listed
        stamps = self._ledger.stamps(".npz")
        known: dict[str, dict[str, Any]] = {} if verify else self._read_parts(before, stamps)
        self.rows = {}
        missing = sorted(stamps.keys() - known.keys())
        for key, record in self._read(missing, stamps):
            known[key] = record.row
        self.rows = {key: known[key] for key in sorted(known)}
        files = ((key, *stamps[key]) for key in self.rows)
        self.fingerprint = hashlib.sha256("\n".join(map(repr, files)).encode()).hexdigest()
        self.flush()
        if verify and not self._fresh:
            for name in before:
                self._remove(name)
        self._merge()

    def read(self, key: str) -> Record | None:
        """A record that has just appeared, to be in the next part; None if it is torn or gone. See `flush`."""
        stamp = self._ledger.stamp(f"{key}.npz")
        if stamp is None:
            return None
        return next((record for _, record in self._read([key], {key: stamp})), None)

    def snapshots(self, keys: set[str]) -> Iterator["pa.Table"]:
        """Tables of the snapshots of these trainings, some thousand rows each; in no order."""
        import pyarrow as pa
        import pyarrow.compute

        wanted: dict[str, list[str]] = {}
        for key in keys & self._part_of.keys():
            wanted.setdefault(self._part_of[key], []).append(key)
        lost: list[str] = []
        for name, members in wanted.items():
            left, mine = set(members), pa.array(members)
            try:
                for table in parts.decode_batches(self._parts.read(name) or b"", ("key", "snapshots"), FLUSH):
                    table = table.filter(pa.compute.is_in(table["key"], value_set=mine))
                    if rows := parts.snapshots_of(table):
                        yield arrow_table(rows)
                    left -= set(table["key"].to_pylist())
            except parts.DamagedPart:
                self._remove(name)
                lost += left
        fresh = {key: number for number, key in enumerate(self._fresh.columns["key"]) if key in keys}
        if fresh:
            rows = self._fresh.table().take(list(fresh.values()))
            yield arrow_table(parts.snapshots_of(rows))
        for key in sorted(lost):  # a part that somebody damaged since `refresh`
            record = ledger.read_or_set_aside(ledger.record_path(self._folder, key), hypernetwork=False, whole_row=True)
            if record is not None and record.snapshots:
                yield arrow_table(record.snapshots)

    def flush(self) -> None:
        """Writes what was read since the last part as a new one. Where that fails it stays in memory."""
        if not self._fresh:
            return
        name = parts.new_name()
        with contextlib.suppress(OSError):
            self._parts.replace(name, parts.encode([self._fresh.table()]))
            self._part_of |= dict.fromkeys(self._fresh.columns["key"], name)
            self._small |= {name: len(self._fresh)} if len(self._fresh) < SMALL else {}
            self._fresh = parts.Entries()

    def _read(self, keys: list[str], stamps: dict[str, tuple[int, int]]) -> Iterator[tuple[str, Record]]:
        """Whole records from the ledger, every checksum verified."""
        for name, content in read_many(self._ledger, [f"{key}.npz" for key in keys]):
            key = name.removesuffix(".npz")
            record = ledger.whole_or_set_aside(self._folder / name, content, hypernetwork=False, whole_row=True)
            if record is None:
                continue
            self._fresh.add(record, stamps[key])
            if len(self._fresh) >= FLUSH:
                self.flush()
            yield key, record

    def _read_parts(self, names: list[str], stamps: dict[str, tuple[int, int]]) -> dict[str, dict[str, Any]]:
        """Rows that the parts have of the records as they are now. Parts that say nothing of them are removed."""
        found: dict[str, dict[str, Any]] = {}
        self._part_of, self._small = {}, {}
        for name in names:
            try:
                table = parts.decode(self._parts.read(name) or b"", parts.NAMES[:-1])
                rows = parts.rows_of(table)
            except parts.DamagedPart:
                self._remove(name)
                continue
            files = zip(table["size"].to_pylist(), table["time"].to_pylist(), strict=True)
            live = {row["key"]: row for row, stamp in zip(rows, files, strict=True) if stamps.get(row["key"]) == stamp}
            if not live:
                self._remove(name)
                continue
            found |= live
            self._part_of |= dict.fromkeys(live, name)
            if len(rows) < SMALL:
                self._small[name] = len(rows)
        return found

    def _merge(self) -> None:
        """Many small parts become one."""
        if len(self._small) <= MOST_SMALL:
            return
        import pyarrow as pa
        import pyarrow.compute

        members: dict[str, list[str]] = {name: [] for name in self._small}
        for key, name in self._part_of.items():
            if name in members:
                members[name].append(key)
        merged = parts.new_name()

        def live(name: str) -> "pa.Table":
            table = parts.decode(self._parts.read(name) or b"")
            return table.filter(pa.compute.is_in(table["key"], value_set=pa.array(members[name], pa.string())))

        try:
            self._parts.replace(merged, parts.encode(map(live, members)))
        except (OSError, parts.DamagedPart):  # another process is at it, or nothing can be written: all is there still
            return
        for name, keys in members.items():
            self._part_of |= dict.fromkeys(keys, merged)
            self._remove(name)
        self._small = {}

    def _names(self) -> list[str]:
        with contextlib.suppress(OSError):
            return sorted(filter(parts.is_part, self._parts.names()))
        return []

    def _remove(self, name: str) -> None:
        with contextlib.suppress(OSError):
            self._parts.remove(name)
