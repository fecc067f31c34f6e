"""Real sweeps through the command line: Ray, MLflow, tables and report; and what is left when they are killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from analysis.network import Network
from search.ledger import ledger
from trainables.kernels.compile import cache_folder

SMOKE = ["--preset", "smoke", "--set", "training.device=cpu", "--set", "ray.cpus=2"]
SLOW = [*SMOKE, "--set", "grid.seeds=4", "--set", "training.steps=600", "--set", "ray.pack_size=1"]  # 8 packs
TIMEOUT = int(os.environ.get("HYPERPHASE_PATIENCE", "240"))  # seconds of a sweep
RAY_AGENTS = ("ray::DashboardA", "ray::RuntimeEnv")  # as the kernel cuts their names


def environment(home: Path) -> dict:
    dropped = ("RAY_", "MLFLOW_", "TUNE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    # the compiled kernel, which takes longer than these sweeps, is everybody's
    return kept | {"HOME": str(home), "OMP_NUM_THREADS": "1", "HYPERPHASE_CACHE": str(cache_folder())}


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    """The command in its own process group, as a shell would start it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background tests ignore it
    return subprocess.Popen(
        [sys.executable, "-m", "search.cli", *arguments],
        cwd=Path(__file__).parent.parent, env=environment(folder.parent), start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    process = start(folder, *arguments)
    try:
        out, err = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process.returncode, out, err


def sweep(folder: Path, *options: str) -> tuple[int, str, str]:
    return run(folder, "sweep", *(options or SMOKE), "--out", str(folder))


def runs(folder: Path) -> list:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    return client.search_runs([client.get_experiment_by_name("hyperphase").experiment_id], max_results=1000)


def check_once_each(folder: Path, trainings: int) -> None:
    """Every training once in the ledger, in the table and in MLflow; nothing left over."""
    table = pd.read_parquet(folder / "trainings.parquet")
    keys = ledger.read_all(folder / "ledger")
    assert len(keys) == len(table) == table["key"].nunique() == trainings and set(table["key"]) == keys
    logged = runs(folder)
    children = [run.data.tags["key"] for run in logged if run.data.tags["kind"] == "training"]
    assert sorted(children) == sorted(keys) and len(logged) == trainings + 1
    assert {run.info.status for run in logged} == {"FINISHED"}
    assert not (folder / ".ray").exists() and not list((folder / "ledger").glob(".*"))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A smoke sweep, complete: (folder, exit code, stdout, stderr)."""
    folder = tmp_path_factory.mktemp("sweeps") / "smoke"
    return folder, *sweep(folder)


@pytest.mark.timeout(TIMEOUT)
def test_a_sweep_ends_with_everything_in_its_place(finished):
    folder, code, out, err = finished
    assert code == 0, err
    check_once_each(folder, 4)
    assert len(pd.read_parquet(folder / "snapshots.parquet")) == 4 * 3
    for path in (folder / "networks").iterdir():
        assert Network.load(path).dimension == 3
    assert "<html" in (folder / "report" / "index.html").read_text()
    assert (folder / "report" / "phase_map.png").exists()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["runs"][-1]["status"] == "complete" and manifest["config"]["training"]["steps"] == 20
    assert "index.html" in out and "hyperphase ui" in out


def test_it_is_quiet(finished):
    _, _, _, err = finished
    lines = [line for line in err.splitlines() if not line.startswith("logging ")]  # only where MLflow is slow
    assert len(lines) <= 4, err
    assert lines[0].endswith("4 trainings") and lines[-1].startswith("4/4 trainings")


def test_it_leaves_nothing_in_the_home_folder(finished):
    folder = finished[0]
    assert [path.name for path in folder.parent.iterdir() if path.name in (".ray", "mlruns", "ray_results")] == []


def test_every_training_has_a_picture_in_mlflow(finished):
    folder = finished[0]
    for found in runs(folder):
        files = Path(found.info.artifact_uri.removeprefix("file://"))
        of_sweep = found.data.tags["kind"] == "sweep"
        wanted, begins = ("phase_map.png", b"\x89PNG") if of_sweep else ("drawing.svg", b"<svg")
        assert (files / wanted).read_bytes()[:4] == begins


@pytest.mark.timeout(TIMEOUT)
def test_a_larger_grid_trains_only_what_is_new(finished):
    folder = finished[0]
    before = {path: path.stat().st_mtime_ns for path in (folder / "ledger").iterdir()}
    code, _, err = sweep(folder, *SMOKE, "--set", "grid.seeds=3")
    assert code == 0 and "6 trainings, 4 of them done before" in err
    check_once_each(folder, 6)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    code, _, err = run(folder, "resume", str(folder))  # nothing to do: Ray is not started
    assert code == 0 and "6 trainings, 6 of them done before" in err and "6/6" not in err
    check_once_each(folder, 6)


def wait_for_records(process: subprocess.Popen, folder: Path, count: int) -> None:
    deadline = time.monotonic() + TIMEOUT / 2
    while len(ledger.keys(folder / "ledger")) < count:
        assert process.poll() is None and time.monotonic() < deadline, "the sweep ended before it was killed"
        time.sleep(0.1)


def processes_of(session: int) -> dict[int, str]:
    """Living processes of a session: process id -> name."""
    found = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(OSError):
                name, _, rest = (path / "stat").read_text().partition("(")[2].rpartition(")")
                state, _, _, owner = rest.split()[:4]
                if int(owner) == session and state != "Z":
                    found[int(path.name)] = name
    return found


def workers_of(session: int) -> list[str]:
    """Without Ray's two agents, which notice only after a minute that their Ray is gone."""
    return [name for name in processes_of(session).values() if name not in RAY_AGENTS]


@pytest.fixture
def sessions():
    """Sessions whose processes end with the test, whatever happens in it."""
    started: list[int] = []
    yield started
    for session in started:
        for process in processes_of(session):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.timeout(2 * TIMEOUT)
def test_killed_and_interrupted_and_resumed(tmp_path, sessions):
    folder = tmp_path / "killed"
    process = start(folder, "sweep", *SLOW, "--out", str(folder))
    sessions.append(process.pid)
    wait_for_records(process, folder, 2)
    assert any("Implicit" in name for name in workers_of(process.pid))  # so that their absence means something
    process.kill()  # kill -9
    process.wait()
    deadline = time.monotonic() + 60
    while workers_of(process.pid) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not workers_of(process.pid), "trainings outlive their driver"
    first = ledger.keys(folder / "ledger")

    process = start(folder, "resume", str(folder))
    sessions.append(process.pid)
    wait_for_records(process, folder, len(first) + 1)
    os.killpg(process.pid, signal.SIGINT)  # Ctrl-C reaches every process of the terminal's group
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130 and "Traceback" not in err
    assert f"hyperphase resume {folder}" in err.splitlines()[-1]
    second = ledger.read_all(folder / "ledger")
    assert first < second and len(second) < 8
    assert len(pd.read_parquet(folder / "trainings.parquet")) == len(second)

    before = {key: (folder / "ledger" / f"{key}.npz").read_bytes() for key in second}
    code, _, err = run(folder, "resume", str(folder))
    assert code == 0 and f"8 trainings, {len(second)} of them done before" in err
    check_once_each(folder, 8)
    assert all((folder / "ledger" / f"{key}.npz").read_bytes() == content for key, content in before.items())


@pytest.mark.slow
@pytest.mark.timeout(TIMEOUT)
def test_a_worker_that_is_killed_costs_nothing_but_time(tmp_path, sessions):
    folder = tmp_path / "sweep"
    process = start(folder, "sweep", *SLOW, "--out", str(folder))
    sessions.append(process.pid)
    wait_for_records(process, folder, 1)
    worker = next(pid for pid, name in processes_of(process.pid).items() if "Implicit" in name)
    os.kill(worker, signal.SIGKILL)
    _, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, err
    check_once_each(folder, 8)
