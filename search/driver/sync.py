"""`hyperphase sync`: log to MLflow what the ledger has and MLflow has not."""

from analysis.errors import UserError
from search.config.schema import Config
from search.config.secrets import check_secrets
from search.sweep import folder as folders
from search.sweep import manifest
from search.sweep.folder import SweepFolder
from search.sweep.state import read_state
from search.tracking.queue import TrackingQueue


def sync(config: Config, folder: SweepFolder) -> int:
    """Logs in the foreground; UserError if the store cannot be reached."""
    check_secrets(config)
    with folders.locked(folder):
        manifest.set_aside_damaged(folder)
        facts = manifest.read(folder)
        facts["sweep"] = folders.mark(folder)
        state = read_state(config, folder)
        queue = TrackingQueue(config, folder, facts, say=lambda text: None)
        queue.put(state.known.values())
        queue.start()
        try:
            queue.finish()
        except KeyboardInterrupt:
            queue.finish(abandon=True)
            raise
        queue.close("FAILED" if state.missing else "FINISHED", dict(state.counts))
    if queue.error:
        raise UserError(f"MLflow: {queue.error}; {queue.logged} trainings were logged, {queue.waiting} are missing")
    print(f"{queue.logged} trainings logged, {len(state.known) - queue.logged} were there")
    return 0
