"""Order parameters against each other."""

from typing import TYPE_CHECKING

import numpy as np

from analysis.algorithms.names import colours
from analysis.charts.chart import Chart, new_chart
from analysis.charts.common import WIDTH, legend, panels, scatter

if TYPE_CHECKING:
    import pandas as pd

MANY_TIMES = 1000


def order_parameter_pairs(names: list[str]) -> list[tuple[str, str]]:
    """Which order parameters to set against each other: the pairs that separate the known algorithms, if there."""
    wanted = [("sidedness", "locality"), ("sidedness", "sidedness_spread"), ("sidedness", "amplitude")]
    pairs = [pair for pair in wanted if set(pair) <= set(names)]
    if pairs or len(names) < 2:
        return pairs
    return [(names[0], other) for other in names[1:3]]


def order_parameter_scatter(done: "pd.DataFrame", pairs: list[tuple[str, str]]) -> Chart:
    """Every training in the planes of two order parameters, coloured by algorithm."""
    chart = new_chart(WIDTH, 3.6)
    colour, size = colours(done["algorithm"]), float(np.clip(4000 / len(done), 8, 22))
    for axes, (x, y) in zip(panels(chart, len(pairs)), pairs, strict=True):
        scatter(chart, axes, done, done[x].to_numpy(float), done[y].to_numpy(float), "o", colour, size)
        axes.set(xlabel=x.replace("_", " "), ylabel=y.replace("_", " "))
        axes.set(xscale=_scale(done[x]), yscale=_scale(done[y]))
        axes.grid()
    legend(chart, done["algorithm"])
    return chart


def _scale(values: "pd.Series") -> str:
    """Logarithmic for what is positive and spans many decades, as losses do."""
    return "log" if values.min() > 0 and values.max() > MANY_TIMES * values.min() else "linear"
