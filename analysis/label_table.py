"""Reading anybody's table of (x, y, label), with one clear line for whatever is wrong with it."""

from pathlib import Path

import numpy as np

from analysis.errors import UserError

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
