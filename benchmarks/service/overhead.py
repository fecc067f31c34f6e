"""What the service costs beside the training: `make bench-service`, or python -m benchmarks.service.overhead --help.

overhead  packs through the whole service (Ray, ledger, classification, drawing, MLflow, report) against the bare
          training loop on the same packs, without the start of processes
parts     processor time of classification, storing, drawing and MLflow, a training, against its training
trials    packs against one Ray Tune trial for every training, all cores busy
first     time to the first result, and memory, by number of trainings

All print a table and write JSON. Runs to be compared take turns; the machine should be idle otherwise.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.service.process_watch import Watched, watch
from benchmarks.training_speed import machine
from search.config.load import load
from search.config.schema import Config
from search.sweep.grid import expand
from search.sweep.packs import Pack, make_packs
from trainables.recipe import Recipe

TRIVIAL = (
    "training.steps=2",
    "training.channels=2",
    "training.layers=1",
    "training.scores=4",
    "training.sided_scores=2",
    "training.width=2",
    "training.inputs_per_step=8",
    "training.snapshots=1",
    "training.snapshot_draws=1",
    "training.final_draws=2",
    "training.evaluation_inputs=16",
    "training.device=cpu",
    "grid.betas={from=1e-9, to=1, count=10}",
    "grid.dimensions=[2]",
    "ray.pack_size=10",
)


def bare(config: Config, packs: list[Pack], workers: int) -> dict:
    """The training loop alone on `packs`: each of `workers` processes takes the next pack when it is free.

    Returns wall seconds from the first pack's start to the last one's end, and processor seconds of all.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context, workers = multiprocessing.get_context("spawn"), min(workers, len(packs))
    recipe, ready = config.training.recipe(), context.Barrier(workers)
    dimensions = {pack.dimension for pack in packs}
    with ProcessPoolExecutor(workers, context, initializer=_get_ready, initargs=(recipe, dimensions, ready)) as pool:
        found = list(pool.map(_train, packs, [recipe] * len(packs)))
    started, ended, spent = zip(*found, strict=True)
    return {"seconds": max(ended) - min(started), "processor_seconds": sum(spent)}


def _get_ready(recipe: Recipe, dimensions: set[int], ready) -> None:
    """Imports, the compiled kernel and a step of every dimension; then all begin together."""
    import torch

    from trainables.training.loop import Member, train_pack

    torch.set_num_threads(1)
    for n in dimensions:
        train_pack(n, [Member("warm", 1e-6, 0)], recipe.model_copy(update={"steps": 1, "snapshots": 1}), device="cpu")
    ready.wait(timeout=600)


def _train(pack: Pack, recipe: Recipe) -> tuple[float, float, float]:
    """When the pack's training began and ended, and its processor seconds."""
    from trainables.training.loop import Member, train_pack

    started, before = time.time(), time.process_time()
    members = [Member(point.key, point.beta, point.seed) for point in pack.members]
    train_pack(pack.dimension, members, recipe, device="cpu")
    return started, time.time(), time.process_time() - before


def sweep(folder: Path, arguments: list[str]) -> Watched:
    """`hyperphase sweep` into `folder`, watched."""
    command = [sys.executable, "-m", "search.cli", "sweep", *arguments, "--out", str(folder)]
    # Ray would let its workers give way to everything else on the machine, which the bare loop does not do
    environment = {"RAY_worker_niceness": "0", **os.environ}
    with tempfile.TemporaryFile("w+") as said:
        seen = watch(command, stdout=subprocess.DEVNULL, stderr=said, env=environment)
        said.seek(0)
        if seen.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit code {seen.returncode}: {said.read()[-500:]}")
    return seen


def whole(packs: list[Pack], arguments: list[str]) -> dict:
    """The same packs through the service: from when the first of them begins to train until all of it is logged and
    in the tables. The report comes after that and is told apart.
    """
    import pandas as pd

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "sweep"
        seen = sweep(folder, arguments)
        table = pd.read_parquet(folder / "trainings.parquet").set_index("key")
        ended = (folder / "snapshots.parquet").stat().st_mtime  # the last of the tables
    # a pack's first record is written when all of its members are trained; "seconds" is a member's share of that time
    parts = [table.loc[[point.key for point in pack.members]] for pack in packs]
    begun = min(part["finished_at"].min() - part["seconds"].sum() for part in parts)
    spent = seen.spent(begun, ended)
    return {
        "seconds": ended - begun,
        "seconds_after_training": ended - table["finished_at"].max(),
        "processor_seconds": sum(spent.values()),
        **{f"processor_seconds_{kind}": seconds for kind, seconds in spent.items()},
        "start": {"seconds": begun - seen.started},
        "report": {
            "seconds": seen.ended - ended,
            "processor_seconds": sum(seen.spent(ended, seen.ended).values()),
        },
    }


def overhead(preset: str, settings: list[str], *, workers: int, repeats: int) -> dict:
    """Whole service against bare loop, in turn; the ratios of every repeat."""
    settings = [*settings, "training.device=cpu", f"ray.cpus={workers}"]
    config = load(preset=preset, settings=settings)
    points, recipe = expand(config), config.training.recipe()
    packs = make_packs(points, recipe, workers=workers, pack_size=config.ray.pack_size)
    arguments = ["--preset", preset, *(f"--set={setting}" for setting in settings)]
    print(f"{len(points)} trainings in {len(packs)} packs on {workers} cores; seconds, in brackets of processor time")
    print(f"{'bare loop':>13} {'service':>13} = {'workers':>8} {'driver':>7} {'Ray':>4}   overhead            "
          "not counted: start, report")  # fmt: skip
    rows = []
    for _ in range(repeats):
        alone, service = bare(config, packs, workers), whole(packs, arguments)
        over = {name: service[name] / alone[name] - 1 for name in ("seconds", "processor_seconds")}
        rows.append({"bare": alone, "service": service, "overhead": over})
        parts = [service[f"processor_seconds_{kind}"] for kind in ("workers", "driver", "ray")]
        print(
            f"{_both(alone):>13} {_both(service):>13} = {parts[0]:>8.0f} {parts[1]:>7.0f} {parts[2]:>4.0f}   "
            f"{over['seconds']:+.1%} ({over['processor_seconds']:+.1%})   "
            f"{service['start']['seconds']:.0f}, {_both(service['report'])}",
            flush=True,
        )
    mean = {name: statistics.mean(row["overhead"][name] for row in rows) for name in ("seconds", "processor_seconds")}
    print(f"mean of {len(rows)}: {mean['seconds']:+.1%} ({mean['processor_seconds']:+.1%})")
    return {"preset": preset, "settings": settings, "repeats": rows, "mean_overhead": mean}


def _both(measured: dict) -> str:
    return f"{measured['seconds']:.0f} ({measured['processor_seconds']:.0f})"


def first(numbers: list[int]) -> dict:
    """Seconds to the first result and peak memory, for sweeps of many trivial trainings."""
    import pandas as pd

    rows = []
    print(f"{'trainings':>9} {'seconds':>8} {'to the first':>12} {'driver MiB':>11} {'worker MiB':>11}")
    for number in numbers:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "sweep"
            settings = [*TRIVIAL, f"grid.seeds={number // 10}"]
            seen = sweep(folder, ["--preset", "smoke", *(f"--set={setting}" for setting in settings)])
            table = pd.read_parquet(folder / "trainings.parquet")
        row = {
            "trainings": len(table),
            "seconds": seen.ended - seen.started,
            "seconds_to_first_result": table["finished_at"].min() - seen.started,
            "driver_peak_mib": seen.peak["driver"],
            "worker_peak_mib": seen.peak["workers"],
        }
        rows.append(row)
        print("{:>9} {:>8.0f} {:>12.1f} {:>11.0f} {:>11.0f}".format(*row.values()), flush=True)
    return {"rows": rows}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.service.overhead",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    part = commands.add_parser("overhead", help="whole service against bare training loop")
    part.add_argument("--preset", default="quick")
    part.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", dest="settings")
    part.add_argument("--workers", type=int, default=2)
    part.add_argument("--repeats", type=int, default=2)
    part = commands.add_parser("parts", help="processor time of every part of the service")
    part.add_argument("--dimensions", type=int, nargs="+", default=(4, 6, 8))
    part = commands.add_parser("trials", help="packs against one Ray Tune trial for every training")
    part.add_argument("--dimensions", type=int, nargs="+", default=(6, 16))
    part.add_argument("--pack", type=int, default=64)
    part.add_argument("--workers", type=int, default=2)
    part.add_argument("--seconds", type=float, default=4.0, help="of every measurement")
    part.add_argument("--repeats", type=int, default=3)
    part = commands.add_parser("first", help="time to the first result, and memory")
    part.add_argument("--trainings", type=int, nargs="+", default=(100, 3000))
    for part in commands.choices.values():
        part.add_argument("--out", type=Path, help="JSON file; bench-COMMAND.json without it")
    options = parser.parse_args(arguments)
    described = machine("cpu")
    print(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in described.items()), flush=True)
    if options.command == "overhead":
        found = overhead(options.preset, options.settings, workers=options.workers, repeats=options.repeats)
    elif options.command == "first":
        found = first(options.trainings)
    elif options.command == "parts":
        from benchmarks.service.parts import parts

        found = {"rows": [parts(n) for n in options.dimensions]}
    else:
        from benchmarks.service.ray_trials import trials

        found = trials(
            options.dimensions,
            options.pack,
            workers=options.workers,
            seconds=options.seconds,
            repeats=options.repeats,
        )
    out = options.out or Path(f"bench-{options.command}.json")
    out.write_text(json.dumps({"machine": described, **found}, indent=1))
    print(f"written to {out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
