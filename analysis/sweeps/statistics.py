"""Statistics of a sweep's trainings: counts, the coin between mirror images, the ranking by complexity."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.algorithms.names import in_order
from analysis.sweeps.experiment import HYPERNETWORK, Experiment, bands
from analysis.sweeps.load import NUMERIC

if TYPE_CHECKING:
    import pandas as pd


COMPONENT_PREFIX = "complexity_"
FRACTION_PREFIX = "fraction_"
UNFAIR = 0.01  # a coin whose tosses are less probable than this is called unfair …
MIN_TOSSES = 64  # … and with fewer tosses than this never fair
# Numeric columns that describe the training, not the network: what is left over are order parameters.
PATTERN_PREFIX = "pattern_"  # of what is said about a network's pattern
_BOOKKEEPING = {*NUMERIC, "representative", "draws", "attempt", "pack", "learning_rate"}
_OWN_BOOKKEEPING = {"seed", "step", "purity", "seconds", "finished_at", "files"}


def order_parameters(trainings: "pd.DataFrame", experiment: Experiment = HYPERNETWORK) -> list[str]:
    """The columns that hold order parameters: numeric, and neither bookkeeping nor shares nor components.

    Of a user's own experiment: its metrics.
    """
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    axes = {axis.name for axis in experiment.axes}
    bookkeeping = _OWN_BOOKKEEPING | axes if experiment.own else _BOOKKEEPING
    return [
        name
        for name in trainings.columns
        if is_numeric_dtype(trainings[name])
        and not is_bool_dtype(trainings[name])
        and name not in bookkeeping
        and not name.startswith((COMPONENT_PREFIX, FRACTION_PREFIX, PATTERN_PREFIX))
        and trainings[name].notna().any()
    ]


def metric_medians(done: "pd.DataFrame", names: list[str]) -> "pd.DataFrame":
    """Trainings and the medians of these columns, a row a label."""
    groups = done.groupby("algorithm")
    table = groups[names].median()
    table.insert(0, "trainings", groups.size())
    return table.loc[in_order(table.index)].reset_index()


def components(trainings: "pd.DataFrame") -> list[str]:
    """The columns that hold the named KL components of the complexity, in nats."""
    return [
        name
        for name in trainings.columns
        if name.startswith(COMPONENT_PREFIX) and name != "complexity_nats" and trainings[name].notna().any()
    ]


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


def splits(done: "pd.DataFrame", merge: Mapping[str, str], by: str = "dimension") -> "list[dict[str, Any]]":
    """How the trainings of each merged label divide between its two parts, and whether that coin is fair.

    Trainings of one seed share their noise at every β, so a seed tosses the coin once: for the part that it has more
    often. A row a merged label and value of `by`: merged, at (that value), parts (part -> trainings), total, heads and
    tails (seeds with more of the first, of the second), p_fair (two-sided binomial probability of seeds at least this
    uneven from a fair coin) and coin: "fair", "unfair" (p_fair under `UNFAIR`) or "too few seeds" (under `MIN_TOSSES`).
    """
    rows = []
    for whole in dict.fromkeys(merge.values()):
        parts = [part for part, target in merge.items() if target == whole]
        for value, group in done.groupby(by, sort=False):  # as the rows are: texts would put 10 before 4
            found = {part: int((group["algorithm"] == part).sum()) for part in parts}
            if total := sum(found.values()):
                rows.append({"merged": whole, "at": value, "parts": found, "total": total} | _coin(group, *parts))
    return rows


def splits_along_y(done: "pd.DataFrame", merge: Mapping[str, str], experiment: Experiment) -> "list[dict[str, Any]]":
    """`splits` at every value of the map's y, or range of values where there are many; at: as people read it."""
    import pandas as pd

    parts = [rows.assign(_at=title.partition(" = ")[2]) for title, rows in bands(done, experiment.y)]
    return splits(pd.concat(parts), merge, by="_at") if parts else []


def _coin(group: "pd.DataFrame", first: str, second: str) -> dict:
    votes = (group["algorithm"] == first).astype(int) - (group["algorithm"] == second)
    votes = votes.groupby(group["seed"]).sum()
    heads, tails = int((votes > 0).sum()), int((votes < 0).sum())
    p = fair_coin(heads, tails)
    coin = "unfair" if p < UNFAIR else "fair" if heads + tails >= MIN_TOSSES else "too few seeds"
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
        known = np.sort(other[~np.isnan(other)])
        cheaper += int((len(known) - np.searchsorted(known, one, side="right")).sum())  # nan stands above all: 0
        pairs += len(one) * len(other)
    return cheaper / pairs if pairs else None
