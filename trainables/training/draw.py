"""Draw networks from a stored hypernetwork."""

import math

import numpy as np
import torch

from trainables.models.registry import build
from trainables.recipe import Recipe
from trainables.training.evaluation import DrawnNetworks, evaluate, evaluation_stream


def _with_rounds_for(dimension: int, recipe: Recipe, trained: int) -> Recipe:
    """Half as many rounds of balancing again for every doubling of n beyond those trained.

    More inputs take longer to share out; but shares sharper than those trained make errors larger (docs/paper.md, D).
    Only for scale-free recipes, which alone are good there.
    """
    doublings = math.ceil(math.log2(dimension / max(recipe.dimensions, default=trained)))
    if not recipe.scale_free or doublings < 1:
        return recipe
    return recipe.model_copy(update={"sinkhorn_rounds": recipe.sinkhorn_rounds * (2 + doublings) // 2})


def draw_networks(
    hypernetwork: dict[str, np.ndarray],
    recipe: Recipe,
    dimension: int,
    *,
    trained: int | None = None,
    seed: int = 0,
    draws: int = 1,
    beta: float = 1.0,
) -> DrawnNetworks:
    """Draw target networks at any input dimension from a stored hypernetwork.

    trained: the training's own dimension, beyond which shares are balanced for longer; without it, `dimension`. seed:
    of the draws' noise; beta: at which a Pareto hypernetwork draws.
    """
    recipe = _with_rounds_for(dimension, recipe, trained or dimension)
    network = build(recipe, 1, dimension)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(torch.from_numpy(hypernetwork[name]).unsqueeze(0))
    noise = evaluation_stream([seed], recipe, dimension, torch.device("cpu"), "draws")
    return evaluate(network, recipe, dimension, noise, recipe.steps, draws, torch.tensor([[beta]]))[0][0].draws
