"""Drawn networks at dimensions that a hypernetwork was never trained at: their error, and whether the algorithm holds.

The table, a row a training and dimension: key, beta, seed, trained_algorithm, trained_low and trained_high (the range
of trained dimensions), dimension (of the drawn networks), draws, relative_error (their median), good (the share of
them with an error up to 0.05), algorithm (their majority), right (the share of them with the trained algorithm) and
faithfulness.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.charts import LEAST_ERROR, WIDTH, legend, panels
from analysis.errors import UserError
from analysis.palette import colours, title
from analysis.pictures import RULE, Chart, new_chart
from analysis.table import in_order

if TYPE_CHECKING:
    import pandas as pd

FILE = "generalisation.csv"
NEEDED = {"key", "trained_algorithm", "trained_low", "trained_high", "dimension", "relative_error", "right"}


def load(sweep_folder: Path, keys: set[str]) -> "pd.DataFrame | None":
    """The table of a sweep, its trainings `keys` only; None if there is none. UserError if it is not one."""
    import pandas as pd

    path = Path(sweep_folder) / FILE
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable table ({str(error).splitlines()[0]})") from None
    if not set(table) >= NEEDED:
        raise UserError(f"{path}: columns missing: {', '.join(sorted(NEEDED - set(table)))}")
    table = table[table["key"].isin(keys)]
    return table if len(table) else None


def by_algorithm(table: "pd.DataFrame") -> "pd.DataFrame":
    """A row a trained range, trained algorithm and dimension: trainings, medians and quartiles over the trainings.

    Columns trained_low, trained_high, trained_algorithm, dimension, trainings, relative_error, error_low, error_high
    (quartiles), right (mean share).
    """
    groups = table.groupby(["trained_low", "trained_high", "trained_algorithm", "dimension"])
    return groups.agg(
        trainings=("key", "nunique"),
        relative_error=("relative_error", "median"),
        error_low=("relative_error", lambda error: error.quantile(0.25)),
        error_high=("relative_error", lambda error: error.quantile(0.75)),
        right=("right", "mean"),
    ).reset_index()


def generalisation_chart(table: "pd.DataFrame") -> Chart:
    """A row of two panels a trained range: relative error, and share of draws with the right algorithm, against n."""
    found = by_algorithm(table)
    ranges = sorted(set(zip(found["trained_low"], found["trained_high"], strict=True)))
    chart = new_chart(WIDTH, 0.5 + 2.7 * len(ranges))
    colour = colours(found["trained_algorithm"])
    axes = panels(chart, 2 * len(ranges), columns=2)
    for (low, high), left, right in zip(ranges, axes[::2], axes[1::2], strict=True):
        mine = found[(found["trained_low"] == low) & (found["trained_high"] == high)]
        for algorithm in in_order(mine["trained_algorithm"]):
            part = mine[mine["trained_algorithm"] == algorithm].sort_values("dimension")
            _lines(chart, left, right, part, colour[algorithm])
        trained = f"trained at n = {low}" + (f" … {high}" if high > low else "")
        left.set(yscale="log", ylabel="relative error", title=trained)
        right.set(ylim=(-0.03, 1.03), ylabel="right algorithm", title="share of draws")
        ticks = sorted(mine["dimension"].unique())
        for panel in (left, right):
            panel.set(xscale="log", xlabel="n of the drawn networks")
            panel.axvspan(low / 1.03, high * 1.03, color=RULE, alpha=0.6, zorder=0, linewidth=0)
            panel.set_xticks(ticks, [str(n) for n in ticks])
            panel.minorticks_off()
            panel.grid(axis="y")
    legend(chart, found["trained_algorithm"])
    return chart


def _lines(chart: Chart, left, right, part: "pd.DataFrame", colour: str) -> None:
    """One algorithm's medians with quartiles, and its shares."""
    n = part["dimension"]
    low, middle, high = (np.maximum(part[name], LEAST_ERROR) for name in ("error_low", "relative_error", "error_high"))
    left.fill_between(n, low, high, color=colour, alpha=0.18, linewidth=0)
    tips = [
        f"{title(row.trained_algorithm)} at n = {row.dimension}: error {row.relative_error:.2g}, "
        f"{row.right:.0%} of draws right ({row.trainings} trainings)"
        for row in part.itertuples()
    ]
    for axes, values in ((left, middle), (right, part["right"])):
        axes.plot(n, values, color=colour, linewidth=1.4)
        chart.tip(axes.scatter(n, values, color=colour, s=14, zorder=3), *tips)
