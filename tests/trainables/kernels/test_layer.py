"""The compiled layer against the same arithmetic in PyTorch, in double precision."""

import copy

import pytest
import torch

from trainables.models import layers
from trainables.models.layers import ExchangeableLayer

SHAPES = [(3, 18, 6), (2, 48, 16), (1, 6, 2), (2, 7, 5), (1, 3, 1)]  # members, m, n


def layer_and_states(members, m, n, *, sharpness=1.0, scores=8, width=32, balanced=4, rounds=3, sided=2):
    generator = torch.Generator().manual_seed(1)
    layer = ExchangeableLayer(members, 16, scores, width, rounds)
    layer.competition = balanced, rounds, sided
    for parameter in layer.parameters():
        std = getattr(parameter, "initial_std", 0.3)
        parameter.data = std * torch.randn(parameter.shape, generator=generator)
    layer.scores.weight.data *= sharpness
    states = [torch.randn(members, rows, 16, generator=generator) for rows in (m * n, m, n, 1)]
    return layer, states, [torch.randn(state.shape, generator=generator) for state in states]


def values_and_gradients(layer, states, gradients, *, dtype=torch.float32, in_torch=True):
    layer = copy.deepcopy(layer).to(dtype)
    states = [state.to(dtype, copy=True).requires_grad_() for state in states]
    values = layer.in_torch(*states) if in_torch else layer(*states)
    inputs = [*states, *layer.parameters()]
    return *values, *torch.autograd.grad(values, inputs, [gradient.to(dtype) for gradient in gradients])


def compiled():
    layer, states, _ = layer_and_states(1, 3, 2)
    return layers.compiled(states[0], layer.scores.weight, layer.edge_out.weight, *layer.competition) is not None


needs_compiler = pytest.mark.skipif(not compiled(), reason="no C++ compiler on this machine")


def assert_as_good_as_torch(case):
    """Every error against double precision is within a few times that of PyTorch's single precision."""
    wanted = values_and_gradients(*case, dtype=torch.float64)
    single, native = values_and_gradients(*case), values_and_gradients(*case, in_torch=False)
    assert len(native) == 8 + 23
    for result, reference, in_torch in zip(native, wanted, single, strict=True):
        rounding = (in_torch - reference).abs().max() + 1e-6 * max(reference.abs().max(), 0.1)
        assert (result - reference).abs().max() < 5 * rounding


@needs_compiler
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sharpness", [1.0, 30.0])  # at 30, claims reach the floor
def test_values_and_gradients_are_those_of_torch(shape, sharpness):
    assert_as_good_as_torch(layer_and_states(*shape, sharpness=sharpness))


@needs_compiler
@pytest.mark.parametrize(("balanced", "rounds", "sided"), [(0, 0, 0), (8, 1, 0), (3, 2, 2), (4, 3, 4), (8, 2, 6)])
def test_whatever_is_balanced(balanced, rounds, sided):
    assert_as_good_as_torch(layer_and_states(2, 9, 4, balanced=balanced, rounds=rounds, sided=sided))


@needs_compiler
def test_weights_may_be_views_of_rows(monkeypatch):
    layer, states, _ = layer_and_states(3, 6, 2)
    apart = layer(*states)
    for parameter in layer.parameters():
        rows = torch.zeros(3, parameter[0].numel() + 5)
        rows[:, 2:-3] = parameter.detach().flatten(1)
        parameter.data = rows[:, 2:-3].view(parameter.shape)
    for a, b in zip(apart, layer(*states), strict=True):
        assert torch.equal(a, b)


def test_odd_sizes_and_machines_without_a_compiler_take_torch(monkeypatch):
    for case in (layer_and_states(2, 6, 3, scores=4, width=20), layer_and_states(2, 6, 3)):
        for a, b in zip(values_and_gradients(*case, in_torch=False), values_and_gradients(*case), strict=True):
            assert torch.equal(a, b)
        monkeypatch.setattr("trainables.kernels.layer.library", lambda *_, **__: None)
