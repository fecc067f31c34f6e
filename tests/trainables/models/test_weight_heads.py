import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Normal, kl_divergence

from analysis.network import Network
from trainables.inputs import INPUTS, sample
from trainables.models.activations import FUNCTIONS
from trainables.models.target_forward import apply_target
from trainables.models.weight_heads import TargetWeights, expected_output, kl_to_prior
from trainables.tasks.registry import TASKS, get_task
from trainables.training.objective import objective, relative_error


def random_weights(members: int, m: int, n: int, seed: int = 0) -> TargetWeights:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((members, m, n), (members, m), (members, m), (members,))
    return TargetWeights(*(torch.randn(shape, generator=generator) for shape in shapes))


@given(mean=st.floats(-20, 20), log_sigma=st.floats(-8, 2))
def test_kl_to_prior_is_the_divergence(mean, log_sigma):
    mean, log_sigma = (torch.tensor(value, dtype=torch.float64) for value in (mean, log_sigma))
    expected = kl_divergence(Normal(mean, log_sigma.exp()), Normal(torch.zeros_like(mean), 1.0))
    torch.testing.assert_close(kl_to_prior(mean, log_sigma), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("bias", [-6.0, -1.0, 0.0, 0.5, 3.0, 50.0])
@pytest.mark.parametrize("size", [0.1, 1.0, 3.0])
def test_expected_output_of_one_neuron(bias, size):
    # exact by quadrature: z ~ N(bias, size²); MacKay's approximation is good to a few hundredths of the scale
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    z = bias + size * nodes
    exact = (weights * z / (1 + np.exp(-z))).sum() / weights.sum()
    w = torch.tensor([[[size * 0.6, size * 0.8]]], dtype=torch.float64)
    found = expected_output(w, torch.full((1, 1), bias, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64))
    assert abs(found.item() - exact) < 0.04 * max(1.0, size)


@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize("activation", FUNCTIONS)
@pytest.mark.parametrize("rows", [[[3.0, 0.0, 0.0, 0.0]], [[1.0, -0.8, 0.9, 0.7]]], ids=["one input", "many"])
def test_expected_output_of_every_activation_and_distribution(activation, inputs, rows):
    w, bias = torch.tensor([rows], dtype=torch.float64), torch.tensor([[-1.0]], dtype=torch.float64)
    found = expected_output(w, bias, torch.ones_like(bias), activation, inputs).item()
    x = torch.from_numpy(sample(inputs, (400_000, 4), 0))
    exact = FUNCTIONS[activation](x @ w[0, 0] - 1).mean().item()
    assert abs(found - exact) < (0.06 if activation in ("swish", "tanh") else 0.03)


@pytest.mark.parametrize("activation", FUNCTIONS)
def test_every_activation_is_the_network_s(activation):
    weights, x = random_weights(2, 6, 3), torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(0))
    batch = Network(*(tensor.numpy().astype(np.float64) for tensor in weights), activation=activation)
    expected = [batch[k](x[k].numpy()) for k in range(2)]
    np.testing.assert_allclose(apply_target(weights, x, activation).numpy(), expected, rtol=1e-4, atol=1e-4)


def test_expected_output_of_a_network_against_sampled_inputs():
    weights = random_weights(3, 12, 4)._replace(output_bias=torch.zeros(3))
    x = torch.randn(1, 200_000, 4, generator=torch.Generator().manual_seed(1)).expand(3, -1, -1)
    sampled = apply_target(weights, x).mean(1)
    torch.testing.assert_close(expected_output(*weights[:3]), sampled, atol=0.15, rtol=0.0)
    assert sampled.abs().max() > 0.5


@settings(max_examples=20)
@given(members=st.integers(1, 4), m=st.integers(1, 9), n=st.integers(1, 5), seed=st.integers(0, 99))
def test_apply_target_is_the_network(members, m, n, seed):
    weights = random_weights(members, m, n, seed)
    x = torch.randn(members, 7, n, generator=torch.Generator().manual_seed(seed))
    batch = Network(*(tensor.numpy().astype(np.float64) for tensor in weights))
    expected = [batch[k](x[k].numpy()) for k in range(members)]
    np.testing.assert_allclose(apply_target(weights, x).numpy(), expected, rtol=1e-4, atol=1e-4)


def double_sided(n: int, steepness: float = 30.0) -> TargetWeights:
    """‖x‖₁ = Σ relu(xᵢ) + relu(−xᵢ), a steep swish for each relu."""
    weight = steepness * torch.cat([torch.eye(n), -torch.eye(n)]).unsqueeze(0)
    return TargetWeights(weight, torch.zeros(1, 2 * n), torch.full((1, 2 * n), 1 / steepness), torch.zeros(1))


@pytest.mark.parametrize("n", [1, 3, 16])
def test_relative_error_of_known_networks(n):
    task = get_task("l1_norm")
    x = torch.randn(1, 100_000, n, generator=torch.Generator().manual_seed(n))
    said, perfect = (task.target(x), task.variance(n)), double_sided(n)
    constant = TargetWeights(*(torch.zeros_like(tensor) for tensor in perfect[:3]), task.target(x).mean().view(1))
    assert relative_error(perfect, x, *said).item() < 1e-3
    assert relative_error(constant, x, *said).item() == pytest.approx(1, abs=0.03)


def test_variance_of_every_task():
    x = np.random.default_rng(0).standard_normal((200_000, 5))
    for task in TASKS.values():
        assert task.target(x).var() == pytest.approx(task.variance(5), rel=0.02)


def test_objective_weighs_nats_by_each_beta():
    nats = {"hidden_weight": torch.tensor([10.0, 20.0]), "hidden_bias": torch.tensor([1.0, 2.0])}
    loss = objective(torch.tensor([0.5, 0.25]), nats, torch.tensor([0.1, 0.0]))
    torch.testing.assert_close(loss, torch.tensor([0.5 + 1.1, 0.25]))
