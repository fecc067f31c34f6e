"""Labels on the table of known networks, and what they must survive."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.algorithms.builtin import isotropic_error
from analysis.algorithms.classify import Readings, describe, read, summarise
from analysis.network import Network
from tests.support.known_networks import (
    Known,
    adam_trained,
    convexity,
    double_sided,
    duplicated,
    l1_norm,
    mirrored,
    noisy,
    padded,
    permuted,
    pudding,
    rescaled,
    table,
)

MIRROR = {"pudding_positive": "pudding_negative", "pudding_negative": "pudding_positive"}
SMALL = [known for known in table() if known.network.dimension <= 8]


def batch(*networks: Network) -> Network:
    return Network(*(np.stack(arrays) for arrays in zip(*(n.arrays.values() for n in networks), strict=True)))


def label(network: Network) -> str:
    return str(read(batch(network), l1_norm).algorithm[0])


@pytest.mark.parametrize("known", table(), ids=lambda known: known.name)
def test_known_networks_get_their_names(known: Known):
    readings = read(batch(known.network), l1_norm)
    assert readings.algorithm[0] == known.algorithm
    if known.converged:
        assert readings.margin[0] > 0.5


def test_networks_trained_by_adam_are_good_but_no_known_algorithm():
    for seed in range(3):
        readings = read(batch(adam_trained(6, 18, seed)), l1_norm)
        assert readings.relative_error[0] < 0.05
        assert readings.algorithm[0] == "other"


@settings(max_examples=40)
@given(known=st.sampled_from(SMALL), seed=st.integers(0, 2**32 - 1))
def test_permuting_hidden_neurons_changes_nothing_at_all(known, seed):
    before = read(batch(known.network), l1_norm)
    after = read(batch(permuted(known.network, np.random.default_rng(seed), inputs=False)), l1_norm)
    assert after.algorithm[0] == before.algorithm[0]
    for name in ("margin", "relative_error", "faithfulness"):
        assert getattr(after, name)[0] == getattr(before, name)[0], name
    for name in before.order_parameters:
        assert after.order_parameters[name][0] == before.order_parameters[name][0], name


@settings(max_examples=40)
@given(known=st.sampled_from(SMALL), seed=st.integers(0, 2**32 - 1))
def test_permuting_inputs_keeps_label_and_order_parameters(known, seed):
    before = read(batch(known.network), l1_norm)
    after = read(batch(permuted(known.network, np.random.default_rng(seed))), l1_norm)
    assert after.algorithm[0] == before.algorithm[0]
    for name in set(before.order_parameters) - {
        "shape_error",
        "correlation",
        "output_variance",
    }:  # these are sampled
        assert after.order_parameters[name][0] == pytest.approx(before.order_parameters[name][0], abs=1e-5), name


@settings(max_examples=60)
@given(
    n=st.integers(2, 20),
    kind=st.sampled_from(["double_sided", "pudding_positive", "pudding_negative", "convexity"]),
    sharpness=st.floats(1.5, 12),
    through=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_labels_survive_everything_that_leaves_the_algorithm(n, kind, sharpness, through, seed):
    rng = np.random.default_rng(seed)
    if kind == "convexity":
        n = max(n, 5)  # few rows in few dimensions are often one-input rows
        network = convexity(n, 3 * n, seed, t=sharpness)
    elif kind == "double_sided":
        network = double_sided(n, t=sharpness)
    else:
        network = pudding(n, 1 if kind == "pudding_positive" else -1, t=sharpness, neurons=min(through, n))
    changed = padded(duplicated(rescaled(network, rng), rng), rng, int(rng.integers(0, 2 * n)))
    assert label(noisy(permuted(changed, rng), rng, 0.02)) == kind


def test_reflection_swaps_the_puddings_and_keeps_the_others():
    for known in SMALL:
        before, after = read(batch(known.network), l1_norm), read(batch(mirrored(known.network)), l1_norm)
        assert after.algorithm[0] == MIRROR.get(known.algorithm, known.algorithm), known.name
        assert after.margin[0] == pytest.approx(before.margin[0], abs=1e-4), known.name


def test_a_batch_reads_like_its_networks():
    networks = [double_sided(4), padded(pudding(4, 1), np.random.default_rng(0), 3), convexity(4, 8)]
    together, alone = read(batch(*networks), l1_norm), [read(batch(network), l1_norm) for network in networks]
    assert list(together.algorithm) == [single.algorithm[0] for single in alone]
    np.testing.assert_allclose(together.faithfulness, [single.faithfulness[0] for single in alone], rtol=1e-6)
    np.testing.assert_allclose(together.margin, [single.margin[0] for single in alone], rtol=1e-6)


def test_an_empty_batch_has_no_readings():
    empty = Network(np.zeros((0, 6, 2)), np.zeros((0, 6)), np.zeros((0, 6)), np.zeros(0))
    assert len(read(empty, l1_norm)) == 0


def test_relative_error_of_zero_output_and_of_the_mean():
    n = 8
    nothing = Network(np.zeros((1, n)), np.zeros(1), np.zeros(1), np.array(0.0))
    mean = Network(np.zeros((1, n)), np.zeros(1), np.zeros(1), np.array(n * np.sqrt(2 / np.pi)))
    readings = read(batch(nothing, mean), l1_norm, samples=20000)
    variance = n * (1 - 2 / np.pi)
    assert readings.relative_error[0] == pytest.approx((n * 2 / np.pi * n + variance) / variance, rel=0.05)
    assert readings.relative_error[1] == pytest.approx(1, rel=0.01)
    assert set(readings.algorithm) == {"constant"}


def test_convexity_s_best_error_agrees_with_sampling():
    x = np.random.default_rng(0).standard_normal((400_000, 6))
    radius, wanted = np.linalg.norm(x, axis=1), np.abs(x).sum(1)
    assert isotropic_error(6) == pytest.approx(1 - np.corrcoef(radius, wanted)[0, 1] ** 2, abs=2e-3)
    assert isotropic_error(10_000) == pytest.approx(1 - (1 / np.pi) / (1 - 2 / np.pi), abs=1e-3)


def readings_of(algorithms: list[str], errors: list[float]) -> Readings:
    k = len(algorithms)
    return Readings(
        np.array(algorithms), np.full(k, 0.5), np.array(errors), np.full(k, 0.9), {"locality": np.arange(k)}
    )


def test_summary_takes_the_majority_and_its_median_draw():
    row = summarise(readings_of(["other", "convexity", "convexity", "convexity"], [9.0, 0.3, 0.1, 0.2]))
    assert row["algorithm"] == "convexity"
    assert row["purity"] == row["fraction_convexity"] == 0.75
    assert row["fraction_other"] == 0.25
    assert row["representative"] == 3
    assert row["locality"] == 2
    assert sum(row[f"fraction_{name}"] for name in Readings.labels) == 1


def test_ties_go_to_the_earlier_algorithm():
    assert summarise(readings_of(["other", "double_sided", "other", "double_sided"], [1, 1, 1, 1]))["algorithm"] == (
        "double_sided"
    )


def test_describe_is_json_with_the_contract_s_keys(tmp_path):
    pudding(6, -1).save(tmp_path / "p.npz")
    record = json.loads(json.dumps(describe(tmp_path / "p.npz", l1_norm)))
    assert {"file", "algorithm", "formula", "faithfulness", "relative_error", "order_parameters"} <= set(record)
    assert record["algorithm"] == "pudding_negative"
    assert record["file"] == str(tmp_path / "p.npz")
    assert record["faithfulness"] > 0.98
