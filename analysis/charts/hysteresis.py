"""Loops of hysteresis: complexity along β on the ways up and down, with the boundaries at equilibrium inside."""

import math
from typing import TYPE_CHECKING

from analysis.algorithms.names import colours
from analysis.charts.chart import INK, Chart, new_chart
from analysis.charts.common import WIDTH, legend, panels, training_tips
from analysis.sweeps.annealing import DOWN, UP
from analysis.sweeps.sample import stratified_sample

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from analysis.phases.equilibrium import Equilibrium

MARKERS = {UP: "^", DOWN: "v"}
MIN_NATS = 0.1
MAX_DOTS = 2000  # rungs that are shown one by one


def hysteresis_chart(annealed: "pd.DataFrame", found: "Equilibrium") -> Chart:
    """A panel an n: medians over seeds of both ways, the loop between them grey, rungs in their algorithms' colours."""
    dimensions = sorted(annealed["dimension"].unique())
    chart = new_chart(WIDTH, 0.5 + 2.8 * math.ceil(len(dimensions) / 3))
    dots = annealed.index[stratified_sample(annealed, MAX_DOTS)]
    for axes, dimension in zip(panels(chart, len(dimensions), sharey=True), dimensions, strict=True):
        _panel(chart, axes, annealed[annealed["dimension"] == dimension], dots)
        for one in found.boundaries[found.boundaries["y"] == dimension].itertuples():
            axes.axvspan(one.x_low, one.x_high, color=INK, alpha=0.1, linewidth=0)
            axes.axvline(one.x, color=INK, linewidth=0.9)
        axes.set_title(f"n = {dimension}")
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel("complexity (nats)")
    legend(chart, annealed["algorithm"])
    return chart


def _panel(chart: Chart, axes: "Axes", rows: "pd.DataFrame", dots: "pd.Index") -> None:
    colour = colours(rows["algorithm"])
    nats = rows["complexity_nats"].clip(lower=MIN_NATS)
    middle = rows.assign(nats=nats).groupby(["beta", "way"])["nats"].median().unstack("way")
    if {UP, DOWN} <= set(middle):
        both = middle.dropna()
        axes.fill_between(both.index, both[UP], both[DOWN], color=INK, alpha=0.12, linewidth=0)
    for way, style in ((UP, "-"), (DOWN, "--")):
        if way in middle:
            axes.plot(middle.index, middle[way], style, color=INK, linewidth=1, label=f"on the way {way}")
            mine = rows[(rows["way"] == way) & rows.index.isin(dots)]
            paint = [colour[one] for one in mine["algorithm"]]
            points = axes.scatter(
                mine["beta"], nats[mine.index], s=14, marker=MARKERS[way], linewidths=0.3, c=paint, edgecolors="white"
            )
            chart.tip(points, *(f"on the way {way}: {tip}" for tip in training_tips(mine)))
    axes.set(xscale="log", yscale="log", xlabel="β")
    axes.legend(loc="lower left", fontsize=7)
