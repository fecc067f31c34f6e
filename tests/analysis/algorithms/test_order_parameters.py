"""Closed forms against sampling, and values of the order parameters where they are known."""

import numpy as np
import pytest

from analysis.activations import swish
from analysis.algorithms.classify import RANGES, read
from analysis.algorithms.neurons import neuron_kinks, neuron_spectra
from analysis.algorithms.order_parameters import order_parameters
from analysis.network import Network
from tests.support.known_networks import assemble, convexity, double_sided, duplicated, kinks, l1_norm, pudding, table


def batch_of_one(network: Network) -> Network:
    return network.map(lambda array: array[None])


def values(network: Network) -> dict[str, float]:
    return {name: float(array[0]) for name, array in order_parameters(batch_of_one(network)).items()}


def test_spectra_agree_with_sampling():
    rng = np.random.default_rng(0)
    row, bias, out = np.array([[0.6, -1.1]]), np.array([0.4]), np.array([1.7])
    spectrum = neuron_spectra(Network(row, bias, out, np.array(0.0)))[0]
    u = rng.standard_normal(2_000_000)
    f = 1.7 * swish(np.linalg.norm(row) * u + 0.4)
    assert spectrum[0] == pytest.approx((f * u).mean(), abs=0.01)
    assert spectrum[1] == pytest.approx((f * (u**2 - 1)).mean() / np.sqrt(2), abs=0.02)
    assert (spectrum**2).sum() == pytest.approx(f.var(), rel=0.01)


def test_kink_of_a_sharp_neuron_is_its_slope_and_of_a_pass_through_zero():
    sharp = assemble(kinks(3, 1, 2.0, t=200.0), offset=0.0)
    assert neuron_kinks(neuron_spectra(sharp)) == pytest.approx(2.0, rel=0.02)
    through = Network(np.array([[1.0]]), np.array([12.0]), np.array([1.0]), np.array(0.0))
    assert abs(neuron_kinks(neuron_spectra(through))[0]) < 1e-3


def test_ideal_values():
    n = 8
    double, positive, negative, dense = (
        values(network) for network in (double_sided(n), pudding(n, 1), pudding(n, -1), convexity(n, 40))
    )
    for name, network in (("double", double), ("positive", positive), ("negative", negative)):
        assert network["locality"] > 0.99, name
        assert network["amplitude"] == pytest.approx(1, abs=0.1), name
        assert network["coverage"] == 1, name
        assert network["linear_rest"] < 0.05, name
    assert double["sidedness"] == pytest.approx(0, abs=1e-6)
    assert positive["sidedness"] == pytest.approx(1)
    assert negative["sidedness"] == pytest.approx(-1)
    assert (double["one_input_neurons"], positive["one_input_neurons"]) == (2 * n, n)
    assert (double["pass_through_neurons"], positive["pass_through_neurons"]) == (0, 1)
    assert positive["pass_through"] == pytest.approx(0.5, abs=0.05)
    assert dense["locality"] < 0.1
    assert dense["participation"] > 2.5
    assert dense["positivity"] == 1


def test_every_value_lies_in_its_documented_range():
    for known in table():
        readings = read(batch_of_one(known.network), l1_norm)
        assert set(readings.order_parameters) == set(RANGES)
        for name, array in readings.order_parameters.items():
            low, high, _ = RANGES[name]
            assert low - 1e-9 <= array[0] <= high + 1e-9, (known.name, name, array[0])
        assert 0 <= readings.margin[0] <= 1


def test_splitting_neurons_into_copies_changes_nothing_but_counts():
    network = pudding(6, 1, neurons=2)
    before, after = values(network), values(duplicated(network, np.random.default_rng(0), 3))
    for name in before:
        if not name.endswith("_neurons"):
            assert after[name] == pytest.approx(before[name], abs=1e-9), name


def test_a_mirrored_network_has_mirrored_sidedness():
    network = pudding(6, 1)
    mirror = Network(-network.hidden_weight, network.hidden_bias, network.output_weight, network.output_bias)
    before, after = values(network), values(mirror)
    assert after["sidedness"] == -before["sidedness"]
    assert after["sidedness_min"] == -before["sidedness_max"]
    assert after["locality"] == pytest.approx(before["locality"], abs=1e-12)
