"""Faults in a user's own experiment and around it, on an embedded Ray: nothing is lost, doubled or left running."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
import tomli_w

from search.ledger import ledger
from tests.support.own_experiment import MINE
from tests.support.records import assert_same_record
from tests.test_faults import small_disk  # noqa: F401
from tests.test_sweep import TIMEOUT, processes_of, run, runs, sessions, start, wait_for_records  # noqa: F401

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * TIMEOUT)]
KILLS = (1, 4, 9)  # after so many records

TROUBLE = """
    import os, signal, time
    time.sleep(0.5)
    if run["decay"] == -1 and run.seed == 0:
        raise ArithmeticError(f"no rate of {run['rate']:g}")
    if run["decay"] == 0 and run.seed == 0:
        time.sleep(1000)
    if run["decay"] == 1 and run.seed == 0:
        os.kill(os.getpid(), signal.SIGKILL)
"""
REASONS = {-1: "no rate of", 0: "took longer than 3 seconds", 1: "its process was ended by SIGKILL"}
GRID = {"seeds": 4, "axes": {"rate": {"count": 2}, "decay": [-1, 0, 1]}}


def write(folder: Path, code: str = MINE, **sections) -> list[str]:
    """The user's file and config; the arguments of its sweep."""
    (folder / "mine.py").write_text(code)
    ray = {"cpus": 2, "pack_size": 4, "max_failures": 1}
    config = {"experiment": {"trainable": "mine.py:MINE"}, "grid": GRID, "ray": ray, "mlflow": {"enabled": False}}
    (folder / "mine.toml").write_text(tomli_w.dumps(config | sections))
    return ["sweep", "--config", str(folder / "mine.toml"), "--out", str(folder / "sweep")]


def children(folder: Path) -> list[int]:
    """Processes in which the user's code trains, for the sweep in this folder."""
    found = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True).stdout.splitlines()
    pids = [int(line.split()[0]) for line in found if "search.cluster.own_process" in line]
    return [pid for pid in pids if environment_of(pid).get("MARK") == str(folder)]


def environment_of(pid: int) -> dict[str, str]:
    with contextlib.suppress(OSError):
        pairs = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return {}


def test_kills_of_the_driver_and_trainings_that_raise_hang_and_die(tmp_path, sessions, monkeypatch):  # noqa: F811
    code = MINE.replace("def train(run):\n", f"def train(run):{TROUBLE}")
    monkeypatch.setenv("MARK", str(tmp_path))
    command = write(tmp_path, code, experiment={"trainable": "mine.py:MINE", "timeout": 3.0, "trial_seconds": 0.0},
                    mlflow={"enabled": True})  # fmt: skip
    folder, before = tmp_path / "sweep", {}
    for count in KILLS:
        process = start(folder, *command)
        sessions.append(process.pid)
        wait_for_records(process, folder, count)
        process.kill()
        process.communicate()
        for pid in processes_of(process.pid):  # Ray's own would end a little later
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while children(tmp_path):
            assert time.monotonic() < deadline, "the user's code runs on without its worker"
            time.sleep(0.2)
        now = {path.name: path.read_bytes() for path in (folder / "ledger").glob("*.npz")}
        assert all(now[name] == content for name, content in before.items())
        before = now
    status, _, err = run(folder, "resume", str(folder))
    assert status == 0 and "6 trainings failed" in err, err
    assert all((folder / "ledger" / name).read_bytes() == content for name, content in before.items())
    table = pd.read_parquet(folder / "trainings.parquet")
    assert len(table) == table["key"].nunique() == 24 and set(table["key"]) == ledger.read_all(folder / "ledger")
    failed = table[table["status"] == "failed"]
    assert len(failed) == 6 and (failed["seed"] == 0).all()
    assert all(REASONS[row.decay] in row.reason for row in failed.itertuples())
    logged = [one for one in runs(folder) if one.data.tags["kind"] == "training"]
    assert sorted(one.data.tags["key"] for one in logged) == sorted(table["key"])
    assert sum(one.info.status == "FAILED" for one in logged) == 6 and not children(tmp_path)

    # the file mended, what failed is tried again and the rest stays
    (tmp_path / "mine.py").write_text(MINE)
    done = {path.name: path.read_bytes() for path in (folder / "ledger").glob("*.npz")}
    status, _, err = run(folder, "resume", str(folder), "--retry-failed")
    assert status == 0 and "6 failed trainings are tried again" in err, err
    table = pd.read_parquet(folder / "trainings.parquet")
    assert len(table) == 24 and (table["status"] == "done").all()
    again = {f"{key}.npz" for key in failed["key"]}
    assert all((folder / "ledger" / name).read_bytes() == done[name] for name in done.keys() - again)
    logged = [one for one in runs(folder) if one.data.tags["kind"] == "training"]
    assert len(logged) == 24 and {one.info.status for one in logged} == {"FINISHED"}


BIG = """
    files = {"big": np.random.default_rng(run.seed).normal(size=100_000)}
    return Outcome("low" if run["decay"] < 0 else "high", files=files)
"""


def test_a_disk_that_the_users_files_fill(tmp_path, small_disk):  # noqa: F811
    """Two trainings' files fit, not 24; with room again, `resume` does the rest."""
    command = write(tmp_path, MINE.replace("def train(run):\n", f"def train(run):{BIG}"),
                    ray={"cpus": 2, "pack_size": 4, "max_failures": 0, "storage": str(small_disk)})  # fmt: skip
    folder = tmp_path / "sweep"
    status, _, err = run(folder, *command)
    assert status == 1 and "No space left on device" in err and "hyperphase resume" in err.splitlines()[-1], err
    stored = ledger.keys(small_disk / "ledger")
    assert 0 < len(stored) < 24 and not list((small_disk / "ledger").glob(".*"))
    subprocess.run(["mount", "-o", "remount,size=100m", str(small_disk)], check=True)
    records = {key: ledger.read(ledger.record_path(folder / "ledger", key)) for key in stored}
    status, _, err = run(folder, "resume", str(folder))
    assert status == 0, err
    table = pd.read_parquet(folder / "trainings.parquet")
    assert len(table) == 24 and (table["status"] == "done").all()
    for key, record in records.items():
        assert_same_record(record, ledger.read(ledger.record_path(folder / "ledger", key)))
