"""Before workers start: one training of a user's own experiment, so that a mistake in it is one clear line."""

from dataclasses import replace
from typing import Any

from analysis.errors import UserError
from analysis.formatting import printable, short
from search.cluster.session import Cluster
from search.cluster.train_own import Failure, OwnCodeError, keep_failure, trainings
from search.cluster.tune import settings
from search.config.load import ray_address
from search.config.own import OwnConfig
from search.config.schema import Config
from search.driver.check_task import check_task
from search.ledger import ledger, storage
from search.sweep.folder import SweepFolder, location
from search.sweep.own_experiment import OwnExperiment
from search.sweep.state import State
from search.terminal.output import notes


def tried(config: Config, folder: SweepFolder, state: State, cluster: Cluster | None = None) -> State:
    """Checks the task of hypernetworks. Of an experiment of the user's own, trains the cheapest missing point, for
    `experiment.trial_seconds` at most, and keeps what comes of it. Call before a cluster is joined, and again then:
    it is tried here, or on a node of the cluster where it wants a GPU, which this machine may not have.

    UserError with the user's file and line if it raises, dies, or yields what is no outcome. A sweep of which
    something is done needs no trial.
    """
    if not isinstance(config, OwnConfig):
        if cluster is None:
            check_task(config, state)
        return state
    there = bool(config.ray.gpus_per_pack and ray_address(config))
    if not config.experiment.trial_seconds or state.known or there != (cluster is not None):
        return state
    experiment, at = OwnExperiment(config), location(config, folder, "ledger")
    point, place = experiment.cheapest(state.missing), config.ray.storage or folder.path
    storage.mark(place)
    job = settings(config, folder, experiment.device) | {"timeout": config.experiment.trial_seconds, "tries": 1}
    member: dict[str, Any] = {"key": point.key, "place": dict(point.place), "seed": point.seed}
    try:
        failure = _on_a_node(config, cluster, job, member) if cluster else _here(folder, job, member)
    except OwnCodeError as error:
        raise UserError(str(error)) from None
    if failure and failure.late:
        text = (
            f"the cheapest training takes longer than {short(config.experiment.trial_seconds)} s: workers start untried"
        )
        print(text, file=notes(), flush=True)
        return state
    if failure and failure.raised:
        where = ", ".join(f"{name} = {short(value)}" for name, value in point.place.items())
        log = "" if cluster else f"; see {folder.log}"
        raise UserError(printable(f"{failure.reason} (tried at {where}, seed {point.seed}{log})"))
    if failure:
        keep_failure(job, member, failure)
    ledger.copy(at, folder.ledger, {point.key})
    record = ledger.read(ledger.record_path(folder.ledger, point.key))
    return replace(state, rows=state.rows | {point.key: record.row})


def _here(folder: SweepFolder, job: dict[str, Any], member: dict[str, Any]) -> Failure | None:
    with open(folder.log, "ab") as log:
        [(_, failure)] = trainings(job, [member], lambda share: None, output=log)
    return failure


def _on_a_node(config: Config, cluster: Cluster, job: dict[str, Any], member: dict[str, Any]) -> Failure | None:
    import ray

    attempt = ray.remote(num_cpus=config.ray.cpus_per_pack, num_gpus=cluster.gpus, max_retries=0)(_attempt)
    failure, unusable = ray.get(attempt.remote(job, member))
    if unusable:
        raise OwnCodeError(unusable)
    return failure


def _attempt(job: dict[str, Any], member: dict[str, Any]) -> tuple[Failure | None, str]:
    """What became of it, and why the code cannot be run at all, if it cannot."""
    import ray

    job |= {"host": ray.util.get_node_ip_address()}
    try:
        [(_, failure)] = trainings(job, [member], lambda share: None)
    except OwnCodeError as error:
        return None, str(error)
    return failure, ""
