"""Synthetic sweeps of any size: records of a few real trainings, cloned over a grid with a phase diagram made up.

    python -m benchmarks.scale.synthetic TRAININGS FOLDER [--hypernetworks] [--mlflow]

The records are whole and pass every check; of their hypernetworks only a stump is kept unless asked for, so that
100,000 take 5 GB and not 25.
"""

import argparse
import sqlite3
import tempfile
import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np

from search.config.load import load
from search.config.schema import Config
from search.ledger.index_parts import Entries, encode, new_name
from search.ledger.read_training import to_record
from search.ledger.record import Record, to_arrays
from search.sweep import folder as folders
from search.sweep import manifest
from search.sweep.folder import SweepFolder
from search.sweep.grid import expand
from search.sweep.point import Point
from search.sweep.tables import representative
from search.tracking.tracker import Tracker
from trainables.training.loop import Member, train_pack

DIMENSIONS = (4, 6, 8)
FINISHED_AT = 1.76e9  # of the first training; the others follow in seconds
CROSSOVERS = {"constant": -1.0, "convexity": -2.5, "pudding": -5.5}  # log10 β down to which they are found, at n = 4
SLOPES = {"constant": -0.3, "convexity": -2.0, "pudding": -1.0}  # of these over log10 (n / 4)
PART = 10_000  # trainings of a part of the index
SOFTNESS = 0.25  # decades: scale of the logistic crossovers


def config_of(trainings: int) -> Config:
    """A grid of about so many trainings at three dimensions, more and more densely in β; barely trained."""
    betas = 10 if trainings < 1000 else 20 if trainings < 10_000 else 40 if trainings < 20_000 else 100
    seeds = max(1, round(trainings / betas / len(DIMENSIONS)))
    grid = [f"grid.betas={{from=1e-9, to=1, count={betas}}}", f"grid.seeds={seeds}"]
    return load(preset="quick", settings=[*grid, "training.steps=64", "training.device=cpu"])


def write_sweep(path: Path, config: Config, *, hypernetworks: bool = False) -> SweepFolder:
    """A complete sweep's folder without tables and report, as after the last training: ledger, index and networks.

    hypernetworks: kept whole.
    """
    folder = folders.create(path)
    folders.write_config(folder, config)
    facts = manifest.begin(folder, config, ["benchmarks.scale.synthetic"])
    templates = {
        n: _template(config, n, hypernetworks=hypernetworks) for n in map(int, config.grid.values["dimension"])
    }
    networks = {n: _network_file(template) for n, template in templates.items()}
    folder.networks.mkdir()
    rng, fresh = np.random.default_rng(0), Entries()
    for index, point in enumerate(expand(config)):
        record = _clone(templates[point.dimension], point, FINISHED_AT + index, rng)
        with open(folder.ledger / f"{point.key}.npz", "xb") as file:  # not `ledger.write`: it waits for the disk
            np.savez(file, allow_pickle=False, **to_arrays(record))
        about = (folder.ledger / f"{point.key}.npz").stat()
        fresh.add(record, (about.st_size, about.st_mtime_ns))
        (folder.networks / f"{point.key}.npz").write_bytes(networks[point.dimension])
        if len(fresh) == PART:
            _write_part(folder, fresh)
            fresh = Entries()
    _write_part(folder, fresh)
    manifest.end(folder, facts, status="complete")
    return folder


def _write_part(folder: SweepFolder, entries: Entries) -> None:
    folder.index.mkdir(exist_ok=True)
    (folder.index / new_name()).write_bytes(encode([entries.table()]))


def write_runs(folder: SweepFolder, config: Config) -> None:
    """An MLflow store with a finished run of every training: one is logged, its rows are cloned."""
    points = expand(config)
    tracker = Tracker(config, folder, folders.mark(folder))
    tracker.open_sweep({})
    template = _clone(_template(config, points[0].dimension), points[0], FINISHED_AT, np.random.default_rng(0))
    tracker.log(template)
    run = tracker.children[points[0].key][0]
    with sqlite3.connect(folder.mlflow_store) as store:
        for table in ("runs", "tags", "params", "metrics", "latest_metrics"):
            cursor = store.execute(f"SELECT * FROM {table} WHERE run_uuid = ?", (run,))
            names, rows = [column[0] for column in cursor.description], cursor.fetchall()
            marks = ", ".join("?" * len(names))
            ids = (uuid.UUID(int=index).hex for index in range(1, len(points)))
            store.executemany(
                f"INSERT INTO {table} VALUES ({marks})",
                (
                    [_of_run(name, value, run, identity, points[0].key, point.key) for name, value in
                     zip(names, row, strict=True)]
                    for point, identity in zip(points[1:], ids, strict=True)
                    for row in rows
                ),
            )  # fmt: skip


def _of_run(name: str, value, run: str, identity: str, key: str, other: str):
    if name == "run_uuid":
        return identity
    return value.replace(run, identity).replace(key, other) if isinstance(value, str) else value


def _template(config: Config, dimension: int, *, hypernetworks: bool = False) -> Record:
    recipe = config.training.recipe()
    [trained] = train_pack(dimension, [Member("template", 1e-4, 0)], recipe, device="cpu")
    record = to_record(trained, recipe, dimension, "localhost")
    return record if hypernetworks else replace(record, hypernetwork={"stump": np.zeros(16)})


def _network_file(record: Record) -> bytes:
    """What `networks/` has of a training."""
    network = representative(record)
    assert network is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.npz"
        network.save(path)
        return path.read_bytes()


def _clone(template: Record, point: Point, finished_at: float, rng: np.random.Generator) -> Record:
    """A record of `point` with the template's arrays, a label as of the made-up phase diagram, and numbers shaken."""
    identity = {"key": point.key, "beta": point.beta, "seed": point.seed}
    label, shake = label_at(point.beta, point.dimension, rng), float(np.exp(rng.normal(0, 0.1)))
    fractions = {name: 0.0 for name in template.row if name.startswith("fraction_")} | {f"fraction_{label}": 1.0}
    measures = {"algorithm": label, "relative_error": 0.02 * shake, "complexity_nats": 40 / shake} | fractions
    snapshots = [
        row | identity | (measures if index >= 4 else {"relative_error": row["relative_error"] * shake})
        for index, row in enumerate(template.snapshots)
    ]
    return replace(template, row=template.row | identity | measures | {"finished_at": finished_at}, snapshots=snapshots)


def label_at(beta: float, dimension: int, rng: np.random.Generator) -> str:
    """What a training there ends in, by the made-up phase diagram."""
    size = np.log10(dimension / 4)
    for label, edge in CROSSOVERS.items():
        if np.log10(beta) > edge + SLOPES[label] * size + SOFTNESS * rng.logistic():
            return label if label != "pudding" else ("pudding_positive", "pudding_negative")[rng.integers(2)]
    return "double_sided"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale.synthetic",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("trainings", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hypernetworks", action="store_true", help="whole ones: 230 KiB a training, not 50")
    parser.add_argument("--mlflow", action="store_true", help="a finished run of every training in the sweep's store")
    options = parser.parse_args(arguments)
    config = config_of(options.trainings)
    folder = write_sweep(options.folder, config, hypernetworks=options.hypernetworks)
    if options.mlflow:
        write_runs(folder, config)
    print(f"{folder.path}: {config.grid.size} trainings")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
