"""Order parameters of several sweeps, side by side."""

from typing import TYPE_CHECKING

import numpy as np

from analysis.algorithms.names import colours
from analysis.charts.chart import Chart, new_chart
from analysis.sweeps.statistics import order_parameters

if TYPE_CHECKING:
    import pandas as pd


PICTURED = ("locality", "sidedness", "sidedness_spread", "amplitude_min", "amplitude_max", "linear_rest", "margin")
MAX_PICTURED = 8


def comparison_chart(found: "dict[str, pd.DataFrame]") -> Chart:
    """A panel an order parameter, a row of dots a sweep: a dot a training, coloured by algorithm."""
    import pandas as pd

    from analysis.charts.common import WIDTH, legend, panels, training_tips

    frames = {name: frame for name, frame in found.items() if len(frame)}
    shared = set.intersection(*(set(frame.columns) for frame in frames.values()))
    names = [name for name in PICTURED if name in shared]
    names = (names or [p for p in shared_parameters(next(iter(frames.values()))) if p in shared])[:MAX_PICTURED]
    chart = new_chart(WIDTH, 0.6 + (0.7 + 0.42 * len(frames)) * -(-len(names) // 3))
    labels = pd.concat([frame["algorithm"] for frame in frames.values()])
    colour, random = colours(labels), np.random.default_rng(0)
    for axes, parameter in zip(panels(chart, len(names), sharey=True), names, strict=True):
        for row, frame in enumerate(frames.values()):
            jitter = row + random.uniform(-0.3, 0.3, len(frame))
            dots = axes.scatter(
                frame[parameter],
                jitter,
                s=9,
                c=[colour[label] for label in frame["algorithm"]],
                alpha=0.7,
                linewidths=0,
            )
            chart.tip(dots, *training_tips(frame))
        axes.set_yticks(range(len(frames)), list(frames))
        axes.set(ylim=(len(frames) - 0.5, -0.5), title=parameter.replace("_", " "))
        axes.grid(axis="x")
    legend(chart, labels)
    return chart


def shared_parameters(frame: "pd.DataFrame") -> list[str]:
    return [*order_parameters(frame), *(name for name in ("margin", "purity", "faithfulness") if name in frame)]
