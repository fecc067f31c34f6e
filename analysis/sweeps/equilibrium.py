"""From a sweep's finished trainings to their phases at equilibrium: what each β's objective says is best."""

from pathlib import Path
from typing import TYPE_CHECKING

from analysis.algorithms.names import mirror_images
from analysis.errors import UserError
from analysis.files import replaced

if TYPE_CHECKING:
    import pandas as pd

    from analysis.phases.equilibrium import Equilibrium

FILE = "equilibrium.csv"  # of the boundaries, in the sweep's folder
STATES_FILE = "ground_states.csv"  # in the report's
NEEDED = ("algorithm", "beta", "dimension", "relative_error", "complexity_nats")


def read_equilibrium(done: "pd.DataFrame", merge: dict[str, str] | None = None) -> "Equilibrium":
    """Ground states along β and equilibrium boundaries at every n, bootstrapped over seeds.

    merge: mirror images, those of the known algorithms by default.
    UserError without a completed training that has error and complexity.
    """
    from analysis.phases.equilibrium import equilibrium

    rows = done.dropna(subset=list(NEEDED)) if set(NEEDED) <= set(done) else done.iloc[:0]
    if rows.empty:
        raise UserError("no training with an error and a complexity has completed yet: nothing is known of equilibrium")
    return equilibrium(
        rows["beta"].to_numpy(),
        rows["dimension"].to_numpy(),
        rows["algorithm"].to_numpy(),
        rows["relative_error"].to_numpy(),
        rows["complexity_nats"].to_numpy(),
        seeds=rows["seed"].to_numpy(),
        log_x=True,
        merge=mirror_images() if merge is None else merge,
        x_name="β",
        y_name="n",
    )


def write_equilibrium(folder: Path, found: "Equilibrium") -> Path:
    """Replaces SWEEP/equilibrium.csv."""
    path = Path(folder) / FILE
    with replaced(path) as temporary:
        found.boundaries.to_csv(temporary, index=False)
    return path


def share_found(states: "pd.DataFrame") -> float:
    """Share of the trainings that ended in the ground state of their x and y; nan without any."""
    total = states["trainings"].sum()
    return float((states["found"] * states["trainings"]).sum() / total) if total else float("nan")
