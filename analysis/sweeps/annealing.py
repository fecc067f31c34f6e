"""Hysteresis: trainings that went on from others at the next β, up and down the ladder (`hyperphase anneal`)."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.algorithms.names import mirror_images
from analysis.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from analysis.phases.equilibrium import Equilibrium

FILE = "annealing.parquet"
NEEDED = {"key", "start", "dimension", "beta", "seed", "status", "algorithm", "relative_error", "complexity_nats"}
UP, DOWN = "up", "down"


def load(sweep_folder: Path, done: "pd.DataFrame") -> "pd.DataFrame | None":
    """Completed trainings on both ways, those of `done` that they begin with included; None without any.

    The sweep's columns and `way`: "up" or "down". Of several settings of the annealing, the last. UserError if the file
    is not such a table.
    """
    import pandas as pd

    path = Path(sweep_folder) / FILE
    if not path.is_file():
        return None
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable table ({str(error).splitlines()[0]})") from None
    if not set(table) >= NEEDED:
        raise UserError(f"{path}: columns missing: {', '.join(sorted(NEEDED - set(table)))}")
    table = table[table["status"] == "done"]
    if {"finished_at", "steps", "learning_rate"} <= set(table) and len(table):
        last = table.loc[table["finished_at"].idxmax()]
        table = table[(table["steps"] == last["steps"]) & (table["learning_rate"] == last["learning_rate"])]
    betas = pd.concat([done.set_index("key")["beta"], table.set_index("key")["beta"]])
    table = table[table["start"].isin(betas.index)]
    if table.empty:
        return None
    table = table.assign(way=np.where(table["beta"] > table["start"].map(betas), UP, DOWN))
    firsts = [done[done["key"].isin(one["start"])].assign(way=way) for way, one in table.groupby("way") if len(one)]
    return pd.concat([*firsts, table]).sort_values(["dimension", "way", "seed", "beta"], ignore_index=True)


def turning_points(annealed: "pd.DataFrame", found: "Equilibrium") -> "pd.DataFrame":
    """Where each way leaves the phase that is best, beside the boundary at equilibrium, a row a boundary.

    Columns n, lower_phase, upper_phase, equilibrium, up, down (β): medians over seeds of where the way up leaves the
    lower phase and the way down reaches it, half-way between two rungs; nan for a way on which no seed changes.
    """
    import pandas as pd

    images = mirror_images()
    phase = annealed["algorithm"].map(lambda label: images.get(label, label))
    rows = []
    for one in found.boundaries.itertuples():
        here = annealed.assign(phase=phase)[annealed["dimension"] == one.y]
        places = {}
        for way, its in here.groupby("way"):
            all_turns = [_turn(seed.sort_values("beta"), one.lower_phase) for _, seed in its.groupby("seed")]
            turns = [turn for turn in all_turns if turn is not None]
            places[way] = float(np.median(turns)) if turns else float("nan")
        rows.append([int(one.y), one.lower_phase, one.upper_phase, one.x, places.get(UP), places.get(DOWN)])
    return pd.DataFrame(rows, columns=["n", "lower_phase", "upper_phase", "equilibrium", "up", "down"])


def _turn(rows: "pd.DataFrame", lower: str) -> float | None:
    """The highest β up to which one seed's way has the lower phase, half-way to the next rung."""
    betas, there = rows["beta"].to_numpy(), (rows["phase"] == lower).to_numpy()
    last = np.flatnonzero(there)
    if not len(last) or last[-1] == len(betas) - 1:
        return None
    return float(np.sqrt(betas[last[-1]] * betas[last[-1] + 1]))
