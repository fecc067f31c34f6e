"""Small made-up records for tests."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.network import Network
from search.config.load import load
from search.config.schema import Config
from search.ledger import ledger
from search.ledger.record import DRAW_ARRAYS, Record
from search.sweep.grid import expand
from search.sweep.point import Point


def smoke(*settings: str) -> Config:
    return load(preset="smoke", settings=["training.device=cpu", *settings])


def record_of(point: Point, config: Config, *, algorithm: str = "convexity", failed: str = "") -> Record:
    """What a training of `point` might have left."""
    recipe = config.training.recipe()
    identity = {
        "key": point.key, "task": recipe.task, "dimension": point.dimension, "beta": point.beta, "seed": point.seed
    }  # fmt: skip
    row = identity | {
        "status": "failed" if failed else "done", "reason": failed, "hidden": recipe.hidden(point.dimension),
        "steps": recipe.steps, "seconds": 1.5, "finished_at": 1.7e9,
        "recipe": json.dumps(recipe.model_dump(mode="json"), sort_keys=True),
    }  # fmt: skip
    snapshots = [
        identity | {"step": step, "relative_error": 1 / step, "complexity_nats": 2.0 * step, "purity": 0.5,
                    "algorithm": algorithm}
        for step in (1, 10, 20)
    ]  # fmt: skip
    if failed:
        return Record(row, snapshots[:1])
    random = np.random.default_rng(point.seed)
    m, n = recipe.hidden(point.dimension), point.dimension
    draws = Network(random.normal(size=(4, m, n)), random.normal(size=(4, m)), random.normal(size=(4, m)), np.zeros(4))
    row |= {
        "algorithm": algorithm, "purity": 0.75, "relative_error": 0.25, "complexity_nats": 40.0, "faithfulness": 0.9,
        "margin": 0.3, "representative": 2,
    }  # fmt: skip
    return Record(row, snapshots, draws, {"g": random.normal(size=3)})


def records(config: Config) -> list[Record]:
    """One of every training of the grid; the last one failed."""
    points = expand(config)
    algorithms = ["constant", "convexity", "double_sided"]
    found = [record_of(point, config, algorithm=algorithms[i % 3]) for i, point in enumerate(points[:-1])]
    return [*found, record_of(points[-1], config, failed="loss not finite at step 7")]


def assert_same_record(one: Record, other: Record) -> None:
    """Bit for bit; but for the clock, and where it was."""
    clocks = ("seconds", "finished_at", "host")
    left, right = ({name: repr(value) for name, value in r.row.items() if name not in clocks} for r in (one, other))
    assert left == right and repr(one.snapshots) == repr(other.snapshots)
    assert one.hypernetwork.keys() == other.hypernetwork.keys()
    assert all(array.tobytes() == other.hypernetwork[name].tobytes() for name, array in one.hypernetwork.items())
    assert (one.draws is None) == (other.draws is None)
    for name in DRAW_ARRAYS if one.draws is not None else ():
        assert getattr(one.draws, name).tobytes() == getattr(other.draws, name).tobytes()


def assert_same_sweep(folder: Path, undisturbed: Path) -> list[str]:
    """Every training once in the ledger and in the table, all as in the undisturbed sweep. Returns the keys."""
    keys = ledger.read_all(undisturbed / "ledger")
    table = pd.read_parquet(folder / "trainings.parquet")
    assert ledger.read_all(folder / "ledger") == keys and sorted(table["key"]) == sorted(keys)
    for key in keys:
        mine, other = (ledger.read(ledger.record_path(place / "ledger", key)) for place in (folder, undisturbed))
        assert_same_record(mine, other)
    return sorted(keys)
