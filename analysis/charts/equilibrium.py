"""Phases at equilibrium as one of the report's charts."""

import math
from typing import TYPE_CHECKING

from analysis.charts.chart import Chart, new_chart
from analysis.charts.common import WIDTH

if TYPE_CHECKING:
    from analysis.phases.equilibrium import Equilibrium


def equilibrium_chart(found: "Equilibrium") -> Chart | None:
    """Objectives along β, a panel an n (`analysis.phases.equilibrium_plot`); None where no n has enough trainings."""
    from analysis.phases.equilibrium_plot import COLUMNS, MAX_PANELS, draw_equilibrium

    if not found.fronts:
        return None
    chart = new_chart(WIDTH, 0.4 + 3.0 * math.ceil(min(len(found.fronts), MAX_PANELS) / COLUMNS))
    draw_equilibrium(found, chart.figure, x_label="β", y_label="n")
    return chart
