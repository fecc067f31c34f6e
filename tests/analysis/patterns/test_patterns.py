"""The pattern of a network built by hand is recovered under every disguise, and its constants with it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import ndtr

from analysis.algorithms.inputs import fresh_inputs
from analysis.network import Network
from analysis.patterns.explain import explain, explain_all
from tests.support.known_networks import noisy, padded, permuted
from tests.support.pattern_networks import PATTERNS, Pattern, around_the_mean, deviation, disguised

DIMENSIONS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32)
CASES = [(pattern, n) for pattern in PATTERNS for n in DIMENSIONS if pattern.smallest <= n <= pattern.largest]


def as_batch(network: Network) -> Network:
    return network.map(lambda array: array[None])


def names(case) -> str:
    return case.name if isinstance(case, Pattern) else str(case)


@pytest.mark.parametrize(("pattern", "n"), [case for case in CASES if case[1] <= 8], ids=names)
def test_built_networks_are_explained_exactly(pattern: Pattern, n: int):
    found = explain(pattern.build(n))
    assert found.pattern == pattern.pattern
    assert deviation(found, pattern.constants(n)) < 0.02
    if not found.directions:
        assert found.r_squared > 0.999 and found.r_squared_at_twice_the_scale > 0.99
        assert all(len(kind.constants) <= 6 for kind in found.types)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("disguise", [False, True])
def test_networks_of_other_activations_are_explained_alike(activation: str, disguise: bool):
    for pattern, n in CASES:
        if n not in (3, 6):
            continue
        network = replace(pattern.build(n), activation=activation)
        found = explain(disguised(network, np.random.default_rng([1, n])) if disguise else network)
        wanted = [{k: v for k, v in one.items() if k != "s" or activation != "relu"} for one in pattern.constants(n)]
        assert found.pattern == pattern.pattern
        assert deviation(found, wanted) < 0.02
        assert ("relu(" in found.text or "|" in found.text) == (activation == "relu") or found.directions
        x = fresh_inputs(n, 64, 9)
        function = {"np": np, "ndtr": ndtr}
        exec(found.python, function)
        np.testing.assert_allclose(function["f"](x), found.predict(x), rtol=1e-4, atol=1e-4)


def test_saturating_networks_are_explained_by_what_saturates():
    """tanh is odd: the two sides of an input are one, and r(u) − r(−u) is no line."""
    eye = np.eye(4)
    network = Network(np.concatenate([2 * eye, -2 * eye]), np.zeros(8), np.repeat([0.5, -0.5], 4), 0.0, "tanh")
    found = explain(network)
    assert found.r_squared > 0.9999 and not found.groups and found.algorithm == "other"
    assert "r(u) = tanh(2·u)/2" in found.text
    apart = Network(3 * eye, np.full(4, -2.0), np.ones(4), 0.0, "tanh")  # one side of every input
    found = explain(apart)
    assert found.pattern == "Σᵢ r(xᵢ)" and found.r_squared > 0.9999
    assert found.types[0].constants == pytest.approx({"A": 3.0, "s": 3.0, "rho": 0.0, "tau": -2 / 3}, rel=0.02)


def test_disguised_patterns_are_recovered():
    """Split copies, dead neurons, permutations and weight noise: 98 % of patterns, and of constants within 2 %."""
    recovered, near = [], []
    for pattern, n in CASES:
        found = explain(disguised(pattern.build(n), np.random.default_rng([1, n])))
        recovered.append(found.pattern == pattern.pattern)
        near.append(recovered[-1] and deviation(found, pattern.constants(n)) < 0.02)
    assert np.mean(recovered) >= 0.98
    assert np.mean(near) >= 0.95  # of single networks: where noise moves a neuron of its own kind by 2 %, none can tell


@pytest.mark.slow
def test_disguised_patterns_are_recovered_under_many_disguises():
    cases = [(pattern, n, seed) for pattern, n in CASES for seed in range(10)]
    recovered, near = [], []
    for pattern, n, seed in cases:
        found = explain(disguised(pattern.build(n), np.random.default_rng([seed, n])))
        recovered.append(found.pattern == pattern.pattern)
        near.append(recovered[-1] and deviation(found, pattern.constants(n)) < 0.02)
    assert np.mean(recovered) >= 0.98
    assert np.mean(near) >= 0.97


def test_the_order_of_neurons_changes_nothing_but_their_indices():
    rng = np.random.default_rng(5)
    for pattern in PATTERNS:
        network = noisy(pattern.build(6), rng)
        before = explain(network)
        after = explain(permuted(network, rng, inputs=False))
        assert (after.text, after.r_squared, after.constants) == (before.text, before.r_squared, before.constants)


def test_neurons_are_counted_as_they_came():
    network = PATTERNS[4].build(6)  # six neurons that stand out, one that passes a sum
    found = explain(network)
    assert found.types[0].neurons == tuple(range(6))
    assert found.structure.linear_neurons == (6,)


def test_a_batch_is_explained_like_its_networks():
    networks = [disguised(pattern.build(6), np.random.default_rng(2)) for pattern in PATTERNS[:3]]
    hidden = max(network.hidden for network in networks)
    rng = np.random.default_rng(0)
    networks = [padded(network, rng, hidden - network.hidden) for network in networks]
    together = explain_all(Network.together([as_batch(network) for network in networks]))
    assert [one.text for one in together] == [explain(network).text for network in networks]


def test_incomplete_types_are_said_to_be():
    found = explain(PATTERNS[-1].build(6))
    assert "Σ_{i∈{1,2,3}} r(xᵢ)" in found.text.replace("1.5·", "") or "Σ_{i∈{1,2,3}} [" in found.text
    assert "some" in found.pattern


@pytest.mark.parametrize(("n", "hidden"), [(3, 7), (3, 9), (6, 60), (12, 100)])
def test_rows_around_the_mean_are_the_distance_from_it(n: int, hidden: int):
    found = explain(around_the_mean(n, hidden, np.random.default_rng(n)))
    assert found.pattern == "Σⱼ r(wⱼ·(x − x̄))" and found.algorithm == "other"
    assert found.r_squared > 0.98 and found.types[0].neurons == tuple(range(hidden))
    if n == 3:  # enough rows for every direction
        assert "·√(Σᵢ (xᵢ − x̄)² + " in found.text and found.directions == 0 and found.constants <= 3


@pytest.mark.filterwarnings("error")
def test_inputs_of_one_length_are_no_radius():
    rng = np.random.default_rng(4)
    weights = rng.standard_normal((12, 4)), rng.standard_normal(12), rng.standard_normal(12), np.array(0.0)
    found = explain(Network(*weights, inputs="rademacher"))
    assert "√" not in found.text and found.pattern


def test_many_rows_without_structure_are_told_at_once():
    """Of hundreds of rows some follow any template; as types of their own they would take minutes to fit."""
    rows = np.random.default_rng(0).standard_normal((300, 5))
    found = explain(Network(rows, np.zeros(300), np.full(300, 0.01), np.array(0.0)))
    assert found.pattern == "Σⱼ r(wⱼ·x)" and found.r_squared > 0.98


def of_rows(rows, slope: float = 0.25, bias: float = 0.0, activation: str = "swish") -> Network:
    rows = np.asarray(rows, float)
    return Network(rows, np.full(len(rows), bias), np.full(len(rows), slope), np.array(0.0), activation)


EYE = {n: np.eye(n) for n in (2, 4, 5, 6, 8)}
OTHERS = {  # networks of few neurons or of other types than PATTERNS, and how their formulas begin
    "one input of eight": (of_rows([4 * EYE[8][0]]), "Σ_{i∈{1}} r(xᵢ), "),
    "a difference of two inputs": (of_rows([[1, -1], [-1, 1]], 1, 0, "relu"), "Σᵢ relu(xᵢ − Σₖ≠ᵢ xₖ)"),
    "two differences": (of_rows(4 * (EYE[4][[0, 2]] - EYE[4][[1, 3]])), "Σ_{2 of 12 pairs} r(xᵢ − xⱼ), "),
    "one subset, both sides": (
        of_rows(4 * np.array([[1, 1, 1, 0, 0, 0, 0, 0], [-1, -1, -1, 0, 0, 0, 0, 0]])),
        "Σ_{1 of 56 sets S of 3} [r(Σ_S xᵢ) + r(−Σ_S xᵢ)], ",
    ),
    "alternating sum": (
        of_rows(4 * np.array([[1, -1] * 3, [-1, 1] * 3])),
        "Σ_{2 of 20 sets S of 3} r(Σ_S xᵢ − Σ_rest xₖ), ",
    ),
    "twice one input less another": (
        of_rows([4 * (2 * i - j) for i in EYE[4] for j in EYE[4] if i is not j and (i != j).any()]),
        "2·Σᵢ≠ⱼ r(xᵢ − 0.5·xⱼ), ",
    ),
    "an amplitude each": (
        Network(4 * np.r_[EYE[5], -EYE[5]], np.zeros(10), np.tile(np.arange(1, 6), 2) / 4, np.array(0.0)),
        "5·Σ_{i∈{5}} [r(xᵢ) + r(−xᵢ)] + 4·Σ_{i∈{4}} [r(xᵢ) + r(−xᵢ)] + 3·",
    ),
    "three thresholds": (
        Network(4 * np.tile(EYE[4], (3, 1)), np.repeat([4.0, 0.0, -4.0], 4), np.full(12, 0.25), np.array(0.0)),
        "Σᵢ [r(xᵢ − 1) + r(xᵢ) + r(xᵢ + 1)], ",
    ),
    "a product": (
        Network([[1, 1], [-1, -1], [1, -1], [-1, 1]], np.zeros(4), [1, 1, -1, -1], np.array(0.0)),
        "[r(Σᵢ xᵢ) + r(−Σᵢ xᵢ)] − Σᵢ r(xᵢ − Σₖ≠ᵢ xₖ), ",
    ),
    "rows of a thousandth": (of_rows(0.004 * np.r_[EYE[6], -EYE[6]], 250), "Σᵢ [r(xᵢ) + r(−xᵢ)], r(u) = u·σ(0.004·u)"),
    "rows of a thousand": (of_rows(1000 * np.r_[EYE[6], -EYE[6]], 0.001), "Σᵢ |xᵢ|"),
}  # fmt: skip


@pytest.mark.parametrize(("network", "formula"), OTHERS.values(), ids=OTHERS)
def test_other_networks_are_explained_exactly(network: Network, formula: str):
    network = network.map(lambda array: np.asarray(array, float))
    found = explain(network)
    assert found.text.startswith(formula) and found.directions == 0
    assert found.r_squared > 0.9999


def test_random_weights_have_no_short_formula():
    rng = np.random.default_rng(0)
    network = Network(rng.standard_normal((24, 8)), rng.standard_normal(24), rng.standard_normal(24), np.array(0.0))
    found = explain(network)
    assert found.directions >= 20 and found.left_over > 0.01
    assert found.algorithm == "other"
