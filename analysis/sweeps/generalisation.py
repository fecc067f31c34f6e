"""Drawn networks at dimensions that a hypernetwork was never trained at: their error, and whether the algorithm holds.

The table, one row per training and dimension: key, beta, seed, trained_algorithm, trained_low and trained_high (the
range of trained dimensions), dimension (of the drawn networks), draws, relative_error (their median), good (the share
of them with an error up to 0.05), algorithm (their majority), right (the share of them with the trained algorithm) and
faithfulness.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from analysis.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


FILE = "generalisation.csv"
NEEDED = {"key", "trained_algorithm", "trained_low", "trained_high", "dimension", "relative_error", "right"}


def load(sweep_folder: Path, keys: set[str]) -> "pd.DataFrame | None":
    """The table of a sweep, its trainings `keys` only; None if there is none. UserError if it is not one."""
    import pandas as pd

    path = Path(sweep_folder) / FILE
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable table ({str(error).splitlines()[0]})") from None
    if not set(table) >= NEEDED:
        raise UserError(f"{path}: columns missing: {', '.join(sorted(NEEDED - set(table)))}")
    table = table[table["key"].isin(keys)]
    return table if len(table) else None


def by_algorithm(table: "pd.DataFrame") -> "pd.DataFrame":
    """A row a trained range, trained algorithm and dimension: trainings, medians and quartiles over the trainings.

    Columns trained_low, trained_high, trained_algorithm, dimension, trainings, relative_error, error_low, error_high
    (quartiles), right (mean share).
    """
    groups = table.groupby(["trained_low", "trained_high", "trained_algorithm", "dimension"])
    return groups.agg(
        trainings=("key", "nunique"),
        relative_error=("relative_error", "median"),
        error_low=("relative_error", lambda error: error.quantile(0.25)),
        error_high=("relative_error", lambda error: error.quantile(0.75)),
        right=("right", "mean"),
    ).reset_index()
