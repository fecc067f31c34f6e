"""An experiment of a user's own in a folder of its own, and sweeps of it without Ray."""

import contextlib
from pathlib import Path

from search.cluster.train_own import keep_failure, trainings
from search.cluster.tune import settings
from search.config.load import parse
from search.config.own import OwnConfig
from search.config.schema import Config
from search.ledger import storage
from search.ledger.own_record import to_own_record
from search.ledger.record import Record
from search.objects import keep_copies
from search.sweep import folder as folders
from search.sweep import manifest, tables
from search.sweep.experiment import experiment_of, objects_of
from search.sweep.folder import SweepFolder
from search.sweep.grid import expand
from search.sweep.packs import Pack
from search.sweep.point import Point
from search.sweep.state import read_state
from trainables.experiments.outcome import Outcome, checked

MINE = """
import math

import numpy as np
from pydantic import BaseModel

from trainables import Axis, Experiment, Label, Outcome


class Settings(BaseModel):
    shift: float = 1.5
    steps: int = 4


def train(run):
    value = math.log10(run["rate"]) + run["decay"] + 0.1 * np.random.default_rng(run.seed).normal()
    steps = range(1, run.settings.steps + 1)
    curves = {"step": steps, "loss": [1 / step for step in steps], "label": ["low"] * (len(steps) - 1) + ["high"]}
    picture = f'<svg xmlns="http://www.w3.org/2000/svg"><text>{value:.2f}</text></svg>'
    return Outcome(metrics={"value": value}, curves=curves, files={"picture.svg": picture, "weights": np.arange(3.0)})


def label(outcome):
    return "low" if outcome.metrics["value"] < 0 else "high"


MINE = Experiment(
    "mine",
    axes=(Axis("rate", 1e-3, 10, log=True, title="learning rate"), Axis("decay", -2, 2)),
    train=train,
    settings=Settings,
    label=label,
    labels=(Label("low", "too low", "#4477aa"), Label("high", colour="#cc3311")),
    title="a toy",
)
"""
TABLES = {
    "experiment": {"trainable": "mine.py:MINE"},
    "grid": {"seeds": 2, "axes": {"rate": {"count": 5}, "decay": [-1, 0, 1]}},
    "mlflow": {"enabled": False},
}


def kept_own_sweep(home: Path) -> SweepFolder:
    """A sweep of MINE in the folder `home`, with its own copy of the file, which is gone."""
    with contextlib.chdir(home):
        Path("mine.py").write_text(MINE)
        config = parse(TABLES)
        folder = train_own_here(config, home / "sweep")
        keep_copies(objects_of(config), folder)
        Path("mine.py").unlink()
    return folder


def made_up_own(point: Point, config: OwnConfig) -> Record:
    """What a training of `point` might have left."""
    value = sum(map(float, point.place.values()))
    outcome = checked(Outcome("low" if value < 1 else "high", {"value": value}, {"step": [1], "loss": [1.0]}), set())
    member = {"key": point.key, "place": dict(point.place), "seed": point.seed}
    return to_own_record(config.definition, experiment_of(config).recipe, member, outcome, seconds=1.0)


def train_own_here(config: Config, path: Path) -> SweepFolder:
    """Ledger, tables, files and manifest of all trainings that the config asks for and the folder lacks."""
    folder, experiment = folders.create(path), experiment_of(config)
    folders.write_config(folder, config)
    facts = manifest.begin(folder, config, ["hyperphase"])
    storage.mark(folder.path)
    missing = tuple(read_state(config, folder).missing)
    job = settings(config, folder, "cpu")
    for member, failure in trainings(job, experiment.told(Pack(1, missing, 0.0))["members"], lambda share: None):
        if failure:
            keep_failure(job, member, failure)
    tables.collect(folder, experiment)
    manifest.end(folder, facts, status="complete")
    assert len(expand(config)) == len(read_state(config, folder).known)
    return folder
