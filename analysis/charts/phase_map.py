"""The phase map and the scaling laws of its boundaries."""

from typing import TYPE_CHECKING

from analysis.algorithms.names import display_name
from analysis.charts.chart import Chart, new_chart
from analysis.charts.common import WIDTH
from analysis.sweeps.experiment import HYPERNETWORK, Experiment

if TYPE_CHECKING:
    import pandas as pd

    from analysis.phases.scaling_laws import ScalingLaw
    from analysis.sweeps.phases import Phases


def phase_map_chart(phases: "Phases", done: "pd.DataFrame", dots: "pd.DataFrame") -> Chart:
    """The phase map (`analysis.phases.plots`) as one of the report's charts, its dots telling their trainings.

    done: the map's rows; dots: those of them to show.
    """
    from analysis.phases.plots import draw_phase_map

    x, y = phases.experiment.x, phases.experiment.y
    chart = new_chart(WIDTH, 3.0 if done[y.name].nunique() == 1 else 4.8)
    axes = chart.figure.subplots()
    y_label = y.heading if done[y.name].nunique() > 1 else f"probability at {y.says(done[y.name].iloc[0])}"
    shown = done.index.isin(dots.index)
    draw_phase_map(
        phases.phase_map, table=phases.boundaries, axes=axes, x_label=x.heading, y_label=y_label, shown=shown
    )
    for label in phases.phase_map.labels:
        for points in axes.collections:  # draw_phase_map draws one collection of dots a label, in the rows' order
            if str(points.get_label()).startswith(f"{display_name(label)} ("):
                chart.trainings[points] = done["key"][shown & (phases.phase_map.row_labels == label)].tolist()
    return chart


def scaling_chart(laws: "list[ScalingLaw]", experiment: Experiment = HYPERNETWORK) -> Chart | None:
    """Boundaries against y (n) with their power laws and residuals; None where no boundary is seen at several y."""
    from analysis.phases.plots import draw_scaling_laws

    if not any(law.y is not None for law in laws):
        return None
    chart = new_chart(WIDTH, 4.4)
    draw_scaling_laws(laws, figure=chart.figure, x_label=experiment.x.heading, y_label=experiment.y.heading)
    return chart
