"""From a finished training to its record: its networks read, its row and snapshot rows filled in."""

import json
import time

import numpy as np

from analysis.network import Network
from search.ledger.record import Record
from trainables.recipe import Recipe


def to_record(trained, recipe: Recipe, dimension: int, host: str = "") -> Record:
    """A training's record: its networks read, its row and snapshot rows filled in. host: where it was trained."""
    from analysis.algorithms.formula import faithfulness, formula
    from trainables.tasks.registry import get_task

    member, task = trained.member, get_task(recipe.task)
    identity = {
        "key": member.key,
        "task": recipe.task,
        "dimension": dimension,
        "beta": member.beta,
        "seed": member.seed,
    }

    def measures(snapshot, readings: dict) -> dict:
        # the error is the mean over draws, which is what the training minimises
        return (
            {name: value for name, value in readings.items() if name not in ("relative_error", "representative")}
            | {"relative_error": snapshot.relative_error, "complexity_nats": snapshot.complexity_nats}
            | {f"complexity_{component}": nats for component, nats in snapshot.complexity.items()}
        )

    looks = [snapshot for snapshot in trained.snapshots if np.isfinite(snapshot.errors).all()]
    whole = trained.status == "done" and np.isfinite(trained.final.errors).all()
    *readings, final = _read([*looks, *([trained.final] if whole else [])], task) + ([] if whole else [None])
    snapshots = [
        identity | {"step": snapshot.step} | measures(snapshot, found)
        for snapshot, found in zip(looks, readings, strict=True)
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
    if trained.status == "done" and not whole:
        row |= {"status": "failed", "reason": "drawn networks are not finite"}
    elif whole:
        draws = Network(*trained.final.draws)
        representative = final["representative"]
        shown = draws[representative]
        closed = formula(shown, final["algorithm"])
        row |= measures(trained.final, final) | {
            "representative": representative,
            "formula": closed.text,
            "formula_latex": closed.latex,
            "faithfulness_at_twice_the_scale": faithfulness(shown, closed, scale=2.0),
        }
    row["finished_at"] = time.time()
    return Record(row, snapshots, draws, trained.hypernetwork)


def _read(looks: list, task) -> list[dict]:
    """What was read at every look at a training; together, because much of the work is the same for any number."""
    from analysis.algorithms import classify

    if not looks:
        return []
    readings = classify.read(
        Network.together([Network(*look.draws) for look in looks]), task.target, names=task.algorithms
    )
    ends = np.cumsum([len(look.errors) for look in looks])
    return [classify.summarise(readings[end - len(look.errors) : end]) for look, end in zip(looks, ends, strict=True)]
