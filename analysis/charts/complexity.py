"""Error against complexity, and the components of the complexity."""

import math
from typing import TYPE_CHECKING

import numpy as np

from analysis.algorithms.names import colours
from analysis.charts.chart import FAINT, INK, Chart, new_chart
from analysis.charts.common import MIN_ERROR, WIDTH, bin_axis, bins, blocks, legend, panels, scatter, swatches
from analysis.formatting import format_beta
from analysis.sweeps.experiment import BETA
from analysis.sweeps.statistics import components

if TYPE_CHECKING:
    import pandas as pd


MIN_NATS = 0.1  # complexities below are drawn here: on a log axis nothing else is near zero
MARKERS = "osD^vP"
COMPONENT_COLOURS = ("#3b4a63", "#8a9bb5", "#c8b58e", "#a3b8a0", "#b99aa8")


def front(nats, errors) -> tuple[np.ndarray, np.ndarray]:
    """The error–complexity front: no training has both a lower complexity and a lower error. In order of complexity."""
    nats, errors = np.asarray(nats, float), np.asarray(errors, float)
    order = np.lexsort([errors, nats])
    order = order[np.isfinite(nats[order]) & np.isfinite(errors[order])]
    best = np.minimum.accumulate(errors[order])
    first = np.concatenate([[True], best[1:] < best[:-1]]) if len(order) else np.zeros(0, bool)
    return nats[order][first], errors[order][first]


def error_complexity(done: "pd.DataFrame", dots: "pd.DataFrame | None" = None) -> Chart:
    """Relative error against complexity of every training, coloured by algorithm, a marker shape a dimension.

    The steps are each dimension's front. dots: the trainings to show, where they are too many to show all.
    """
    from matplotlib.lines import Line2D

    chart = new_chart(WIDTH, 4.4)
    axes = chart.figure.subplots()
    axes.set(xscale="log", yscale="log", xlabel="complexity (nats)", ylabel="relative error")
    colour, dimensions = colours(done["algorithm"]), sorted(done["dimension"].unique())
    dots = done if dots is None else dots
    size = float(np.clip(6000 / len(dots), 9, 26))
    shapes = {dimension: MARKERS[i % len(MARKERS)] for i, dimension in enumerate(dimensions)}
    for dimension in dimensions:
        mine, shown = (frame[frame["dimension"] == dimension] for frame in (done, dots))
        scatter(
            chart,
            axes,
            shown,
            shown["complexity_nats"].clip(lower=MIN_NATS).to_numpy(),
            shown["relative_error"].clip(lower=MIN_ERROR).to_numpy(),
            shapes[dimension],
            colour,
            size,
        )
        nats, errors = front(mine["complexity_nats"].clip(lower=MIN_NATS), mine["relative_error"].clip(lower=MIN_ERROR))
        axes.plot(nats, errors, color=INK, linewidth=0.9, drawstyle="steps-post", zorder=3, alpha=0.75)
        if len(dimensions) > 1:
            axes.annotate(f"n = {dimension}", (nats[-1], errors[-1]), xytext=(3, -3), textcoords="offset points",
                          color=INK, fontsize=7.5, va="top")  # fmt: skip
    axes.grid()
    if (done["complexity_nats"] < MIN_NATS).any():
        axes.set_xlim(left=0.7 * MIN_NATS)
        axes.annotate(
            f"≤ {MIN_NATS:g} nats",
            (MIN_NATS, 0),
            xycoords=("data", "axes fraction"),
            xytext=(4, 5),
            textcoords="offset points",
            color=FAINT,
            fontsize=7.5,
        )
    if len(dimensions) > 1:
        axes.legend(
            handles=[
                Line2D([], [], ls="", marker=shapes[d], color=FAINT, ms=4.5, label=f"n = {d}") for d in dimensions
            ],
            loc="upper right",
            handletextpad=0.2,
        )
    legend(chart, done["algorithm"])
    return chart


def kl_components(done: "pd.DataFrame") -> Chart | None:
    """Mean KL components of the complexity by β, stacked, a panel a dimension. None if the table has none."""
    names = components(done)
    if not names:
        return None
    tone = {name: COMPONENT_COLOURS[index % len(COMPONENT_COLOURS)] for index, name in enumerate(names)}
    dimensions = sorted(done["dimension"].unique())
    chart = new_chart(WIDTH, 0.5 + 2.0 * math.ceil(len(dimensions) / 3))
    logs, width = bins(done["beta"], BETA)
    binned = done.assign(log_beta=logs)
    for axes, dimension in zip(panels(chart, len(dimensions)), dimensions, strict=True):
        table = binned[binned["dimension"] == dimension].groupby("log_beta")[names].mean().fillna(0)
        rectangles = []
        for log_beta, row in table.to_dict("index").items():
            bottom = 0.0
            for name, nats in row.items():
                if nats <= 0:
                    continue
                tip = f"n = {dimension}, β = {format_beta(10**log_beta)}: {nats:.4g} nats in {_part(name)}"
                rectangles.append((log_beta - 0.43 * width, bottom, 0.86 * width, nats, tone[name], tip))
                bottom += nats
        blocks(chart, axes, rectangles)
        axes.set_ylim(0, 1.03 * max(float(table.sum(axis=1).max()), MIN_NATS))
        bin_axis(axes, logs, width, BETA)
        axes.set_title(f"n = {dimension}")
        axes.grid(axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel("complexity (nats)")
    swatches(chart, {_part(name): tone[name] for name in names})
    return chart


def _part(component: str) -> str:
    return component.removeprefix("complexity_").replace("_", " ")
