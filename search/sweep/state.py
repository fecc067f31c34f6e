"""What of a sweep's grid is done."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from search.config.schema import Config
from search.ledger.index import LedgerIndex
from search.sweep import tables
from search.sweep.experiment import experiment_of
from search.sweep.folder import SweepFolder
from search.sweep.grid import expand
from search.sweep.point import Point


@dataclass(frozen=True)
class State:
    """How far a sweep is. points: its grid; rows: key -> ledger row, of every training with this recipe.

    annealed: likewise, of trainings that went on from others (`hyperphase anneal`).
    others: trainings in the ledger by how their recipe differs from this one.
    placeless: keys of records that do not say where on the axes they are.
    """

    points: list[Point]
    rows: dict[str, dict]
    others: Counter = field(default_factory=Counter)
    annealed: dict[str, dict] = field(default_factory=dict)
    placeless: list[str] = field(default_factory=list)

    @property
    def known(self) -> dict[str, dict]:
        """Rows of both."""
        return self.rows | self.annealed

    @property
    def missing(self) -> list[Point]:
        known = self.known
        return [point for point in self.points if point.key not in known]

    @property
    def counts(self) -> Counter:
        """Trainings of the grid per algorithm, and "failed"."""
        keys = {point.key for point in self.points}
        rows = [row for key, row in self.known.items() if key in keys]
        return Counter(row["algorithm"] if row["status"] == "done" else "failed" for row in rows)


def read_state(
    config: Config, folder: SweepFolder, points: Callable[[dict], list[Point]] | None = None, *, verify: bool = False
) -> State:
    """Reads the ledger by its index. points: of the rows, what is asked for; the grid by default.

    verify: reads and checks every record anew.
    """
    index = LedgerIndex(folder.ledger, folder.index)
    index.refresh(verify=verify)
    experiment, labels = experiment_of(config), tables.read_labels(folder)
    found = tables.part_by_recipe(index.rows, experiment.recipe, labels, [axis.name for axis in experiment.axes])
    rows, annealed = ({row["key"]: row for row in some} for some in (found.rows, found.annealed))
    return State(points(rows) if points else expand(config), rows, found.others, annealed, found.placeless)
