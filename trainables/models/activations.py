"""The activations of target networks as tensors, and their means over a normal pre-activation."""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import gelu, silu

from trainables.models.bit_exact import padded_elementwise

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {"swish": silu, "relu": torch.relu, "tanh": torch.tanh, "gelu": gelu}
LEAST = 1e-12  # variance, so that square roots have a slope


def activate(z: Tensor, activation: str) -> Tensor:
    """act(z), elementwise, to the same bits in any pack."""
    return padded_elementwise(FUNCTIONS[activation], z)


def mean_over_normal(activation: str, mean: Tensor, variance: Tensor) -> Tensor:
    """E[act(z)] over z ~ N(mean, variance), elementwise; of relu and gelu exact, of swish and tanh to a few hundredths.

    By Stein's lemma E[z g(z)] = mean E[g(z)] + variance E[g'(z)]. Of swish g = σ, and MacKay (1992) approximates
    E[σ(z)] by σ(κ mean), κ = 1 / sqrt(1 + π variance / 8); of gelu g = Φ, and E[Φ(z)] = Φ(mean / sqrt(1 + variance)).
    tanh(z) = 2 σ(2 z) − 1.
    """
    if activation == "swish":
        kappa = (1 + math.pi / 8 * variance).rsqrt()
        gate = padded_elementwise(torch.sigmoid, kappa * mean)
        return mean * gate + variance * kappa * gate * (1 - gate)
    if activation == "tanh":
        return padded_elementwise(torch.tanh, mean * (1 + math.pi / 2 * variance).rsqrt())
    # of relu, z Θ(z): E[Θ(z)] = Φ(mean / sqrt(variance))
    spread = (variance + (LEAST if activation == "relu" else 1)).sqrt()
    at = mean / spread
    bell = padded_elementwise(torch.exp, -0.5 * at * at) / math.sqrt(2 * math.pi)
    gate = 0.5 * (1 + padded_elementwise(torch.erf, at / math.sqrt(2)))
    return mean * gate + variance / spread * bell
