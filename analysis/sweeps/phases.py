"""From a sweep's finished trainings to its phase map and boundaries: what the report and the summary both show."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.algorithms.names import mirror_images
from analysis.errors import UserError
from analysis.sweeps.experiment import HYPERNETWORK, Experiment

if TYPE_CHECKING:
    import pandas as pd

    from analysis.phases.phase_map import PhaseMap


MAX_YS, FEWER_YS = 24, 13  # of a continuous axis with more values, boundaries are read at so many places


@dataclass(frozen=True)
class Phases:
    phase_map: "PhaseMap"
    boundaries: "pd.DataFrame"  # lower_phase, upper_phase, y (the dimension), x (β), x_low, x_high, ...
    experiment: Experiment = HYPERNETWORK  # whose axes x and y are

    def __repr__(self) -> str:
        return f"Phases({', '.join(self.phase_map.labels)}; {len(self.boundaries)} boundaries)"

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the phase map."""
        from analysis.phases.plots import draw_phase_map

        buffer = io.BytesIO()
        x, y = self.experiment.x.heading, self.experiment.y.heading
        axes = draw_phase_map(self.phase_map, table=self.boundaries, x_label=x, y_label=y)
        axes.figure.savefig(buffer, dpi=110)
        return buffer.getvalue()


def read_phases(
    done: "pd.DataFrame", merge: dict[str, str] | None = None, *, experiment: Experiment = HYPERNETWORK
) -> Phases:
    """Fit p(label | x, y), of hypernetworks p(algorithm | log β, log n), and read the boundaries off it.

    merge: label -> label that stands for it; mirror images are merged by default. experiment: whose axes x and y are.
    """
    from analysis.phases.boundaries import boundaries
    from analysis.phases.phase_map import fit_phase_map

    if done.empty:
        raise UserError("no training has completed successfully, so there is no phase map yet")
    x, y = experiment.x, experiment.y
    phase_map = fit_phase_map(
        done[x.name].to_numpy(),
        done[y.name].to_numpy(),
        done["algorithm"].to_numpy(),
        log_x=x.log,
        log_y=y.log,
        merge=mirror_images() if merge is None else merge,
        x_name=x.name,
        y_name=y.name,
    )
    several = len(np.unique(phase_map.y)) > MAX_YS and not y.integer
    return Phases(phase_map, boundaries(phase_map, phase_map.y_axis.grid(FEWER_YS) if several else None), experiment)
