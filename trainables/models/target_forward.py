"""Target networks as tensors: the forward pass through drawn weights."""

import torch
from torch import Tensor

from trainables.models.activations import activate
from trainables.models.bit_exact import batched_matvec
from trainables.models.weight_heads import TargetWeights


def apply_target(weights: TargetWeights, x: Tensor, activation: str = "swish") -> Tensor:
    """f(x) = v · act(W x + b) + c for x (members, samples, n), each member by its own network: (members, samples)."""
    hidden = torch.baddbmm(weights.hidden_bias.unsqueeze(1), x, weights.hidden_weight.transpose(1, 2))
    output = batched_matvec(activate(hidden, activation), weights.output_weight.unsqueeze(-1)).squeeze(-1)
    return output + weights.output_bias.unsqueeze(-1)
