"""The hypernetwork: noise in, weights of a target network out (DESIGN.md section 2; arXiv 2312.03051)."""

import ctypes
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from torch import Tensor, nn

from trainables.errors import TrainableError
from trainables.kernels.layer import compiled
from trainables.kernels.loss import ACTIVATIONS, Step, losses
from trainables.models.layers import ExchangeableLayer, MemberLinear
from trainables.models.noise_layout import size, split
from trainables.models.parameters import starting_at
from trainables.models.scale_free import ScaleFreeLayer
from trainables.models.weight_heads import INITIAL_LOG_SIGMA, TargetWeights, WeightHeads

if TYPE_CHECKING:
    from trainables.recipe import Recipe

EDGE_NOISE, HIDDEN_NOISE, INPUT_NOISE = 4, 8, 4  # channels of noise per edge, hidden node and input node


def noise_shapes(dimension: int, hidden: int) -> list[tuple[int, ...]]:
    """Shapes of the noise that one draw takes: of edges, hidden nodes, input nodes, and ε of W, b, v."""
    return [
        (hidden * dimension, EDGE_NOISE),
        (hidden, HIDDEN_NOISE),
        (dimension, INPUT_NOISE),
        (hidden, dimension),
        (hidden,),
        (hidden,),
    ]


def noise_size(dimension: int, hidden: int) -> int:
    """Standard normal numbers that one draw takes."""
    return size(noise_shapes(dimension, hidden))


class Hypernetwork(nn.Module):
    """Hypernetworks of a pack's members, in lockstep.

    The parameters know neither the dimension n nor the hidden size m: nothing but noise tells two neurons or two
    inputs apart, so the same hypernetwork draws target networks of any size.
    """

    def __init__(self, members: int, recipe: "Recipe"):
        super().__init__()
        d = recipe.channels
        self.edge_noise = MemberLinear(members, EDGE_NOISE, d)
        self.hidden_noise = MemberLinear(members, HIDDEN_NOISE, d)
        self.input_noise = MemberLinear(members, INPUT_NOISE, d)
        self.whole = starting_at(1.0, members, 1, d)
        layers = [
            ExchangeableLayer(members, d, recipe.scores, recipe.width, recipe.sinkhorn_rounds, recipe.sided_scores)
            for _ in range(recipe.layers)
        ]
        self.layers = nn.ModuleList([ScaleFreeLayer(layer) for layer in layers] if recipe.scale_free else layers)
        self.heads = WeightHeads(members, d, recipe.activation, recipe.inputs)

    def forward(
        self, noise: Tensor, dimension: int, hidden: int, betas: Tensor | None = None
    ) -> tuple[TargetWeights, dict[str, Tensor]]:
        """noise (members, noise_size(dimension, hidden)), standard normal; betas (members,), if a draw depends on β.

        Returns one drawn target network per member, and {component: (members,) nats} of complexity.
        """
        whole, log_scale = self.conditions(betas)
        for_edges, for_hidden, for_inputs, *for_weights = split(noise, noise_shapes(dimension, hidden))
        edges = self.edge_noise(for_edges)
        nodes, inputs = self.hidden_noise(for_hidden), self.input_noise(for_inputs)
        for layer in self.layers:
            edges, nodes, inputs, whole = layer(edges, nodes, inputs, whole)
        return self.heads(edges, nodes, whole, tuple(for_weights), dimension, log_scale)

    def compiled_losses(
        self, noise: Tensor, x: Tensor, wanted: Tensor, variance: float, hidden: int, betas: Tensor
    ) -> Tensor | None:
        """Relative error + β · complexity of every member, (members,), or None where compiled code does not serve.

        noise (members, noise_size(n, hidden)); x (members, samples, n) with the target's values `wanted`
        (members, samples) and their variance; betas (members,).
        """
        native = self.kernels()
        if native is None:
            return None
        whole, log_scale = self.conditions(betas)
        layers = [weight for layer in self._typed_layers() for weight in layer.weights(x.shape[-1])]
        weights = [whole, self.heads.scales(log_scale), *self._ends(), *layers]
        return losses(native, self.compiled_step(noise, x, wanted, variance, hidden, betas), weights)

    def kernels(self) -> ctypes.CDLL | None:
        """The compiled code of steps, or None where it does not serve."""
        if self.heads.activation not in ACTIVATIONS:
            return None
        layer = self._typed_layers()[0]
        return compiled(self.whole, *layer.widest(), *layer.competition)

    def compiled_step(
        self, noise: Tensor, x: Tensor, wanted: Tensor, variance: float, hidden: int, betas: Tensor
    ) -> Step:
        """What compiled code is given for a step; as of `compiled_losses`."""
        heads = self.heads
        return Step(
            *(noise, x, wanted, variance, betas, hidden, len(self.layers), INITIAL_LOG_SIGMA),
            *(heads.activation, heads.inputs),
        )

    def scaled_weights(self, dimension: int) -> list[tuple[Tensor, float]]:
        """The parameters that compiled code works with and what multiplies each, in its order; but scales are
        `compiled_scales` of the heads, and conditions on β are left out.
        """
        ends = [(weight, 1.0) for weight in (self.whole, self.heads.log_scale, *self._ends())]
        return ends + [weight for layer in self._typed_layers() for weight in layer.scaled_weights(dimension)]

    def _ends(self) -> list[Tensor]:
        """What compiled code works with besides the global node, the heads' scales and the layers, in the order of
        EndArrays of member.h.
        """
        heads = self.heads
        ends = (
            *(self.edge_noise.weight, self.hidden_noise.weight, self.input_noise.weight),
            *(heads.edge.weight, heads.edge.bias, heads.hidden.weight, heads.hidden.bias),
            *(heads.whole.weight, heads.whole.bias),
        )
        return cast("list[Tensor]", list(ends))  # heads do have biases

    def without_kernels(self) -> None:
        """Run all layers in PyTorch from now on, as torch.compile needs them."""
        for layer in self._typed_layers():
            plain = layer.layer if isinstance(layer, ScaleFreeLayer) else layer
            vars(plain)["forward"] = plain.in_torch

    def _typed_layers(self) -> Sequence[ExchangeableLayer | ScaleFreeLayer]:
        """The layers as what they are: to type checkers a ModuleList holds just modules."""
        return cast("Sequence[ExchangeableLayer | ScaleFreeLayer]", self.layers)

    def conditions(self, betas: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Where draws start from: the global node (members, 1, d), and what is added to the heads' log_scale."""
        return self.whole, None


def initialise(network: nn.Module, generators: list[torch.Generator]) -> None:
    """Fill every member's parameters from its own generator, in the order of the parameters' definition.

    A parameter has an `initial_std`, or starts at 0; `mirrored` (axis, indices) makes what follows each index along
    that axis the negative of what is at it.
    """
    with torch.no_grad():
        for parameter in network.parameters():
            std = getattr(parameter, "initial_std", 0.0)
            for member, generator in enumerate(generators):
                if std:
                    noise = torch.randn(parameter.shape[1:], generator=generator, device=parameter.device)
                    parameter[member] = std * noise
            axis, first = getattr(parameter, "mirrored", (0, None))
            if first is not None and len(first):
                first = first.to(parameter.device)
                parameter.index_copy_(axis, first + 1, -parameter.index_select(axis, first))


def go_on_from(network: nn.Module, starts: Sequence[Mapping[str, np.ndarray]]) -> None:
    """Give every member the parameters of a trained hypernetwork. Raises TrainableError if it is of another shape."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            for member, start in enumerate(starts):
                if name not in start or start[name].shape != parameter.shape[1:]:
                    raise TrainableError(f"cannot go on from a hypernetwork of another shape: {name} differs")
                parameter[member] = torch.from_numpy(np.array(start[name]))
