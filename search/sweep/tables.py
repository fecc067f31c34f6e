"""From the ledger to what people and the analysis read: the two tables and a network file a training."""

import hashlib
import itertools
import json
import math
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import UserError
from analysis.files import replace_text, replaced
from analysis.network import Network
from search.ledger import ledger
from search.ledger.frames import arrow_table, concatenated
from search.ledger.index import LedgerIndex
from search.ledger.record import Record
from search.ledger.schema import check_labels
from search.sweep.experiment import Experiment
from search.sweep.folder import SweepFolder

if TYPE_CHECKING:
    import pyarrow as pa

TABLES_VERSION = "1"  # of what the tables hold: raise it, and resumed sweeps write theirs again
RUNG_FIELDS = {"start", "steps", "learning_rate", "dimensions"}  # in which a rung's recipe differs from its sweep's


@dataclass
class Collected:
    """What a ledger has for a sweep.

    rows: of trainings with its recipe. annealed: of trainings that went on from others. others: trainings that are
    neither, by how their recipe differs. placeless: keys of those with its recipe, but without a number for each axis.
    """

    rows: list[dict] = field(default_factory=list)
    annealed: list[dict] = field(default_factory=list)
    others: Counter = field(default_factory=Counter)
    placeless: list[str] = field(default_factory=list)


def collect(folder: SweepFolder, experiment: Experiment) -> Collected:
    """Writes trainings.parquet, snapshots.parquet, networks/ and files/ from the ledger.

    Not again if they are as they were.

    The tables hold every training with this recipe, whether or not the present grid asks for it: trainings of another
    recipe answer another question and would blur the map. They stay in the ledger.
    """
    recipe, axes = experiment.recipe, [axis.name for axis in experiment.axes]
    index = LedgerIndex(folder.ledger, folder.index)
    index.refresh()
    found = part_by_recipe(index.rows, recipe, read_labels(folder), axes)
    _save_all_files(folder, [*found.rows, *found.annealed])
    source = _digest_of(index.fingerprint, recipe, folder)
    keys = {row["key"] for row in found.rows}
    _write_parquet(folder.trainings, lambda: [arrow_table(found.rows)], axes, source)
    _write_parquet(folder.snapshots, lambda: index.snapshots(keys), axes, source)
    if found.annealed:
        _write_parquet(
            folder.annealing, lambda: [arrow_table([with_start(row) for row in found.annealed])], axes, source
        )
    else:
        folder.annealing.unlink(missing_ok=True)
    return found


def part_by_recipe(
    rows: dict[str, dict], recipe: Mapping[str, Any], labels: dict[str, dict[str, Any]], axes: Sequence[str]
) -> Collected:
    """A ledger's rows by what they are to a sweep with this recipe and these axes.

    labels: that stand in for theirs, by key.
    """
    found = Collected()
    known: dict[str, list[dict] | str] = {}  # a recipe's text -> where its rows belong, or how it differs
    for key, row in rows.items():
        text = row["recipe"]
        if text not in known:
            known[text] = (
                found.rows if matches_recipe(row, recipe)
                else found.annealed if is_rung(row, recipe)
                else difference(row, recipe)
            )  # fmt: skip
        where = known[text]
        if isinstance(where, str):
            found.others[where] += 1
        elif "experiment" in row and (lost := [name for name in axes if not _is_finite(row.get(name))]):
            found.others[f"without a number for {lost[0]}"] += 1  # of hypernetworks the ledger checks it
            found.placeless.append(key)
        else:
            where.append(row | labels[key] if key in labels else row)
    return found


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def read_labels(folder: SweepFolder) -> dict[str, dict[str, Any]]:
    """Key -> what `search.sweep.relabel` read anew of that training; {} for a sweep that was not relabelled."""
    if not folder.relabelled.is_file():
        return {}
    import pandas as pd

    try:
        rows = pd.read_parquet(folder.relabelled).to_dict("records")
        for row in rows:
            check_labels(row)
    except (OSError, ValueError) as error:
        raise UserError(f"{folder.relabelled}: not a readable table; `report --relabel` makes it anew") from error
    return {row["key"]: row for row in rows}


def matches_recipe(row: dict, recipe: Mapping[str, Any]) -> bool:
    """Whether a row was trained with `recipe`, as `Experiment.recipe` has it."""
    return json.loads(row["recipe"]) == recipe


def is_rung(row: dict, recipe: Mapping[str, Any]) -> bool:
    """Whether a row goes on from another training of a sweep with `recipe` (`search.sweep.annealing`)."""
    theirs, ours = json.loads(row["recipe"]), recipe
    differ = {name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name)}
    return "start" in differ and "start" in theirs and differ <= RUNG_FIELDS


def with_start(row: dict) -> dict:
    """With columns for what tells a rung from another: start and learning_rate."""
    recipe = json.loads(row["recipe"])
    return row | {"start": recipe["start"], "learning_rate": recipe["learning_rate"]}


def difference(row: dict, recipe: Mapping[str, Any]) -> str:
    """In what the recipe of a row differs from `recipe`: "steps 2000 (here 3000), without sided_scores (here 4)"."""
    theirs, ours = json.loads(row["recipe"]), recipe
    parts = []
    for name in [*ours, *(theirs.keys() - ours.keys())]:
        if name not in theirs:
            parts.append(f"without {name} (here {_text(ours[name])})")
        elif name not in ours:
            parts.append(f"{name} {_text(theirs[name])} (not here)")
        elif theirs[name] != ours[name]:
            parts.append(f"{name} {_text(theirs[name])} (here {_text(ours[name])})")
    return ", ".join(parts)


def _text(value) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def representative(record: Record) -> Network | None:
    """The drawn network that stands for a training: None if it failed."""
    return None if record.draws is None else record.draws[record.row.get("representative") or 0]


def save_files(folder: SweepFolder, record: Record) -> None:
    """networks/KEY.npz and files/KEY/…, written once."""
    save_network(folder, record)
    for name, content in record.files.items():
        path = folder.files / record.row["key"] / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with replaced(path) as temporary:
                temporary.write_bytes(content)


def save_network(folder: SweepFolder, record: Record) -> Path | None:
    """networks/KEY.npz, written once."""
    network = representative(record)
    if network is None:
        return None
    path = folder.networks / f"{record.row['key']}.npz"
    if not path.exists():
        folder.networks.mkdir(exist_ok=True)
        with replaced(path) as temporary:
            network.save(temporary)
    return path


def _save_all_files(folder: SweepFolder, rows: list[dict]) -> None:
    """Networks of completed trainings, and what those of a user's own experiment left, as far as they are not there."""
    networks, files = (set(os.listdir(path)) if path.is_dir() else set() for path in (folder.networks, folder.files))
    for row in rows:
        of_network = row["status"] == "done" and row.get("hidden") and "experiment" not in row
        if (of_network and f"{row['key']}.npz" not in networks) or (row.get("files") and row["key"] not in files):
            path = ledger.record_path(folder.ledger, row["key"])
            record = ledger.read_or_set_aside(path, hypernetwork=False, whole_row=True)
            if record is not None:
                save_files(folder, replace(record, row=row))


def _digest_of(fingerprint: str, recipe: Mapping[str, Any], folder: SweepFolder) -> str:
    """Stands for all that the tables are made of. fingerprint: of the ledger's files."""
    parts = [TABLES_VERSION, fingerprint, json.dumps(dict(recipe), sort_keys=True)]
    parts += [_digest(folder.relabelled)] if folder.relabelled.is_file() else []
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _keep_edited(path: Path) -> None:
    """Renames a table that somebody changed by hand since we wrote it, with a warning, instead of writing over it."""
    note = _note(path)
    if not (note.is_file() and path.is_file()) or _digest(path) in " ".join(_said(note)).split():
        return
    names = (path.with_name(f"{path.stem}.edited{number or ''}{path.suffix}") for number in itertools.count())
    aside = next(name for name in names if not name.exists())
    path.rename(aside)
    warnings.warn(f"{path.name} was changed by hand: kept as {aside.name}", stacklevel=2)


def _note(path: Path) -> Path:
    """Beside a table: its digest and that of what it was made of, and the digest of the table before."""
    return path.with_name(f".{path.name}.sha256")


def _said(note: Path) -> list[str]:
    """Lines of a note, which somebody may have damaged."""
    return note.read_text(encoding="utf-8", errors="replace").splitlines()


def _digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _own_columns(table: "pa.Table", axes: Sequence[str]) -> "pa.Table":
    """Of a user's own experiment, the axes first, and the label by its name; others as they are."""
    if "experiment" not in table.column_names:
        return table
    first = ["key", "experiment", *axes, "seed"]
    table = table.select([*first, *(name for name in table.column_names if name not in first)])
    return table.rename_columns(["label" if name == "algorithm" else name for name in table.column_names])


def _write_parquet(path: Path, tables: Callable[[], Iterable["pa.Table"]], axes: Sequence[str], source: str) -> None:
    """Writes a sorted table, unless the one that is there was made of the same `source`."""
    note = _note(path)
    if note.is_file() and path.is_file() and f"{_digest(path)} {source}" in _said(note):
        return
    from pyarrow import compute as pc
    from pyarrow import parquet

    table = _own_columns(concatenated(list(tables())), axes)
    order = [name for name in (*reversed(axes), "seed", "step") if name in table.column_names]
    if order:
        table = table.take(pc.sort_indices(table, sort_keys=[(name, "ascending") for name in order]))
    _keep_edited(path)
    with replaced(path) as temporary:
        parquet.write_table(table, temporary)
        # the old one's digest too: whoever is killed before the new one takes its place leaves the old one
        lines = [f"{_digest(temporary)} {source}", *([_digest(path)] if path.is_file() else [])]
        replace_text(note, "\n".join(lines) + "\n")
