"""Phases over training: which algorithm each training carries at each snapshot, and what turns into what."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


def fractions(snapshots: "pd.DataFrame", by: Sequence[str] = ("dimension", "beta")) -> "pd.DataFrame":
    """Share of trainings per algorithm over the columns `by` and step.

    Index (*by, step), a column an algorithm in the palette's order; every row sums to 1.
    """
    from analysis.algorithms.names import in_order

    table = snapshots.groupby([*by, "step", "algorithm"]).size().unstack("algorithm", fill_value=0)
    table = table[in_order(table.columns)].rename_axis(columns=None)
    return table.div(table.sum(axis=1), axis=0)


@dataclass(frozen=True)
class Transitions:
    """Which phase turns into which: a directed graph.

    nodes: algorithm -> `start` and `end`, trainings that have it at their first and last snapshot, and `visits`,
    trainings that ever had it. edges: (before, after) -> times that consecutive snapshots of one training go from the
    one to the other (staying put is no edge).
    """

    nodes: dict[str, dict[str, int]]
    edges: dict[tuple[str, str], int]


def transitions(snapshots: "pd.DataFrame") -> Transitions:
    """Of all trainings; the algorithms in the palette's order."""
    from analysis.algorithms.names import in_order

    rows = snapshots.sort_values(["key", "step"])
    keys, labels = (rows[name].to_numpy() for name in ("key", "algorithm"))
    same = keys[1:] == keys[:-1]  # training as in the row before
    first, last = np.concatenate([[True], ~same]), np.concatenate([~same, [True]])
    visits = rows.drop_duplicates(["key", "algorithm"])["algorithm"]
    counts = {"start": Counter(labels[first]), "end": Counter(labels[last]), "visits": Counter(visits)}
    nodes = {
        label: {name: count[label] for name, count in counts.items()} for label in in_order(rows["algorithm"].unique())
    }
    moved = same & (labels[1:] != labels[:-1])
    return Transitions(nodes, dict(Counter(zip(labels[:-1][moved], labels[1:][moved], strict=True))))
