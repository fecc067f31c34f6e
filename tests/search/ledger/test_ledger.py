"""The ledger: whole or absent, first writer wins, torn files are noticed."""

import multiprocessing

import numpy as np
import pytest

from analysis.network import Network
from search.ledger import ledger
from search.ledger.record import Record, TornRecord


def make_record(key="abc", *, value=1.0, draws=3, status="done"):
    random = np.random.default_rng(0)
    network = Network(
        random.normal(size=(draws, 6, 2)),
        random.normal(size=(draws, 6)),
        random.normal(size=(draws, 6)),
        np.zeros(draws),
    )
    return Record(
        row={
            "key": key,
            "status": status,
            "beta": 1e-5,
            "value": value,
            "missing": float("nan"),
            "n": np.int64(4),
        },
        snapshots=[{"key": key, "step": 1, "relative_error": np.float32(0.5)}],
        draws=network if status == "done" else None,
        hypernetwork={"layers.0.weight": np.arange(6.0).reshape(2, 3), "g": np.float32(2)},
    )


def test_a_record_comes_back_whole(tmp_path):
    record = make_record()
    assert ledger.write(tmp_path, record)
    back = ledger.read(ledger.record_path(tmp_path, "abc"))
    assert back.row["beta"] == 1e-5 and back.row["n"] == 4 and np.isnan(back.row["missing"])
    assert back.snapshots == [{"key": "abc", "step": 1, "relative_error": 0.5}]
    assert back.draws.batch_shape == (3,)
    np.testing.assert_array_equal(back.draws.hidden_weight, record.draws.hidden_weight)
    assert back.hypernetwork.keys() == record.hypernetwork.keys()
    for name, array in record.hypernetwork.items():
        np.testing.assert_array_equal(back.hypernetwork[name], array)
    assert ledger.keys(tmp_path) == ledger.read_all(tmp_path) == {"abc"}


def test_an_older_record_is_read(tmp_path):
    """One with a member for every parameter of the hypernetwork."""
    ledger.write(tmp_path, make_record())
    path = ledger.record_path(tmp_path, "abc")
    with np.load(path) as archive:
        rest = {name: archive[name] for name in archive.files if not name.startswith("hypernetwork/")}
    np.savez(path, **rest, **{"hypernetwork/layers.0.weight": np.ones((2, 3)), "hypernetwork/g": np.float32(2)})
    back = ledger.read(path).hypernetwork
    assert back["layers.0.weight"].shape == (2, 3) and back["g"] == 2 and len(back) == 2


def test_a_failed_training_has_a_record_too(tmp_path):
    ledger.write(tmp_path, make_record(status="failed"))
    assert ledger.read(tmp_path / "abc.npz").draws is None


def test_the_first_writer_wins(tmp_path):
    assert ledger.write(tmp_path, make_record(value=1.0))
    assert not ledger.write(tmp_path, make_record(value=2.0))
    assert ledger.read(tmp_path / "abc.npz").row["value"] == 1.0
    assert [path.name for path in tmp_path.iterdir()] == ["abc.npz"]


def _race(folder, value, barrier, queue):
    for i in range(40):
        barrier.wait()
        queue.put((i, value, ledger.write(folder, make_record(f"key{i}", value=value))))


def test_of_two_processes_one_wins_every_time(tmp_path):
    context = multiprocessing.get_context("fork")
    barrier, queue = context.Barrier(2), context.Queue()
    writers = [context.Process(target=_race, args=(tmp_path, value, barrier, queue)) for value in (1.0, 2.0)]
    for writer in writers:
        writer.start()
    results = [queue.get(timeout=60) for _ in range(80)]
    for writer in writers:
        writer.join(timeout=30)
    for i in range(40):
        winners = [value for j, value, won in results if j == i and won]
        assert len(winners) == 1
        assert ledger.read(tmp_path / f"key{i}.npz").row["value"] == winners[0]


@pytest.mark.parametrize("damage", ["truncated", "empty", "garbage", "flipped", "text"])
def test_torn_records_are_set_aside(tmp_path, damage):
    path = ledger.record_path(tmp_path, "abc")
    ledger.write(tmp_path, make_record())
    ledger.write(tmp_path, make_record("whole"))
    whole = path.read_bytes()
    position = whole.index(np.arange(6.0).tobytes()) + 9  # within an array's data
    path.write_bytes(
        {
            "truncated": whole[: len(whole) // 2],
            "empty": b"",
            "garbage": bytes(1000),
            "flipped": whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :],
            "text": b"hello",
        }[damage]
    )
    with pytest.raises(TornRecord):
        ledger.read(path)
    with pytest.warns(UserWarning, match="torn record set aside"):
        assert ledger.read_all(tmp_path) == {"whole"}
    assert not path.exists() and len(list(tmp_path.glob("*.torn"))) == 1
    assert ledger.write(tmp_path, make_record()) and ledger.read_all(tmp_path) == {"abc", "whole"}


def test_a_second_torn_file_does_not_replace_the_first(tmp_path):
    for text in ("one", "two"):
        (tmp_path / "abc.npz").write_text(text)
        ledger.set_aside(tmp_path / "abc.npz")
    assert sorted(path.read_text() for path in tmp_path.glob("*.torn")) == ["one", "two"]


def test_a_record_under_another_name_is_not_trusted(tmp_path):
    ledger.write(tmp_path, make_record("abc"))
    (tmp_path / "abc.npz").rename(tmp_path / "xyz.npz")
    with pytest.raises(TornRecord, match="abc"):
        ledger.read(tmp_path / "xyz.npz")


def test_pickles_are_refused(tmp_path):
    np.savez(tmp_path / "abc.npz", row=np.array([{"key": "abc"}], dtype=object))
    with pytest.raises(TornRecord):
        ledger.read(tmp_path / "abc.npz")


def test_what_a_killed_writer_leaves_is_no_record(tmp_path):
    (tmp_path / f".abc.{'0' * 32}.tmp").write_bytes(b"half")
    assert ledger.keys(tmp_path) == set() and ledger.read_all(tmp_path / "absent") == set()
    assert ledger.remove_leftovers(tmp_path) == 1 and not list(tmp_path.iterdir())


def test_records_are_visited_one_by_one(tmp_path):
    for key in ("b", "a"):
        ledger.write(tmp_path, make_record(key))
    seen = []
    assert ledger.read_all(tmp_path, lambda record: seen.append(record.row["key"])) == {"a", "b"}
    assert seen == ["a", "b"]


def test_a_record_can_be_read_without_its_hypernetwork_but_not_unchecked(tmp_path):
    record = Record({"key": "abc", "status": "done"}, [], None, {"weight": np.arange(1000.0)})
    ledger.write(tmp_path, record)
    path = ledger.record_path(tmp_path, "abc")
    assert ledger.read(path, hypernetwork=False) == Record(record.row)
    content = bytearray(path.read_bytes())
    content[content.index(np.float64(500.0).tobytes())] ^= 1  # a bit of an array that is left out
    path.write_bytes(content)
    with pytest.raises(TornRecord):
        ledger.read(path, hypernetwork=False)
