"""Reading anybody's table of (x, y, label), with one clear line for whatever is wrong with it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import UserError
from analysis.files import replaced, write_csv
from analysis.formatting import printable
from analysis.phases.arrays import Floats
from analysis.phases.boundaries import boundaries
from analysis.phases.phase_map import PhaseMap
from analysis.phases.read_table import Cells, numbers, read_columns

if TYPE_CHECKING:
    import pandas as pd

    from analysis.phases.equilibrium import Equilibrium

MIN_ROWS = 8
BOUNDARY_FILES = ("boundaries.csv", "probabilities.csv", "phase_map.png")
EQUILIBRIUM_FILES = ("equilibrium.csv", "ground_states.csv", "equilibrium.png")


def read_label_table(
    path: str | Path, *, x: str, y: str, label: str, log_x: bool = False, log_y: bool = False
) -> tuple[Floats, Floats, np.ndarray]:
    """-> x (rows,), y (rows,), labels (rows,) of a .csv or .parquet file. Rows are counted from 1 after the header."""
    if len({x, y, label}) < 3:
        raise UserError(f"{path}: x, y and label must be three different columns")
    path = Path(path)
    cells, comma = read_columns(path, [x, y], [label])
    rows = len(cells[label])
    if rows < MIN_ROWS:
        raise UserError(f"{path}: {rows} rows are too few for a phase map, it needs at least {MIN_ROWS}")
    xs, ys = (_axis(cells[name], name, path, log, comma) for name, log in ((x, log_x), (y, log_y)))
    labels = _labels(cells[label], label, path)
    if len(set(xs)) < 2:
        raise UserError(f"{path}: {x} has one value only ({xs[0]:g}); a boundary along it needs several")
    return xs, ys, labels


def make_folder(path: str | Path) -> Path:
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


def _folder_beside(table: Path, out: str | Path, names: tuple[str, ...]) -> Path:
    """The folder `out`, made if missing. UserError if a file of one of these names in it is the table itself."""
    folder = Path(out)
    for name in names:
        if (folder / name).exists() and (folder / name).samefile(table):
            raise UserError(f"{table}: {name} would be written over it: choose another folder with --out")
    return make_folder(folder)


def _axis(cells: Cells, column: str, path: Path, log: bool, comma: bool) -> Floats:
    """(rows,) numbers, above 0 on a log axis."""
    found = numbers(cells, column, path, comma=comma)
    if log and (found <= 0).any():
        row = int(np.flatnonzero(found <= 0)[0])
        raise UserError(f"{path}: {column} must be positive on a log axis; row {row + 1} has {found[row]:g}")
    return found


def _labels(cells: Cells, column: str, path: Path) -> np.ndarray:
    """(rows,) texts as they are written: 01 is not 1."""
    for row, text in enumerate(cells, start=1):
        if text is None:
            raise UserError(f"{path}: {column} is missing in row {row}")
        if printable(text) != text:
            raise UserError(f"{path}: {column} holds control characters or a line break in row {row}")
    names = set(cells)
    if len(names) < 2:
        raise UserError(f"{path}: {column} has one value only ({cells[0]}); a boundary needs two")
    return np.array(cells, dtype=object)


def probability_table(phase_map: PhaseMap, *, points_x: int = 61, points_y: int = 13) -> "pd.DataFrame":
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


def write_equilibrium(
    table_path: str | Path,
    *,
    x: str,
    y: str,
    label: str,
    energy: str,
    complexity: str,
    out: str | Path,
    seed: str | None = None,
    log_x: bool = False,
    merge: Mapping[str, str] | None = None,
) -> "Equilibrium":
    """equilibrium.csv, ground_states.csv and equilibrium.png in `out` from a table; seed: a column, or None.

    -> Equilibrium. Raises UserError with one clear line for everything a user can mend.
    """
    from analysis.phases.equilibrium import equilibrium
    from analysis.phases.equilibrium_plot import DPI, draw_equilibrium

    xs, ys, labels = read_label_table(table_path, x=x, y=y, label=label, log_x=log_x)
    if len({x, y, label, energy, complexity, seed} - {None}) < 5 + (seed is not None):
        raise UserError(f"{table_path}: x, y, label, energy, complexity and seed must be different columns")
    path = Path(table_path)
    cells, comma = read_columns(path, [energy, complexity], [seed] if seed else [])
    energies, nats = (numbers(cells[name], name, path, comma=comma) for name in (energy, complexity))
    folder = _folder_beside(path, out, EQUILIBRIUM_FILES)
    found = equilibrium(
        xs, ys, labels, energies, nats, seeds=_seeds(cells, seed, path), log_x=log_x, merge=merge, x_name=x, y_name=y
    )
    try:
        write_csv(found.boundaries, folder / "equilibrium.csv")
        write_csv(found.ground_states, folder / "ground_states.csv")
        if found.fronts:
            with replaced(folder / "equilibrium.png") as temporary:
                draw_equilibrium(found).savefig(temporary, dpi=DPI, format="png")
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}") from None
    return found


def _seeds(cells: Mapping[str, Cells], seed: str | None, path: Path) -> np.ndarray | None:
    """(rows,) texts; None without such a column."""
    if seed is None:
        return None
    for row, text in enumerate(cells[seed], start=1):
        if text is None:
            raise UserError(f"{path}: {seed} is missing in row {row}")
    return np.array(cells[seed], dtype=str)


def write_boundaries(
    table_path: str | Path,
    *,
    x: str,
    y: str,
    label: str,
    out: str | Path,
    log_x: bool = False,
    log_y: bool = False,
    merge: Mapping[str, str] | None = None,
) -> tuple[PhaseMap, "pd.DataFrame"]:
    """The command line's `boundaries`: boundaries.csv, phase_map.png and probabilities.csv in `out` from a table.

    -> (PhaseMap, boundaries DataFrame). Raises UserError with one clear line for everything a user can mend.
    """
    from analysis.phases.phase_map import fit_phase_map
    from analysis.phases.plots import draw_phase_map

    columns = read_label_table(table_path, x=x, y=y, label=label, log_x=log_x, log_y=log_y)
    folder = _folder_beside(Path(table_path), out, BOUNDARY_FILES)
    phase_map = fit_phase_map(*columns, log_x=log_x, log_y=log_y, merge=merge, x_name=x, y_name=y)
    if len(phase_map.labels) < 2:
        raise UserError(f"{table_path}: every label merges into {phase_map.labels[0]!r}; no boundary to find")
    table = boundaries(phase_map)
    try:
        write_csv(table, folder / "boundaries.csv")
        write_csv(probability_table(phase_map), folder / "probabilities.csv")
        draw_phase_map(phase_map, folder / "phase_map.png")
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}") from None
    return phase_map, table
