"""Activations against PyTorch's, distributions against their moments; both halves of hyperphase know the same ones."""

from typing import get_args

import numpy as np
import pytest
import sympy
import torch
from scipy.special import ndtr

from analysis.activations import ACTIVATIONS
from analysis.distributions import DISTRIBUTIONS
from trainables.inputs import INPUTS, quadrature, sample
from trainables.models.activations import FUNCTIONS
from trainables.recipe import Activation
from trainables.training.noise import inputs_from


def test_both_halves_know_the_same_names():
    assert tuple(ACTIVATIONS) == tuple(FUNCTIONS) == get_args(Activation)
    assert tuple(DISTRIBUTIONS) == INPUTS


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_and_slopes_are_those_of_torch(name, dtype):
    z = np.linspace(-9, 9, 101, dtype=dtype)  # 0 is among them
    x = torch.from_numpy(z).requires_grad_()
    wanted = FUNCTIONS[name](x)
    (slope,) = torch.autograd.grad(wanted.sum(), x)
    value, found = ACTIVATIONS[name].value_and_slope(z)
    assert value.dtype == found.dtype == ACTIVATIONS[name].value(z).dtype == dtype
    np.testing.assert_allclose(value, wanted.detach().numpy(), atol=1e-6, rtol=1e-5)
    np.testing.assert_allclose(found, slope.numpy(), atol=1e-6, rtol=1e-5)
    np.testing.assert_allclose(ACTIVATIONS[name].value(np.array([-1e4, 1e4]))[1], 1 if name == "tanh" else 1e4)
    source = eval(ACTIVATIONS[name].python.format(z="z"), {"z": z.astype(float), "np": np, "ndtr": ndtr})
    np.testing.assert_allclose(source, value, atol=1e-6)
    symbol = sympy.symbols("z")
    assert float(ACTIVATIONS[name].expression(symbol).subs(symbol, 0.5)) == pytest.approx(
        float(FUNCTIONS[name](torch.tensor(0.5))), abs=1e-6
    )


@pytest.mark.parametrize("name", [name for name, one in ACTIVATIONS.items() if one.unbends])
def test_unbending(name):
    z, act = np.linspace(-5, 5, 41), ACTIVATIONS[name].value
    np.testing.assert_allclose(act(z) - act(-z), z, atol=1e-12)
    np.testing.assert_allclose(act(1e4 * z) / 1e4, np.maximum(z, 0), atol=1e-3)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_inputs_have_mean_0_and_variance_1_everywhere(name):
    noise = torch.randn(1, 200_000, 2, generator=torch.Generator().manual_seed(0))
    one = DISTRIBUTIONS[name]
    for x in (
        one.sample(np.random.default_rng(0), (200_000, 2)),
        sample(name, (200_000, 2), 0),
        inputs_from(noise, name).numpy()[0],
    ):
        assert np.abs(x.mean(0)).max() < 0.01 and np.abs(x.var(0) - 1).max() < 0.01
        assert np.abs(x).std() == pytest.approx(one.spread, abs=0.01)
    nodes, weights = quadrature(name)
    if nodes:
        assert np.dot(weights, nodes) == pytest.approx(0, abs=1e-12)
        assert np.dot(weights, np.square(nodes)) == pytest.approx(1)
