"""The few lines that a sweep ends with on the terminal."""

from pathlib import Path
from typing import TYPE_CHECKING

from analysis.formatting import format_number, printable, quoted
from analysis.sweeps.experiment import HYPERNETWORK, Experiment, slices
from analysis.sweeps.load import MANIFEST, TRAININGS, Sweep, load_sweep
from analysis.sweeps.statistics import ranking, splits_along_y

if TYPE_CHECKING:
    import pandas as pd


MAX_REASONS = 3
MAX_BOUNDARIES = 12
MAX_METRICS = 3
MAX_COINS = 12


def sweep_summary(sweep_folder: Path | str) -> str:
    """The summary of a sweep whose report has been written (its boundaries are read from there, else fitted anew)."""
    import pandas as pd

    from analysis.sweeps.phases import read_phases

    sweep = load_sweep(sweep_folder)
    if not len(sweep.done):
        return summary(sweep, None)
    stored = sweep.folder / "report" / "boundaries.csv"
    fresh = stored.is_file() and stored.stat().st_mtime >= (sweep.folder / TRAININGS).stat().st_mtime
    return summary(
        sweep, pd.read_csv(stored) if fresh else read_phases(sweep.done, experiment=sweep.experiment).boundaries
    )


def summary(sweep: Sweep, boundaries: "pd.DataFrame | None") -> str:
    """Phases found, boundaries with their bands, failures, where the report is and how to open MLflow's UI."""
    lines = [_headline(sweep), ""]
    lines += _own_phases(sweep) if sweep.experiment.own else _phases(sweep.done)
    lines += _boundaries(boundaries, sweep.experiment)
    lines += _equilibrium(sweep)
    lines += _coins(sweep)
    lines += _failures(sweep)
    folder = _from_here(sweep.folder)
    if (folder / "report" / "index.html").is_file():
        lines.append(f"Report   {printable(folder / 'report' / 'index.html')}")
    if (folder / "mlflow.db").is_file():  # a store of its own, not a server's and not none
        lines.append(f"MLflow   hyperphase ui {quoted(folder)}")
    if sweep.missing:
        lines.append(f"Resume   hyperphase resume {quoted(folder)}")
    return "\n".join(lines)


def _from_here(folder: Path) -> Path:
    """As one would type it here."""
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


def _headline(sweep: Sweep) -> str:
    text = f"{len(sweep.done):,} trainings done"
    if len(sweep.failed):
        text += f", {len(sweep.failed):,} failed"
    if sweep.missing:
        text += f", {sweep.missing:,} of the grid still missing"
    elif sweep.missing is None:
        text += f" (no {MANIFEST}: unknown how many were asked for)"
    return text


def _phases(done: "pd.DataFrame") -> list[str]:
    """Counts per algorithm, a column a dimension, with median complexity and error."""
    from analysis.algorithms.names import display_name
    from analysis.sweeps.statistics import counts

    if done.empty:
        return ["No phases: not one training has finished well.", ""]
    table = counts(done, ["dimension"])
    medians = done.groupby("algorithm")[["complexity_nats", "relative_error"]].median()
    order = ranking(done).groupby("algorithm")["complexity_nats"].median().sort_values(kind="stable").index
    heads = [f"n={n}" for n in table.index]
    lines = [f"  {'phase':<18}" + "".join(f"{head:>6}" for head in heads) + f"{'nats':>10}{'error':>9}   (medians)"]
    for label in order:
        numbers = "".join(f"{count:>6}" for count in table[label])
        lines.append(
            f"  {display_name(label):<18}{numbers}{format_number(medians.loc[label, 'complexity_nats']):>10}"
            f"{medians.loc[label, 'relative_error']:>9.2g}"
        )
    return [*lines, ""]


def _own_phases(sweep: Sweep) -> list[str]:
    """Counts per label with the medians of a few metrics."""
    from analysis.algorithms.names import display_name
    from analysis.sweeps.statistics import metric_medians, order_parameters

    if sweep.done.empty:
        return ["No phases: no training has completed successfully.", ""]
    names = order_parameters(sweep.done, sweep.experiment)[:MAX_METRICS]
    table = metric_medians(sweep.done, names)
    width = max(18, *(len(display_name(label)) + 2 for label in table["algorithm"]))
    heads = "".join(f"{name.replace('_', ' ')[:13]:>14}" for name in names)
    lines = [f"  {'phase':<{width}}{'trainings':>10}{heads}" + "   (medians)" * bool(names)]
    for row in table.to_dict("records"):
        numbers = "".join(f"{format_number(row[name]):>14}" for name in names)
        lines.append(printable(f"  {display_name(row['algorithm']):<{width}}{row['trainings']:>10}{numbers}"))
    return [*lines, ""]


def _boundaries(boundaries: "pd.DataFrame | None", experiment: Experiment = HYPERNETWORK) -> list[str]:
    if boundaries is None:
        return []
    if boundaries.empty:
        return ["Boundaries: none that is certain enough to report.", ""]
    heading = f"Boundaries in {experiment.x.short} (90 % interval):"
    return [*_boundary_lines(boundaries, heading, experiment), ""]


def _boundary_lines(boundaries: "pd.DataFrame", heading: str, experiment: Experiment = HYPERNETWORK) -> list[str]:
    from analysis.algorithms.names import display_name

    table = boundaries.sort_values(["y", "x"])
    lines = [heading]
    for row in table.head(MAX_BOUNDARIES).itertuples():
        at = "".join(f" {axis.short}={axis.number(getattr(row, axis.name))}" for axis in experiment.axes[2:])
        pair = f"{display_name(row.lower_phase)} | {display_name(row.upper_phase)}"
        lines.append(f"  {_at(row.y, experiment)}{at} {pair:<26} {row.x:>8.2g}   {row.x_low:.2g} … {row.x_high:.2g}")
    if len(table) > MAX_BOUNDARIES:
        lines.append(f"  … and {len(table) - MAX_BOUNDARIES} more: see the report")
    return lines


def _equilibrium(sweep: Sweep) -> list[str]:
    """What is best at each β, beside what trainings found: from the tables that the report wrote."""
    import pandas as pd

    from analysis.sweeps.equilibrium import FILE, STATES_FILE, share_found

    files = sweep.folder / FILE, sweep.folder / "report" / STATES_FILE
    if not len(sweep.done) or not all(file.is_file() for file in files):
        return []
    boundaries, states = (pd.read_csv(file) for file in files)
    lines = [f"{share_found(states):.0%} of the trainings ended in the algorithm with the lowest error + β · nats."]
    if len(boundaries):
        lines += _boundary_lines(boundaries, "Boundaries at equilibrium, where two are equally good (90 % interval):")
    return [*lines, ""]


def _coins(sweep: Sweep) -> list[str]:
    """Whether the seeds split evenly between mirror images, where there are enough of them to tell."""
    from analysis.algorithms.names import display_name, mirror_images

    lines = []
    for part in slices(sweep.done, sweep.experiment):
        for row in splits_along_y(part.rows, mirror_images(), sweep.experiment):
            if row["coin"] == "too few seeds":
                continue
            others = "".join(f" {name}={value:g}" for name, value in part.at.items())
            first, second = (display_name(name) for name in row["parts"])
            lines.append(
                f"  {sweep.experiment.y.short}={row['at']:<4}{others} {first} {row['heads']}, {second} {row['tails']}: "
                f"{row['coin']} (p = {row['p_fair']:.2g})"
            )
    more = [f"  … and {len(lines) - MAX_COINS} more: see the report"] if len(lines) > MAX_COINS else []
    return ["Mirror images (seeds):", *lines[:MAX_COINS], *more, ""] if lines else []


def _at(y: float, experiment: Experiment) -> str:
    return f"{experiment.y.short}={experiment.y.number(y):<4}"


def _failures(sweep: Sweep) -> list[str]:
    failed = sweep.failed
    if failed.empty:
        return []
    lines = ["Failed:"]
    for row in failed.head(MAX_REASONS).to_dict("records"):
        reason = printable((row["reason"].splitlines() or ["no reason recorded"])[0])
        where = " ".join(f"{axis.short}={axis.number(row[axis.name], 2)}" for axis in sweep.experiment.axes[::-1])
        lines.append(f"  {where} seed {row['seed']}: {reason}")
    if len(failed) > MAX_REASONS:
        lines.append(f"  … and {len(failed) - MAX_REASONS} more: see the report")
    return [*lines, ""]
