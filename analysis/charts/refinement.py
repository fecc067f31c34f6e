"""The width of the boundaries' bands, round by round."""

from typing import TYPE_CHECKING

import numpy as np

from analysis.sweeps.experiment import HYPERNETWORK, Experiment
from analysis.sweeps.rounds import Round, widths

if TYPE_CHECKING:
    import pandas as pd

    from analysis.charts.chart import Chart


def refinement_chart(
    rounds: list[Round], done: "pd.DataFrame", experiment: Experiment = HYPERNETWORK
) -> "Chart | None":
    """Before and after, side by side: trainings as dots, those of the refinement dark; boundaries with their bands.

    done: the trainings to show, all or a share of them.
    """
    from analysis.algorithms.names import display_name
    from analysis.charts.chart import FAINT, INK, new_chart
    from analysis.charts.common import WIDTH, training_tips

    asked = {key for each in rounds for key in each.keys}
    new = done["key"].isin(asked).to_numpy()
    if not new.any():
        return None
    x, y = experiment.x, experiment.y
    alike = [each for each in rounds if each.kind == rounds[-1].kind]
    chart = new_chart(WIDTH, 3.4)
    panels = chart.figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, each, shown, when in (
        (panels[0], alike[0], done[~new], "before"),
        (panels[1], alike[-1], done, f"after {len(asked)} more"),
    ):
        later = shown["key"].isin(asked)
        for part, colour, size in ((shown[~later], FAINT, 5), (shown[later], "#c2410c", 9)):
            if len(part):
                dots = axes.scatter(part[x.name], part[y.name], s=size, color=colour, linewidth=0, zorder=3)
                chart.tip(dots, *training_tips(part, experiment))
        for (lower, upper), rows in each.boundaries.groupby(["lower_phase", "upper_phase"]):
            rows = rows.sort_values("y")
            low, high = rows["x_low"], rows["x_high"]
            bands = axes.hlines(rows["y"], low, high, color=INK, linewidth=2.4, alpha=0.75, zorder=4)
            name = f"{display_name(lower)} | {display_name(upper)}"
            chart.tip(
                bands,
                *(
                    f"{name}, {y.says(at.y)}: {x.says(at.x)}, {at.x_low:.2g} … {at.x_high:.2g}"
                    for at in rows.itertuples()
                ),
            )
            axes.plot(rows["x"], rows["y"], color=INK, linewidth=0.8, marker="|", markersize=7, zorder=5)
        axes.set_xscale("log" if x.log else "linear")
        axes.set_xlabel(x.heading)
        width = widths(each.boundaries, log=x.log)
        unit = " decades" if x.log else ""
        middle = f"{np.median(width):.2f}{unit}" if len(width) and np.isfinite(np.median(width)) else "open"
        axes.set_title(f"{when}: median band {middle}" if len(width) else f"{when}: no boundary yet")
    panels[0].set_ylabel(y.heading)
    return chart
