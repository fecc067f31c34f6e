import math
import tracemalloc

import numpy as np
import pandas as pd

from analysis.algorithms.order_parameters import order_parameters
from analysis.sweeps.clusters import find_clusters
from tests.support.known_networks import convexity, double_sided, noisy, pudding


def table(networks, algorithm="other"):
    rows = [
        {"key": f"{name}{i}", "dimension": network.dimension, "beta": 1e-5, "seed": i, "algorithm": algorithm}
        | {parameter: float(values[0]) for parameter, values in order_parameters(network).items()}
        for i, (name, network) in enumerate(networks)
    ]
    return pd.DataFrame(rows)


def some(name, network, count=6):
    rng = np.random.default_rng(len(name))
    return [(name, noisy(network, rng)) for _ in range(count)]


def test_networks_that_compute_alike_share_a_cluster():
    """Whatever the labels say: three algorithms, mirror images and dimensions mixed, give three clusters."""
    networks = [
        *some("double", double_sided(4)), *some("double", double_sided(6)),
        *some("pudding", pudding(4, 1)), *some("pudding", pudding(4, -1)), *some("pudding", pudding(6, -1)),
        *some("convex", convexity(4, 12, 3)), *some("convex", convexity(6, 18, 4)),
    ]  # fmt: skip
    found, score = find_clusters(table(networks))
    kinds = [{key.rstrip("0123456789") for key in cluster.keys} for cluster in found]
    assert kinds == [{"pudding"}, {"double"}, {"convex"}] or kinds == [{"pudding"}, {"convex"}, {"double"}]
    assert [len(cluster.keys) for cluster in found] == [18, 12, 12] and 0.5 < score <= 1
    assert all(cluster.typical in cluster.keys for cluster in found)
    assert "locality" in [name for cluster in found for name, *_ in cluster.distinguishing]


def test_noise_makes_no_clusters():
    found, score = find_clusters(table(some("pudding", pudding(6, 1), 12)))
    assert len(found) == 1 and len(found[0].keys) == 12 and math.isnan(score)
    assert all(math.isnan(there) for _, _, there in found[0].distinguishing)


def test_only_what_has_no_name_is_clustered():
    known = table(some("pudding", pudding(4, 1)), "pudding_positive")
    unknown = table(some("double", double_sided(4), 3))
    assert find_clusters(pd.concat([known, unknown]))[0] == [] and find_clusters(known)[0] == []
    assert find_clusters(known.drop(columns=known.columns[5:]).assign(algorithm="other"))[0] == []


def test_identical_networks_are_one_cluster():
    found, _ = find_clusters(table([("same", pudding(4, 1))] * 5))
    assert [len(cluster.keys) for cluster in found] == [5]


def test_patterns_come_first():
    """Three patterns, one of them in mirror images and too few of a fourth: order parameters cluster what is left."""
    rows = table([*some("double", double_sided(4), 5), *some("pudding", pudding(4, 1), 4),
                  *some("pudding", pudding(4, -1), 4), *some("convex", convexity(4, 12, 3), 3)])  # fmt: skip
    patterns = {"double": "A", "convex": "B"}
    rows["pattern"] = [patterns.get(key.rstrip("0123456789"), "") for key in rows["key"]]
    sides = rows["key"].str.startswith("pudding")
    rows.loc[sides, "pattern"] = ["Σᵢ r(xᵢ) − Σᵢ xᵢ"] * 4 + ["Σᵢ r(−xᵢ) + Σᵢ xᵢ"] * 4
    found, score = find_clusters(rows)
    assert [(len(cluster.keys), cluster.pattern) for cluster in found] == [
        (8, "Σᵢ r(xᵢ) − Σᵢ xᵢ"), (5, "A"), (3, "B")]  # fmt: skip
    assert -1 <= score <= 1


def test_of_many_trainings_a_sample_is_clustered_and_all_are_assigned():
    """Ten thousand rows of two kinds, 9 to 1: their distances alone would take a gigabyte."""
    rng = np.random.default_rng(0)
    kind = np.arange(10_000) % 10 == 0
    done = pd.DataFrame({"key": [f"{i:x}" for i in range(len(kind))], "algorithm": "other", "dimension": 4,
                         "locality": kind + 0.01 * rng.normal(size=len(kind))})  # fmt: skip
    tracemalloc.start()
    found, score = find_clusters(done)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [len(cluster.keys) for cluster in found] == [9000, 1000] and 0.9 < score <= 1
    assert set(found[1].keys) == set(done["key"][kind])
    assert most < 2e8
