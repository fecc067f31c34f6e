"""Both kinds of storage, by the same tests: a folder, and a bucket of fsspec's (tests/cluster has a real S3 server)."""

import os
import threading

import pytest

from analysis.errors import UserError
from search.ledger import ledger, storage
from search.ledger.storage import LocalStorage, ObjectStorage
from tests.support.records import records, smoke


class MemoryBucket(ObjectStorage):
    """Fsspec's filesystem in memory, which refuses to create what exists, as S3 does."""

    def __init__(self, name: str):
        import fsspec

        self.store, self.prefix = fsspec.filesystem("memory"), f"/{name}"


@pytest.fixture(params=["folder", "bucket"])
def store(request, tmp_path):
    if request.param == "folder":
        return LocalStorage(tmp_path / "new" / "folder")
    return MemoryBucket(tmp_path.name)


def test_the_first_writer_wins(store):
    assert store.names() == set() and store.read("a") is None
    assert store.create("a", b"first") and not store.create("a", b"second")
    assert store.read("a") == b"first" and store.names() == {"a"}
    store.replace("a", b"third")
    assert store.read("a") == b"third"
    for _ in range(2):
        store.remove("a")
    assert store.names() == set()


def test_many_are_read_in_the_order_asked_for(store):
    names = [str(number) for number in range(3 * storage.AT_ONCE * storage.CHUNK)]
    for name in names[1::2]:
        store.replace(name, name.encode())
    found = list(storage.read_many(store, names))
    assert found == [(name, name.encode() if int(name) % 2 else None) for name in names]
    assert list(storage.read_many(store, [])) == []
    assert next(storage.read_many(store, names)) == ("0", None)  # whoever stops early waits for nothing more


def test_of_many_writers_at_once_one_wins(tmp_path):
    store, won = LocalStorage(tmp_path), []
    together = threading.Barrier(8)

    def write(number: int) -> None:
        together.wait()
        if store.create("a", bytes([number]) * 100_000):
            won.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and store.read("a") == bytes(won) * 100_000
    assert os.listdir(tmp_path) == ["a"]


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        LocalStorage(tmp_path).create("a", b"content")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("place", ["ftp://host/path", "memory://x", "s3://", "s3://key:secret@", "hdfs://host/p"])
def test_other_kinds_are_refused(place):
    with pytest.raises(UserError, match="expected a folder or one of s3://") as error:
        storage.open_storage(place)
    assert "\n" not in str(error.value)


def test_places(tmp_path):
    assert (
        isinstance(storage.open_storage(tmp_path), LocalStorage)
        and storage.open_storage(f"file://{tmp_path}").path == tmp_path
    )
    assert storage.join(tmp_path, "ledger") == str(tmp_path / "ledger")
    assert storage.join("s3://bucket/prefix/", "ledger") == "s3://bucket/prefix/ledger"


@pytest.mark.parametrize("kind", ["folder", "bucket"])
def test_a_ledger_elsewhere_is_copied_and_its_torn_records_are_set_aside(tmp_path, monkeypatch, kind):
    here, there = tmp_path / "here", str(tmp_path / "there") if kind == "folder" else f"bucket-{tmp_path.name}"
    if kind == "bucket":
        opened = storage.open_storage
        monkeypatch.setattr(
            storage, "open_storage", lambda place: MemoryBucket(there) if place == there else opened(place)
        )
    written = records(smoke())
    for record in written:
        assert ledger.write(there, record) and not ledger.write(there, record)
    store, torn = storage.open_storage(there), written[1].row["key"]
    content = store.read(f"{torn}.npz")
    store.replace(f"{torn}.npz", content[: len(content) // 2])
    with pytest.warns(UserWarning, match="torn record set aside as"):
        ledger.copy(there, here)
    whole = {record.row["key"] for record in written} - {torn}
    assert ledger.keys(there) == whole == ledger.read_all(here)
    assert store.read(f"{torn}.npz.torn") == content[: len(content) // 2]
    ledger.write(there, written[1])
    ledger.copy(there, here, wanted=set())
    assert torn not in ledger.keys(here)
    ledger.copy(there, here, wanted={torn})
    assert ledger.read_all(here) == whole | {torn}
