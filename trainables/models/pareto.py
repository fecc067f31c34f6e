"""The Pareto hypernetwork: β is one of its inputs, so that one training covers the whole β axis.

Every step takes its own β, log-uniform over the recipe's range, and minimises relative error + β · complexity at it.
The range opens from below during the first half of the training: with all βs from the first step on, the large ones
keep every draw in convexity, at small β too.
A draw is told its β by a few cosines of log β, which enter the global node and the scales of the weights.
"""

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from trainables.models.bit_exact import padded_elementwise
from trainables.models.hypernetwork import Hypernetwork
from trainables.models.layers import MemberLinear
from trainables.models.weight_heads import COMPONENTS

if TYPE_CHECKING:
    from trainables.recipe import Recipe

COSINES = 8  # of log β over the range: from half a period to four
OPEN_AT_FIRST = 0.3  # share of the range, in decades and from below, that the first step takes its β from …
OPEN_BY = 0.5  # … and share of the steps by which it is all of the range
SCALE_GAIN = 0.1  # of the initial change of the weights' scales with β


def sample_betas(normal: Tensor, low: float, high: float, progress: float) -> Tensor:
    """β log-uniform on the part of [low, high] that is open at `progress` in [0, 1], from standard normal numbers."""
    decades = min(1.0, OPEN_AT_FIRST + (1 - OPEN_AT_FIRST) * progress / OPEN_BY) * math.log(high / low)
    uniform = 0.5 * (1 + padded_elementwise(torch.erf, normal / math.sqrt(2)))
    return low * padded_elementwise(torch.exp, uniform * decades)


class ParetoHypernetwork(Hypernetwork):
    """A hypernetwork whose forward pass needs every member's β."""

    def __init__(self, members: int, recipe: "Recipe"):
        super().__init__(members, recipe)
        self.beta_range = recipe.beta_range
        self.beta_whole = MemberLinear(members, COSINES, recipe.channels)
        self.beta_scale = MemberLinear(members, COSINES, len(COMPONENTS), gain=SCALE_GAIN)

    def conditions(self, betas: Tensor | None) -> tuple[Tensor, Tensor]:
        """As of `Hypernetwork`, for betas (members,)."""
        assert betas is not None  # a draw of this trainable depends on them
        cosines = self._cosines(betas).unsqueeze(1)  # (members, 1, COSINES)
        return self.whole + self.beta_whole(cosines), self.beta_scale(cosines).squeeze(1)

    def _cosines(self, betas: Tensor) -> Tensor:
        """cos(k π u), k = 1…COSINES, of u = 0…1 along the range of log β: (members, COSINES)."""
        low, high = self.beta_range
        along = padded_elementwise(torch.log, betas / low) / math.log(high / low)
        return padded_elementwise(
            torch.cos, math.pi * along.unsqueeze(-1) * torch.arange(1, COSINES + 1, device=betas.device)
        )
