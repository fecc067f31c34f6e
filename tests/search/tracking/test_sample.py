"""The sample of trainings that get a model and a drawing: some of everything, and not many more than asked for."""

from collections import Counter

import numpy as np

from search.sweep.grid import expand
from search.tracking.sample import Sample
from tests.support.records import smoke


def taken(config, label=lambda point: "convexity"):
    """Rows of the trainings that get a model, logged in the grid's order."""
    sample, found = Sample(config), []
    for point in expand(config):
        row = {"beta": point.beta, "dimension": point.dimension, "seed": point.seed, "algorithm": label(point)}
        stratum = sample.stratum(row | {"status": "done"})
        if sample.wants(stratum):
            found.append(row)
        sample.count(stratum)
    return found


def test_all_of_a_sweep_of_some_thousand():
    config = smoke("grid.seeds=1000")
    assert config.grid.size == config.mlflow.detailed == 2000 and len(taken(config)) == 2000


def test_some_of_everything_of_a_larger_one():
    config = smoke("grid.betas={from=1e-9, to=1, count=40}", "grid.seeds=30", "grid.dimensions=[4, 6, 8]")
    rng = np.random.default_rng(0)

    def label(point):
        return "other" if point.seed == 17 else str(rng.choice(["pudding_positive", "pudding_negative"]))

    found = taken(config, label)
    assert 0.5 * 2000 <= len(found) <= 2000 < config.grid.size
    labels, dimensions = (Counter(row[name] for row in found) for name in ("algorithm", "dimension"))
    assert labels["other"] == 3 * 40  # rare ones all
    assert set(dimensions.values()) == {len(found) // 3}
    low, high = np.histogram(np.log10([row["beta"] for row in found]), bins=2)[0]
    assert low == high


def test_places_beyond_the_grid_and_failures_have_strata_too():
    config = smoke("mlflow.detailed=8")
    sample = Sample(config)
    beyond = sample.stratum({"status": "done", "algorithm": "convexity", "beta": 1e-12, "dimension": 99})
    failed = sample.stratum({"status": "failed", "algorithm": None, "beta": 1.0, "dimension": 3})
    for _ in range(100):
        sample.count(failed)
    assert sample.wants(beyond) and not sample.wants(failed)
    assert not Sample(smoke("mlflow.detailed=0")).wants(beyond)
