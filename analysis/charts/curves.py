"""What trainings of a user's own experiment measured while they trained: a panel a curve, a line a label."""

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from analysis.algorithms.names import colours, display_name, in_order
from analysis.charts.chart import Chart, new_chart
from analysis.charts.common import WIDTH, legend, panels
from analysis.literal_text import power

if TYPE_CHECKING:
    import pandas as pd

MAX_CURVES = 6
MAX_STEPS = 60  # distinct steps; of more, neighbours are taken together
FAR = 100  # steps from which on they are drawn by decades, step 0 left of step 1
MANY_TIMES = 1000  # a measurement that spans so much is drawn by decades …
RARE = 0.02  # … from this quantile on: a loss of 1e-30 now and then is nothing to look at


def curves_chart(snapshots: "pd.DataFrame", labels: "pd.Series", names: Sequence[str]) -> Chart:
    """Medians and quartiles over the trainings of one final label, against the training step.

    labels: key -> label that the training ended in. names: columns of the snapshots.
    """
    rows = snapshots.assign(ended=snapshots["key"].map(labels)).dropna(subset="ended")
    rows["at"] = _steps(rows["step"].to_numpy(float))
    far = rows["at"].max() >= FAR
    chart = new_chart(WIDTH, 0.5 + 2.5 * math.ceil(len(names) / 3))
    colour = colours(rows["ended"])
    places = panels(chart, max(2, len(names)))
    for axes, name in itertools.zip_longest(places, names):
        if name is None:
            axes.set_visible(False)
            continue
        measured = rows[np.isfinite(rows[name])]
        floor = _floor(measured[name])
        for label in in_order(measured["ended"].unique()):
            by_step = measured[measured["ended"] == label].groupby("at")[name]
            low, middle, high = (by_step.quantile(share) for share in (0.25, 0.5, 0.75))
            x = np.log10(np.maximum(middle.index, 0.5)) if far else np.array(middle.index)
            axes.fill_between(x, np.maximum(low, floor), np.maximum(high, floor), color=colour[label], alpha=0.18, lw=0)
            axes.plot(x, np.maximum(middle, floor), color=colour[label], linewidth=1.3)
            dots = axes.scatter(x, np.maximum(middle, floor), s=7, color=colour[label], zorder=3)
            chart.tip(dots, *_tips(label, name, middle, by_step.size()))
        axes.set(title=name.replace("_", " "), xlabel="training step", yscale="log" if floor > 0 else "linear")
        if far:
            decades = range(math.floor(math.log10(rows["at"].max())) + 1)
            axes.set_xticks(list(decades), [power(decade) for decade in decades])
        axes.grid()
    legend(chart, rows["ended"])
    return chart


def _steps(steps: np.ndarray) -> np.ndarray:
    """Each row's step or, of many distinct ones, the middle one of the neighbours that it is taken together with."""
    distinct = np.unique(steps)
    if len(distinct) <= MAX_STEPS:
        return steps
    ends = np.geomspace(1, distinct[-1] + 1, MAX_STEPS + 1) - 1
    place = np.searchsorted(ends, steps, side="right")
    found = steps.copy()
    for each in np.unique(place):
        found[place == each] = np.median(distinct[np.searchsorted(ends, distinct, side="right") == each])
    return found


def _floor(values: "pd.Series") -> float:
    """The lowest value to show by decades: of what is never negative and spans many of them; else -∞, by the values."""
    positive = values[values > 0]
    if positive.empty or (values < 0).any():
        return -math.inf
    least = float(positive.quantile(RARE))
    return least if positive.max() > MANY_TIMES * least else -math.inf


def _tips(label: str, name: str, middle: "pd.Series", sizes: "pd.Series") -> list[str]:
    return [
        f"{display_name(label)}, step {step:g}: {name.replace('_', ' ')} {value:.3g} (median of {sizes[step]})"
        for step, value in middle.items()
    ]
