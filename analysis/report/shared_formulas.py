"""The formula in n that a cluster's trainings share, for its card."""

from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from analysis.patterns.across import SharedFormula
    from analysis.sweeps.clusters import Cluster
    from analysis.sweeps.load import Sweep

MAX_DIMENSIONS = 5  # the smallest n, the largest and some between, …
BEST = 2  # … and at each of them the trainings with the lowest errors: to explain all would take too long
FAITHFUL = 0.95  # R² below which an explanation says too little of its network to make laws of


def in_n(cluster: "Cluster", done: "pd.DataFrame", sweep: "Sweep") -> "SharedFormula | None":
    """None where a cluster has no pattern or one n only, its rows no structure, or its networks can't be read."""
    from analysis.network import Network
    from analysis.patterns.across import shared_formula
    from analysis.patterns.explain import explain
    from analysis.patterns.pattern_text import mirror_image

    rows = done[done["key"].isin(cluster.keys)].sort_values("relative_error")
    every = np.sort(rows["dimension"].unique())
    if not cluster.pattern or len(every) < 2:
        return None
    some = every[np.unique(np.linspace(0, len(every) - 1, MAX_DIMENSIONS).round().astype(int))]
    keys = rows[rows["dimension"].isin(some)].groupby("dimension").head(BEST)["key"]
    try:
        found = [explain(Network.load(sweep.network_path(key))) for key in keys]
    except UserError:
        return None  # the gallery's remark tells of unreadable networks
    alike = [one for one in found if cluster.pattern in (one.pattern, mirror_image(one.pattern))
             and one.r_squared >= FAITHFUL]  # fmt: skip
    if len({one.dimension for one in alike}) < 2:
        return None
    shared = shared_formula(alike)
    return shared if shared.complete and len(shared.dimensions) > 1 else None


def text(shared: "SharedFormula | None") -> str:
    """One line; "" without a formula."""
    if shared is None:
        return ""
    scores, dimensions = shared.r_squared().values(), shared.dimensions
    low, high = (f"{score:.3f}" for score in (min(scores), max(scores)))
    faithful = low if low == high else f"{low} … {high}"
    return f"{shared.text} (n = {', '.join(map(str, dimensions))}: R² {faithful})"
