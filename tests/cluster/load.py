"""Load: thousands of trainings of a trivial recipe through the whole service (docs/cluster.md has figures).

    python -m tests.cluster.load [TRAININGS] [FOLDER]

Prints memory of driver and workers and throughput, early and late, and what MLflow and the report then cost.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

BETAS, MIB = 10, 2**20
TRIVIAL = ["training.steps=2", "training.channels=2", "training.layers=1", "training.scores=2", "training.width=2",
           "training.inputs_per_step=8", "training.snapshots=1", "training.snapshot_draws=1", "training.final_draws=2",
           "training.evaluation_inputs=16", "training.device=cpu", "grid.betas={from=1e-9, to=1, count=10}",
           "grid.dimensions=[2]", "ray.pack_size=10"]  # fmt: skip


def memory(session: int) -> tuple[float, float]:
    """Resident MiB of the driver and of all workers together."""
    driver = workers = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            name, _, rest = (path / "stat").read_text().partition("(")[2].rpartition(")")
            if int(rest.split()[3]) != session:
                continue
            resident = int((path / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB
        except OSError:
            continue
        if int(path.name) == session:
            driver = resident
        elif name.startswith("ray::Implicit"):
            workers += resident
    return driver, workers


def main(trainings: int, folder: Path) -> None:
    settings = [*TRIVIAL, f"grid.seeds={trainings // BETAS}"]
    command = [sys.executable, "-m", "search.cli", "sweep", "--preset", "smoke", "--out", str(folder)]
    started, samples = time.time(), []
    process = subprocess.Popen(command + [f"--set={setting}" for setting in settings], start_new_session=True)
    while process.poll() is None:
        samples.append((time.time(), *memory(process.pid)))
        time.sleep(0.5)
    print(
        f"\n{trainings} trainings, everything included: {time.time() - started:.0f} s, exit code {process.returncode}"
    )
    finished = np.sort(pd.read_parquet(folder / "trainings.parquet")["finished_at"].to_numpy())
    samples = np.array([sample for sample in samples if finished[0] <= sample[0] <= finished[-1]])
    for name, column in (("driver", 1), ("workers", 2)):
        tenths = [np.median(part) for part in np.array_split(samples[:, column], 10) if len(part)]
        print(f"memory of the {name}, MiB, median of every tenth:", *(f"{x:.0f}" for x in tenths))
    rates = [100 / max(finished[k + 99] - finished[k], 1e-9) for k in range(0, len(finished) - 99, 100)]
    print("trainings/s, every hundred:", *(f"{rate:.1f}" for rate in rates))
    _mlflow(folder)


def _mlflow(folder: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("hyperphase").experiment_id
    started = time.perf_counter()
    page = client.search_runs([experiment], "tags.kind = 'training'", max_results=100)
    first = time.perf_counter() - started
    count, token = len(page), page.token
    ends = [run.info.end_time for run in page]
    while token:
        page = client.search_runs([experiment], "tags.kind = 'training'", max_results=1000, page_token=token)
        count, token = count + len(page), page.token
        ends += [run.info.end_time for run in page]
    print(f"MLflow: {count} runs; the first page of 100 in {first:.2f} s; mlflow.db "
          f"{(folder / 'mlflow.db').stat().st_size / MIB:.0f} MiB")  # fmt: skip
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "search.cli", "report", str(folder)], check=True, stdout=subprocess.DEVNULL)
    page = folder / "report" / "index.html"
    print(f"report: written in {time.perf_counter() - started:.1f} s, index.html {page.stat().st_size / MIB:.1f} MiB")


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    if len(sys.argv) > 2:
        main(wanted, Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(wanted, Path(temporary) / "load")
