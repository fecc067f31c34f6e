"""Pictures of phases over training: algorithm fractions over (step, β), and what turns into what."""

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from analysis.algorithms.names import colours, display_name, in_order
from analysis.charts.chart import FAINT, INK, Chart, new_chart
from analysis.charts.common import WIDTH, bin_axis, bins, blocks, legend, panels
from analysis.literal_text import power
from analysis.sweeps.dynamics import fractions
from analysis.sweeps.experiment import HYPERNETWORK, Experiment, bands

if TYPE_CHECKING:
    import pandas as pd

    from analysis.sweeps.dynamics import Transitions


GAP = 0.12  # share of a row left white between two values of β


def fractions_over_training(snapshots: "pd.DataFrame", experiment: Experiment = HYPERNETWORK) -> Chart:
    """A panel a y (n), a row an x (β), a column a snapshot; each cell divides as the trainings do among labels."""
    x = experiment.x
    logs, width = bins(snapshots[x.name], x)
    parts = bands(snapshots.assign(place=logs), experiment.y)
    rows = len(np.unique(logs))
    panel = float(np.clip(0.6 + 0.17 * rows, 1.9, 3.6))
    chart = new_chart(WIDTH, 0.5 + panel * math.ceil(len(parts) / 3))
    colour = colours(snapshots["algorithm"])
    for axes, (title, part) in zip(panels(chart, len(parts), sharey=True), parts, strict=True):
        table, trainings = fractions(part, ["place"]), part.groupby("place")["key"].nunique()
        steps = np.unique(table.index.get_level_values("step")).astype(float)
        edges = _edges(np.log10(np.maximum(steps, 1)))
        overlap = 0.01 * (edges[-1] - edges[0])  # the next cell covers it: no hairlines between cells
        column = dict(zip(steps, itertools.pairwise(edges), strict=True))
        rectangles = []
        for (place, step), shares in table.to_dict("index").items():  # plain numbers: pandas takes its time over rows
            shares = {label: share for label, share in shares.items() if share > 0}
            left, right = column[step]
            bottom = place - (0.5 - GAP / 2) * width
            text = _cell_tip(f"{title}, {x.says(float(x.backward(place)))}", step, shares, trainings[place])
            for algorithm, share in shares.items():
                height = share * (1 - GAP) * width
                rectangles.append((left, bottom, right - left + overlap, height, colour[algorithm], text))
                bottom += height
        blocks(chart, axes, rectangles, smooth=False)
        axes.set_xlim(edges[0], edges[-1])
        decades = range(math.ceil(edges[0]), math.floor(edges[-1]) + 1)
        axes.set_xticks(list(decades), [power(decade) for decade in decades])
        axes.set(xlabel="training step", title=title)
        bin_axis(axes, logs, width, x, vertical=True)
        if not axes.get_subplotspec().is_first_col():
            axes.set_ylabel("")
        axes.spines[["left", "bottom"]].set_visible(False)
    legend(chart, snapshots["algorithm"])
    return chart


def _edges(positions: np.ndarray) -> np.ndarray:
    """Borders halfway between neighbours, the outer cells as wide as the ones next to them."""
    if len(positions) == 1:
        return np.array([positions[0] - 0.5, positions[0] + 0.5])
    middle = (positions[1:] + positions[:-1]) / 2
    return np.concatenate([[2 * positions[0] - middle[0]], middle, [2 * positions[-1] - middle[-1]]])


def _cell_tip(where: str, step: float, shares: dict[str, float], trainings: int) -> str:
    what = ", ".join(f"{display_name(algorithm)} {share:.0%}" for algorithm, share in shares.items())
    return f"{where}, step {step:.0f} ({trainings} trainings)\n{what}"


def transition_graph(graph: "Transitions") -> Chart:
    """Algorithms in a row; arcs above go to the right, arcs below go back; width and number: how often."""
    from matplotlib.patches import FancyArrowPatch

    nodes = in_order(graph.nodes)
    place = {node: 2.0 * index for index, node in enumerate(nodes)}
    colour = colours(nodes)
    most = max(graph.edges.values(), default=1)
    visits = max(1, *(graph.nodes[node]["visits"] for node in nodes))
    apex = {edge: _apex(place[edge[0]], place[edge[1]]) for edge in graph.edges}
    low, high = min(-0.9, *apex.values(), 0) - 0.3, max(0.4, *apex.values(), 0) + 0.25
    span = max(2.0 * len(nodes), 8.0)
    chart = new_chart(WIDTH, WIDTH / span * (high - low))
    axes = chart.figure.subplots()
    for (before, after), count in sorted(graph.edges.items(), key=lambda edge: -edge[1]):
        reach = abs(place[after] - place[before])
        arc = FancyArrowPatch(
            (place[before], 0),
            (place[after], 0),
            shrinkA=15,
            shrinkB=17,
            color=colour[after],
            connectionstyle=f"arc3,rad={-_bend(reach):.3f}",
            alpha=0.75,
            arrowstyle="-|>,head_width=3,head_length=5",
            linewidth=0.7 + 5.0 * count / most,
        )
        axes.add_patch(arc)
        number = axes.text(
            (place[before] + place[after]) / 2,
            apex[before, after],
            str(count),
            ha="center",
            va="center",
            fontsize=8,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.9},
        )
        chart.tip(number, f"{display_name(before)} → {display_name(after)}: {count} times")
    for node in nodes:
        data = graph.nodes[node]
        size = 130 + 420 * data["visits"] / visits
        dot = axes.scatter([place[node]], [0], s=size, color=colour[node], zorder=3)
        chart.tip(
            dot,
            f"{display_name(node)}: {data['visits']} trainings passed through, {data['start']} began and "
            f"{data['end']} ended here",
        )
        axes.annotate(
            display_name(node),
            (place[node], 0),
            xytext=(0, -21),
            textcoords="offset points",
            ha="center",
            va="top",
            color=INK,
            fontweight="bold",
            zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
        )
        axes.annotate(
            f"{data['end']} ended here",
            (place[node], 0),
            xytext=(0, -32),
            textcoords="offset points",
            ha="center",
            va="top",
            color=FAINT,
            fontsize=7.5,
            zorder=4,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
        )
    middle = len(nodes) - 1.0
    axes.set(xlim=(middle - span / 2, middle + span / 2), ylim=(low, high), aspect="equal")
    axes.axis("off")
    return chart


def _bend(reach: float) -> float:
    """Curvature of an arc between nodes this far apart: longer arcs are flatter, yet higher."""
    return 0.55 * reach**-0.2


def _apex(start: float, end: float) -> float:
    """Height of the arc's middle (a quadratic Bézier curve: half its control point's), negative if it goes back."""
    reach = abs(end - start)
    return math.copysign(0.5 * _bend(reach) * reach, end - start)
