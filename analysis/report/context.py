"""What the report's template shows, prepared as plain values: texts, table rows, filters."""

import datetime
import importlib.metadata
import json
import math
from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING

from analysis.algorithms.names import display_name, in_order, task_title
from analysis.formatting import enumeration, format_beta, format_number, rough_duration, short
from analysis.sweeps.experiment import HYPERNETWORK, Experiment, columns
from analysis.sweeps.load import Sweep
from analysis.sweeps.statistics import MIN_TOSSES, order_parameters, ranking, share_cheaper, splits_along_y

if TYPE_CHECKING:
    import pandas as pd

    from analysis.phases.equilibrium import Equilibrium
    from analysis.sweeps.phases import Phases


# Column of the table of trainings -> its heading. Those that a sweep lacks are left out.
COLUMNS = {
    "dimension": "n",
    "beta": "β",
    "seed": "seed",
    "algorithm": "algorithm",
    "purity": "purity",
    "relative_error": "error",
    "complexity_nats": "nats",
    "faithfulness": "faithfulness",
    "faithfulness_at_twice_the_scale": "at twice the scale",
}
MAX_ORDER_PARAMETERS = 3
MANY_FAILURES = 100  # that are told one by one
MAX_METRICS = 8  # of a user's own experiment
LONG = 240  # characters of a manifest's value that are shown
MANY = 40  # entries of one of its tables, likewise
PACKAGES = {"torch", "ray", "mlflow", "optuna", "numpy", "pandas", "scikit-learn", "networkx", "matplotlib"}


def version() -> str:
    try:
        return importlib.metadata.version("hyperphase")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


def opening(sweep: Sweep) -> dict:
    """Heading, lead, notes, and the counts in the header."""
    trainings, done = sweep.trainings, sweep.done
    tasks = sorted(trainings["task"].dropna().unique()) if "task" in trainings else []
    subjects = [task_title(task) for task in tasks] or [sweep.experiment.title or sweep.experiment.name]
    subject = f" of {enumeration(subjects)}" if tasks or sweep.experiment.own else ""
    present = done["algorithm"].value_counts()
    return {
        "heading": f"Phase diagram{subject}",
        "lead": lead(trainings, sweep.experiment),
        "notes": notes(sweep),
        "phases": [{"label": label, "count": int(present[label])} for label in in_order(present.index)],
    }


def lead(trainings: "pd.DataFrame", experiment: Experiment = HYPERNETWORK) -> str:
    """The sweep in one sentence."""
    x, *others = experiment.axes
    values = sorted(trainings[x.name].unique())
    low, high = x.number(values[0], 2), x.number(values[-1], 2)
    at = f"{x.short} from {low} to {high} ({len(values)} values)" if len(values) > 1 else f"{x.short} = {low}"
    listed = []
    for axis in others:
        found = [axis.number(value) for value in sorted(trainings[axis.name].unique())]
        many = f"{axis.short} from {found[0]} to {found[-1]} ({len(found)} values)"
        listed.append(f"{axis.short} = {enumeration(found)}" if len(found) <= 6 else many)
    seeds = trainings["seed"].nunique()
    of = f" of {experiment.trained}" if experiment.trained else ""
    text = (
        f"{len(trainings):,} training{'s' * (len(trainings) != 1)}{of}: {at}, "
        f"{', '.join(listed)}, {seeds} seed{'s' * (seeds != 1)}"
    )
    if "steps" in trainings and trainings["steps"].notna().any():
        fewest, most = int(trainings["steps"].min()), int(trainings["steps"].max())
        text += f", {fewest:,} steps each" if fewest == most else f", {fewest:,} to {most:,} steps each"
    if "seconds" in trainings and trainings["seconds"].notna().any():
        seconds = float(trainings["seconds"].sum())
        text += f"; {rough_duration(seconds)} of training in all"
    return text + "."


def notes(sweep: Sweep) -> list[str]:
    """What a reader must know before trusting the page."""
    found = []
    if sweep.missing:
        found.append(
            f"This sweep is not complete: {sweep.missing:,} training{'s' * (sweep.missing != 1)} of its grid "
            f"{'have' if sweep.missing != 1 else 'has'} not finished yet. "
            f"The page shows the {len(sweep.trainings):,} that have."
        )
    if not len(sweep.done):
        found.append("Every training failed, so there is nothing to map. The reasons are below.")
    elif len(sweep.failed):
        found.append(
            f"{len(sweep.failed):,} training{'s' * (len(sweep.failed) != 1)} failed "
            f"and {'are' if len(sweep.failed) != 1 else 'is'} left out of the charts; the reasons are below."
        )
    return found


def equilibrium_table(found: "Equilibrium", phases: "Phases") -> dict:
    """Equilibrium boundaries, each beside what the trainings' own map says of the same two phases."""
    from analysis.sweeps.equilibrium import share_found

    rows = []
    for row in found.boundaries.itertuples():
        trained = phases.boundaries
        trained = trained[(trained["y"] == row.y) & (trained["lower_phase"] == row.lower_phase)]
        trained = trained[trained["upper_phase"] == row.upper_phase]
        rows.append(
            {
                "n": f"{row.y:g}",
                "lower": row.lower_phase,
                "upper": row.upper_phase,
                "x": format_beta(row.x),
                "band": f"{format_beta(row.x_low)} … {format_beta(row.x_high)}",
                "energy_jump": format_number(row.energy_jump),
                "complexity_jump": format_number(row.complexity_jump),
                "trained": ", ".join(
                    f"{format_beta(one.x)} ({format_beta(one.x_low)} … {format_beta(one.x_high)})"
                    for one in trained.itertuples()
                )
                or "–",
            }
        )
    return {"boundaries": rows, "found": share_found(found.ground_states)}


def boundary_table(phases: "Phases | None") -> dict:
    """Boundaries with a row a y (dimension) and a column a pair of phases, in the order of rising x (β)."""
    experiment = phases.experiment if phases else HYPERNETWORK
    words = {"x": experiment.x.short, "y": experiment.y.short, "kind": experiment.kind}
    if phases is None or phases.boundaries.empty:
        return {"boundary_columns": [], "boundary_rows": [], **words}
    table = phases.boundaries.sort_values(["y", "x"])
    typical = table.groupby(["lower_phase", "upper_phase"])["x"].median().sort_values()
    columns = list(typical.index)
    rows = []
    for y in sorted(set(table["y"]) if experiment.own else set(phases.phase_map.y)):
        cells = []
        for lower, upper in columns:
            here = table[(table["y"] == y) & (table["lower_phase"] == lower) & (table["upper_phase"] == upper)]
            cells.append([{"x": format_beta(at.x), "band": _band(at)} for at in here.itertuples()])
        rows.append({"y": experiment.y.number(y), "cells": cells})
    return {"boundary_columns": columns, "boundary_rows": rows, **words}


def _band(at) -> str:
    """The 90 % interval; an end where the data stop says so."""
    low = "< " * bool(getattr(at, "low_is_open", False)) + format_beta(at.x_low)
    high = "> " * bool(getattr(at, "high_is_open", False)) + format_beta(at.x_high)
    return f"{low} … {high}"


def split_table(done: "pd.DataFrame", merge: dict[str, str], experiment: Experiment = HYPERNETWORK) -> dict:
    rows = splits_along_y(done, merge, experiment)
    found = {row["merged"] for row in rows}
    parts = [part for part, whole in merge.items() if whole in found]
    return {"splits": rows, "split_parts": parts, "fewest_tosses": MIN_TOSSES}


def ranking_table(done: "pd.DataFrame") -> dict:
    """Median complexity and error, a row an algorithm (cheapest first), a column a dimension.

    cheaper: how often a training of a row has fewer nats than one of the next.
    """
    table = ranking(done)
    dimensions = sorted(table["dimension"].unique())
    order = table.groupby("algorithm")["complexity_nats"].median().sort_values(kind="stable").index
    cells = {(row.algorithm, row.dimension): row for row in table.itertuples()}
    rows = [
        {
            "algorithm": algorithm,
            "cells": [cells.get((algorithm, n)) for n in dimensions],
            "cheaper": share_cheaper(done, algorithm, following) if following else None,
        }
        for algorithm, following in zip_longest(order, order[1:])
    ]
    return {"ranking": rows, "ranking_dimensions": dimensions}


def table_columns(trainings: "pd.DataFrame", experiment: Experiment = HYPERNETWORK) -> list[dict[str, str]]:
    """Columns of the table of trainings: name, heading, and kind ("number", "beta", "text", "label" or "key")."""
    from pandas.api.types import is_numeric_dtype

    parameters = order_parameters(trainings, experiment)
    if experiment.own:
        names = [*columns(experiment), "seed", "algorithm", *parameters[:MAX_METRICS]]
    else:
        preferred = [name for name in ("locality", "sidedness", "amplitude") if name in parameters]
        names = [name for name in COLUMNS if name in trainings]
        names += (preferred or parameters)[:MAX_ORDER_PARAMETERS]
    names += ["status"] * bool((trainings["status"] != "done").any())
    names += [name for name in ("seconds", "key") if name in trainings]
    kinds = {"algorithm": "label", "key": "key", "beta": "beta"}
    return [
        {
            "name": name,
            "heading": headings(experiment).get(name, name.replace("_", " ")),
            "kind": kinds.get(name, "number" if is_numeric_dtype(trainings[name]) else "text"),
        }
        for name in names
    ]


def headings(experiment: Experiment) -> dict[str, str]:
    """Column -> its heading."""
    own = {axis.name: axis.short for axis in experiment.axes} | {"algorithm": experiment.kind}
    return own if experiment.own else COLUMNS


def table(frame: "pd.DataFrame", colour: dict[str, str], experiment: Experiment = HYPERNETWORK) -> dict:
    """Columns and rows of a frame, numbers in three digits, labels with their colours. Cells hold ready text."""
    from pandas.api.types import is_numeric_dtype

    names = list(frame.columns)
    heads = [
        {"name": headings(experiment).get(name, str(name).replace("_", " ")), "numeric": is_numeric_dtype(frame[name])}
        for name in names
    ]
    rows = [
        [{"colour": ""} | _cell(name, value, colour) for name, value in zip(names, row, strict=True)]
        for row in frame[names].itertuples(index=False, name=None)
    ]
    return {"columns": heads, "rows": rows}


def _cell(name: str, value, colour: dict[str, str]) -> dict:
    if name == "algorithm":
        known = isinstance(value, str)
        return {
            "text": display_name(value) if known else "",
            "colour": colour[value] if known else "",
            "attributes": ' class="t"',
        }
    if name == "key":
        return {"text": value, "attributes": ' class="t mono"'}
    if isinstance(value, str):
        return {"text": value, "attributes": ' class="t"'}
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return {"text": "", "attributes": ' class="n"'}
    text = format_beta(value, 3) if name == "beta" else format_number(value)
    return {"text": text, "attributes": ' class="n"'}


def manifest_context(manifest: dict) -> dict:
    return {
        "manifest": list(flatten(manifest)),
        "manifest_json": json.dumps(_cut(manifest), indent=1, ensure_ascii=False),
    }


def flatten(value, name: str = "") -> Iterator[tuple[str, str]]:
    """(dotted name, text) of everything in nested dictionaries, what is long cut short; all of it is in the file."""
    if isinstance(value, dict) and len(value) > MANY:  # the versions of every package that is installed
        some = {key: inner for key, inner in value.items() if key.lower() in PACKAGES}
        yield name, "; ".join([f"{key} {inner}" for key, inner in some.items()] + [f"{len(value) - len(some)} more"])
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        yield from flatten(value[-1], f"{name} ({len(value)}, the last)" if len(value) > 1 else name)
    elif isinstance(value, list) and len(value) > 8 and all(isinstance(item, int | float) for item in value):
        yield name, f"{len(value)} values from {short(min(value))} to {short(max(value))}"
    elif name.endswith("_at") and isinstance(value, int | float):
        yield name, datetime.datetime.fromtimestamp(value, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    else:
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        lines = text.count("\n")
        if lines > 2:
            yield name, f"{lines:,} lines"
        elif text and value is not None:
            yield name, text if len(text) <= LONG else f"{text[:LONG].rstrip()} … ({len(text):,} characters)"


def _cut(value, longest: int = 4000):
    """The same with long texts (a diff of the checkout, say) cut, so that the page stays light."""
    if isinstance(value, dict):
        return {key: _cut(inner, longest) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cut(inner, longest) for inner in value]
    if isinstance(value, str) and len(value) > longest:
        return f"{value[:longest]}\n… ({len(value):,} characters: the rest is in manifest.json)"
    return value
