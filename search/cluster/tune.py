"""Ray Tune over the packs."""

import json
import time
from collections.abc import Callable

from search import objects
from search.cluster.session import Cluster
from search.config.schema import Config
from search.error_text import last_line
from search.ledger import ledger, storage
from search.ledger.checkpoints import pack_name
from search.sweep.experiment import Experiment, experiment_of, objects_of
from search.sweep.folder import SweepFolder, location
from search.sweep.packs import Pack


def run_packs(
    config: Config,
    folder: SweepFolder,
    cluster: Cluster,
    packs: list[Pack],
    on_progress: Callable[[int, float], None],
) -> list[str]:
    """Trains `packs`, in their order as cores become free; `on_progress(pack index, share)` follows them.

    A pack whose node is lost is tried again on those that are left, as often as `max_failures`: Tune by itself takes a
    node that does not answer for a failure of the pack. Returns one line for every pack that failed for good.
    """
    from ray import tune
    from ray.exceptions import RayTaskError

    from search.cluster.worker import run_trial

    class Follow(tune.Callback):
        def __reduce__(
            self,
        ):  # Tune pickles its callbacks into a state that nobody reads: the ledger is our state
            return tune.Callback, ()

        def on_trial_result(self, iteration, trials, trial, result, **info):
            if "pack_index" in result:
                on_progress(result["pack_index"], result["share"])

    storage.mark(config.ray.storage or folder.path)
    experiment = experiment_of(config)

    def run(indices: list[int]) -> list[Exception]:
        tuner = tune.Tuner(
            tune.with_resources(run_trial, {"cpu": config.ray.cpus_per_pack, "gpu": cluster.gpus}),
            param_space={
                "pack": tune.grid_search(pack_texts(experiment, packs, indices)),
                **settings(config, folder, cluster.device),
            },
            tune_config=tune.TuneConfig(reuse_actors=True, trial_dirname_creator=lambda trial: trial.trial_id),
            run_config=tune.RunConfig(
                name=f"packs-{time.time_ns()}",
                storage_path=str(folder.tune),
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=config.ray.max_failures),
                callbacks=[Follow()],
            ),
        )
        return tuner.fit().errors

    errors = run(list(range(len(packs))))
    for _ in range(config.ray.max_failures):
        if all(
            isinstance(error, RayTaskError) for error in errors
        ):  # raised by a pack's own code, not by a machine's end
            break
        there = ledger.keys(location(config, folder, "ledger"))
        left = [index for index, pack in enumerate(packs) if any(point.key not in there for point in pack.members)]
        errors = run(left) if left else []
    return [last_line(error) for error in errors]


def settings(config: Config, folder: SweepFolder, device: str) -> dict:
    """What every pack's worker is told (`search.cluster.worker.run_pack`)."""
    return {
        **experiment_of(config).told_all(),
        "files": objects.files(objects_of(config)),
        "paths": objects.real_paths(objects_of(config)),
        "device": device,
        "storage": str(config.ray.storage or folder.path),
        "ledger": location(config, folder, "ledger"),
        "checkpoints": location(config, folder, "checkpoints"),
        "checkpoint_seconds": config.ray.checkpoint_seconds,
        "threads": max(1, int(config.ray.cpus_per_pack)),
    }


def pack_texts(experiment: Experiment, packs: list[Pack], indices: list[int]) -> list[str]:
    """What the worker of each of these packs is told of it, as JSON: Tune copies the whole grid for each of its points,
    which as objects took 40 s for 30,000 trainings and grew as their square.
    """
    return [json.dumps(_pack_config(experiment, index, packs[index])) for index in indices]


def _pack_config(experiment: Experiment, index: int, pack: Pack) -> dict:
    name = pack.checkpoint or pack_name([point.key for point in pack.members])
    return {"index": index, "checkpoint": name, **experiment.told(pack)}
