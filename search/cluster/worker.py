"""The function that Ray Tune runs: train what a pack lacks, and put each training into the ledger."""

import json
import time
from collections.abc import Callable
from typing import Any

from search.ledger import ledger, storage
from trainables.objects import provide

REPORT_SECONDS = 3.0  # between two reports of a pack's progress; each costs a round trip to the driver


def run_trial(config: dict) -> None:
    """`run_pack` with its pack as JSON, as `search.cluster.tune.pack_texts` makes it."""
    run_pack(config | {"pack": json.loads(config["pack"])})


def run_pack(config: dict) -> None:
    """Trains the members of `config["pack"]` that the ledger lacks. A second try after a crash repeats nothing done
    and goes on from checkpoints.

    config: {"pack": {"index", "members": [{"key", …}], "checkpoint", …}, "train", "files", "paths", "device",
    "threads", "storage", "ledger", "checkpoints", "checkpoint_seconds", …}; what else is in it is for the function that
    trains.
    """
    from ray import tune

    provide(config["files"], config["paths"])
    pack, train = config["pack"], _trainer(config["train"])
    storage.check_mark(config["storage"])
    there = ledger.keys(config["ledger"])
    said = time.monotonic()

    def on_progress(share: float) -> None:
        nonlocal said
        if time.monotonic() - said > REPORT_SECONDS and share < 1:
            tune.report({"pack_index": pack["index"], "share": share})
            said = time.monotonic()

    train(config, [dict(member) for member in pack["members"] if member["key"] not in there], on_progress)
    tune.report({"pack_index": pack["index"], "share": 1.0})


def _trainer(name: str) -> Callable[[dict[str, Any], list[dict[str, Any]], Callable[[float], None]], None]:
    """(config, members that are missing, share of their work that is done -> None) -> None."""
    if name == "own":
        from search.cluster.train_own import train_own

        return train_own
    from search.cluster.train_hypernetworks import train_hypernetworks

    return train_hypernetworks
