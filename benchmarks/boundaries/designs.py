"""Where trials lie before a sampler sees a label: grids, and our sampler's own start."""

import numpy as np

from benchmarks.boundaries.synthetic import DIMENSIONS, HIGH, LOW

OWN = ("phase boundary", "phase boundary per cost")


class Design:
    """All places are known beforehand."""

    def __init__(self, places):
        self.places, self.told = places, 0

    def ask(self, count):
        self.told += count
        return self.places[self.told - count : self.told]

    def tell(self, points, labels):
        pass


def grid(trials: int, dimensions=DIMENSIONS):
    """A regular grid of at most so many cells, their middles: (cells, 2). 1.5 times as many along β did best."""
    along_n = int(min(len(dimensions), max(2, round(np.sqrt(trials / 1.5)))))
    along_x = trials // along_n
    log_x = LOW + (np.arange(along_x) + 0.5) / along_x * (HIGH - LOW)
    n = np.round(dimensions[0] - 0.5 + (np.arange(along_n) + 0.5) / along_n * len(dimensions))
    return np.stack(np.meshgrid(log_x, n, indexing="ij"), axis=-1).reshape(-1, 2)


def unit_to_map(unit, dimensions=DIMENSIONS):
    """(points, 2) in [0, 1) -> log10 x and a whole n."""
    n = dimensions[0] + np.floor(unit[:, 1] * len(dimensions))
    return np.stack([LOW + unit[:, 0] * (HIGH - LOW), n], axis=1)
