"""The function that Ray Tune runs: train a pack, read its networks, put each training into the ledger."""

import time

from search.ledger import ledger, storage
from search.ledger.checkpoints import PackCheckpoint
from search.ledger.read_training import to_record
from trainables.objects import provide
from trainables.recipe import Recipe

REPORT_SECONDS = 3.0  # between two reports of a pack's step; each costs a round trip to the driver


def run_pack(config: dict) -> None:
    """Trains the members of `config["pack"]` that the ledger lacks. A second try after a crash repeats nothing done
    and goes on from the pack's checkpoint.

    config: {"pack": {"index", "dimension", "members": [{"key", "beta", "seed", "start"}], "checkpoint"}, "recipe": {…},
    "algorithms", "files", "device", "threads", "storage", "ledger", "checkpoints", "checkpoint_seconds"}
    """
    import ray
    import torch
    from ray import tune

    from trainables.training.loop import Member, train_pack

    torch.set_num_threads(config["threads"])
    provide(config["files"])
    pack, recipe, location = config["pack"], Recipe.stored(config["recipe"]), config["ledger"]
    storage.check_mark(config["storage"])
    there = ledger.keys(location)
    missing = [dict(member) for member in pack["members"] if member["key"] not in there]
    starts = {member["key"]: member.pop("start", "") or recipe.start for member in missing}
    members = [Member(**member) for member in missing]
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
        parents = [ledger.hypernetwork(location, start) for start in starts.values() if start]
        try:
            trained = train_pack(
                *(pack["dimension"], members, recipe),
                device=config["device"],
                on_step=say,
                checkpoint=checkpoint,
                starts=parents,
            )
            for result in trained:
                host = ray.util.get_node_ip_address()
                own = recipe.model_copy(update={"start": starts[result.member.key]})
                record = to_record(result, own, pack["dimension"], host, algorithms=config["algorithms"])
                ledger.write(location, record)
        except Exception:
            checkpoint.failed()
            raise
    checkpoint.remove()
    tune.report({"pack_index": pack["index"], "step": recipe.steps})
