"""The baseline: the target network itself, trained by Adam, behind the interface of a hypernetwork.

Nothing is drawn: every draw is the same network. Its penalty is what is left of a hypernetwork's complexity for a
point in weight space, ½ w² nats a weight: minus the log density of the prior N(0, 1), relative to its peak. So the
objective, relative error + β · complexity, is Adam with weight decay.
"""

import torch
from torch import Tensor, nn

from trainables.models.parameters import starting_at
from trainables.models.weight_heads import COMPONENTS, TargetWeights


class TargetMLP(nn.Module):
    """Target networks of a pack's members, in lockstep.

    Initial weights have standard deviation 1 / sqrt(fan in), as usual for such a network.
    """

    def __init__(self, members: int, dimension: int, hidden: int):
        super().__init__()
        self.hidden_weight = starting_at(dimension**-0.5, members, hidden, dimension)
        self.hidden_bias = starting_at(dimension**-0.5, members, hidden)
        self.output_weight = starting_at(hidden**-0.5, members, hidden)
        self.output_bias = nn.Parameter(torch.zeros(members, 1))

    def forward(
        self, noise: Tensor, dimension: int, hidden: int, betas: Tensor
    ) -> tuple[TargetWeights, dict[str, Tensor]]:
        """What `Hypernetwork.forward` returns; neither the noise nor β is of any use here."""
        weights = TargetWeights(self.hidden_weight, self.hidden_bias, self.output_weight, self.output_bias.squeeze(1))
        nats = {name: 0.5 * getattr(self, name).square().flatten(1).sum(1) for name in COMPONENTS}
        return weights, nats
