"""Values of an axis, one by one or gathered into bins, and what a caption says of it."""

import numpy as np
import pandas as pd
import pytest

from analysis.charts.common import MAX_BETAS, binned_note, bins
from analysis.charts.time_map import MAX_DOTS, dots_note
from analysis.sweeps.experiment import BETA


@pytest.mark.parametrize(("values", "gathered"), [(MAX_BETAS, False), (MAX_BETAS + 1, True), (1200, True)])
def test_a_caption_says_when_values_are_gathered(values, gathered):
    betas = np.repeat(np.geomspace(1e-9, 1, values), 3)
    places, _ = bins(betas, BETA)
    assert len(np.unique(places)) <= MAX_BETAS if gathered else len(np.unique(places)) == values
    expected = f" The {values:,} values of β are gathered into {MAX_BETAS} bins." if gathered else ""
    assert binned_note(betas, BETA) == expected


def test_a_caption_says_when_snapshots_are_left_out():
    few = pd.DataFrame({"dimension": [4] * MAX_DOTS})
    assert dots_note(few) == ""
    assert f"{MAX_DOTS} snapshots a panel at most" in dots_note(pd.concat([few, few.iloc[:1]]))
    assert dots_note(pd.concat([few, few.assign(dimension=6)])) == ""  # of each panel by itself
