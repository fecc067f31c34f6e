"""Heads that turn the hypernetwork's final state into distributions of target-network weights, and their complexity.

Every weight is s · (μ + σ ε), ε ~ N(0, 1), with s a learned scale per tensor. Its complexity is the divergence from the
prior, KL(N(μ, σ²) ‖ N(0, 1)) = ½ (μ² + σ² − 1) − ln σ nats, summed per tensor under that tensor's name.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from trainables.layers import MemberLinear, normalise

COMPONENTS = ("hidden_weight", "hidden_bias", "output_weight")  # what complexity is made of
INITIAL_LOG_SIGMA = -2.0  # trainings start with little noise on the weights: the loss then has a slope to follow


class TargetWeights(NamedTuple):
    """Weights of one drawn target network per member."""

    hidden_weight: Tensor  # (members, m, n)
    hidden_bias: Tensor  # (members, m)
    output_weight: Tensor  # (members, m)
    output_bias: Tensor  # (members,)


def kl_to_prior(mean: Tensor, log_sigma: Tensor) -> Tensor:
    """KL(N(mean, σ²) ‖ N(0, 1)) of every weight, in nats; same shape as `mean`."""
    return 0.5 * (mean * mean + (2 * log_sigma).exp() - 1) - log_sigma


class WeightHeads(nn.Module):
    """Final state and noise -> drawn weights and their complexity by component."""

    def __init__(self, members: int, channels: int):
        super().__init__()
        self.edge = MemberLinear(members, channels, 2, bias=True)  # mean and log sigma of W
        self.hidden = MemberLinear(members, channels, 4, bias=True)  # of b, then of v
        self.whole = MemberLinear(members, channels, 1, gain=0.1, bias=True)  # c per input
        self.log_scale = nn.Parameter(torch.zeros(members, 3))  # of W, b, v

    def forward(
        self, edges: Tensor, hidden: Tensor, whole: Tensor, noise: tuple[Tensor, Tensor, Tensor], dimension: int
    ) -> tuple[TargetWeights, dict[str, Tensor]]:
        """noise: ε of W (members, m, n), of b (members, m) and of v (members, m).

        Returns the weights and {component: (members,) nats}.
        """
        members, m = hidden.shape[:2]
        edge = self.edge(normalise(edges)).view(members, m, dimension, 2)
        node = self.hidden(normalise(hidden))
        moments = (
            (edge[..., 0], edge[..., 1]),
            (node[..., 0], node[..., 1]),
            (node[..., 2], node[..., 3]),
        )
        drawn, complexity = [], {}
        for k, (name, (mean, raw), epsilon) in enumerate(zip(COMPONENTS, moments, noise, strict=True)):
            log_sigma = raw + INITIAL_LOG_SIGMA
            scale = self.log_scale[:, k].exp().view(members, *[1] * (mean.dim() - 1))
            drawn.append(scale * (mean + log_sigma.exp() * epsilon))
            complexity[name] = kl_to_prior(mean, log_sigma).flatten(1).sum(1)
        output_bias = dimension * self.whole(normalise(whole)).view(members)
        return TargetWeights(*drawn, output_bias), complexity
