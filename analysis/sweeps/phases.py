"""From a sweep's finished trainings to its phase map and boundaries: what the report and the summary both show."""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.algorithms.names import mirror_images
from analysis.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from analysis.phases.phase_map import PhaseMap


@dataclass(frozen=True)
class Phases:
    phase_map: "PhaseMap"
    boundaries: "pd.DataFrame"  # lower_phase, upper_phase, y (the dimension), x (β), x_low, x_high, ...

    def __repr__(self) -> str:
        return f"Phases({', '.join(self.phase_map.labels)}; {len(self.boundaries)} boundaries)"

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the phase map."""
        from analysis.phases.plots import draw_phase_map

        buffer = io.BytesIO()
        draw_phase_map(self.phase_map, table=self.boundaries, x_label="β", y_label="input dimension n").figure.savefig(
            buffer, dpi=110
        )
        return buffer.getvalue()


def read_phases(done: "pd.DataFrame", merge: dict[str, str] | None = None) -> Phases:
    """Fit p(algorithm | log β, n) and read the boundaries off it.

    merge: label -> label that stands for it; mirror images are merged by default.
    """
    from analysis.phases.boundaries import boundaries
    from analysis.phases.phase_map import fit_phase_map

    if done.empty:
        raise UserError("no training has completed successfully, so there is no phase map yet")
    phase_map = fit_phase_map(
        done["beta"].to_numpy(),
        done["dimension"].to_numpy(),
        done["algorithm"].to_numpy(),
        log_x=True,
        log_y=True,
        merge=mirror_images() if merge is None else merge,
        x_name="beta",
        y_name="dimension",
    )
    return Phases(phase_map, boundaries(phase_map))
