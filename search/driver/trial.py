"""Before workers start: one training of a user's own experiment, so that a mistake in it is one clear line."""

from dataclasses import replace
from typing import Any

from analysis.errors import UserError
from analysis.formatting import printable, short
from search.cluster.train_own import OwnCodeError, keep_failure, trainings
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


def tried(config: Config, folder: SweepFolder, state: State) -> State:
    """Checks the task of hypernetworks. Of an experiment of the user's own, trains the cheapest missing point, for
    `experiment.trial_seconds` at most, and keeps what comes of it.

    UserError with the user's file and line if it raises, dies, or yields what is no outcome. A sweep of which
    something is done needs no trial.
    """
    if not isinstance(config, OwnConfig):
        check_task(config, state)
        return state
    if not config.experiment.trial_seconds or state.known:
        return state
    if config.ray.gpus_per_pack and ray_address(config):  # this machine may have no GPU
        return state
    experiment, at = OwnExperiment(config), location(config, folder, "ledger")
    point, place = experiment.cheapest(state.missing), config.ray.storage or folder.path
    storage.mark(place)
    job = settings(config, folder, experiment.device) | {"timeout": config.experiment.trial_seconds, "tries": 1}
    member: dict[str, Any] = {"key": point.key, "place": dict(point.place), "seed": point.seed}
    with open(folder.log, "ab") as log:
        try:
            [(_, failure)] = trainings(job, [member], lambda share: None, output=log)
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
        raise UserError(printable(f"{failure.reason} (tried at {where}, seed {point.seed}; see {folder.log})"))
    if failure:
        keep_failure(job, member, failure)
    ledger.copy(at, folder.ledger, {point.key})
    record = ledger.read(ledger.record_path(folder.ledger, point.key))
    return replace(state, rows=state.rows | {point.key: record.row})
