import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.models.hypernetwork import Hypernetwork, initialise, noise_shapes, noise_size
from trainables.models.layers import EPSILON, MemberLinear, normalise
from trainables.models.noise_layout import split
from trainables.recipe import Recipe
from trainables.training.noise import stream


def plain_normalise(x):
    return x * (x.square().mean(-1, keepdim=True) + EPSILON).rsqrt()


@settings(max_examples=20)
@given(rows=st.integers(1, 5), channels=st.integers(2, 9), seed=st.integers(0, 99))
def test_normalise_is_the_plain_formula(rows, channels, seed):
    generator = torch.Generator().manual_seed(seed)
    x, direction = torch.randn(2, 2, rows, channels, generator=generator, dtype=torch.float64)
    gradients = []
    for function in (normalise, plain_normalise):
        y = function(x.requires_grad_())
        gradients.append((y.detach(), *torch.autograd.grad((y * direction).sum(), x)))
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-10, atol=1e-12)


def test_normalise_gradcheck():
    # the backward pass leaves out ε, but a state's mean square is never near it
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(normalise, x)


def test_scores_of_a_sided_pair_start_as_mirror_images():
    recipe = Recipe(scores=8, sided_scores=4, scale_free=False)
    network = Hypernetwork(2, recipe)
    initialise(network, [stream(seed, "parameters") for seed in (0, 1)])
    for layer in network.layers:
        scores, shares = layer.scores.weight, layer.edge_shares.weight
        assert torch.equal(scores[:, :, 1], -scores[:, :, 0]) and torch.equal(scores[:, :, 3], -scores[:, :, 2])
        assert torch.equal(shares[:, [1, 3, 9, 11]], -shares[:, [0, 2, 8, 10]])
        assert (scores[:, :, 5] + scores[:, :, 4]).abs().min() > 0 and (shares[:, 5] + shares[:, 4]).abs().min() > 0


def test_member_linear_keeps_members_apart():
    linear = MemberLinear(3, 4, 2, bias=True)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in linear.parameters():
            parameter.normal_(generator=generator)
    x = torch.randn(3, 5, 4, generator=generator)
    for k in range(3):
        torch.testing.assert_close(linear(x)[k], x[k] @ linear.weight[k] + linear.bias[k])


def make_hypernetwork(members: int = 2, seed: int = 0) -> Hypernetwork:
    network = Hypernetwork(members, Recipe())
    initialise(network, [stream(seed + k, "parameters") for k in range(members)])
    return network


@pytest.mark.parametrize("n, m", [(2, 6), (4, 12), (5, 7)])
@settings(max_examples=8)
@given(data=st.data())
def test_permuted_noise_draws_the_permuted_network(n, m, data):
    neurons, inputs = data.draw(st.permutations(range(m))), data.draw(st.permutations(range(n)))
    network = make_hypernetwork()
    noise = torch.randn(2, noise_size(n, m), generator=torch.Generator().manual_seed(data.draw(st.integers(0, 99))))
    edges, nodes, xs, w, b, v = split(noise, noise_shapes(n, m))
    moved = [
        edges.view(2, m, n, -1)[:, neurons][:, :, inputs],
        nodes[:, neurons],
        xs[:, inputs],
        w[:, neurons][:, :, inputs],
        b[:, neurons],
        v[:, neurons],
    ]
    with torch.no_grad():
        weights, complexity = network(noise, n, m)
        permuted, permuted_complexity = network(torch.cat([part.flatten(1) for part in moved], 1), n, m)
    close = {"rtol": 1e-3, "atol": 1e-4}
    torch.testing.assert_close(permuted.hidden_weight, weights.hidden_weight[:, neurons][:, :, inputs], **close)
    torch.testing.assert_close(permuted.hidden_bias, weights.hidden_bias[:, neurons], **close)
    torch.testing.assert_close(permuted.output_weight, weights.output_weight[:, neurons], **close)
    torch.testing.assert_close(permuted.output_bias, weights.output_bias, **close)
    torch.testing.assert_close(permuted_complexity, complexity, **close)
    assert weights.hidden_weight.std() > 0.01  # something that a permutation could have changed


def test_members_and_neurons_differ():
    network = make_hypernetwork()
    noise = torch.randn(1, noise_size(4, 12), generator=torch.Generator().manual_seed(0)).expand(2, -1)
    with torch.no_grad():
        weights, _ = network(noise, 4, 12)
    assert (weights.hidden_weight[0] - weights.hidden_weight[1]).abs().max() > 1e-3
    assert weights.hidden_bias[0].unique().numel() == 12
