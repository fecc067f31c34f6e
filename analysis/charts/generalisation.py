"""The error of drawn networks at dimensions that were never trained at."""

from typing import TYPE_CHECKING

import numpy as np

from analysis.algorithms.names import colours, display_name, in_order
from analysis.charts.chart import RULE, Chart, new_chart
from analysis.charts.common import MIN_ERROR, WIDTH, legend, panels
from analysis.sweeps.generalisation import by_algorithm

if TYPE_CHECKING:
    import pandas as pd


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
    low, middle, high = (np.maximum(part[name], MIN_ERROR) for name in ("error_low", "relative_error", "error_high"))
    left.fill_between(n, low, high, color=colour, alpha=0.18, linewidth=0)
    tips = [
        f"{display_name(row.trained_algorithm)} at n = {row.dimension}: error {row.relative_error:.2g}, "
        f"{row.right:.0%} of draws right ({row.trainings} trainings)"
        for row in part.itertuples()
    ]
    for axes, values in ((left, middle), (right, part["right"])):
        axes.plot(n, values, color=colour, linewidth=1.4)
        chart.tip(axes.scatter(n, values, color=colour, s=14, zorder=3), *tips)
