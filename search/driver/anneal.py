"""`hyperphase anneal`: hypernetworks go on at the next β from where they are, up and down the ladder.

Where the two ways end in different algorithms there is hysteresis: training keeps what it has beyond the β at which
another algorithm is as good (`analysis.phases.equilibrium`).
"""

from pathlib import Path

from analysis.errors import UserError
from analysis.formatting import trainings
from search.config.schema import Config, HypernetworkConfig
from search.driver import sweep as driver
from search.driver.train import connected, train
from search.ledger import ledger
from search.sweep import folder as folders
from search.sweep.annealing import ladder, rung_recipe
from search.sweep.experiment import hypernetworks_only
from search.sweep.folder import SweepFolder
from search.sweep.grid import expand
from search.sweep.point import Point
from search.sweep.state import State


def anneal(config: Config, path: Path, *, command: list[str]) -> int:
    """Anneals the sweep in `path`; the same call again does what is missing. Returns the exit code."""
    config = hypernetworks_only(config, path)
    kind = config.training.kind
    if kind.shares_weights or not kind.has_hypernetwork:
        raise UserError(
            f"{path}: only hypernetworks of one β each can go on at another, not {config.training.trainable}"
        )
    if len(config.grid.betas) < 2:
        raise UserError(f"{path}: its grid has only one β, so there is no ladder to go up and down")
    folder = folders.existing(path)
    annealing = Annealing(config, folder)
    return driver.drive(config, folder, driver.Job("anneal", annealing.points, annealing.work), command=command)


class Annealing:
    """The ladder of a sweep, and what of it cannot be trained because a training on the way failed."""

    def __init__(self, config: HypernetworkConfig, folder: SweepFolder):
        self.config, self.folder = config, folder
        self.rungs = ladder(config)
        update = rung_recipe(config).model_dump(include={"steps", "learning_rate", "dimensions"})
        training = config.training.model_copy(update={"dimensions": ()} | update)
        self.rung_config = config.model_copy(update={"training": training})
        self.cut: set[str] = set()

    def points(self, rows: dict[str, dict]) -> list[Point]:
        """The grid's trainings and the rungs."""
        rungs = [point for rung in self.rungs for point in rung if point.key not in self.cut]
        return [*expand(self.config), *rungs]

    def work(self, state: State, tracking) -> list[str]:
        """Rung by rung. One line for every pack that failed for good."""
        missing = sum(point.key not in state.rows for point in expand(self.config))
        if missing:
            raise UserError(
                f"{self.folder.path}: {trainings(missing)} of its grid missing; `hyperphase resume` comes first"
            )
        rows = state.known
        if all(point.key in rows for rung in self.rungs for point in self._begun(rung, rows)):
            return []
        with connected(self.config, self.folder, state, tracking) as cluster:
            for rung in self.rungs:
                batch = self._begun(rung, rows)
                left = State([point for point in batch if point.key not in rows], {})
                if not left.points:
                    continue
                problems = train(self.rung_config, self.folder, cluster, left, tracking)
                rows |= self._read(left.points)
                if problems or any(point.key not in rows for point in left.points):
                    return problems or ["a pack ended without all of its trainings"]
        return []

    def _begun(self, rung: list[Point], rows: dict[str, dict]) -> list[Point]:
        """Those of a rung whose start did not fail."""
        self.cut |= {
            point.key
            for point in rung
            if point.start in self.cut or rows.get(point.start, {}).get("status", "done") != "done"
        }
        return [point for point in rung if point.key not in self.cut]

    def _read(self, points: list[Point]) -> dict[str, dict]:
        """Rows of those that the ledger has."""
        found = {}
        for point in points:
            record = ledger.read_or_set_aside(ledger.record_path(self.folder.ledger, point.key), hypernetwork=False)
            if record is not None:
                found[point.key] = record.row
        return found
