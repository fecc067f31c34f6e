"""The file that a cluster's card proposes names the cluster, and nothing else."""

from analysis.algorithms.algorithm import Algorithm
from analysis.algorithms.order_parameters import order_parameters
from analysis.report.naming import algorithm_file
from analysis.sweeps.clusters import Cluster, find_clusters
from tests.analysis.sweeps.test_clusters import some, table
from tests.support.known_networks import convexity, double_sided, pudding


def test_each_clusters_lines_name_its_own_networks_and_no_others():
    networks = [*some("double", double_sided(4)), *some("double", double_sided(6)), *some("pudding", pudding(4, 1)),
                *some("pudding", pudding(6, -1)), *some("convex", convexity(4, 12, 3))]  # fmt: skip
    rows = table(networks)
    found, _ = find_clusters(rows)
    assert len(found) == 3
    for cluster in found:
        text = algorithm_file(cluster, rows)
        space: dict = {}
        exec(text, space)
        algorithm = space[f"CLUSTER_{cluster.number}"]
        assert isinstance(algorithm, Algorithm) and len(text.splitlines()) <= 11
        named = {
            f"{name}{number}"
            for number, (name, network) in enumerate(networks)
            if algorithm.score(order_parameters(network), network.dimension)[0] > 0
        }
        assert named == set(cluster.keys)


def test_a_cluster_of_everything_is_set_apart_from_nothing():
    rows = table(some("double", double_sided(4)))
    exec(algorithm_file(Cluster(1, tuple(rows["key"]), rows["key"][0], ()), rows), {})
