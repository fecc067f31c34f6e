"""The phase map over training: p(algorithm | log β, log step), from the snapshots of one dimension.

The labels of one training at its steps are not independent: bands along β stand on as many trainings as there are,
not on as many rows, and come out too narrow. They are drawn on demand only; the picture shows regions and boundaries.
"""

from typing import TYPE_CHECKING

import numpy as np

from analysis.algorithms.names import mirror_images
from analysis.errors import UserError
from analysis.phases.softmax_gp import Hyperparameters
from analysis.sweeps.experiment import HYPERNETWORK, Axis, Experiment, bands
from analysis.sweeps.sample import stratified_sample

if TYPE_CHECKING:
    import pandas as pd

    from analysis.charts.chart import Chart
    from analysis.phases.phase_map import PhaseMap


MAX_PANELS = 6
MAX_DOTS = 700  # snapshots that a panel shows one by one
# for a picture: one fit in place of a search, and few draws
QUICK = {
    "settings": Hyperparameters(trend=24.0, tilt=0.5, ripple=4.0, length_x=0.35, length_y=0.5),
    "draws": 120,
    "rounds": 0,
}


def fit_over_training(snapshots: "pd.DataFrame", dimension: int, **options) -> "PhaseMap":
    """The map of hypernetworks with x = β and y = training step, mirror images merged.

    options go to `fit_phase_map`.
    """
    rows = snapshots[snapshots["dimension"] == dimension]
    if rows.empty:
        raise UserError(f"no snapshot has dimension {dimension}")
    return _fit(rows, HYPERNETWORK.x, **options)


def _fit(rows: "pd.DataFrame", x: Axis, **options) -> "PhaseMap":
    from analysis.phases.phase_map import fit_phase_map

    steps = np.maximum(rows["step"].to_numpy(float), 1)  # what was seen before the first step stands at it
    defaults: dict = {"log_x": x.log, "log_y": True, "merge": mirror_images(), "x_name": x.name, "y_name": "step"}
    return fit_phase_map(rows[x.name].to_numpy(), steps, rows["algorithm"].to_numpy(), **defaults | options)


def dots_note(snapshots: "pd.DataFrame", experiment: Experiment = HYPERNETWORK) -> str:
    """What a caption must say where not all snapshots are dots."""
    thinned = any(len(rows) > MAX_DOTS for _, rows in bands(snapshots, experiment.y))
    of = f"({experiment.x.short}, step, {experiment.kind})"
    return f" Dots: {MAX_DOTS} snapshots a panel at most, a share of every {of}." if thinned else ""


def time_map_chart(snapshots: "pd.DataFrame", experiment: Experiment = HYPERNETWORK) -> "Chart | None":
    """A panel a y (n), six at most, evenly chosen; None if no y has several x (β) and several steps."""
    from analysis.charts.chart import new_chart
    from analysis.charts.common import WIDTH, legend, panels
    from analysis.phases.plots import draw_phase_map

    x = experiment.x
    parts = [
        (title, rows) for title, rows in bands(snapshots, experiment.y) if rows[[x.name, "step"]].nunique().min() > 1
    ]
    if not parts:
        return None
    if len(parts) > MAX_PANELS:
        parts = [parts[i] for i in np.linspace(0, len(parts) - 1, MAX_PANELS).round().astype(int)]
    chart = new_chart(WIDTH, 0.4 + 3.2 * int(np.ceil(len(parts) / 3)))
    merge = mirror_images()
    labels = snapshots["algorithm"].map(lambda label: merge.get(label, label)).unique()
    several = panels(chart, len(parts), sharey=True)
    for axes, (title, rows) in zip(several, parts, strict=True):
        phase_map = _fit(rows, x, **QUICK)
        shown = np.isin(np.arange(len(rows)), stratified_sample(rows, MAX_DOTS, by=(x.name, "step", "algorithm")))
        draw_phase_map(phase_map, axes=axes, x_label=x.heading, y_label="training step", heading=title, shown=shown)
        axes.get_legend().remove()  # one for all panels
        if not axes.get_subplotspec().is_first_col():
            axes.set_ylabel("")
    legend(chart, labels)
    return chart
