"""Stored networks read anew with today's algorithms and criteria: `hyperphase report SWEEP --relabel`.

The ledger stays as it is, keys and records; what is read anew lies beside it, in SWEEP/relabelled.parquet, a row a
training, and stands in for the labels of the time of training wherever a sweep's rows are read. Removing the file
brings those back. Snapshots keep their labels: their networks were not stored.
"""

from dataclasses import dataclass
from typing import Any

from analysis.errors import UserError
from analysis.files import replaced
from search.config.schema import Config
from search.ledger import ledger
from search.ledger.record import Record
from search.sweep import tables
from search.sweep.experiment import experiment_of
from search.sweep.folder import SweepFolder


@dataclass(frozen=True)
class Relabelled:
    """trainings: that were read anew. changed: those whose label is another now."""

    trainings: int
    changed: int


def relabel(config: Config, folder: SweepFolder) -> Relabelled:
    """Reads the drawn networks of every completed training with this recipe, and keeps what they are named now."""
    import pandas as pd

    experiment = experiment_of(config)
    try:
        before = tables.read_labels(folder)
    except UserError:  # damaged: it is about to be replaced
        before = {}
    rows: list[dict[str, Any]] = []
    changed = 0

    def visit(record: Record) -> None:
        nonlocal changed
        recipe = experiment.recipe
        if not (tables.matches_recipe(record.row, recipe) or tables.is_rung(record.row, recipe)):
            return
        found = experiment.name(record)
        if found is None:
            return
        old = record.row | before.get(record.row["key"], {})
        row = {"key": record.row["key"]} | found
        changed += row["algorithm"] != old["algorithm"]
        if row.get("representative") != old.get("representative"):
            (folder.networks / f"{row['key']}.npz").unlink(missing_ok=True)  # the tables write the new one
        rows.append(row)

    ledger.read_all(folder.ledger, visit, whole_row=True)
    with replaced(folder.relabelled) as temporary:
        pd.DataFrame(rows).to_parquet(temporary, index=False)
    return Relabelled(len(rows), changed)
