"""A sweep's folder as pandas frames: validated once, here, so that the rest of the analysis can trust its columns."""

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.algorithms.names import show
from analysis.errors import UserError
from analysis.formatting import printable
from analysis.sweeps.experiment import HYPERNETWORK, Experiment, columns, read_experiment

if TYPE_CHECKING:
    import pandas as pd


KEY = re.compile(r"[0-9A-Za-z_-]{1,64}")
TRAININGS = "trainings.parquet"
SNAPSHOTS = "snapshots.parquet"
MANIFEST = "manifest.json"

# Columns that every table of hypernetworks has, besides key, axes, seed and algorithm (in the file of a user's own
# experiment: label); the rest (order parameters, fractions, components) may differ from sweep to sweep.
MEASURES = ("relative_error", "complexity_nats")
GRID = {"dimension": "dimensions", "beta": "betas"}  # axis -> what the config's grid of hypernetworks calls its values
NUMERIC = (
    "dimension",
    "beta",
    "seed",
    "step",
    "steps",
    "hidden",
    "relative_error",
    "complexity_nats",
    "purity",
    "margin",
    "faithfulness",
    "faithfulness_at_twice_the_scale",
    "seconds",
    "finished_at",
)


@dataclass(frozen=True)
class Sweep:
    """What a sweep has produced so far. `trainings` has one row per training, failed ones included."""

    folder: Path
    trainings: "pd.DataFrame"
    snapshots: "pd.DataFrame"  # one row per training and snapshot step; empty when the sweep kept none
    manifest: dict  # {} when there is none
    missing: int | None  # grid points without a row yet; None when no manifest says what the grid is
    experiment: Experiment = HYPERNETWORK  # what it is about

    @property
    def done(self) -> "pd.DataFrame":
        """The trainings that ended well: these alone carry an algorithm."""
        return self.trainings[self.trainings["status"] == "done"]

    @property
    def failed(self) -> "pd.DataFrame":
        return self.trainings[self.trainings["status"] == "failed"]

    def network_path(self, key: str) -> Path:
        """Where the representative drawn network of a training lies (it may be absent)."""
        return self.folder / "networks" / f"{key}.npz"


def load_sweep(folder: Path | str) -> Sweep:
    """Read and validate a sweep's folder; an interrupted sweep loads too. UserError says in one line what is wrong."""
    import pandas as pd

    folder = Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such sweep folder")
    if not (folder / TRAININGS).is_file():
        raise UserError(f"{folder}: not a sweep's folder, or nothing has finished yet (no {TRAININGS})")
    manifest = _manifest(folder / MANIFEST)
    experiment = read_experiment(manifest)
    show(experiment.labels)
    axes = columns(experiment)
    measures = () if experiment.own else MEASURES
    trainings = _validated(folder / TRAININGS, ("key", *axes, "seed", *measures, "algorithm"), experiment)
    if trainings.empty:
        raise UserError(f"{folder / TRAININGS}: no trainings in it yet")
    if "status" not in trainings:
        trainings["status"] = "done"
    if "reason" not in trainings:
        trainings["reason"] = ""
    trainings["reason"] = trainings["reason"].fillna("").astype(str)
    doubled = trainings["key"][trainings["key"].duplicated()]
    if len(doubled):
        raise UserError(f"{folder / TRAININGS}: training {doubled.iloc[0]} stands there more than once")
    unlabelled = trainings[(trainings["status"] == "done") & trainings["algorithm"].isna()]
    if len(unlabelled):
        raise UserError(f"{folder / TRAININGS}: training {unlabelled['key'].iloc[0]} is done but has no algorithm")
    trainings = trainings.sort_values([*axes, "seed", "key"], ignore_index=True)

    if (folder / SNAPSHOTS).is_file():
        snapshots = _validated(folder / SNAPSHOTS, ("key", *axes, "seed", "step"), experiment)
    else:
        snapshots = pd.DataFrame(columns=["key", *axes, "seed", "step"])
    if "algorithm" not in snapshots:
        snapshots["algorithm"] = None
    if not experiment.own:
        snapshots = snapshots[snapshots["algorithm"].notna()]
    snapshots = snapshots.sort_values([*axes, "seed", "key", "step"], ignore_index=True)
    return Sweep(folder, trainings, snapshots, manifest, _missing(trainings, manifest, axes), experiment)


def _validated(path: Path, required: tuple[str, ...], experiment: Experiment) -> "pd.DataFrame":
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: not a readable Parquet table ({reason})") from error
    if frame.empty and not len(frame.columns):
        return pd.DataFrame(columns=list(required))
    if experiment.own:
        frame = frame.rename(columns={"label": "algorithm"})
    absent = [name for name in required if name not in frame]
    if absent:
        raise UserError(f"{path}: column{'s' if len(absent) > 1 else ''} missing: {', '.join(absent)}")
    axes = {axis.name for axis in experiment.axes}
    for name in (set(NUMERIC) | axes) & set(frame):
        try:
            frame[name] = pd.to_numeric(frame[name])
        except (TypeError, ValueError) as error:
            raise UserError(f"{path}: column {name} is not numeric") from error
    for name in (*axes, "seed"):
        if frame[name].isna().any():
            raise UserError(f"{path}: column {name} has gaps")
    for axis in experiment.axes:
        if axis.log and (frame[axis.name] <= 0).any():
            raise UserError(f"{path}: column {axis.name} has values that are not positive")
    frame["key"] = frame["key"].astype(str)
    impossible = frame["key"][~frame["key"].map(lambda key: bool(KEY.fullmatch(key)))]
    if len(impossible):  # keys name files and places on the report's page
        raise UserError(f"{path}: {impossible.iloc[0][:40]!r} is no key of a training")
    labels = {label for label in frame.get("algorithm", ()) if isinstance(label, str)}
    strange = sorted(label for label in labels if printable(label) != label)
    if strange:
        raise UserError(f"{path}: the algorithm {strange[0][:40]!r} holds control characters")
    return frame


def _manifest(path: Path) -> dict:
    if not path.is_file():
        return {}
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as JSON ({str(error).splitlines()[0]})") from error
    if not isinstance(manifest, dict):
        return {}
    git = manifest.get("git")
    if isinstance(git, dict):  # changes of the checkout, which may hold passwords: not for what people share
        manifest["git"] = {name: value for name, value in git.items() if name not in ("diff", "diff_cut")}
    return manifest


def _missing(trainings: "pd.DataFrame", manifest: dict, names: Sequence[str]) -> int | None:
    """Grid points of the manifest's config that have no row. Points beyond the grid (refinement) don't count."""
    config = manifest.get("config")
    grid = config.get("grid") if isinstance(config, dict) else None
    if not isinstance(grid, dict):
        return None
    axes = grid.get("axes")
    named = axes if isinstance(axes, dict) else grid
    given = [named.get(GRID.get(name, name)) for name in names] + [grid.get("seeds")]
    filled = [list(range(axis)) if isinstance(axis, int) else axis for axis in given]
    lists = [axis for axis in filled if isinstance(axis, list) and axis]
    if len(lists) < len(filled):
        return None
    wanted = set(itertools.product(*lists))
    there = set(trainings[[*names, "seed"]].itertuples(index=False, name=None))
    return len(wanted - there)
