"""The grid of trainings."""

import itertools

from search.config.schema import Config
from search.sweep.experiment import experiment_of
from search.sweep.point import Point


def expand(config: Config) -> list[Point]:
    """Every training of the grid; seed by seed, so that what comes first already covers the whole first axis."""
    experiment, values = experiment_of(config), config.grid.values
    x, *others = (axis.name for axis in experiment.axes)
    return [
        Point(place, seed, experiment.key(place, seed))
        for rest in itertools.product(*(values[name] for name in others))
        for seed in config.grid.seeds
        for first in sorted(values[x], reverse=True)
        for place in [{x: first, **dict(zip(others, rest, strict=True))}]
    ]
