"""Checkpoints of packs: written whole or not at all, taken up by whoever has their members, gone when done."""

import numpy as np
import pytest

from search.cli.status import status
from search.cluster import worker
from search.ledger import checkpoints, ledger, storage
from search.ledger.checkpoints import PackCheckpoint, resumable, unfinished
from search.sweep import folder as folders
from search.sweep.grid import expand
from tests.search.cluster.test_worker import pack_config, reports  # noqa: F401
from tests.support.records import assert_same_record, smoke

KEYS = ["a", "b", "c"]


def checkpoint(folder, keys=KEYS, **changes) -> PackCheckpoint:
    about = {"dimension": 3, "device": "cpu", "seconds": 1e-9} | changes
    return PackCheckpoint(folder, "pack", keys=keys, **about)


def state(step: int) -> dict:
    return {"step": np.full(3, step), "values": np.arange(6.0).reshape(3, 2)}


def test_what_is_kept_comes_back_by_member(tmp_path):
    checkpoint(tmp_path).offer(lambda: state(7))
    again = checkpoint(tmp_path, ["c", "a"]).load()
    np.testing.assert_array_equal(again["values"], [[4, 5], [0, 1]])
    assert list(again["step"]) == [7, 7]
    assert [path.name for path in tmp_path.iterdir()] == ["pack.npz"]  # no temporary file stays
    checkpoint(tmp_path).remove()
    assert checkpoint(tmp_path).load() is None and not list(tmp_path.iterdir())


@pytest.mark.parametrize("other", [{"device": "cuda"}, {"dimension": 4}, {"keys": ["a", "d"]}])
def test_what_belongs_to_something_else_is_left(tmp_path, other):
    checkpoint(tmp_path).offer(lambda: state(7))
    assert checkpoint(tmp_path, **other).load() is None


def test_other_code_begins_anew(tmp_path, monkeypatch):
    checkpoint(tmp_path).offer(lambda: state(7))
    monkeypatch.setattr(checkpoints, "code_digest", lambda: "other")
    assert checkpoint(tmp_path).load() is None and resumable(tmp_path, {"a"}) == [] and not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[: len(b) // 2], lambda b: b[:300] + b"?" + b[301:]])
def test_a_damaged_file_is_none(tmp_path, damage):
    checkpoint(tmp_path).offer(lambda: {"step": np.full(3, 7), "values": np.zeros((3, 500))})
    path = tmp_path / "pack.npz"
    path.write_bytes(damage(path.read_bytes()))
    assert checkpoint(tmp_path).load() is None


def test_they_are_rare(tmp_path):
    kept = []
    for seconds in (0, 1000.0):
        checkpoint(tmp_path, seconds=seconds).offer(lambda: kept.append(1))
    assert kept == []
    often = checkpoint(tmp_path)
    for step in (1, 2):  # the second is offered before the first has earned its cost back
        often.offer(lambda step=step: state(step))
    assert checkpoint(tmp_path).load()["step"][0] == 1


def test_held_names_what_is_still_wanted_and_clears_the_rest(tmp_path):
    for name, keys, step in (("x", ["a", "b"], 3), ("y", ["c"], 9), ("z", ["d"], 5)):
        PackCheckpoint(tmp_path, name, dimension=3, keys=keys, device="cpu", seconds=1e-9).offer(
            lambda s=step: state(s)
        )
    assert [one.name for one in unfinished(tmp_path)] == ["y", "z", "x"] and len(list(tmp_path.iterdir())) == 3
    found = resumable(tmp_path, {"b", "c"})
    assert [(one.name, one.keys, one.step) for one in found] == [("y", ("c",), 9), ("x", ("a", "b"), 3)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.npz", "y.npz"]


def test_status_names_what_was_begun(tmp_path):
    config, folder = smoke(), folders.create(tmp_path)
    folders.write_config(folder, config)
    keys = [point.key for point in expand(config)]
    PackCheckpoint(tmp_path / "checkpoints", "x", dimension=3, keys=keys[:3], device="cpu", seconds=1e-9).offer(
        lambda: state(15)
    )
    said = status(config, folder)
    assert "0 of 4 trainings done" in said and "begun: 3 trainings at n = 3, kept at step 15 of 20" in said
    assert "continue: hyperphase resume" in said
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1


def test_a_worker_that_dies_goes_on_from_its_checkpoint(tmp_path, reports, monkeypatch):  # noqa: F811
    """Stopped in the middle by an exception from its first report; then resumed: the same bits, half the steps."""
    config = smoke("training.steps=60")
    settings = {"checkpoints": str(tmp_path / "checkpoints"), "checkpoint_seconds": 1e-9}
    whole, resumed = (pack_config(config, tmp_path / name) | settings for name in ("whole", "resumed"))
    for name in ("whole", "resumed"):
        storage.mark(tmp_path / name)
    worker.run_pack(whole)

    offered, offer = [], PackCheckpoint.offer

    def counted(self, state):
        offered.append(1)
        offer(self, state)
        if len(offered) == 30:
            raise RuntimeError("killed")

    monkeypatch.setattr(PackCheckpoint, "offer", counted)
    with pytest.raises(RuntimeError, match="killed"):
        worker.run_pack(resumed)
    step = resumable(tmp_path / "checkpoints", {point.key for point in expand(config)})[0].step
    worker.run_pack(resumed)
    assert 1 <= step <= 30 and len(offered) == 30 + 59 - step
    assert not list((tmp_path / "checkpoints").iterdir())
    for key in ledger.read_all(tmp_path / "whole"):
        assert_same_record(*(ledger.read(ledger.record_path(tmp_path / name, key)) for name in ("whole", "resumed")))
