"""How many trainings found which algorithm, along β."""

import math
from typing import TYPE_CHECKING

from analysis.algorithms.names import colours, display_name
from analysis.charts.chart import Chart, new_chart
from analysis.charts.common import WIDTH, beta_axis, beta_bins, blocks, legend, panels
from analysis.formatting import format_beta
from analysis.sweeps.statistics import counts

if TYPE_CHECKING:
    import pandas as pd


def counts_by_beta(done: "pd.DataFrame") -> Chart:
    """Stacked bars: trainings per algorithm at each β, a panel a dimension."""
    from matplotlib.ticker import MaxNLocator

    dimensions = sorted(done["dimension"].unique())
    chart = new_chart(WIDTH, 0.5 + 2.1 * math.ceil(len(dimensions) / 3))
    logs, width = beta_bins(done["beta"])
    binned = done.assign(log_beta=logs)
    colour = colours(done["algorithm"])
    most = binned.groupby(["dimension", "log_beta"]).size().max()
    for axes, dimension in zip(panels(chart, len(dimensions), sharey=True), dimensions, strict=True):
        table = counts(binned[binned["dimension"] == dimension], ["log_beta"])
        rectangles = []
        for log_beta, row in table.iterrows():
            bottom = 0
            for algorithm, count in row[row > 0].items():
                place = f"n = {dimension}, β = {format_beta(10**log_beta)}"
                tip = f"{place}: {count} of {row.sum()} {display_name(algorithm)}"
                rectangles.append((log_beta - 0.43 * width, bottom, 0.86 * width, count, colour[algorithm], tip))
                bottom += count
        blocks(chart, axes, rectangles)
        beta_axis(axes, logs, width)
        axes.set_title(f"n = {dimension}")
        axes.set_ylim(0, 1.03 * most)
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel("trainings")
    legend(chart, done["algorithm"])
    return chart
