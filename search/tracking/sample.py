"""Which trainings get a model and a drawing in MLflow: all of a sweep up to some thousands, of a larger one a sample.

The sample is stratified: some of every label at every place of the grid, so that what is rare is there too. It depends
on nothing but what came before, so it can be told when a training is logged, long before the last one is done.
"""

import bisect
from collections import Counter

from search.config.schema import Config

BINS = 10  # of an axis with more values than that
LABELS = 4  # that a place may be expected to have, at most

Stratum = tuple[str | int, ...]


class Sample:
    """The sample of one sweep: `config.mlflow.detailed` trainings, or some more where labels are many."""

    def __init__(self, config: Config):
        self._most, self._grid = config.mlflow.detailed, config.grid.size
        self._edges = {name: _edges(values) for name, values in config.grid.values.items()}
        cells = LABELS
        for edges in self._edges.values():
            cells *= len(edges) + 1
        self._quota = max(1, self._most // cells)
        self._counted: Counter[Stratum] = Counter()

    def stratum(self, row: dict) -> Stratum:
        """Where a training belongs."""
        label = row["algorithm"] if row["status"] == "done" else "failed"
        return label, *(bisect.bisect(edges, row[name]) for name, edges in self._edges.items())

    def wants(self, stratum: Stratum) -> bool:
        """Whether the next training of this stratum gets a model and a drawing."""
        few = max(self._grid, self._counted.total() + 1) <= self._most
        return bool(self._most) and (few or self._counted[stratum] < self._quota)

    def count(self, stratum: Stratum) -> None:
        """A training of this stratum was logged, now or before."""
        self._counted[stratum] += 1


def _edges(values: tuple[float, ...]) -> list[float]:
    """Between the bins of an axis: its values, or as many of them as there are bins."""
    values = tuple(sorted(values))
    bins = min(len(values), BINS)
    return [values[len(values) * i // bins] for i in range(1, bins)]
