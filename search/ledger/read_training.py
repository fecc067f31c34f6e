"""From a finished training to its record: its networks read, its row and snapshot rows filled in."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.algorithms.names import OTHER, Named
from analysis.network import Network
from search import objects
from search.ledger.record import Record
from trainables.recipe import Recipe
from trainables.tasks.task import Task

if TYPE_CHECKING:  # slow to import, and nothing here needs PyTorch
    from trainables.training.evaluation import Snapshot
    from trainables.training.loop import TrainingResult


def to_record(
    trained: "TrainingResult", recipe: Recipe, dimension: int, host: str = "", *, algorithms: Sequence[str] = ()
) -> Record:
    """A training's record: its networks read, its row and snapshot rows filled in.

    host: where it was trained; algorithms: that it may be named after besides the task's own.
    """
    from trainables.tasks.registry import get_task

    member, task = trained.member, get_task(recipe.task)
    named = objects.algorithms(task, algorithms)
    identity: dict[str, Any] = {
        "key": member.key,
        "task": recipe.task,
        "dimension": dimension,
        "beta": member.beta,
        "seed": member.seed,
    }

    def measures(snapshot: "Snapshot", readings: dict[str, Any]) -> dict[str, Any]:
        # the error is the mean over draws, which is what the training minimises
        return (
            {name: value for name, value in readings.items() if name not in ("relative_error", "representative")}
            | {"relative_error": snapshot.relative_error, "complexity_nats": snapshot.complexity_nats}
            | {f"complexity_{component}": nats for component, nats in snapshot.complexity.items()}
        )

    evaluations = [snapshot for snapshot in trained.snapshots if np.isfinite(snapshot.errors).all()]
    last = trained.final if trained.status == "done" else None
    if last is not None and not np.isfinite(last.errors).all():
        last = None
    readings = _read([*evaluations, *([last] if last else [])], recipe, task, named)
    snapshots = [
        identity | {"step": snapshot.step} | measures(snapshot, found)
        for snapshot, found in zip(evaluations, readings[: len(evaluations)], strict=True)
    ]
    row = identity | {
        "status": trained.status,
        "reason": trained.reason,
        "algorithm": None,  # these three stay so if the training failed: every table has their columns
        "relative_error": float("nan"),
        "complexity_nats": float("nan"),
        "hidden": recipe.hidden(dimension),
        "steps": recipe.steps,
        "seconds": trained.seconds,
        "host": host,
        "recipe": json.dumps(recipe.model_dump(mode="json"), sort_keys=True),
    }
    draws = None
    if last:
        final = readings[-1]
        draws = _networks(last, recipe)
        row |= measures(last, final) | _formula(draws, final, task)
    elif trained.status == "done":
        row |= {"status": "failed", "reason": "drawn networks are not finite"}
    row["finished_at"] = time.time()
    return Record(row, snapshots, draws, trained.hypernetwork)


def name_draws(draws: Network, task: Task, algorithms: Sequence[Named]) -> dict[str, Any]:
    """What the networks (k,) that a training drew at its end are named, as columns of its row."""
    from analysis.algorithms import classify

    found = classify.summarise(classify.read(draws, task.target, names=algorithms))
    found.pop("relative_error")  # in a row it is the mean over draws
    return found | _formula(draws, found, task)


def _formula(draws: Network, found: dict[str, Any], task: Task) -> dict[str, Any]:
    """The representative draw and its closed formula: None for an algorithm that has none; of `other` its pattern."""
    from analysis.algorithms.formula import faithfulness, formula
    from analysis.patterns.explain import explain

    shown = draws[found["representative"]]
    closed = formula(shown, found["algorithm"])
    pattern = explain(shown, task.target).summary() if found["algorithm"] == OTHER else {}  # else the name says it
    columns = {
        "representative": found["representative"],
        "formula": closed.text if closed else None,
        "formula_latex": closed.latex if closed else None,
        "faithfulness_at_twice_the_scale": faithfulness(shown, closed, scale=2.0),
    }
    return columns | pattern


def _networks(evaluation: "Snapshot", recipe: Recipe) -> Network:
    """What a training had drawn at a look at it."""
    return Network(*evaluation.draws, activation=recipe.activation, inputs=recipe.inputs)


def _read(
    evaluations: list["Snapshot"], recipe: Recipe, task: Task, algorithms: Sequence[Named]
) -> list[dict[str, Any]]:
    """What was read at every look at a training; together, because much of the work is the same for any number."""
    from analysis.algorithms import classify

    if not evaluations:
        return []
    networks = Network.together([_networks(evaluate, recipe) for evaluate in evaluations])
    readings = classify.read(networks, task.target, names=algorithms)
    ends = np.cumsum([len(evaluate.errors) for evaluate in evaluations])
    return [
        classify.summarise(readings[end - len(evaluate.errors) : end])
        for evaluate, end in zip(evaluations, ends, strict=True)
    ]
