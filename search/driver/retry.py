"""Trying failed trainings again: `hyperphase resume SWEEP --retry-failed`."""

import shutil
from dataclasses import replace

from search.config.schema import Config
from search.driver.messages import say
from search.ledger import ledger
from search.sweep.folder import SweepFolder, location
from search.sweep.state import State


def without_failed(config: Config, folder: SweepFolder, state: State) -> State:
    """The state with the grid's failed trainings missing. Their records stay in the ledger as *.npz.failed.

    Keys do not change: what is tried again replaces what failed, in MLflow too.
    """
    points = {point.key for point in state.points}
    failed = {key for key, row in state.rows.items() if row["status"] == "failed" and key in points}
    if not failed:
        return state
    for place in dict.fromkeys([location(config, folder, "ledger"), str(folder.ledger)]):
        ledger.set_failed_aside(place, failed)
    for key in failed:
        shutil.rmtree(folder.files / key, ignore_errors=True)  # a traceback of then
    say("1 failed training is tried again" if len(failed) == 1 else f"{len(failed)} failed trainings are tried again")
    return replace(state, rows={key: row for key, row in state.rows.items() if key not in failed})
