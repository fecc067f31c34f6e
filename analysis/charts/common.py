"""The report's charts of finished trainings: counts by β, error against complexity, KL components, order parameters.

Each function takes the finished trainings as a frame (`Sweep.done`) and returns a `Chart`; none keeps state.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from analysis.algorithms.names import colours, display_name, in_order
from analysis.charts.chart import Chart
from analysis.literal_text import power
from analysis.sweeps.experiment import HYPERNETWORK

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from analysis.sweeps.experiment import Axis, Experiment


WIDTH = 9.6  # inches
MIN_ERROR = 1e-5
MAX_BETAS = 26  # distinct values of β that are shown one by one; more are gathered into bins of equal width


def bins(values_of_rows, axis: "Axis") -> tuple[np.ndarray, float]:
    """Where each row stands on an axis (decades on a logarithmic one), and the width of a bin.

    Rounded to a common bin if there are many values.
    """
    logs = np.round(axis.forward(values_of_rows), 6)
    values = np.unique(logs)
    if len(values) == 1:
        return logs, 0.5
    if len(values) <= MAX_BETAS:
        width = float(np.diff(values).min())
        return logs, min(1.0, width) if axis.log else width
    width = float(values[-1] - values[0]) / MAX_BETAS
    return values[0] + width * (np.floor((logs - values[0]) / width).clip(max=MAX_BETAS - 1) + 0.5), width


def binned_note(values_of_rows, axis: "Axis") -> str:
    """What a caption must say where `bins` gathers an axis's values."""
    many = len(np.unique(np.round(axis.forward(values_of_rows), 6)))
    return f" The {many:,} values of {axis.short} are gathered into {MAX_BETAS} bins." if many > MAX_BETAS else ""


def bin_axis(axes: "Axes", logs, width: float, axis: "Axis", *, vertical: bool = False) -> None:
    """Limits, label and, on a logarithmic axis, ticks at whole decades, of an axis that holds `bins`."""
    low, high = float(np.min(logs)) - 0.6 * width, float(np.max(logs)) + 0.6 * width
    (axes.set_ylabel if vertical else axes.set_xlabel)(axis.heading)
    (axes.set_ylim if vertical else axes.set_xlim)(low, high)
    if not axis.log:
        return
    decades: list[float] = [d for d in range(math.floor(low), math.ceil(high) + 1) if low <= d <= high]
    decades = decades[:: max(1, math.ceil(len(decades) / 7))]
    if not decades:  # all trainings within one decade
        decades = [round(float(value), 2) for value in np.unique(logs)][:7]
    (axes.set_yticks if vertical else axes.set_xticks)(decades, [power(d) for d in decades])


def panels(chart: Chart, count: int, *, columns: int = 3, **share) -> "list[Axes]":
    """`count` axes in rows of up to `columns`; unused places stay empty."""
    columns = min(columns, count)
    grid = chart.figure.subplots(math.ceil(count / columns), columns, squeeze=False, **share).ravel()
    for axes in grid[count:]:
        axes.set_visible(False)
    return list(grid[:count])


def legend(chart: Chart, labels) -> None:
    """One line above the panels: a swatch and a name an algorithm."""
    colour = colours(labels)
    swatches(chart, {display_name(label): colour[label] for label in in_order(labels)})


def swatches(chart: Chart, names: dict[str, str]) -> None:
    from matplotlib.patches import Patch

    chart.figure.legend(
        handles=[Patch(color=colour, label=name) for name, colour in names.items()],
        loc="outside upper left",
        ncols=6,
        handlelength=0.9,
        handleheight=0.9,
        columnspacing=1.6,
    )


def blocks(chart: Chart, axes: "Axes", rectangles: list[tuple], *, smooth: bool = True) -> None:
    """Filled rectangles (left, bottom, width, height, colour, tip) in one collection: faster than an artist each."""
    from matplotlib.collections import PolyCollection

    corners = [[(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for x, y, w, h, *_ in rectangles]
    collection = PolyCollection(corners, facecolors=[one[4] for one in rectangles], linewidths=0, antialiaseds=smooth)
    axes.add_collection(collection)
    chart.tip(collection, *(one[5] for one in rectangles))


def training_tips(frame: "pd.DataFrame", experiment: "Experiment" = HYPERNETWORK) -> list[str]:
    """What a training's mark says on hover."""
    measured = {"relative_error", "complexity_nats"} <= set(frame)
    return [
        f"{display_name(row['algorithm'])} · {experiment.place(row)}\n"
        + (f"error {row['relative_error']:.2g}, {row['complexity_nats']:.4g} nats\n" if measured else "")
        + row["key"]
        for row in frame.to_dict("records")
    ]


def scatter(
    chart: Chart,
    axes: "Axes",
    frame: "pd.DataFrame",
    x,
    y,
    marker: str,
    colour: dict,
    size: float,
) -> None:
    """A point a training, coloured by algorithm and drawn in one shuffled order, so that none hides another."""
    keep = np.isfinite(x) & np.isfinite(y)
    order = np.random.default_rng(0).permutation(np.flatnonzero(keep))
    if not len(order):
        return
    rows = frame.iloc[order]
    points = axes.scatter(
        np.asarray(x)[order],
        np.asarray(y)[order],
        s=size,
        marker=marker,
        linewidths=0.35,
        c=[colour[label] for label in rows["algorithm"]],
        edgecolors="white",
        alpha=0.85,
    )
    chart.trainings[points] = rows["key"].tolist()
    chart.markers[points] = marker
