"""What neurons contribute: closed forms against samples, and the order parameters of other activations and inputs."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.activations import ACTIVATIONS
from analysis.algorithms.classify import describe
from analysis.algorithms.neurons import contributions
from analysis.algorithms.order_parameters import order_parameters
from analysis.distributions import DISTRIBUTIONS
from analysis.network import Network
from analysis.patterns.explain import explain
from tests.support.known_networks import assemble, kinks, l1_norm, pass_through, unstructured


def random_network(activation: str, inputs: str) -> Network:
    rng = np.random.default_rng(5)
    shapes = ((1, 8, 3), (1, 8), (1, 8), (1,))
    return Network(*(rng.standard_normal(shape) for shape in shapes), activation=activation, inputs=inputs)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("inputs", DISTRIBUTIONS)
def test_contributions_are_those_of_a_large_sample(activation, inputs):
    network = random_network(activation, inputs)
    circuits = np.random.default_rng(6).random((1, 8, 2))
    found = contributions(network, circuits)
    x = DISTRIBUTIONS[inputs].sample(np.random.default_rng(7), (200_000, 3)).astype(float)
    one = network[0]
    values = one.output_weight * ACTIVATIONS[activation].value(x @ one.hidden_weight.T + one.hidden_bias)
    slopes = x.T @ (values - values.mean(0)) / len(x)
    rest = values - values.mean(0) - x @ slopes
    np.testing.assert_allclose(found.slopes[0], slopes.T, atol=0.05)
    np.testing.assert_allclose(found.linear[0], np.linalg.norm(slopes, axis=0), atol=0.05)
    np.testing.assert_allclose(found.deviation[0], rest.std(0), atol=0.03)
    np.testing.assert_allclose(found.variances[0], ((rest @ circuits[0]) ** 2).mean(0), atol=0.05)


def test_relu_s_kink_is_exact_at_any_bias():
    network = Network(np.array([[2.0]] * 3), np.array([0.0, 1.0, -3.0]), np.ones(3), np.array(0.0), "relu")
    found = contributions(network.flat())
    assert found.kinks[0, 0] == pytest.approx(2, abs=1e-12)
    u = np.linspace(-9, 9, 200_001)
    density = np.exp(-u * u / 2) / np.sqrt(2 * np.pi) * (u[1] - u[0])
    for j, bias in enumerate(network.hidden_bias):
        assert found.slopes[0, j, 0] == pytest.approx(density @ (np.maximum(2 * u + bias, 0) * u), abs=1e-6)


def test_inputs_of_two_values_have_no_kink():
    network = replace(assemble(kinks(3, 1), kinks(3, -1), offset=0.0), inputs="rademacher")
    found = contributions(network.flat())
    assert np.abs(found.deviation).max() < 1e-6 and np.abs(found.kinks).max() < 1e-6
    assert all(np.isfinite(value).all() for value in order_parameters(network.flat()).values())


def known(activation: str) -> dict[str, Network]:
    """Networks made of the circuits of known_networks; their offsets are put right later."""
    n, rng = 6, np.random.default_rng(1)
    circuits = {
        "double_sided": (kinks(n, 1), kinks(n, -1)),
        "pudding_positive": (kinks(n, 1, 2.0), pass_through(n, -1.0)),
        "pudding_negative": (kinks(n, -1, 2.0), pass_through(n, 1.0)),
        "convexity": (unstructured(n, 3 * n, rng),),
    }
    return {name: replace(assemble(*parts, offset=0.0), activation=activation) for name, parts in circuits.items()}


@pytest.mark.parametrize("inputs", ["normal", "uniform"])
@pytest.mark.parametrize("activation", ["relu", "gelu", "swish"])
def test_networks_of_other_activations_and_inputs_are_named(activation, inputs):
    for name, network in known(activation).items():
        network = replace(network, inputs=inputs)
        x = DISTRIBUTIONS[inputs].sample(np.random.default_rng(0), (4096, 6))
        outputs, wanted = network(x), l1_norm(x)
        slope = np.cov(outputs, wanted)[0, 1] / outputs.var() if name == "convexity" else 1.0
        network = replace(network, output_weight=slope * network.output_weight)
        network = replace(network, output_bias=np.array(wanted.mean() - network(x).mean()))
        found, explained = describe(network, l1_norm), explain(network, l1_norm)
        assert (found["algorithm"], explained.algorithm) == (name, name)
        assert (found["activation"], found["inputs"], found["assumed"]) == (activation, inputs, [])
        if name != "convexity":
            assert found["relative_error"] < 0.02 and found["faithfulness"] > 0.995 and explained.r_squared > 0.99
        else:
            assert f"Σⱼ {activation}(wⱼ·x" in found["formula"] and found["faithfulness"] > 0.98
        gate = {"swish": "·σ(", "gelu": "·Φ(", "relu": "relu("}[activation]
        assert name == "convexity" or gate in found["formula"] or "relu(" in found["formula"]
