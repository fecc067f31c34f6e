"""Reading anybody's table of (x, y, label), with one clear line for whatever is wrong with it."""

from pathlib import Path

import numpy as np

from analysis.errors import UserError
from analysis.phases.boundaries import boundaries
from analysis.phases.phase_map import PhaseMap

FEWEST_ROWS = 8


def read_label_table(path, *, x: str, y: str, label: str, log_x: bool = False, log_y: bool = False):
    """-> x (rows,), y (rows,), labels (rows,) of a .csv or .parquet file. Rows are counted from 1 after the header."""
    table = _read(Path(path))
    for column in (x, y, label):
        if column not in table.columns:
            names = ", ".join(map(str, table.columns))
            raise UserError(f"{path}: no column {column!r}; it has {names or 'no columns'}")
    if len({x, y, label}) < 3:
        raise UserError(f"{path}: x, y and label must be three different columns")
    if len(table) < FEWEST_ROWS:
        raise UserError(f"{path}: {len(table)} rows are too few for a phase map, it needs at least {FEWEST_ROWS}")
    xs, ys = _numbers(table, x, path, log_x), _numbers(table, y, path, log_y)
    missing = table[label].isna() | (table[label].astype(str).str.strip() == "")
    if missing.any():
        raise UserError(f"{path}: {label} is missing in row {int(np.flatnonzero(missing)[0]) + 1}")
    labels = table[label].astype(str).str.strip().to_numpy(dtype=object)
    if len(set(labels)) < 2:
        raise UserError(f"{path}: {label} has one value only ({labels[0]}); a boundary needs two")
    if len(set(xs)) < 2:
        raise UserError(f"{path}: {x} has one value only ({xs[0]:g}); a boundary along it needs several")
    return xs, ys, labels


def make_folder(path) -> Path:
    """The folder, made if missing; UserError if it cannot be made or written to."""
    import tempfile

    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}") from None
    return folder


def _read(path):
    import pandas as pd

    if not path.exists():
        raise UserError(f"no such file: {path}")
    if path.is_dir():
        raise UserError(f"{path} is a folder, not a table")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            return pd.read_parquet(path)
        # a label may well be called "NA" or "None": only an empty cell is missing
        return pd.read_csv(path, skipinitialspace=True, keep_default_na=False, na_values=[""], index_col=False)
    except pd.errors.EmptyDataError:
        raise UserError(f"{path} is empty") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, UnicodeError) as error:  # ParserError and Arrow's errors are ValueErrors
        raise UserError(f"cannot read {path} as a table: {str(error).splitlines()[0]}") from None


def _numbers(table, column, path, log):
    import pandas as pd

    given = table[column]
    numbers = pd.to_numeric(given, errors="coerce").to_numpy(dtype=float)
    blank = given.isna().to_numpy()
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        row = int(wrong[0])
        what = "is missing" if blank[row] else f"is not a finite number ({str(given.iloc[row])[:40]!r})"
        raise UserError(f"{path}: {column} {what} in row {row + 1}")
    if log and (numbers <= 0).any():
        row = int(np.flatnonzero(numbers <= 0)[0])
        raise UserError(f"{path}: {column} must be positive on a log axis; row {row + 1} has {numbers[row]:g}")
    return numbers


def probability_table(phase_map: PhaseMap, *, points_x: int = 61, points_y: int = 13):
    """p(label | x, y) on a grid -> DataFrame: the axes' names, then p_LABEL, p_LABEL_low, p_LABEL_high (90 %).

    Where two columns would have one name (of the labels `a` and `a_low`, say), the later label gets a ~ at its end.
    """
    import pandas as pd

    ys = np.unique(phase_map.y)
    ys = ys if len(ys) <= points_y else phase_map.y_axis.grid(points_y)
    grid_y, grid_x = (part.ravel() for part in np.meshgrid(ys, phase_map.x_axis.grid(points_x), indexing="ij"))
    mean, (low, high) = phase_map.probabilities(grid_x, grid_y), phase_map.probability_band(grid_x, grid_y)
    columns = {phase_map.x_axis.name: grid_x, phase_map.y_axis.name: grid_y}
    for index, label in enumerate(phase_map.labels):
        names = [f"p_{label}{end}" for end in ("", "_low", "_high")]
        while not columns.keys().isdisjoint(names):
            label += "~"
            names = [f"p_{label}{end}" for end in ("", "_low", "_high")]
        columns |= dict(zip(names, (mean[:, index], low[:, index], high[:, index]), strict=True))
    return pd.DataFrame(columns)


def write_boundaries(
    table_path, *, x: str, y: str, label: str, out, log_x: bool = False, log_y: bool = False, merge=None
):
    """The command line's `boundaries`: boundaries.csv, phase_map.png and probabilities.csv in `out` from a table.

    -> (PhaseMap, boundaries DataFrame). Raises UserError with one clear line for everything a user can mend.
    """
    pass
    from analysis.phases.phase_map import fit
    from analysis.phases.plots import draw_phase_map

    columns = read_label_table(table_path, x=x, y=y, label=label, log_x=log_x, log_y=log_y)
    folder = make_folder(out)
    phase_map = fit(*columns, log_x=log_x, log_y=log_y, merge=merge, x_name=x, y_name=y)
    if len(phase_map.labels) < 2:
        raise UserError(f"{table_path}: every label merges into {phase_map.labels[0]!r}; no boundary to find")
    table = boundaries(phase_map)
    try:
        table.to_csv(folder / "boundaries.csv", index=False)
        probability_table(phase_map).to_csv(folder / "probabilities.csv", index=False)
        draw_phase_map(phase_map, folder / "phase_map.png")
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}") from None
    return phase_map, table
