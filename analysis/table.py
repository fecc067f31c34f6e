"""A sweep's folder as pandas frames: validated once, here, so that the rest of the analysis can trust its columns."""

import itertools
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.errors import UserError
from analysis.palette import PHASES

if TYPE_CHECKING:
    import pandas as pd

TRAININGS = "trainings.parquet"
SNAPSHOTS = "snapshots.parquet"
MANIFEST = "manifest.json"

# Columns that every table has; the rest (order parameters, fractions, components) may differ from sweep to sweep.
TRAINING_COLUMNS = ("key", "dimension", "beta", "seed", "relative_error", "complexity_nats", "algorithm")
SNAPSHOT_COLUMNS = ("key", "dimension", "beta", "seed", "step", "algorithm")
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
COMPONENT_PREFIX = "complexity_"
FRACTION_PREFIX = "fraction_"
UNFAIR = 0.01  # a coin whose tosses are less probable than this is called unfair …
FEWEST_TOSSES = 64  # … and with fewer tosses than this never fair
# Numeric columns that describe the training, not the network: what is left over are order parameters.
_BOOKKEEPING = {*NUMERIC, "representative", "draws", "attempt", "pack", "learning_rate"}


@dataclass(frozen=True)
class Sweep:
    """What a sweep has produced so far. `trainings` has a row a training, failed ones included."""

    folder: Path
    trainings: "pd.DataFrame"
    snapshots: "pd.DataFrame"  # a row a training and snapshot step; empty when the sweep kept none
    manifest: dict  # {} when there is none
    missing: int | None  # grid points without a row yet; None when no manifest says what the grid is

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
    trainings = _validated(folder / TRAININGS, TRAINING_COLUMNS)
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
    trainings = trainings.sort_values(["dimension", "beta", "seed", "key"], ignore_index=True)

    if (folder / SNAPSHOTS).is_file():
        snapshots = _validated(folder / SNAPSHOTS, SNAPSHOT_COLUMNS)
        snapshots = snapshots[snapshots["algorithm"].notna()]
        snapshots = snapshots.sort_values(["dimension", "beta", "seed", "key", "step"], ignore_index=True)
    else:
        snapshots = pd.DataFrame(columns=list(SNAPSHOT_COLUMNS))
    manifest = _manifest(folder / MANIFEST)
    return Sweep(folder, trainings, snapshots, manifest, _missing(trainings, manifest))


def _validated(path: Path, required: tuple[str, ...]) -> "pd.DataFrame":
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: not a readable Parquet table ({reason})") from error
    if frame.empty and not len(frame.columns):
        return pd.DataFrame(columns=list(required))
    absent = [name for name in required if name not in frame]
    if absent:
        raise UserError(f"{path}: column{'s' if len(absent) > 1 else ''} missing: {', '.join(absent)}")
    for name in set(NUMERIC) & set(frame):
        try:
            frame[name] = pd.to_numeric(frame[name])
        except (TypeError, ValueError) as error:
            raise UserError(f"{path}: column {name} is not numeric") from error
    for name in ("dimension", "beta", "seed"):
        if frame[name].isna().any():
            raise UserError(f"{path}: column {name} has gaps")
    if (frame["beta"] <= 0).any():
        raise UserError(f"{path}: column beta has values that are not positive")
    frame["key"] = frame["key"].astype(str)
    return frame


def _manifest(path: Path) -> dict:
    if not path.is_file():
        return {}
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as JSON ({str(error).splitlines()[0]})") from error
    return manifest if isinstance(manifest, dict) else {}


def _missing(trainings: "pd.DataFrame", manifest: dict) -> int | None:
    """Grid points of the manifest's config that have no row. Points beyond the grid (refinement) don't count."""
    config = manifest.get("config")
    grid = config.get("grid") if isinstance(config, dict) else None
    if not isinstance(grid, dict):
        return None
    axes = [grid.get(name) for name in ("dimensions", "betas", "seeds")]
    axes = [list(range(axis)) if isinstance(axis, int) else axis for axis in axes]
    if not all(isinstance(axis, list) and axis for axis in axes):
        return None
    wanted = set(itertools.product(*axes))
    there = set(trainings[["dimension", "beta", "seed"]].itertuples(index=False, name=None))
    return len(wanted - there)


def order_parameters(trainings: "pd.DataFrame") -> list[str]:
    """The columns that hold order parameters: numeric, and neither bookkeeping nor shares nor components."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return [
        name
        for name in trainings.columns
        if is_numeric_dtype(trainings[name])
        and not is_bool_dtype(trainings[name])
        and name not in _BOOKKEEPING
        and not name.startswith((COMPONENT_PREFIX, FRACTION_PREFIX))
        and trainings[name].notna().any()
    ]


def components(trainings: "pd.DataFrame") -> list[str]:
    """The columns that hold the named KL components of the complexity, in nats."""
    return [
        name
        for name in trainings.columns
        if name.startswith(COMPONENT_PREFIX) and name != "complexity_nats" and trainings[name].notna().any()
    ]


def in_order(labels: Iterable[str]) -> list[str]:
    """The labels in the palette's order, roughly cheapest algorithm first; unknown ones come last, sorted."""
    known = list(PHASES)
    return sorted(set(labels), key=lambda label: (known.index(label) if label in PHASES else len(known), label))


def counts(done: "pd.DataFrame", by: list[str] | None = None) -> "pd.DataFrame":
    """Trainings per algorithm: a column an algorithm in the palette's order, a row a group of `by` (default: one)."""
    import pandas as pd

    if by:
        table = done.groupby([*by, "algorithm"]).size().unstack("algorithm", fill_value=0)
    else:
        table = done["algorithm"].value_counts().to_frame().T.set_axis(pd.RangeIndex(1))
    return table[in_order(table.columns)].rename_axis(columns=None)


def merged(labels: "pd.Series", merge: dict[str, str]) -> "pd.Series":
    """The labels with each key of `merge` replaced by its value (both puddings -> pudding)."""
    return labels.map(lambda label: merge.get(label, label))


def splits(done: "pd.DataFrame", merge: dict[str, str]) -> "pd.DataFrame":
    """How the trainings of each merged label divide among its parts, and whether the coin between two parts is fair.

    Trainings of one seed share their noise at every β, so a seed tosses the coin once: for the part that it has more
    often. Columns: merged, dimension, one per part found in `merge` (trainings), total; where there are two parts also
    heads and tails (seeds with more of the first, of the second), p_fair (two-sided binomial probability of seeds at
    least this uneven from a fair coin) and coin: "fair", "unfair" (p_fair under `UNFAIR`) or "too few seeds" (under
    `FEWEST_TOSSES`). A row a merged label and dimension.
    """
    import pandas as pd

    rows = []
    for whole in dict.fromkeys(merge.values()):
        parts = [part for part, target in merge.items() if target == whole]
        for dimension, group in done.groupby("dimension"):
            found = [int((group["algorithm"] == part).sum()) for part in parts]
            if not sum(found):
                continue
            row = {"merged": whole, "dimension": int(dimension), **dict(zip(parts, found, strict=True))}
            rows.append(row | {"total": sum(found)} | (_coin(group, *parts) if len(parts) == 2 else {}))
    return pd.DataFrame(rows)


def _coin(group: "pd.DataFrame", first: str, second: str) -> dict:
    votes = (group["algorithm"] == first).astype(int) - (group["algorithm"] == second)
    votes = votes.groupby(group["seed"]).sum()
    heads, tails = int((votes > 0).sum()), int((votes < 0).sum())
    p = fair_coin(heads, tails)
    coin = "unfair" if p < UNFAIR else "fair" if heads + tails >= FEWEST_TOSSES else "too few seeds"
    return {"heads": heads, "tails": tails, "p_fair": p, "coin": coin}


def fair_coin(heads: int, tails: int) -> float:
    """Two-sided binomial probability of a split at least this uneven. (Exact; scipy takes a second to import.)"""
    total, fewer = heads + tails, min(heads, tails)
    return min(1.0, 2 * sum(math.comb(total, k) for k in range(fewer + 1)) / 2**total)


def ranking(done: "pd.DataFrame") -> "pd.DataFrame":
    """Algorithms by median complexity, per dimension: the paper's "complexity control" in one table.

    Columns dimension, algorithm, trainings, complexity_nats, relative_error (medians); cheapest first.
    """
    table = (
        done.groupby(["dimension", "algorithm"])
        .agg(
            trainings=("key", "size"),
            complexity_nats=("complexity_nats", "median"),
            relative_error=("relative_error", "median"),
        )
        .reset_index()
    )
    return table.sort_values(["dimension", "complexity_nats"], ignore_index=True)


def share_cheaper(done: "pd.DataFrame", first: str, second: str) -> float | None:
    """How often a training with the first algorithm has fewer nats than one with the second, of all pairs at one n.

    None if no dimension has both. 1: the ranking holds for every pair; 0.5: it says nothing.
    """
    cheaper = pairs = 0
    for _, group in done.groupby("dimension"):
        one, other = (group.loc[group["algorithm"] == name, "complexity_nats"].to_numpy() for name in (first, second))
        cheaper += int((one[:, None] < other[None, :]).sum())
        pairs += len(one) * len(other)
    return cheaper / pairs if pairs else None
