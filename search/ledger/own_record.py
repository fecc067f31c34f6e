"""From an outcome of a user's own experiment to its record, and back."""

import json
import time
from collections.abc import Mapping
from typing import Any

from search.ledger.record import Record
from trainables.errors import TrainableError
from trainables.experiments.experiment import Experiment
from trainables.experiments.outcome import Outcome, shares_of


def to_own_record(
    definition: Experiment,
    recipe: Mapping[str, Any],
    member: Mapping[str, Any],
    outcome: Outcome,
    *,
    seconds: float,
    host: str = "",
) -> Record:
    """A training's record. member: {"key", "place", "seed"}; outcome: a checked one.

    TrainableError if the outcome has no label, or what it has is none.
    """
    if outcome.failed:
        return to_failed_record(recipe, member, outcome.failed, seconds=seconds, host=host)
    identity = _identity(recipe, member)
    found = label_columns(definition, outcome) | dict(outcome.metrics) | {"files": len(outcome.files)}
    row = identity | {"status": "done", "reason": None} | found | _end(recipe, seconds, host)
    return Record(row, _snapshots(identity, outcome), files=dict(outcome.files))


def to_failed_record(
    recipe: Mapping[str, Any],
    member: Mapping[str, Any],
    reason: str,
    *,
    files: Mapping[str, bytes] | None = None,
    seconds: float = 0.0,
    host: str = "",
) -> Record:
    """The record of a training that failed."""
    row = _identity(recipe, member) | {
        "status": "failed",
        "reason": reason,
        "algorithm": None,
        "files": len(files or {}),
    }
    return Record(row | _end(recipe, seconds, host), files=dict(files or {}))


def _identity(recipe: Mapping[str, Any], member: Mapping[str, Any]) -> dict[str, Any]:
    return {"key": member["key"], "experiment": recipe["experiment"], **member["place"], "seed": member["seed"]}


def _end(recipe: Mapping[str, Any], seconds: float, host: str) -> dict[str, Any]:
    text = json.dumps(dict(recipe), sort_keys=True)
    return {"seconds": seconds, "host": host, "recipe": text, "finished_at": time.time()}


def label_columns(definition: Experiment, outcome: Outcome) -> dict[str, Any]:
    """The label as columns of a row: algorithm (the most frequent one), purity (its share) and all shares."""
    label = outcome.label
    if label is None and definition.label is not None:
        label = definition.label(outcome)
    if label is None:
        raise TrainableError("the outcome has no label, and the experiment has no function `label` that gives it one")
    shares = shares_of(label)
    most = max(shares, key=lambda name: shares[name])
    fractions = {f"fraction_{name}": share for name, share in shares.items()} if len(shares) > 1 else {}
    return {"algorithm": most, "purity": shares[most]} | fractions


def outcome_of(record: Record, definition: Experiment) -> Outcome:
    """The outcome that a record was made of, without its label."""
    axes = {axis.name for axis in definition.axes}
    ours = axes | {"key", "experiment", "seed", "status", "reason", "algorithm", "purity", "seconds", "host", "recipe"}
    ours |= {"finished_at", "files"}
    metrics = {
        name: value
        for name, value in record.row.items()
        if name not in ours and not name.startswith("fraction_") and isinstance(value, float)
    }
    names = [name for name in (record.snapshots[0] if record.snapshots else {}) if name not in ours or name == "step"]
    curves = {name: [row[name] for row in record.snapshots] for name in names}
    if record.snapshots and record.snapshots[0].get("algorithm") is not None:
        curves["label"] = [row["algorithm"] for row in record.snapshots]
    return Outcome(metrics=metrics, curves=curves, files=record.files)


def _snapshots(identity: dict[str, Any], outcome: Outcome) -> list[dict[str, Any]]:
    columns = {"algorithm" if name == "label" else name: values for name, values in outcome.curves.items()}
    return [identity | dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
