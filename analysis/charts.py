"""The report's charts of finished trainings: counts by β, error against complexity, KL components, order parameters.

Each function takes the finished trainings as a frame (`Sweep.done`) and returns a `Chart`; none keeps state.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from analysis.palette import colours, title
from analysis.pictures import FAINT, INK, Chart, new_chart
from analysis.table import components, counts, in_order

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from analysis.phases import Phases
    from analysis.scaling import ScalingLaw

WIDTH = 9.6  # inches
LEAST_NATS = 0.1  # complexities below are drawn here: on a log axis nothing else is near zero
LEAST_ERROR = 1e-5
MOST_BETAS = 26  # distinct values of β that are shown one by one; more are gathered into bins of equal width
MARKERS = "osD^vP"
COMPONENT_COLOURS = ("#3b4a63", "#8a9bb5", "#c8b58e", "#a3b8a0", "#b99aa8")


def power(exponent: float) -> str:
    """10 to this power as text: 10⁻⁴."""
    return "10" + f"{exponent:g}".translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def beta_bins(betas) -> tuple[np.ndarray, float]:
    """log10 β of each row, rounded to a common bin if there are many values, and the width of a bin in decades."""
    logs = np.round(np.log10(np.asarray(betas, dtype=float)), 6)
    values = np.unique(logs)
    if len(values) == 1:
        return logs, 0.5
    if len(values) <= MOST_BETAS:
        return logs, min(1.0, float(np.diff(values).min()))
    width = float(values[-1] - values[0]) / MOST_BETAS
    return values[0] + width * (np.floor((logs - values[0]) / width).clip(max=MOST_BETAS - 1) + 0.5), width


def beta_axis(axes: "Axes", logs, width: float, *, vertical: bool = False) -> None:
    """Ticks at whole decades on an axis that holds log10 β."""
    low, high = float(np.min(logs)) - 0.6 * width, float(np.max(logs)) + 0.6 * width
    decades = [d for d in range(math.floor(low), math.ceil(high) + 1) if low <= d <= high]
    decades = decades[:: max(1, math.ceil(len(decades) / 7))]
    if not decades:  # all trainings within one decade
        decades = [round(float(value), 2) for value in np.unique(logs)][:7]
    (axes.set_ylim if vertical else axes.set_xlim)(low, high)
    (axes.set_yticks if vertical else axes.set_xticks)(decades, [power(d) for d in decades])
    (axes.set_ylabel if vertical else axes.set_xlabel)("β")


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
    _swatches(chart, {title(label): colour[label] for label in in_order(labels)})


def _swatches(chart: Chart, names: dict[str, str]) -> None:
    from matplotlib.patches import Patch

    chart.figure.legend(
        handles=[Patch(color=colour, label=name) for name, colour in names.items()],
        loc="outside upper left",
        ncols=6,
        handlelength=0.9,
        handleheight=0.9,
        columnspacing=1.6,
    )


def phase_map_chart(phases: "Phases", done: "pd.DataFrame") -> Chart:
    """The phase map (`analysis.phase_plots`) as one of the report's charts, its dots telling their trainings."""
    from analysis.phase_plots import draw_phase_map

    chart = new_chart(WIDTH, 3.0 if done["dimension"].nunique() == 1 else 4.8)
    axes = chart.figure.subplots()
    draw_phase_map(phases.phase_map, table=phases.boundaries, axes=axes, x_label="β", y_label="input dimension n")
    for label in phases.phase_map.labels:
        for points in axes.collections:  # draw_phase_map draws one collection of dots a label, in the rows' order
            if str(points.get_label()).startswith(f"{title(label)} ("):
                tip_trainings(chart, points, done[phases.phase_map.row_labels == label])
    return chart


def scaling_chart(laws: "list[ScalingLaw]") -> Chart | None:
    """Boundaries against n with their power laws and residuals; None where no boundary is seen at several n."""
    from analysis.phase_plots import draw_scaling_laws

    if not any(law.y is not None for law in laws):
        return None
    chart = new_chart(WIDTH, 4.4)
    draw_scaling_laws(laws, figure=chart.figure, x_label="β", y_label="input dimension n")
    return chart


def blocks(chart: Chart, axes: "Axes", rectangles: list[tuple], *, smooth: bool = True) -> None:
    """Filled rectangles (left, bottom, width, height, colour, tip) in one collection: faster than an artist each."""
    from matplotlib.collections import PolyCollection

    corners = [[(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for x, y, w, h, *_ in rectangles]
    collection = PolyCollection(corners, facecolors=[one[4] for one in rectangles], linewidths=0, antialiaseds=smooth)
    axes.add_collection(collection)
    chart.tip(collection, *(one[5] for one in rectangles))


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
                tip = f"n = {dimension}, β = {10**log_beta:.2g}: {count} of {row.sum()} {title(algorithm)}"
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


def tip_trainings(chart: Chart, points: "Artist", rows: "pd.DataFrame") -> None:
    """Say which trainings the points are, in the order in which they are drawn."""
    chart.tip(points, *training_tips(rows))
    chart.trainings[points.get_gid()] = rows["key"].tolist()


def training_tips(frame: "pd.DataFrame") -> list[str]:
    """What a training's mark says on hover."""
    return [
        f"{title(row.algorithm)} · n = {row.dimension}, β = {row.beta:.2g}, seed {row.seed}\n"
        f"error {row.relative_error:.2g}, {row.complexity_nats:.4g} nats\n{row.key}"
        for row in frame.itertuples()
    ]


def _scatter(chart: Chart, axes: "Axes", frame: "pd.DataFrame", x, y, marker: str, colour: dict, size: float) -> None:
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
    tip_trainings(chart, points, rows)
    chart.markers[points.get_gid()] = marker


def front(nats, errors) -> tuple[np.ndarray, np.ndarray]:
    """The error–complexity front: no training has both a lower complexity and a lower error. In order of complexity."""
    nats, errors = np.asarray(nats, float), np.asarray(errors, float)
    order = np.lexsort([errors, nats])
    order = order[np.isfinite(nats[order]) & np.isfinite(errors[order])]
    best = np.minimum.accumulate(errors[order])
    first = np.concatenate([[True], best[1:] < best[:-1]]) if len(order) else np.zeros(0, bool)
    return nats[order][first], errors[order][first]


def error_complexity(done: "pd.DataFrame") -> Chart:
    """Relative error against complexity of every training, coloured by algorithm, a marker shape a dimension.

    The steps are each dimension's front.
    """
    from matplotlib.lines import Line2D

    chart = new_chart(WIDTH, 4.4)
    axes = chart.figure.subplots()
    axes.set(xscale="log", yscale="log", xlabel="complexity (nats)", ylabel="relative error")
    colour, dimensions = colours(done["algorithm"]), sorted(done["dimension"].unique())
    size = float(np.clip(6000 / len(done), 9, 26))
    shapes = {dimension: MARKERS[i % len(MARKERS)] for i, dimension in enumerate(dimensions)}
    for dimension in dimensions:
        mine = done[done["dimension"] == dimension]
        _scatter(
            chart,
            axes,
            mine,
            mine["complexity_nats"].clip(lower=LEAST_NATS).to_numpy(),
            mine["relative_error"].clip(lower=LEAST_ERROR).to_numpy(),
            shapes[dimension],
            colour,
            size,
        )
        nats, errors = front(
            mine["complexity_nats"].clip(lower=LEAST_NATS), mine["relative_error"].clip(lower=LEAST_ERROR)
        )
        axes.plot(nats, errors, color=INK, linewidth=0.9, drawstyle="steps-post", zorder=3, alpha=0.75)
        if len(dimensions) > 1:
            axes.annotate(f"n = {dimension}", (nats[-1], errors[-1]), xytext=(3, -3), textcoords="offset points",
                          color=INK, fontsize=7.5, va="top")  # fmt: skip
    axes.grid()
    if (done["complexity_nats"] < LEAST_NATS).any():
        axes.set_xlim(left=0.7 * LEAST_NATS)
        axes.annotate(
            f"≤ {LEAST_NATS:g} nats",
            (LEAST_NATS, 0),
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
    logs, width = beta_bins(done["beta"])
    binned = done.assign(log_beta=logs)
    for axes, dimension in zip(panels(chart, len(dimensions)), dimensions, strict=True):
        table = binned[binned["dimension"] == dimension].groupby("log_beta")[names].mean().fillna(0)
        rectangles = []
        for log_beta, row in table.iterrows():
            bottom = 0.0
            for name, nats in row[row > 0].items():
                tip = f"n = {dimension}, β = {10**log_beta:.2g}: {nats:.4g} nats in {_part(name)}"
                rectangles.append((log_beta - 0.43 * width, bottom, 0.86 * width, nats, tone[name], tip))
                bottom += nats
        blocks(chart, axes, rectangles)
        axes.set_ylim(0, 1.03 * max(float(table.sum(axis=1).max()), LEAST_NATS))
        beta_axis(axes, logs, width)
        axes.set_title(f"n = {dimension}")
        axes.grid(axis="y")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel("complexity (nats)")
    _swatches(chart, {_part(name): tone[name] for name in names})
    return chart


def _part(component: str) -> str:
    return component.removeprefix("complexity_").replace("_", " ")


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
        _scatter(chart, axes, done, done[x].to_numpy(float), done[y].to_numpy(float), "o", colour, size)
        axes.set(xlabel=x.replace("_", " "), ylabel=y.replace("_", " "))
        axes.grid()
    legend(chart, done["algorithm"])
    return chart
