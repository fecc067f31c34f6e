"""The driver without Ray: what it asks for, what it says and with which code it ends."""

import json

import pytest

from analysis.errors import UserError
from search.cluster import session
from search.driver import sweep as driver
from search.driver.signals import Terminated
from search.sweep import folder as folders
from tests.support.records import smoke


def sweep(path, *settings):
    return driver.sweep(smoke("mlflow.enabled=false", *settings), path, command=["hyperphase", "sweep"])


def last_run(path):
    return json.loads((path / "manifest.json").read_text())["runs"][-1]


def test_only_what_is_missing_is_asked_for(tmp_path, ray, capsys):
    assert sweep(tmp_path) == 0 and sweep(tmp_path) == 0
    assert sweep(tmp_path, "grid.seeds=3") == 0 and sweep(tmp_path, "training.steps=21") == 0
    assert ray["asked"] == [4, 2, 4]
    assert "6 trainings of another recipe" in capsys.readouterr().err
    assert last_run(tmp_path)["status"] == "complete"


def test_a_torn_record_is_trained_again(tmp_path, ray):
    sweep(tmp_path)
    path = next((tmp_path / "ledger").glob("*.npz"))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.warns(UserWarning, match="torn record"):
        assert sweep(tmp_path) == 0
    assert ray["asked"] == [4, 1] and len(list((tmp_path / "ledger").glob("*.torn"))) == 1


@pytest.mark.parametrize("trouble", ["OSError: disk full", RuntimeError("the raylet died")])
def test_what_could_not_be_trained_is_named(tmp_path, ray, capsys, trouble):
    ray["stop"] = (3, trouble)
    assert sweep(tmp_path) == 1
    err = capsys.readouterr().err
    assert str(trouble) in err and "Traceback" not in err
    assert "1 training missing" in err.splitlines()[-1] and "hyperphase resume" in err.splitlines()[-1]
    assert last_run(tmp_path)["status"] == "incomplete" and last_run(tmp_path)["missing"] == 1
    ray["stop"] = None
    assert sweep(tmp_path) == 0 and ray["asked"] == [4, 1]


@pytest.mark.parametrize(("interrupt", "code"), [(KeyboardInterrupt, 130), (Terminated, 143)])
def test_an_interrupt_says_how_to_go_on(tmp_path, ray, capsys, interrupt, code):
    ray["stop"] = (1, interrupt())
    assert sweep(tmp_path) == code
    assert "stopped with 1 of 4 trainings done" in capsys.readouterr().err.splitlines()[-1]
    assert (tmp_path / "trainings.parquet").exists() and last_run(tmp_path)["status"] == "interrupted"
    with folders.locked(folders.existing(tmp_path)):
        pass  # the lock is free again


def test_a_second_interrupt_ends_at_once(tmp_path, ray, capsys, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    ray["stop"] = (1, KeyboardInterrupt())
    monkeypatch.setattr("search.sweep.tables.collect", interrupt)
    assert sweep(tmp_path) == 130
    assert "hyperphase resume" in capsys.readouterr().err.splitlines()[-1]


def test_a_refusal_is_written_down(tmp_path, ray):
    ray["stop"] = (0, UserError("no room for a pack"))
    with pytest.raises(UserError, match="no room"):
        sweep(tmp_path)
    assert last_run(tmp_path)["status"] == "refused" and last_run(tmp_path)["reason"] == "no room for a pack"


def test_a_report_that_fails_is_told_by_the_exit_code(tmp_path, ray, monkeypatch):
    monkeypatch.setattr(driver, "write_report", lambda folder, **_: False)
    assert sweep(tmp_path) == 1


@pytest.mark.parametrize(
    ("device", "resources", "expected"),
    [
        ("auto", {"CPU": 8.0}, session.Cluster(8, "cpu", 0)),
        ("auto", {"CPU": 8.0, "GPU": 2.0}, session.Cluster(2, "cuda", 1)),
        ("cpu", {"CPU": 8.0, "GPU": 2.0}, session.Cluster(8, "cpu", 0)),
    ],
)
def test_the_device_follows_the_cluster(device, resources, expected):
    assert session._describe(smoke(f"training.device={device}"), resources) == expected


def test_a_cluster_without_room_is_refused():
    with pytest.raises(UserError, match="no GPU"):
        session._describe(smoke("training.device=cuda"), {"CPU": 8.0})
    with pytest.raises(UserError, match="no room"):
        session._describe(smoke("ray.cpus_per_pack=4"), {"CPU": 2.0})


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "localhost:x"])
def test_a_cluster_that_is_not_there_is_told_in_seconds(address):
    with pytest.raises(UserError, match=r"cannot reach|expected host:port"):
        session._probe_address(address)
