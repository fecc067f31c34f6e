"""A layer whose competition does not drift with n, for hypernetworks that draw at other dimensions than they saw.

Two things in an exchangeable layer depend on n. The largest of n shares shrinks as n grows, unless scores grow with
ln n (Nakanishi 2025, arXiv 2501.19399); and an edge learns n · share − 1, which for a claim that is won is n − 1.
Here scores are multiplied by ln(n + 1) / ln(n₀ + 1) and what an edge learns by n₀ / n, so that a claim that is won
looks alike at any n. At n = n₀ nothing changes.
"""

import math

from torch import Tensor, nn
from torch.func import functional_call

from trainables.models.layers import ExchangeableLayer

REFERENCE = 6  # n₀


class ScaleFreeLayer(nn.Module):
    """An `ExchangeableLayer` with its weights scaled by functions of n."""

    def __init__(self, layer: ExchangeableLayer):
        super().__init__()
        self.layer = layer

    @property
    def competition(self) -> tuple[int, int, int]:
        """As of `ExchangeableLayer`."""
        return self.layer.competition

    def widest(self) -> tuple[Tensor, Tensor]:
        """As `ExchangeableLayer.widest`."""
        return self.layer.widest()

    def weights(self, dimension: int) -> tuple[Tensor, ...]:
        """As `ExchangeableLayer.weights`."""
        scaled = self._scaled(dimension)
        return tuple(scaled.get(name, weight) for name, weight in self.layer.named_parameters())

    def scaled_weights(self, dimension: int) -> list[tuple[Tensor, float]]:
        """As `ExchangeableLayer.scaled_weights`."""
        factors = scale_factors(dimension)
        return [(weight, factors.get(name, 1.0)) for name, weight in self.layer.named_parameters()]

    def forward(self, edges: Tensor, hidden: Tensor, inputs: Tensor, whole: Tensor) -> tuple[Tensor, ...]:
        """As `ExchangeableLayer.forward`."""
        return functional_call(self.layer, self._scaled(inputs.shape[1]), (edges, hidden, inputs, whole))

    def _scaled(self, n: int) -> dict[str, Tensor]:
        parameters = dict(self.layer.named_parameters())
        return {name: parameters[name] * factor for name, factor in scale_factors(n).items()}


def scale_factors(n: int) -> dict[str, float]:
    """What multiplies weights of a layer at n inputs."""
    return {"scores.weight": math.log(n + 1) / math.log(REFERENCE + 1), "edge_shares.weight": REFERENCE / n}
