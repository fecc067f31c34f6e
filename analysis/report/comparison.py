"""Sweeps side by side: their order parameters, and whether their boundaries agree.

Two questions that this answers: is a plain network's algorithm noise where a hypernetwork's has a name, and are the
boundaries of a Pareto hypernetwork those of one hypernetwork a β?
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.charts.chart import save_png, styled
from analysis.charts.comparison import comparison_chart, shared_parameters
from analysis.errors import UserError
from analysis.files import write_csv
from analysis.sweeps.load import Sweep, load_sweep
from analysis.sweeps.phases import read_phases

if TYPE_CHECKING:
    import pandas as pd


QUANTILES = {"low": 0.25, "median": 0.5, "high": 0.75}


def write_comparison(folders: list[Path], out: Path, *, most_error: float) -> str:
    """order_parameters.csv, order_parameters.png and boundaries.csv into `out` -> a few lines that say the same.

    Order parameters are those of trainings with a relative error up to `most_error`: those that compute the function.
    """
    sweeps = [load_sweep(folder) for folder in folders]
    names = [sweep.folder.resolve().name for sweep in sweeps]
    if own := [name for name, sweep in zip(names, sweeps, strict=True) if sweep.experiment.own]:
        raise UserError(f"{own[0]}: only sweeps of hypernetworks and networks are compared")
    if len(set(names)) < len(names):
        raise UserError(f"two sweeps have the same name: {', '.join(names)}")
    found = dict(zip(names, (good(sweep, most_error) for sweep in sweeps), strict=True))
    if all(frame.empty for frame in found.values()):
        raise UserError(f"no training has a relative error up to {most_error:g}")
    table, lines = side_by_side(found), boundaries_side_by_side(dict(zip(names, sweeps, strict=True)))
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_csv(table, out / "order_parameters.csv")
        write_csv(lines, out / "boundaries.csv")
        with styled():
            chart = comparison_chart(found)
        save_png(chart, out / "order_parameters.png")
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror or error})") from error
    return "\n".join([*_named(found), *_agreement(lines)])


def good(sweep: Sweep, most_error: float) -> "pd.DataFrame":
    """The trainings that compute the function."""
    return sweep.done[sweep.done["relative_error"] <= most_error]


def side_by_side(found: "dict[str, pd.DataFrame]") -> "pd.DataFrame":
    """A row a sweep, dimension and order parameter: trainings, named (share with a known algorithm), quartiles."""
    import pandas as pd

    rows = []
    for name, frame in found.items():
        for dimension, group in frame.groupby("dimension"):
            about = {"sweep": name, "dimension": dimension, "trainings": len(group), "named": _share_named(group)}
            for parameter in shared_parameters(group):
                quartiles = {key: group[parameter].quantile(at) for key, at in QUANTILES.items()}
                rows.append(about | {"order_parameter": parameter} | quartiles)
    return pd.DataFrame(rows)


def boundaries_side_by_side(sweeps: dict[str, Sweep]) -> "pd.DataFrame":
    """A row a boundary and sweep, as `analysis.phases.boundaries` has them, with the first sweep's beside the others'.

    decades: log10 of x over the first sweep's; agrees: the 90 % intervals overlap. Both are empty for the first sweep
    and where it has no such boundary.
    """
    import pandas as pd

    parts = []
    for name, sweep in sweeps.items():
        if sweep.done["beta"].nunique() > 1:
            parts.append(read_phases(sweep.done).boundaries.assign(sweep=name))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if table.empty:
        return pd.DataFrame(columns=["sweep", "lower_phase", "upper_phase", "y", "x", "x_low", "x_high", "agrees"])
    pair = ["lower_phase", "upper_phase", "y"]
    first = table[table["sweep"] == next(iter(sweeps))].drop_duplicates(pair)
    table = table.merge(first[[*pair, "x", "x_low", "x_high"]], on=pair, how="left", suffixes=("", "_first"))
    other = (table["sweep"] != next(iter(sweeps))) & table["x_first"].notna()
    overlap = (table["x_low"] <= table["x_high_first"]) & (table["x_high"] >= table["x_low_first"])
    table["decades"] = np.log10((table["x"] / table["x_first"]).astype(float)).where(other)
    table["agrees"] = overlap.astype(object).where(other)
    columns = ["sweep", *pair, "x", "x_low", "x_high", "decades", "agrees"]
    return table[columns].sort_values([*pair, "sweep"], ignore_index=True)


def _share_named(frame: "pd.DataFrame") -> float:
    return float((frame["algorithm"] != "other").mean())


def _named(found: "dict[str, pd.DataFrame]") -> list[str]:
    lines = []
    for name, frame in found.items():
        text = f"{name}: {len(frame)} trainings compute the function"
        if len(frame):
            text += f", {_share_named(frame):.0%} by an algorithm with a name"
        medians = [
            f"{parameter.replace('_', ' ')} {frame[parameter].median():.2f}"
            for parameter in ("locality", "sidedness_spread")
            if parameter in frame and len(frame)
        ]
        lines.append("; ".join([text, *medians]))
    return lines


def _agreement(table: "pd.DataFrame") -> list[str]:
    from analysis.algorithms.names import display_name

    lines = []
    for row in table[table["agrees"].notna()].itertuples():
        verdict = "agree" if row.agrees else "differ"
        lines.append(
            f"n={row.y:g} {display_name(row.lower_phase)} | {display_name(row.upper_phase)}: "
            f"{row.sweep} at β = {row.x:.2g} "
            f"({row.x_low:.2g} … {row.x_high:.2g}), {abs(row.decades):.2f} decades "
            f"{'above' if row.decades > 0 else 'below'} the first sweep; the 90 % intervals {verdict}"
        )
    return lines
