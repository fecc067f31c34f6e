"""The function that Ray Tune runs: train a pack, read its networks, put each training into the ledger."""

import json
import time

import numpy as np

from analysis.network import Network
from search import ledger, storage
from search.checkpoints import PackCheckpoint
from trainables.recipe import Recipe

REPORT_SECONDS = 3.0  # between two reports of a pack's step; each costs a round trip to the driver


def run_pack(config: dict) -> None:
    """Trains the members of `config["pack"]` that the ledger lacks. A second try after a crash repeats nothing done
    and goes on from the pack's checkpoint.

    config: {"pack": {"index", "dimension", "members": [{"key", "beta", "seed"}], "checkpoint"}, "recipe": {…},
    "device", "threads", "storage", "ledger", "checkpoints", "checkpoint_seconds"}
    """
    import ray
    import torch
    from ray import tune

    from trainables.training import Member, train_pack

    torch.set_num_threads(config["threads"])
    pack, recipe, place = config["pack"], Recipe(**config["recipe"]), config["ledger"]
    storage.check_mark(config["storage"])
    there = ledger.keys(place)
    members = [Member(**member) for member in pack["members"] if member["key"] not in there]
    checkpoint = PackCheckpoint(
        config["checkpoints"],
        pack["checkpoint"],
        dimension=pack["dimension"],
        keys=[member.key for member in members],
        device=config["device"],
        seconds=config["checkpoint_seconds"],
    )
    said = time.monotonic()

    def say(step: int) -> None:
        nonlocal said
        if time.monotonic() - said > REPORT_SECONDS and step < recipe.steps:
            tune.report({"pack_index": pack["index"], "step": step})
            said = time.monotonic()

    if members:
        for trained in train_pack(
            pack["dimension"], members, recipe, device=config["device"], on_step=say, checkpoint=checkpoint
        ):
            ledger.write(place, to_record(trained, recipe, pack["dimension"], ray.util.get_node_ip_address()))
    checkpoint.remove()
    tune.report({"pack_index": pack["index"], "step": recipe.steps})


def to_record(trained, recipe: Recipe, dimension: int, host: str = "") -> ledger.Record:
    """A training's record: its networks read, its row and snapshot rows filled in. host: where it was trained."""
    from analysis.formula import faithfulness, formula
    from trainables.tasks import get_task

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
        draws = trained.final.draws
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
    return ledger.Record(row, snapshots, draws, trained.hypernetwork)


def _read(looks: list, task) -> list[dict]:
    """What was read at every look at a training; together, because much of the work is the same for any number."""
    from analysis import classify

    if not looks:
        return []
    readings = classify.read(Network.together([look.draws for look in looks]), task.target, names=task.algorithms)
    ends = np.cumsum([len(look.errors) for look in looks])
    return [classify.summarise(readings[end - len(look.errors) : end]) for look, end in zip(looks, ends, strict=True)]
