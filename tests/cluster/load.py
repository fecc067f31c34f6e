"""Load: thousands of trainings of a trivial recipe through the whole service (docs/cluster.md has figures).

    python -m tests.cluster.load [TRAININGS] [FOLDER]

Prints memory of driver and workers and throughput, early and late, and what MLflow and the report then cost.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.service.overhead import TRIVIAL
from benchmarks.service.process_watch import MIB, watch

BETAS = 10


def main(trainings: int, folder: Path) -> None:
    settings = [*TRIVIAL, f"grid.seeds={trainings // BETAS}"]
    command = [sys.executable, "-m", "search.cli", "sweep", "--preset", "smoke", "--out", str(folder)]
    seen = watch(command + [f"--set={setting}" for setting in settings])
    finished = np.sort(pd.read_parquet(folder / "trainings.parquet")["finished_at"].to_numpy())
    print(
        f"\n{trainings} trainings: {seen.ended - seen.started:.0f} s in all, exit code {seen.returncode}; the first "
        f"result after {finished[0] - seen.started:.0f} s, the last after {finished[-1] - seen.started:.0f} s"
    )
    tables = (folder / "snapshots.parquet").stat().st_mtime  # written when MLflow has everything
    spent = seen.spent(seen.started, seen.ended)
    print(f"MLflow had everything after {tables - seen.started:.0f} s; processor seconds:",
          *(f"{kind} {seconds:.0f}" for kind, seconds in spent.items()))  # fmt: skip
    times = np.array(seen.times)
    for kind, end in (("driver", tables), ("workers", finished[-1])):
        within = np.array(seen.resident[kind])[(finished[0] <= times) & (times <= end)]
        tenths = [np.median(part) for part in np.array_split(within, 10) if len(part)]
        print(f"memory of the {kind}, MiB, median of every tenth:", *(f"{x:.0f}" for x in tenths),
              f"; largest process {seen.peak[kind]:.0f}")  # fmt: skip
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
    while token:
        page = client.search_runs([experiment], "tags.kind = 'training'", max_results=1000, page_token=token)
        count, token = count + len(page), page.token
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
