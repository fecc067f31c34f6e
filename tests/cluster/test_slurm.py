"""deploy/slurm.sh by a real Slurm, through sbatch: `make cluster-test`. Skipped where Debian's Slurm is missing.

One sweep lives through it all: a job that is cancelled, one that meets its time limit, one that loses a node.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from search.ledger import ledger
from tests.cluster import hosts
from tests.cluster.slurm import missing, slurm
from tests.support.records import assert_same_sweep

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
SWEEP = ["--preset", "smoke", "--set", "training.device=cpu", "--set", "mlflow.enabled=false"]
SECONDS = 12  # of a training: Slurm looks at time limits every 30 s, and must find the sweep in the middle
PATIENCE = float(os.environ.get("HYPERPHASE_PATIENCE", 600))


def undisturbed(folder: Path, options: list[str]) -> Path:
    """The same sweep on an embedded Ray."""
    command = [sys.executable, "-m", "search.cli", "sweep", *options, "--out", str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=900)
    return folder


@pytest.fixture(scope="module")
def options(tmp_path_factory) -> list[str]:
    """A sweep of 10 trainings in packs of one, each SECONDS long on this machine now."""
    short = undisturbed(tmp_path_factory.mktemp("pace") / "sweep", [*SWEEP, "--set", "training.steps=1000"])
    steps = int(1000 * SECONDS / pd.read_parquet(short / "trainings.parquet")["seconds"].median())
    settings = [f"training.steps={steps}", "grid.seeds=5", "ray.pack_size=1", "ray.checkpoint_seconds=0.2"]
    return [*SWEEP, *(f"--set={setting}" for setting in settings)]


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    if hosts.missing() or missing():
        pytest.skip(hosts.missing() or missing())
    with slurm(tmp_path_factory.mktemp("slurm")) as made:
        yield made


class Checkout:
    """A folder that all nodes see, from which jobs are submitted, and the sweep in it."""

    def __init__(self, slurm, options: list[str]):
        self.slurm, self.options = slurm, options
        self.folder = slurm.folder / "checkout"
        self.folder.mkdir()
        (self.folder / ".venv").symlink_to(sys.prefix)
        self.sweep = self.folder / "sweep"

    def submit(self) -> str:
        script = str(hosts.REPOSITORY / "deploy" / "slurm.sh")
        command = ["env", f"--chdir={self.folder}", "sbatch", "--parsable", "--nodes=2", "--cpus-per-task=1", script]
        return self.slurm.run(*command, *self.options, "--out", str(self.sweep)).strip()

    def records(self) -> dict[str, bytes]:
        """Key -> content of every record."""
        storage = self.sweep / "ledger"
        return {key: (storage / f"{key}.npz").read_bytes() for key in ledger.keys(storage)}

    def wait_for_another(self, number: str, known: int) -> None:
        """Until the job has added a record to those that were there."""
        deadline = time.monotonic() + PATIENCE
        while len(ledger.keys(self.sweep / "ledger")) <= known:
            state = self.slurm.job(number)["JobState"]
            assert state in ("PENDING", "RUNNING") and time.monotonic() < deadline, (state, self.output(number))
            time.sleep(0.2)

    def output(self, number: str) -> str:
        return (self.folder / f"slurm-{number}.out").read_text(errors="replace")


def test_nothing_is_lost_or_doubled(batch, options, tmp_path):
    checkout = Checkout(batch, options)

    cancelled = checkout.submit()
    checkout.wait_for_another(cancelled, 0)
    batch.run("scancel", cancelled)
    assert batch.wait_for(cancelled, PATIENCE)["JobState"] == "CANCELLED"
    assert not list(checkout.folder.glob(".ray-*"))  # the token is gone
    after_cancel = checkout.records()
    assert 0 < len(after_cancel) < 10

    limited = checkout.submit()
    checkout.wait_for_another(limited, len(after_cancel))
    minutes = 1 + int(pd.Timedelta(_clock(batch.job(limited)["RunTime"])).total_seconds() // 60)
    batch.run("scontrol", "update", f"JobId={limited}", f"TimeLimit={minutes + 1}")  # TERM comes 120 s before it
    ended = batch.wait_for(limited, PATIENCE)
    assert (ended["JobState"], ended["ExitCode"]) == ("FAILED", "143:0"), checkout.output(limited)
    assert "`hyperphase resume sweep` continues" in checkout.output(limited)
    after_limit = checkout.records()
    assert len(after_cancel) < len(after_limit) < 10

    last = checkout.submit()
    checkout.wait_for_another(last, len(after_limit))
    lost = batch.nodes[1]
    lost.kill()
    requeued = _wait_for_requeue(batch, last)
    before_requeue = checkout.records()
    batch.start_node(lost)
    ended = batch.wait_for(last, PATIENCE)
    assert (ended["JobState"], ended["ExitCode"]) == ("COMPLETED", "0:0"), checkout.output(last)
    assert requeued == ended["Restarts"] == "1"

    records = checkout.records()
    for earlier in (after_cancel, after_limit, before_requeue):
        assert all(records[key] == content for key, content in earlier.items())
    assert_same_sweep(checkout.sweep, undisturbed(tmp_path / "alone", options))
    table = pd.read_parquet(checkout.sweep / "trainings.parquet")
    assert set(table["host"]) == {node.address for node in batch.nodes}
    assert not list(checkout.folder.glob(".ray-*"))


def _clock(shown: str) -> str:
    """Slurm's [days-]hours:minutes:seconds as pandas reads it."""
    days, _, rest = shown.rpartition("-")
    return f"{days or 0} days {rest}"


def _wait_for_requeue(batch, number: str) -> str:
    """Until Slurm has taken the job back from the node that is gone; how often it has been started again."""
    deadline = time.monotonic() + PATIENCE
    while (job := batch.job(number))["JobState"] == "RUNNING" and job["Restarts"] == "0":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return job["Restarts"]
