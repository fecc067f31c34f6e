"""Phases over training: which algorithm each training carries at each snapshot, and what turns into what."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import networkx
    import pandas as pd


def fractions(snapshots: "pd.DataFrame", by: Sequence[str] = ("dimension", "beta")) -> "pd.DataFrame":
    """Share of trainings per algorithm over the columns `by` and step.

    Index (*by, step), a column an algorithm in the palette's order; every row sums to 1.
    """
    from analysis.algorithms.names import in_order

    table = snapshots.groupby([*by, "step", "algorithm"]).size().unstack("algorithm", fill_value=0)
    table = table[in_order(table.columns)].rename_axis(columns=None)
    return table.div(table.sum(axis=1), axis=0)


def transitions(snapshots: "pd.DataFrame") -> "networkx.DiGraph":
    """Which phase turns into which, as a directed graph.

    Node attributes: `start` and `end`, trainings that have this algorithm at their first and last snapshot, and
    `visits`, trainings that ever had it. Edge attribute `count`: times that consecutive snapshots of one training
    go from the one algorithm to the other (staying put is no edge).
    """
    import networkx as nx

    from analysis.algorithms.names import in_order

    rows = snapshots.sort_values(["key", "step"])
    keys, labels = (rows[name].to_numpy() for name in ("key", "algorithm"))
    same = keys[1:] == keys[:-1]  # training as in the row before
    first, last = np.concatenate([[True], ~same]), np.concatenate([~same, [True]])
    graph = nx.DiGraph()
    graph.add_nodes_from(in_order(rows["algorithm"].unique()), start=0, end=0, visits=0)
    for name, part in (
        ("start", labels[first]),
        ("end", labels[last]),
        ("visits", rows.drop_duplicates(["key", "algorithm"])["algorithm"]),
    ):
        for algorithm, count in Counter(part).items():
            graph.nodes[algorithm][name] = count
    moved = same & (labels[1:] != labels[:-1])
    for (before, after), count in Counter(zip(labels[:-1][moved], labels[1:][moved], strict=True)).items():
        graph.add_edge(before, after, count=count)
    return graph
