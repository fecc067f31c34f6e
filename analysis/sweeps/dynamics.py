"""Phases over training: which algorithm each training carries at each snapshot, and what turns into what."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

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

    graph = nx.DiGraph()
    graph.add_nodes_from(in_order(snapshots["algorithm"].unique()), start=0, end=0, visits=0)
    for _, path in snapshots.sort_values("step").groupby("key")["algorithm"]:
        path = path.tolist()
        graph.nodes[path[0]]["start"] += 1
        graph.nodes[path[-1]]["end"] += 1
        for algorithm in set(path):
            graph.nodes[algorithm]["visits"] += 1
        for before, after in itertools.pairwise(path):
            if before != after:
                count = graph.edges[before, after]["count"] if graph.has_edge(before, after) else 0
                graph.add_edge(before, after, count=count + 1)
    return graph
