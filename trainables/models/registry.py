"""From a recipe to the module that is trained."""

from torch import nn

from trainables.models.hypernetwork import Hypernetwork
from trainables.models.pareto import ParetoHypernetwork
from trainables.models.target_mlp import TargetMLP
from trainables.recipe import Recipe


def build(recipe: Recipe, members: int, dimension: int) -> nn.Module:
    """A module with forward(noise, dimension, hidden, betas) -> (weights, complexity) for each of its members."""
    if recipe.trainable == "mlp":
        return TargetMLP(members, dimension, recipe.hidden(dimension))
    return (ParetoHypernetwork if recipe.trainable == "pareto" else Hypernetwork)(members, recipe)
