"""Looking at trainings while they run: draw a few networks at log-spaced steps and measure them."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from trainables.models.hypernetwork import noise_size
from trainables.models.noise_layout import split
from trainables.models.weight_heads import TargetWeights
from trainables.recipe import Recipe
from trainables.tasks.registry import get_task
from trainables.training.noise import NoiseStream, inputs_from
from trainables.training.objective import relative_error


class DrawnNetworks(NamedTuple):
    """Target networks as plain arrays, in the order of `TargetWeights`."""

    hidden_weight: np.ndarray  # (draws, m, n)
    hidden_bias: np.ndarray  # (draws, m)
    output_weight: np.ndarray  # (draws, m)
    output_bias: np.ndarray  # (draws,)


@dataclass(frozen=True)
class Snapshot:
    """One training at one step.

    draws: networks drawn by the hypernetwork.
    errors: their relative errors on fresh inputs, (draws,).
    complexity: {component: nats}, the mean over draws.
    """

    step: int
    draws: DrawnNetworks
    errors: np.ndarray
    complexity: dict[str, float]

    @property
    def relative_error(self) -> float:
        """Mean relative error of the drawn networks."""
        return float(self.errors.mean())

    @property
    def complexity_nats(self) -> float:
        """Total complexity."""
        return sum(self.complexity.values())


def snapshot_steps(steps: int, count: int) -> list[int]:
    """At most `count` distinct steps, log-spaced over two decades, ending with the last step."""
    spaced = np.geomspace(max(1.0, steps / 100), steps, count) if count > 1 else [steps]
    return sorted({round(float(step)) for step in spaced})


def evaluation_stream(
    seeds: list[int], recipe: Recipe, dimension: int, device: torch.device, purpose: str = "evaluation"
) -> NoiseStream:
    """The stream that `look` draws its networks and inputs from: a draw a step."""
    size = noise_size(dimension, recipe.hidden(dimension)) + recipe.evaluation_inputs * dimension
    return NoiseStream(seeds, purpose, size, device=device, block=1)


@torch.no_grad()
def evaluate(
    network: nn.Module, recipe: Recipe, dimension: int, noise: NoiseStream, step: int, draws: int, betas: Tensor
) -> list[list[Snapshot]]:
    """Draw and measure `draws` networks of every member at each of its βs, betas (looks, members).

    All looks share their noise. Returns a snapshot a look and member.
    """
    task, hidden = get_task(recipe.task).on(recipe.inputs), recipe.hidden(dimension)
    shapes = [(noise_size(dimension, hidden),), (recipe.evaluation_inputs, dimension)]
    found: list[list[tuple]] = [[] for _ in betas]
    for _ in range(recipe.draws(draws)):
        z, x = split(noise.next(), shapes)
        x = inputs_from(x, recipe.inputs)
        wanted, variance = task.target(x), float(task.variance(dimension))
        for at, drawn in zip(betas, found, strict=True):
            weights, complexity = network(z, dimension, hidden, at)
            drawn.append((weights, relative_error(weights, x, wanted, variance, recipe.activation), complexity))
    return [_snapshots(step, drawn) for drawn in found]


def _snapshots(step: int, drawn: list[tuple[TargetWeights, Tensor, dict[str, Tensor]]]) -> list[Snapshot]:
    """From draws of all members, (weights, errors (members,), complexity), to a snapshot a member."""
    weights, errors, complexities = zip(*drawn, strict=True)
    names = list(complexities[0])
    arrays = [torch.stack(tensors, 1).cpu().numpy() for tensors in zip(*weights, strict=True)]  # (members, draws, …)
    measured = torch.stack(errors, 1).cpu().numpy()  # (members, draws)
    nats = torch.stack([torch.stack(list(one.values()), -1) for one in complexities]).mean(0).cpu().tolist()
    return [
        Snapshot(
            step=step,
            draws=DrawnNetworks(*(array[member] for array in arrays)),
            errors=measured[member],
            complexity=dict(zip(names, nats[member], strict=True)),
        )
        for member in range(len(measured))
    ]
