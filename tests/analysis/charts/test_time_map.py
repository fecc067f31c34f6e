"""The phase map over training, on snapshots whose phases are known."""

import numpy as np
import pandas as pd
import pytest

from analysis.charts.time_map import MAX_PANELS, fit_over_training, time_map_chart
from analysis.errors import UserError
from analysis.phases.boundaries import boundaries


def snapshots(dimensions=(6,), betas=10, steps=(30, 100, 300, 1000, 3000), seeds=3):
    """Constant above β = 1e-2 at all steps; below it convexity until step 200, then either pudding."""
    rows = []
    for dimension in dimensions:
        for index, beta in enumerate(np.logspace(-6, 0, betas)):
            for seed in range(seeds):
                for step in steps:
                    late = ("pudding_positive", "pudding_negative")[(seed + index) % 2]
                    early = late if step > 200 else "convexity"
                    rows.append(
                        (f"{dimension}-{beta}-{seed}", dimension, beta, step, "constant" if beta > 1e-2 else early)
                    )
    return pd.DataFrame(rows, columns=["key", "dimension", "beta", "step", "algorithm"])


def test_the_map_has_the_phases_where_they_are():
    phase_map = fit_over_training(snapshots(), 6, rounds=0, draws=60)
    assert phase_map.labels == ("constant", "convexity", "pudding")  # mirror images are one
    assert phase_map.most_probable([1e-5, 1e-5, 0.3], [50, 2000, 2000]).tolist() == ["convexity", "pudding", "constant"]
    late = boundaries(phase_map, [1000.0])
    assert late[["lower_phase", "upper_phase"]].to_numpy().tolist() == [["pudding", "constant"]]
    assert 1e-2 < late["x"][0] < 4.7e-2  # values of β beside it


def test_a_panel_a_dimension_and_no_more_than_fit():
    chart = time_map_chart(snapshots(dimensions=range(2, 11), betas=4, steps=(30, 3000), seeds=1))
    titles = [axes.get_title(loc="left") for axes in chart.figure.axes]
    assert len(titles) == MAX_PANELS and titles[0] == "n = 2" and titles[-1] == "n = 10"


def test_nothing_to_map():
    assert time_map_chart(snapshots(steps=(3000,))) is None
    with pytest.raises(UserError, match="dimension 7"):
        fit_over_training(snapshots(), 7)
