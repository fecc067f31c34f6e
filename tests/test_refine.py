"""A real refinement through the command line, killed and resumed."""

import time

import optuna
import pandas as pd
import pytest

from analysis.sweeps.rounds import read_rounds
from search.ledger import ledger
from tests.test_sweep import SMOKE, TIMEOUT, runs, sessions, start, sweep, workers_of

__all__ = ["sessions"]  # a fixture
REFINE = ["--width", "0.001", "--trainings", "6", "--batch", "6"]


@pytest.mark.slow
@pytest.mark.timeout(5 * TIMEOUT)
def test_a_refinement_is_killed_and_resumed(tmp_path, sessions):
    folder = tmp_path / "refined"
    code, _, err = sweep(folder, *SMOKE, "--set", "grid.dimensions=[2,3]", "--set", "training.steps=120",
                         "--set", "ray.pack_size=1", "--set", "grid.seeds=1", "--set", "mlflow.drawings=false",
                         "--set", "mlflow.models=false")  # fmt: skip
    assert code == 0, err
    grid = ledger.keys(folder / "ledger")

    process = start(folder, "refine", str(folder), *REFINE)
    sessions.append(process.pid)
    deadline = time.monotonic() + TIMEOUT
    while len(ledger.keys(folder / "ledger")) <= len(grid):
        assert process.poll() is None and time.monotonic() < deadline, "the refinement ended before it was killed"
        time.sleep(0.1)
    process.kill()  # kill -9
    process.wait()
    deadline = time.monotonic() + 60
    while workers_of(process.pid) and time.monotonic() < deadline:
        time.sleep(0.2)
    killed = ledger.keys(folder / "ledger")
    left = len(grid) + 6 - len(killed)
    assert left > 0

    process = start(folder, "refine", str(folder), *REFINE)
    sessions.append(process.pid)
    out, err = process.communicate(timeout=2 * TIMEOUT)
    assert process.returncode == 0 and "Traceback" not in err, err
    assert f"round 1: {left} training" in out and "median" in out  # the killed round first
    everything = ledger.read_all(folder / "ledger")
    assert killed < everything and len(everything) == len(killed) + 6
    table = pd.read_parquet(folder / "trainings.parquet")
    assert set(table["key"]) == everything and table["key"].is_unique
    assert (folder / "report" / "refinement.png").exists()
    assert 'id="refinement"' in (folder / "report" / "index.html").read_text()
    assert len(runs(folder)) == len(everything) + 1
    assert read_rounds(folder)[-1].trainings == len(everything)
    storage = f"sqlite:///{folder / 'refine.db'}"
    study = optuna.load_study(study_name=optuna.get_all_study_names(storage)[0], storage=storage)
    states = [trial.state.name for trial in study.trials]
    assert "RUNNING" not in states and states.count("COMPLETE") == len(everything)
