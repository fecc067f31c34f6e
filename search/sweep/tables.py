"""From the ledger to what people and the analysis read: the two tables and a network file a training."""

import hashlib
import itertools
import json
import warnings
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from analysis.errors import UserError
from analysis.files import replace_text, replaced
from analysis.network import Network
from search.ledger import ledger
from search.ledger.record import Record
from search.sweep.folder import SweepFolder
from trainables.recipe import Recipe

RUNG_FIELDS = {"start", "steps", "learning_rate", "dimensions"}  # in which a rung's recipe differs from its sweep's


@dataclass
class Collected:
    """What `collect` found in the ledger.

    rows, snapshots: of the two tables. annealed: rows of trainings that went on from others. others: trainings that the
    tables leave out, by how their recipe differs.
    """

    rows: list[dict] = field(default_factory=list)
    snapshots: list[dict] = field(default_factory=list)
    annealed: list[dict] = field(default_factory=list)
    others: Counter = field(default_factory=Counter)


def collect(folder: SweepFolder, recipe: Recipe) -> Collected:
    """Writes trainings.parquet, snapshots.parquet and networks/ from the ledger.

    The tables hold every training with this recipe, whether or not the present grid asks for it: trainings of another
    recipe answer another question and would blur the map. They stay in the ledger.
    """
    collected, labels = Collected(), read_labels(folder)

    def visit(record: Record) -> None:
        rung = is_rung(record.row, recipe)
        if not rung and not matches_recipe(record.row, recipe):
            collected.others[difference(record.row, recipe)] += 1
            return
        record = replace(record, row=record.row | labels.get(record.row["key"], {}))
        save_network(folder, record)
        if rung:
            collected.annealed.append(record.row)
            return
        collected.rows.append(record.row)
        collected.snapshots.extend(record.snapshots)

    ledger.read_all(folder.ledger, visit, whole_row=True)
    _write_parquet(folder.trainings, collected.rows)
    _write_parquet(folder.snapshots, collected.snapshots)
    if collected.annealed:
        _write_parquet(folder.annealing, [with_start(row) for row in collected.annealed])
    else:
        folder.annealing.unlink(missing_ok=True)
    return collected


def read_labels(folder: SweepFolder) -> dict[str, dict[str, Any]]:
    """Key -> what `search.sweep.relabel` read anew of that training; {} for a sweep that was not relabelled."""
    if not folder.relabelled.is_file():
        return {}
    import pandas as pd

    try:
        rows = pd.read_parquet(folder.relabelled).to_dict("records")
    except (OSError, ValueError) as error:
        raise UserError(f"{folder.relabelled}: not a readable table; `report --relabel` makes it anew") from error
    return {row["key"]: row for row in rows}


def matches_recipe(row: dict, recipe: Recipe) -> bool:
    """Whether a row was trained with `recipe`."""
    return json.loads(row["recipe"]) == recipe.model_dump(mode="json")


def is_rung(row: dict, recipe: Recipe) -> bool:
    """Whether a row goes on from another training of a sweep with `recipe` (`search.sweep.annealing`)."""
    theirs, ours = json.loads(row["recipe"]), recipe.model_dump(mode="json")
    differ = {name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name)}
    return "start" in differ and "start" in theirs and differ <= RUNG_FIELDS


def with_start(row: dict) -> dict:
    """With columns for what tells a rung from another: start and learning_rate."""
    recipe = json.loads(row["recipe"])
    return row | {"start": recipe["start"], "learning_rate": recipe["learning_rate"]}


def difference(row: dict, recipe: Recipe) -> str:
    """In what the recipe of a row differs from `recipe`: "steps 2000 (here 3000), without sided_scores (here 4)"."""
    theirs, ours = json.loads(row["recipe"]), recipe.model_dump(mode="json")
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


def _keep_edited(path: Path) -> None:
    """Renames a table that somebody changed by hand since we wrote it, with a warning, instead of writing over it."""
    note = path.with_name(f".{path.name}.sha256")
    if not (note.is_file() and path.is_file()) or _digest(path) in note.read_text().split():
        return
    names = (path.with_name(f"{path.stem}.edited{number or ''}{path.suffix}") for number in itertools.count())
    aside = next(name for name in names if not name.exists())
    path.rename(aside)
    warnings.warn(f"{path.name} was changed by hand: kept as {aside.name}", stacklevel=2)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write_parquet(path: Path, rows: list[dict]) -> None:
    import pandas as pd
    from pyarrow import ArrowInvalid, ArrowTypeError

    frame = pd.DataFrame(rows)
    order = [name for name in ("dimension", "beta", "seed", "step") if name in frame]
    if order:
        frame = frame.sort_values(order, ignore_index=True)
    _keep_edited(path)
    with replaced(path) as temporary:
        try:
            frame.to_parquet(temporary, index=False)
        except (ArrowInvalid, ArrowTypeError):  # a column of texts and numbers, which Parquet has not
            mixed = frame.select_dtypes("object")
            frame[mixed.columns] = mixed.map(lambda value: value if value is None else str(value))
            frame.to_parquet(temporary, index=False)
        # the old one's digest too: whoever is killed before the new one takes its place leaves the old one
        known = [_digest(file) for file in (temporary, path) if file.is_file()]
        replace_text(path.with_name(f".{path.name}.sha256"), "\n".join(known) + "\n")
