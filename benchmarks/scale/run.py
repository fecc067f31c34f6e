"""How status, resume, report, sync and planning grow with the number of trainings: `make bench-scale`.

    python -m benchmarks.scale.run [--trainings N …] [--parts NAME …] [--keep FOLDER]

Makes synthetic sweeps (`benchmarks.scale.synthetic`) and runs the commands on them, nothing missing and everything
logged. Prints a row a size: processor seconds (user and system, imports and all) and the largest memory of each
command; below, by which power of the number of trainings each grows between the two largest sizes. Planning is of as
many missing trainings as that, at ten dimensions, for 640 workers.

    rebuild   status without an index: every record is read and checked
    status    again, with the index
    sync      nothing to log (first, because it writes the links to runs that a report shows)
    report    tables and page
    resume    nothing missing, report up to date
"""

import argparse
import json
import math
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZES = (240, 3_000, 10_080)
PARTS = ("rebuild", "status", "sync", "report", "resume", "planning")
WORKERS, PLAN_DIMENSIONS = 640, range(4, 14)
MIB = 2**20


def command(name: str, folder: Path) -> dict[str, float]:
    """Processor seconds and peak MiB of a command in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "search.cli", name, str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{name}: exit code {process.returncode}: {said}")
    return {"seconds": usage.ru_utime + usage.ru_stime, "mib": usage.ru_maxrss / 1024}


def make(folder: str, trainings: int) -> int:
    """Makes the sweep unless it is there. Returns its number of trainings."""
    from benchmarks.scale.synthetic import config_of, write_runs, write_sweep

    config = config_of(trainings)
    if not Path(folder).exists():
        write_runs(write_sweep(Path(folder), config), config)
    return config.grid.size


def planning(trainings: int) -> dict[str, float]:
    """Processor seconds of planning a whole grid of `trainings`."""
    from benchmarks.scale.synthetic import config_of
    from search.sweep.packs import make_packs
    from search.sweep.point import Point

    recipe = config_of(240).training.recipe()
    each = math.ceil(trainings / len(PLAN_DIMENSIONS))
    points = [
        Point({"beta": 1e-4, "dimension": n}, seed, f"{n}-{seed}") for n in PLAN_DIMENSIONS for seed in range(each)
    ]
    before = time.process_time()
    make_packs(points, recipe, workers=WORKERS)
    return {"seconds": time.process_time() - before}


def apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """What `work` returns, called in a process of its own: a command's peak memory would count what is here."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def measure(trainings: int, folder: Path, parts: list[str]) -> dict:
    """part -> what it costs at this size. folder: where the sweep is, or is to be made."""
    row: dict = {"trainings": apart(make, str(folder), trainings)}
    for part in parts:
        if part == "planning":
            row[part] = apart(planning, row["trainings"])
        elif part == "rebuild":
            shutil.rmtree(folder / "index", ignore_errors=True)
            row[part] = command("status", folder)
        else:
            row[part] = command(part, folder)
    if "report" in parts:
        row["page"] = {"mib": (folder / "report" / "index.html").stat().st_size / MIB}
    return row


def exponents(small: dict, large: dict) -> dict[str, float]:
    """part -> the power of the number of trainings by which its seconds grow."""
    ratio = math.log(large["trainings"] / small["trainings"])
    return {part: math.log(large[part]["seconds"] / small[part]["seconds"]) / ratio for part in PARTS if part in large}


def show(row: dict, parts: list[str]) -> str:
    cells = [
        f"{row[part]['seconds']:.1f}" + (f" ({row[part]['mib']:.0f})" if "mib" in row[part] else "") for part in parts
    ]
    return f"{row['trainings']:>9,}" + "".join(f"{cell:>15}" for cell in cells)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--trainings", type=int, nargs="+", default=SIZES)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--keep", type=Path, help="folder in which the synthetic sweeps stay, for the next run")
    parser.add_argument("--out", type=Path, default=Path("bench-scale.json"))
    options = parser.parse_args(arguments)
    parts = [part for part in PARTS if part in options.parts]
    rows = []
    print("processor seconds (peak MiB)\n" + f"{'trainings':>9}" + "".join(f"{part:>15}" for part in parts), flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        for trainings in options.trainings:
            rows.append(measure(trainings, (options.keep or Path(temporary)) / str(trainings), parts))
            print(show(rows[-1], parts), flush=True)
    if len(rows) > 1:
        grown = exponents(*rows[-2:])
        print(f"{'exponent':>9}" + "".join(f"{grown[part]:>15.2f}" for part in parts))
    options.out.write_text(json.dumps({"rows": rows}, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
