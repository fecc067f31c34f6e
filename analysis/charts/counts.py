"""How many trainings found which algorithm, along an axis."""

import math
from typing import TYPE_CHECKING

from analysis.algorithms.names import colours, display_name
from analysis.charts.chart import Chart, new_chart
from analysis.charts.common import WIDTH, bin_axis, bins, blocks, legend, panels
from analysis.sweeps.experiment import HYPERNETWORK, Experiment, bands
from analysis.sweeps.statistics import counts

if TYPE_CHECKING:
    import pandas as pd


def counts_along_x(done: "pd.DataFrame", experiment: Experiment = HYPERNETWORK) -> Chart:
    """Stacked bars: trainings per label at each x (of hypernetworks, β), a panel a y (the dimension)."""
    from matplotlib.ticker import MaxNLocator

    x = experiment.x
    places, width = bins(done[x.name], x)
    parts = bands(done.assign(place=places), experiment.y)
    chart = new_chart(WIDTH, 0.5 + 2.1 * math.ceil(len(parts) / 3))
    colour = colours(done["algorithm"])
    most = max(rows.groupby("place").size().max() for _, rows in parts)
    for axes, (title, part) in zip(panels(chart, len(parts), sharey=True), parts, strict=True):
        rectangles = []
        for place, row in counts(part, ["place"]).to_dict("index").items():
            bottom, at = 0, x.says(float(x.backward(place)))
            for label, count in row.items():
                if not count:
                    continue
                tip = f"{title}, {at}: {count} of {sum(row.values())} {display_name(label)}"
                rectangles.append((place - 0.43 * width, bottom, 0.86 * width, count, colour[label], tip))
                bottom += count
        blocks(chart, axes, rectangles)
        bin_axis(axes, places, width, x)
        axes.set_title(title)
        axes.set_ylim(0, 1.03 * most)
        axes.yaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.grid(axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel("trainings")
    legend(chart, done["algorithm"])
    return chart
