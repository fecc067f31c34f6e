"""Faults injected into running sweeps on an embedded Ray: nothing is lost or doubled, and the bits are those of an
undisturbed sweep. (Faults of several hosts are in tests/cluster.)

Figures of full runs are in docs/cluster.md.
"""

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from search.ledger import ledger
from search.ledger.checkpoints import unfinished
from tests.support.records import assert_same_record
from tests.test_sweep import SLOW, TIMEOUT, environment, processes_of, run, runs, sessions, start, wait_for_records  # noqa: F401

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3 * TIMEOUT)]
KILLS = int(os.environ.get("HYPERPHASE_KILLS", "30"))  # of the driver, at random times
TRAININGS = 8
TRACKED = [*SLOW, "--set", "mlflow.drawings=false"]
UNTRACKED = [*SLOW, "--set", "mlflow.enabled=false"]
OFTEN = ["--set", "ray.checkpoint_seconds=0.1"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The ledger of the sweep that all faults happen to."""
    folder = tmp_path_factory.mktemp("undisturbed") / "sweep"
    code, _, err = run(folder, "sweep", *UNTRACKED, "--out", str(folder))
    assert code == 0, err
    return folder / "ledger"


def check(folder: Path, undisturbed: Path, *, tracked: bool = False) -> None:
    """Every training once in the ledger, the table and (if `tracked`) MLflow, bit-identical to the undisturbed ones."""
    keys = ledger.read_all(folder / "ledger")
    assert keys == ledger.read_all(undisturbed) and len(keys) == TRAININGS
    assert sorted(pd.read_parquet(folder / "trainings.parquet")["key"]) == sorted(keys)
    for key in keys:
        assert_same_record(*(ledger.read(ledger.record_path(place, key)) for place in (folder / "ledger", undisturbed)))
    left = [path.name for path in (folder / "ledger").iterdir() if path.suffix != ".npz"]
    assert [name for name in left if not name.endswith(".torn")] == [] and not (folder / "checkpoints").exists()
    if tracked:
        check_tracked(runs(folder), keys)


def check_tracked(logged: list, keys: set[str]) -> None:
    assert {run.info.status for run in logged} == {"FINISHED"}
    children = [run.data.tags["key"] for run in logged if run.data.tags["kind"] == "training"]
    assert sorted(children) == sorted(keys) and len(logged) == len(keys) + 1


def resume(folder: Path, *options: str) -> str:
    code, _, err = run(folder, "resume", str(folder), *options)
    assert code == 0, err
    return err


def test_a_worker_killed_in_the_middle_of_a_pack(tmp_path, undisturbed, sessions):  # noqa: F811
    """One pack of all trainings, killed late: it goes on from its checkpoint, and Tune needs no second driver."""
    folder = tmp_path / "sweep"
    process = start(folder, "sweep", *UNTRACKED, *OFTEN, "--set", "ray.pack_size=8", "--out", str(folder))
    sessions.append(process.pid)
    deadline = time.monotonic() + TIMEOUT
    while not (found := unfinished(folder / "checkpoints")) or found[0].step < 40:
        assert process.poll() is None and time.monotonic() < deadline, "no checkpoint in the middle"
        time.sleep(0.05)
    worker = next(pid for pid, name in processes_of(process.pid).items() if "Implicit" in name)
    os.kill(worker, signal.SIGKILL)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, err
    check(folder, undisturbed)


@pytest.mark.timeout(3600)
def test_a_driver_killed_at_random_times(tmp_path, undisturbed, sessions):  # noqa: F811
    """Each kill -9 falls anywhere between the start of the interpreter and the end; then the next driver resumes."""
    folder, kills, finished = tmp_path / "sweep", 0, 0
    generator, began = random.Random(5), time.monotonic()
    assert run(folder, "sweep", *TRACKED, "--out", str(folder))[0] == 0
    whole = time.monotonic() - began  # seconds of a sweep, on this machine as it is now
    shutil.rmtree(folder)
    found = []  # trainings done at each kill
    while kills < KILLS:
        process = start(folder, "sweep", *TRACKED, *OFTEN, "--out", str(folder))
        sessions.append(process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=generator.uniform(0.5, whole))
        if process.returncode is None:
            process.kill()
            process.communicate()
            kills += 1
        before = ledger.keys(folder / "ledger")
        found.append(len(before))
        if before == ledger.keys(undisturbed):  # done: begin anew
            resume(folder)
            check(folder, undisturbed, tracked=True)
            finished += 1
            shutil.rmtree(folder)
        for pid in processes_of(sessions.pop()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    if folder.exists():
        resume(folder)
        check(folder, undisturbed, tracked=True)
        finished += 1
    print(f"{kills} kills with {found} trainings done; {finished} sweeps finished, nothing lost, nothing doubled")


WITHOUT_RAY = """
import contextlib, sys
import ray.tune
from search.cli.main import main
from search.cluster import session, tune, worker
from search.driver import train
from search.ledger import storage
from search.sweep.experiment import experiment_of

@contextlib.contextmanager
def connected(config, folder):
    yield session.Cluster(1, "cpu", 0)

def run_packs(config, folder, cluster, packs, on_step):
    storage.mark(folder.path)
    for index, pack in enumerate(packs):
        told = {"pack": tune._pack_config(experiment_of(config), index, pack)}
        worker.run_pack(told | tune.settings(config, folder, cluster.device))
    return []

ray.tune.report = lambda metrics: None
session.connected, train.run_packs = connected, run_packs
sys.exit(main())
"""


@pytest.mark.timeout(3600)
def test_a_driver_that_trains_by_itself_killed_at_random_times(tmp_path, undisturbed):
    """As above, with the packs in the driver's process: without Ray's start, most kills fall into work."""
    folder, kills, finished, found = tmp_path / "sweep", 0, 0, []
    generator = random.Random(7)
    command = [sys.executable, "-c", WITHOUT_RAY, "sweep", *TRACKED, *OFTEN, "--out", str(folder)]

    def drive(seconds: float | None) -> subprocess.Popen:
        process = subprocess.Popen(
            command, cwd=Path(__file__).parent.parent, env=environment(tmp_path), start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=seconds)
        return process

    began = time.monotonic()
    assert drive(None).returncode == 0
    whole = time.monotonic() - began
    check(folder, undisturbed, tracked=True)
    shutil.rmtree(folder)
    while kills < KILLS:
        process = drive(generator.uniform(0.3 * whole, whole))  # the first third is spent on imports
        if process.returncode is None:
            process.kill()
            process.communicate()
            kills += 1
            found.append(len(ledger.keys(folder / "ledger")))
        if process.returncode == 0 or kills == KILLS:
            assert process.returncode == 0 or drive(None).returncode == 0
            check(folder, undisturbed, tracked=True)
            finished += 1
            shutil.rmtree(folder)
    print(f"{kills} kills with {found} trainings done; {finished} sweeps finished, nothing lost, nothing doubled")


@contextlib.contextmanager
def tracking_server(folder: Path, port: int):
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
               "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}",
               "--artifacts-destination", (folder / "artifacts").as_uri()]  # fmt: skip
    variables = environment(folder) | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    process = subprocess.Popen(
        command, env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert time.monotonic() < deadline, "the tracking server did not come up"
            time.sleep(0.3)
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def on_server(folder: Path) -> list:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    return client.search_runs([client.get_experiment_by_name("hyperphase").experiment_id], max_results=1000)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_tracking_server_that_is_away_for_a_minute(tmp_path, undisturbed):
    """Down when the sweep begins, up a minute later; `sync` logs what the sweep could not."""
    folder, port, ended = tmp_path / "sweep", free_port(), threading.Event()
    uri = ["--set", f"mlflow.tracking_uri=http://127.0.0.1:{port}"]

    def serve():
        time.sleep(60)
        with tracking_server(tmp_path, port):
            ended.wait()

    server = threading.Thread(target=serve)
    server.start()
    try:
        code, _, err = run(folder, "sweep", *TRACKED, *uri, "--out", str(folder))
        assert code == 0 and f"MLflow: no tracking server at 127.0.0.1:{port}: Connection refused" in err
        deadline = time.monotonic() + 180
        while not reachable(port):  # the sweep may be over before the server is up
            assert time.monotonic() < deadline
            time.sleep(0.5)
        code, _, err = run(folder, "sync", str(folder))
        assert code == 0, err
    finally:
        ended.set()
        server.join()
    check(folder, undisturbed)
    check_tracked(on_server(tmp_path), ledger.keys(folder / "ledger"))


def reachable(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def test_a_tracking_server_that_dies_and_returns(tmp_path, undisturbed):
    """Killed after the first trainings are logged: nothing is doubled when `sync` completes what is missing."""
    folder, port = tmp_path / "sweep", free_port()
    uri = ["--set", f"mlflow.tracking_uri=http://127.0.0.1:{port}"]
    with tracking_server(tmp_path, port):
        process = start(folder, "sweep", *TRACKED, *uri, "--out", str(folder))
        wait_for_records(process, folder, 3)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0 and "hyperphase sync" in err, err
    code, _, err = run(folder, "sync", str(folder))
    assert code == 2 and len(err.splitlines()) == 1 and "no tracking server" in err
    with tracking_server(tmp_path, port):
        for missing in (True, False):
            code, out, err = run(folder, "sync", str(folder))
            assert code == 0 and (missing or "0 trainings logged, 8 were there" in out), err
    check(folder, undisturbed)
    check_tracked(on_server(tmp_path), ledger.keys(folder / "ledger"))


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting is not permitted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_on_the_storage(tmp_path, undisturbed, small_disk):
    """Two records fit, not eight. With room again, `resume` does the rest."""
    folder = tmp_path / "sweep"
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * (2 * 2**20 - 2 * 300_000))
    options = [*UNTRACKED, "--set", f"ray.storage={small_disk}", "--set", "ray.max_failures=0"]
    code, _, err = run(folder, "sweep", *options, "--out", str(folder))
    assert code == 1 and "No space left on device" in err and "hyperphase resume" in err.splitlines()[-1], err
    stored = ledger.keys(small_disk / "ledger")
    assert len(stored) < TRAININGS and not list((small_disk / "ledger").glob(".*"))
    subprocess.run(["mount", "-o", "remount,size=100m", str(small_disk)], check=True)
    resume(folder)
    check(folder, undisturbed)


@pytest.mark.parametrize("damage", ["torn", "empty", "other"])
def test_a_damaged_record_is_trained_again(tmp_path, undisturbed, damage):
    folder = tmp_path / "sweep"
    (folder / "ledger").mkdir(parents=True)
    first, second, *rest = sorted(undisturbed.glob("*.npz"))
    for path in (first, *rest):
        shutil.copy(path, folder / "ledger")
    content = {"torn": second.read_bytes()[:-1000], "empty": b"", "other": first.read_bytes()}[damage]
    (folder / "ledger" / second.name).write_bytes(content)
    code, _, err = run(folder, "sweep", *UNTRACKED, "--out", str(folder))
    assert code == 0 and err.count("torn record set aside") == 1, err
    check(folder, undisturbed)


def test_a_training_that_diverges(tmp_path):
    """It fails alone: its neighbours in the pack are done, it is a row with its reason, and nobody tries it again."""
    folder = tmp_path / "sweep"
    options = [*SLOW, "--set", "grid.betas=[1e38, 1e-6]", "--set", "grid.seeds=2", "--set", "ray.pack_size=4"]
    code, _, err = run(folder, "sweep", *options, "--out", str(folder))
    assert code == 0 and "2 trainings failed" in err, err
    table = pd.read_parquet(folder / "trainings.parquet")
    assert sorted(table["status"]) == ["done", "done", "failed", "failed"]
    assert set(table.loc[table["status"] == "failed", "reason"]) == {"loss not finite at step 1"}
    code, out, _ = run(folder, "status", str(folder))
    assert "4 of 4 trainings done, 2 of them failed" in out and "2 × loss not finite at step 1" in out
    statuses = sorted(run.info.status for run in runs(folder))
    assert statuses == ["FAILED", "FAILED", "FINISHED", "FINISHED", "FINISHED"]
    assert "4 trainings, 4 of them done before" in resume(folder)


def test_two_drivers_at_once(tmp_path, undisturbed, sessions):  # noqa: F811
    """In one folder the second is refused; in two folders with one storage both finish, and a record has one writer."""
    shared = tmp_path / "shared"
    options = [*UNTRACKED, "--set", f"ray.storage={shared}", "--set", "ray.cpus=1"]
    drivers = [start(tmp_path / name, "sweep", *options, "--out", str(tmp_path / name)) for name in ("a", "b")]
    sessions += [driver.pid for driver in drivers]
    wait_for_records(drivers[0], tmp_path / "a", 1)
    code, _, err = run(tmp_path / "a", "sweep", *options, "--out", str(tmp_path / "a"))
    assert code == 2 and "another hyperphase" in err and len(err.splitlines()) == 1
    for driver in drivers:
        _, err = driver.communicate(timeout=2 * TIMEOUT)
        assert driver.returncode == 0, err
    for name in ("a", "b"):
        check(tmp_path / name, undisturbed)
        for path in (shared / "ledger").iterdir():
            assert path.read_bytes() == (tmp_path / name / "ledger" / path.name).read_bytes()
    assert len(list((shared / "ledger").iterdir())) == TRAININGS


@pytest.mark.parametrize(("times", "whom", "number"), [
    (1, os.killpg, signal.SIGINT),  # Ctrl-C reaches every process of the terminal's group
    (2, os.killpg, signal.SIGINT),
    (1, os.kill, signal.SIGTERM),
])  # fmt: skip
def test_ctrl_c_and_sigterm(tmp_path, undisturbed, sessions, times, whom, number):  # noqa: F811
    folder = tmp_path / "sweep"
    process = start(folder, "sweep", *TRACKED, *OFTEN, "--out", str(folder))
    sessions.append(process.pid)
    wait_for_records(process, folder, 2)
    for _ in range(times):
        whom(process.pid, number)
        time.sleep(0.5)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 128 + number and "Traceback" not in err and "***" not in err, err
    assert "hyperphase resume" in err.splitlines()[-1]
    done = {path: path.read_bytes() for path in (folder / "ledger").glob("*.npz")}
    assert 2 <= len(done) < TRAININGS
    resume(folder)
    assert all(path.read_bytes() == content for path, content in done.items())
    check(folder, undisturbed, tracked=True)
