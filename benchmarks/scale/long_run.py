"""Many real trainings of a tiny recipe through Ray, the driver killed (kill -9) at random times and the sweep resumed.

    python -m benchmarks.scale.long_run TRAININGS FOLDER [--kills 3] [--set SECTION.KEY=VALUE]

Afterwards every training must be there once, and every record that was there at a kill must be the same file. Prints
the driver's memory and processor time and the trainings a second of every stretch between two kills, then refines on
top.
"""

import argparse
import os
import random
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.service.overhead import TRIVIAL
from benchmarks.service.process_watch import Watched, end_session, watch

BETAS = 10
PARTS = 5  # parts of a stretch for which figures are printed


def records(ledger: Path) -> dict[str, tuple[int, int, int]]:
    """File of a record -> its inode, size and time."""
    with os.scandir(ledger) as entries:
        found = ((entry.name, entry.stat()) for entry in entries if entry.name.endswith(".npz"))
        return {name: (about.st_ino, about.st_size, about.st_mtime_ns) for name, about in found}


def stretch(command: list[str], folder: Path, last: int | None) -> Watched:
    """Runs the driver to its end, or until the ledger has `last` records, when it is killed. Says how it went."""
    ledger = folder / "ledger"
    before = len(records(ledger)) if ledger.is_dir() else 0

    def is_there() -> bool:
        return last is not None and ledger.is_dir() and len(os.listdir(ledger)) >= last

    with open(folder.with_suffix(".log"), "ab") as log:
        seen = watch([sys.executable, "-m", "search.cli", *command], until=is_there, stdout=log, stderr=log)
    end_session(seen.session)
    times = np.sort([time for _, _, time in records(ledger).values()])[before:] / 1e9
    parts = [part for part in np.array_split(times, PARTS) if len(part) > 1]
    rates = [(len(part) - 1) / max(part[-1] - part[0], 1e-9) for part in parts]
    within = np.array(seen.times) >= times[0] if len(times) else np.zeros(len(seen.times), bool)
    memory = [np.median(part) for part in np.array_split(np.array(seen.resident["driver"])[within], PARTS) if len(part)]
    how = "killed" if seen.returncode < 0 else f"exit code {seen.returncode}"
    spent = seen.spent(seen.started, seen.ended)
    print(
        f"{command[0]:>7}: {seen.ended - seen.started:.0f} s, {how} with {before + len(times)} records; trainings/s",
        *(f"{rate:.1f}" for rate in rates), "; driver MiB", *(f"{mib:.0f}" for mib in memory),
        f"(peak {seen.peak['driver']:.0f}); processor s", *(f"{kind} {spent[kind]:.0f}" for kind in spent), flush=True,
    )  # fmt: skip
    return seen


def long_run(trainings: int, folder: Path, kills: int, settings: list[str]) -> None:
    """Sweep, kills, refinement; AssertionError if anything is lost, doubled or changed."""
    grid = [*TRIVIAL, f"grid.seeds={trainings // BETAS}", *settings]
    first = ["sweep", "--preset", "smoke", "--yes", "--out", str(folder), *(f"--set={setting}" for setting in grid)]
    again = ["resume", str(folder)]
    kept: dict[str, tuple[int, int, int]] = {}
    for last in sorted(random.sample(range(trainings // 20, trainings - trainings // 20), kills)):
        stretch(again if (folder / "config.toml").is_file() else first, folder, last)
        now = records(folder / "ledger")
        assert kept.items() <= now.items(), "a record was lost or written again"
        kept = now
    assert stretch(again, folder, None).returncode == 0
    now = records(folder / "ledger")
    table = pd.read_parquet(folder / "trainings.parquet", columns=["key", "beta", "seed"])
    assert kept.items() <= now.items() and len(now) == len(table) == trainings // BETAS * BETAS
    assert table["key"].is_unique and not table.duplicated(["beta", "seed"]).any()
    print(
        f"{len(now)} records and rows after {kills} kills, each once; every record is the file that it was", flush=True
    )
    stretch(["refine", str(folder), "--trainings", "32", "--width", "0.001"], folder, None)
    refined = records(folder / "ledger")
    assert now.items() <= refined.items()
    print(f"refined: {len(refined) - len(now)} more trainings")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.long_run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("trainings", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", dest="settings")
    options = parser.parse_args(arguments)
    long_run(options.trainings, options.folder, options.kills, options.settings)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
