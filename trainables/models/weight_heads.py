"""Heads that turn the hypernetwork's final state into distributions of target-network weights, and their complexity.

Every weight is s · (μ + σ ε), ε ~ N(0, 1), with s a learned scale per tensor. Its complexity is the divergence from the
prior, KL(N(μ, σ²) ‖ N(0, 1)) = ½ (μ² + σ² − 1) − ln σ nats, summed per tensor under that tensor's name.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from trainables.inputs import quadrature
from trainables.kernels.step import Scales
from trainables.models.activations import mean_over_normal
from trainables.models.bit_exact import padded_elementwise
from trainables.models.layers import MemberLinear, normalise

COMPONENTS = ("hidden_weight", "hidden_bias", "output_weight")  # what complexity is made of
INITIAL_SCALES = (2.0, 2.0, 0.7)  # s of W, b and v
SCALE_RATE = 3.0  # s learns this much faster than other parameters: it has to change by orders of magnitude
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


def expected_output(
    hidden_weight: Tensor,
    hidden_bias: Tensor,
    output_weight: Tensor,
    activation: str = "swish",
    inputs: str = "normal",
) -> Tensor:
    """E[v · act(W x + b)] over the inputs x, approximately: (members,).

    Of normal inputs a pre-activation is normal (`mean_over_normal`). Of others the sum over all inputs but the one with
    the largest weight is taken for normal, and the mean over that one is a quadrature: right for a neuron that reads
    one input, and for one that reads many.
    """
    variance = hidden_weight.square().sum(-1)  # (members, m)
    nodes, weights = quadrature(inputs)
    if not nodes:
        mean = mean_over_normal(activation, hidden_bias, variance)
    else:
        top = hidden_weight.gather(-1, hidden_weight.abs().argmax(-1, keepdim=True)).squeeze(-1)
        rest = (variance - top.square()).clamp(min=0)
        parts = [
            w * mean_over_normal(activation, hidden_bias + t * top, rest) for t, w in zip(nodes, weights, strict=True)
        ]
        mean = sum(parts[1:], parts[0])
    return (output_weight * mean).sum(-1)


class WeightHeads(nn.Module):
    """Final state and noise -> drawn weights and their complexity by component.

    The output bias c is not what the global node says, but that minus the expected output of the rest: W, b and v can
    then change without shifting the output. Without this, a large bias (the pass-through neurons of pudding) could grow
    only in step with c and grew hardly at all.
    """

    initial_scales: Tensor  # (components,)

    def __init__(self, members: int, channels: int, activation: str = "swish", inputs: str = "normal"):
        super().__init__()
        self.activation, self.inputs = activation, inputs
        self.edge = MemberLinear(members, channels, 2, gain=0.5, bias=True)  # mean and log sigma of W
        self.hidden = MemberLinear(members, channels, 4, gain=0.5, bias=True)  # of b, then of v
        self.whole = MemberLinear(members, channels, 1, gain=0.1, bias=True)  # expected output per input
        self.log_scale = nn.Parameter(torch.zeros(members, len(COMPONENTS)))  # ln (s / initial s) / SCALE_RATE
        self.register_buffer("initial_scales", torch.tensor(INITIAL_SCALES), persistent=False)

    def forward(
        self,
        edges: Tensor,
        hidden: Tensor,
        whole: Tensor,
        noise: tuple[Tensor, Tensor, Tensor],
        dimension: int,
        log_scale: Tensor | None = None,
    ) -> tuple[TargetWeights, dict[str, Tensor]]:
        """noise: ε of W (members, m, n), of b (members, m) and of v (members, m).

        log_scale (members, components): added to `self.log_scale`.

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
        scales = self.scales(log_scale)
        drawn, complexity = [], {}
        for k, (name, (mean, raw), epsilon) in enumerate(zip(COMPONENTS, moments, noise, strict=True)):
            log_sigma = raw + INITIAL_LOG_SIGMA
            scale = scales[:, k].view(members, *[1] * (mean.dim() - 1))
            drawn.append(scale * (mean + log_sigma.exp() * epsilon))
            complexity[name] = kl_to_prior(mean, log_sigma).flatten(1).sum(1)
        centre = dimension * self.whole(normalise(whole)).view(members)
        hidden_weight, hidden_bias, output_weight = drawn
        output_bias = centre - expected_output(hidden_weight, hidden_bias, output_weight, self.activation, self.inputs)
        return TargetWeights(hidden_weight, hidden_bias, output_weight, output_bias), complexity

    def scales(self, log_scale: Tensor | None = None) -> Tensor:
        """s of every tensor, (members, components)."""
        log_scale = self.log_scale if log_scale is None else self.log_scale + log_scale
        return self.initial_scales * padded_elementwise(torch.exp, SCALE_RATE * log_scale)

    def compiled_scales(self) -> Scales:
        """`scales()` as compiled steps take it."""
        return Scales(INITIAL_SCALES, SCALE_RATE, padded_elementwise(torch.exp, SCALE_RATE * self.log_scale))
