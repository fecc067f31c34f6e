"""The compiled exchange against the same arithmetic in PyTorch, in double precision."""

import pytest
import torch

from trainables import exchange as module
from trainables.exchange import Exchange, exchange, exchange_in_torch

SHAPES = [(3, 18, 6), (2, 48, 16), (1, 6, 2), (2, 7, 5), (1, 3, 1)]  # members, m, n


def edges_and_weights(members, m, n, *, sharpness=0.5, channels=16, scores=8, width=32):
    generator = torch.Generator().manual_seed(1)
    shapes = (
        ((members, m * n, channels), 1.0),
        ((members, m, width), 1.0),
        ((members, n, width), 1.0),
        ((members, channels, scores), sharpness),
        ((members, channels, width), 0.25),
        ((members, 2 * scores, width), 0.2),
        ((members, width, channels), 0.1),
    )
    x = [scale * torch.randn(shape, generator=generator) for shape, scale in shapes]
    results = ((members, m * n, channels), (members, m, 3 * channels), (members, n, 3 * channels))
    return x, [torch.randn(shape, generator=generator) for shape in results]


def values_and_gradients(function, x, gradients, balanced=4, rounds=3, dtype=torch.float32):
    x = Exchange(*(tensor.to(dtype, copy=True).requires_grad_() for tensor in x))
    values = function(x, balanced, rounds)
    return *values, *torch.autograd.grad(values, x, [gradient.to(dtype) for gradient in gradients])


def compiled():
    x, _ = edges_and_weights(1, 3, 2)
    return module._native(Exchange(*x), 4, 3) is not None


needs_compiler = pytest.mark.skipif(not compiled(), reason="no C++ compiler on this machine")


@needs_compiler
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sharpness", [0.5, 20.0])  # at 20, claims reach the floor
def test_compiled_values_and_gradients_are_those_of_torch(shape, sharpness):
    x, gradients = edges_and_weights(*shape, sharpness=sharpness)
    wanted = values_and_gradients(exchange_in_torch, x, gradients, dtype=torch.float64)
    single = values_and_gradients(exchange_in_torch, x, gradients)
    for result, reference, in_torch in zip(values_and_gradients(exchange, x, gradients), wanted, single, strict=True):
        rounding = (in_torch - reference).abs().max() + 1e-6 * max(reference.abs().max(), 0.1)
        assert (result - reference).abs().max() <= 5 * rounding


@needs_compiler
@pytest.mark.parametrize(("balanced", "rounds"), [(0, 0), (8, 1), (3, 2)])
def test_every_share_of_balanced_scores(balanced, rounds):
    x, gradients = edges_and_weights(2, 9, 4)
    wanted = values_and_gradients(exchange_in_torch, x, gradients, balanced, rounds, torch.float64)
    for result, reference in zip(values_and_gradients(exchange, x, gradients, balanced, rounds), wanted, strict=True):
        assert (result - reference).abs().max() < 5e-6 * reference.abs().max()


def test_odd_sizes_and_machines_without_a_compiler_take_torch(monkeypatch):
    x, gradients = edges_and_weights(2, 6, 3, scores=3, width=20)
    assert module._native(Exchange(*x), 1, 3) is None
    values_and_gradients(exchange, x, gradients, 1)
    monkeypatch.setattr(module, "library", lambda *_, **__: None)
    x, gradients = edges_and_weights(2, 6, 3)
    for a, b in zip(
        values_and_gradients(exchange, x, gradients), values_and_gradients(exchange_in_torch, x, gradients), strict=True
    ):
        assert torch.equal(a, b)
