"""A pack of hypernetworks on a worker: trained in lockstep, their networks read, each put into the ledger."""

from collections.abc import Callable
from typing import Any

from search.ledger import ledger
from search.ledger.checkpoints import PackCheckpoint
from search.ledger.read_training import to_record
from trainables.recipe import Recipe


def train_hypernetworks(
    config: dict[str, Any], missing: list[dict[str, Any]], on_progress: Callable[[float], None]
) -> None:
    """config: of `search.cluster.worker.run_pack`, with "recipe" and "algorithms".

    members: {"key", "beta", "seed", "start"}; "start", if not empty, is the key of the training that one goes on from.
    """
    import ray
    import torch

    from trainables.training.loop import Member, train_pack

    torch.set_num_threads(config["threads"])
    pack, recipe, location = config["pack"], Recipe.stored(config["recipe"]), config["ledger"]
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
    if members:
        parents = [ledger.hypernetwork(location, start) for start in starts.values() if start]
        try:
            trained = train_pack(
                *(pack["dimension"], members, recipe),
                device=config["device"],
                gpu_step=config["gpu_step"],
                on_step=lambda step: on_progress(step / recipe.steps),
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
