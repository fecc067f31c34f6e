"""The ledger's index says what the records say, reads each once, and is never in the way."""

import contextlib
import multiprocessing
import os
import time

import numpy as np
import pyarrow as pa
import pytest

from search.ledger import index as index_module
from search.ledger import index_parts, ledger
from search.ledger.frames import arrow_table, concatenated
from search.ledger.index import LedgerIndex
from search.ledger.record import Record
from search.ledger.storage import LocalStorage
from search.sweep.grid import expand
from tests.support.records import record_of, records, smoke

CONFIG = smoke("grid.seeds=3")


@pytest.fixture
def places(tmp_path):
    """Folders of a ledger with six records and of its index, which is not there yet."""
    for record in records(CONFIG):
        ledger.write(tmp_path / "ledger", record)
    return tmp_path / "ledger", tmp_path / "index"


def refreshed(places, **options):
    index = LedgerIndex(*places)
    index.refresh(**options)
    return index


def check(places, index=None):
    """The index says what the records say."""
    index = index or refreshed(places)
    rows, snapshots = {}, []
    for key in sorted(ledger.keys(places[0])):
        record = ledger.read(ledger.record_path(places[0], key))
        rows[key] = record.row
        snapshots += record.snapshots
    assert repr(index.rows) == repr(rows)
    found = concatenated(list(index.snapshots(set(rows)))).to_pylist()
    assert sorted(map(repr, found)) == sorted(map(repr, snapshots))


@pytest.fixture
def opened(monkeypatch):
    """Keys of the records that were opened."""
    keys, parse = [], ledger.parse
    monkeypatch.setattr(ledger, "parse", lambda key, *rest, **more: keys.append(key) or parse(key, *rest, **more))
    return keys


def test_every_record_is_opened_once(places, opened):
    first = refreshed(places)
    assert sorted(opened) == sorted(first.rows) and len(opened) == 6
    again = refreshed(places)
    assert len(opened) == 6 and again.fingerprint == first.fingerprint
    check(places)

    more = [record_of(point, smoke("grid.seeds=5")) for point in expand(smoke("grid.seeds=5"))]
    new = [record.row["key"] for record in more if ledger.write(places[0], record)]
    opened.clear()
    later = refreshed(places)
    assert opened == sorted(new) and len(later.rows) == 10 and later.fingerprint != first.fingerprint
    check(places)


def test_records_that_went_or_changed_are_no_longer_what_they_were(places, opened):
    gone, changed, touched = sorted(refreshed(places).rows)[:3]
    ledger.record_path(places[0], gone).unlink()
    path = ledger.record_path(places[0], changed)
    record = ledger.read(path)
    path.unlink()
    ledger.write(places[0], type(record)(record.row | {"purity": 0.125}, record.snapshots))
    os.utime(ledger.record_path(places[0], touched), ns=(5, 5))  # the clock of half a century ago
    opened.clear()
    found = refreshed(places)
    assert opened == sorted([changed, touched])
    assert gone not in found.rows and found.rows[changed]["purity"] == 0.125
    check(places)


def test_clocks_may_jump(places, opened):
    for path in places[0].iterdir():
        os.utime(path, ns=(2**62, 2**62))  # far in the future
    refreshed(places)
    opened.clear()
    check(places, refreshed(places))


def truncated(part):
    part.write_bytes(part.read_bytes()[:-100])


def of_another_version(part):
    table = index_parts.decode(part.read_bytes()).replace_schema_metadata({"hyperphase": b"0"})
    part.write_bytes(index_parts.encode([table]))


def with_the_rows_of_others(part):
    table = index_parts.decode(part.read_bytes())
    rows = pa.array(table["row"].to_pylist()[::-1])
    part.write_bytes(index_parts.encode([table.set_column(4, "row", rows)]))


def with_snapshots_of_junk(part):
    table = index_parts.decode(part.read_bytes())
    part.write_bytes(index_parts.encode([table.set_column(5, "snapshots", pa.array(["7 8"] * len(table)))]))


def with_its_last_snapshots_junk(part):
    table = index_parts.decode(part.read_bytes())
    texts = [*table["snapshots"].to_pylist()[:-1], "7 8"]
    part.write_bytes(index_parts.encode([table.set_column(5, "snapshots", pa.array(texts))]))


def a_folder(part):
    part.unlink()
    part.mkdir()


DAMAGE = [
    truncated,
    of_another_version,
    with_the_rows_of_others,
    with_snapshots_of_junk,
    with_its_last_snapshots_junk,
    a_folder,
    lambda part: part.unlink(),
    lambda part: part.write_text("junk"),
    lambda part: os.truncate(part, 0),
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_part_is_made_again(places, damage, opened):
    refreshed(places)
    [part] = places[1].iterdir()
    damage(part)
    check(places)
    check(places)  # as it was made anew
    opened.clear()
    refreshed(places)
    assert not opened


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_part_that_is_damaged_after_it_was_read(places, damage, monkeypatch):
    refreshed(places)
    index = refreshed(places)
    [part] = places[1].iterdir()
    damage(part)
    monkeypatch.setattr(index_module, "FLUSH", 2)  # what is whole of a part has been handed over by then
    check(places, index)


def test_files_of_others_stay(places):
    refreshed(places)
    for name in ("notes.txt", "table.parquet", f"{'g' * 32}.parquet", f"{'a' * 31}.parquet"):
        (places[1] / name).write_text("mine")
    check(places)
    assert [path.read_text() for path in places[1].iterdir() if not index_parts.is_part(path.name)] == ["mine"] * 4


def test_a_file_in_the_place_of_the_index(places):
    places[1].write_text("mine")
    check(places)
    assert places[1].read_text() == "mine"


def test_where_nothing_can_be_written_there_is_no_index(places, monkeypatch):
    def read_only(self, name, content):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(LocalStorage, "replace", read_only)
    check(places)
    check(places, refreshed(places, verify=True))
    assert not places[1].exists()


def test_torn_records_are_set_aside_once(places):
    first = sorted(ledger.keys(places[0]))[0]
    ledger.record_path(places[0], first).write_text("torn")
    with pytest.warns(UserWarning, match="torn record set aside"):
        assert len(refreshed(places).rows) == 5
    check(places)


def test_verification_finds_what_size_and_time_do_not_tell(places):
    first = sorted(refreshed(places).rows)[0]
    path = ledger.record_path(places[0], first)
    content, about = bytearray(path.read_bytes()), path.stat()
    content[content.index(b"\x93NUMPY") + 200] ^= 1  # of the row: some bits of a zip's headers say nothing
    path.write_bytes(content)
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert len(refreshed(places).rows) == 6
    with pytest.warns(UserWarning, match="torn record set aside"):
        assert len(refreshed(places, verify=True).rows) == 5
    assert len(list(places[1].iterdir())) == 1
    check(places)


def test_many_small_parts_become_one(tmp_path, opened):
    places, config = (tmp_path / "ledger", tmp_path / "index"), smoke("grid.seeds=20")
    points = expand(config)
    for point in points:
        ledger.write(places[0], record_of(point, config))
        refreshed(places)
    assert len(opened) == len(points) == 40  # each once, on whatever day it came
    assert len(list(places[1].iterdir())) <= index_module.MOST_SMALL + 1
    check(places)


def test_parts_are_written_on_the_way(places, monkeypatch):
    """Whoever is killed while a large ledger is read has not read in vain."""
    monkeypatch.setattr(index_module, "FLUSH", 2)
    index = LedgerIndex(*places)
    keys = sorted(ledger.keys(places[0]))
    for key in keys[:5]:
        assert index.read(key).row["key"] == key
    assert len(list(places[1].iterdir())) == 2
    index.flush()
    assert len(list(places[1].iterdir())) == 3 and index.read("gone") is None
    check(places)


def _at_work(places, number):
    config = smoke("grid.seeds=300")
    for point in expand(config)[number::2]:
        ledger.write(places[0], record_of(point, config))
        refreshed(places)


def test_two_at_once_and_killed_at_any_time(tmp_path, monkeypatch):
    monkeypatch.setattr(index_module, "MOST_SMALL", 3)
    places, context = (tmp_path / "ledger", tmp_path / "index"), multiprocessing.get_context("fork")
    for pause in (0.3, 0.1, 0.2):
        workers = [context.Process(target=_at_work, args=(places, number)) for number in (0, 1)]
        for worker in workers:
            worker.start()
        while not places[1].exists() and any(worker.is_alive() for worker in workers):  # on a busy machine
            time.sleep(0.01)
        time.sleep(pause)
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.join(timeout=30)
        check(places)
    ledger.remove_leftovers(places[1])
    assert not [path for path in places[1].iterdir() if not index_parts.is_part(path.name)]


def test_columns_of_whatever_kind():
    """As tables of trainings of any experiment: axes and metrics of any name, gaps, texts beside numbers."""
    one = arrow_table([{"width": 3, "optimiser": "adam", "x": 1.5}, {"width": 4, "gap": None, "x": float("nan")}])
    other = arrow_table([{"width": 2.5, "optimiser": 7, "flag": True, "huge": 2**70}])
    rows = concatenated([one, other]).to_pylist()
    assert [row["width"] for row in rows] == [3.0, 4.0, 2.5]
    assert [row["optimiser"] for row in rows] == ["adam", None, "7"]
    assert [row["x"] for row in rows] == [1.5, None, None] and rows[2]["huge"] == str(2**70)
    assert arrow_table([{"a": 1}, {"a": "b"}])["a"].to_pylist() == ["1", "b"]
    assert concatenated([]).num_rows == 0


def test_no_bit_of_a_part_changes_unseen():
    """Else a number of a report could be wrong without a word."""
    entries = index_parts.Entries()
    for number in range(9):
        row = {"key": f"{number:016x}", "recipe": "{}", "relative_error": 0.1 * number}
        entries.add(Record(row, [row | {"step": 1}]), (1, number))
    content, generator = index_parts.encode([entries.table()]), np.random.default_rng(0)

    def read(content):
        table = index_parts.decode(content)
        return index_parts.rows_of(table), index_parts.snapshots_of(table), table["size"], table["time"]

    whole = read(content)
    for place in generator.permutation(len(content))[:200]:
        spoilt = bytearray(content)
        spoilt[place] ^= 1 << int(generator.integers(8))
        with contextlib.suppress(index_parts.DamagedPart):
            assert read(bytes(spoilt)) == whole
