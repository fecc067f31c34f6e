"""The trainables: what a recipe's `trainable` may be.

This module is light, because every recipe looks here: PyTorch is imported when something is built.
"""

from typing import TYPE_CHECKING

from trainables.errors import TrainableError
from trainables.models.trainable import Trainable
from trainables.objects import is_spec, load_object

if TYPE_CHECKING:
    from torch import nn

    from trainables.recipe import Recipe


def _hypernetwork(recipe: "Recipe", members: int, dimension: int) -> "nn.Module":
    from trainables.models.hypernetwork import Hypernetwork

    return Hypernetwork(members, recipe)


def _pareto(recipe: "Recipe", members: int, dimension: int) -> "nn.Module":
    from trainables.models.pareto import ParetoHypernetwork

    return ParetoHypernetwork(members, recipe)


def _mlp(recipe: "Recipe", members: int, dimension: int) -> "nn.Module":
    from trainables.models.target_mlp import TargetMLP

    return TargetMLP(members, dimension, recipe.hidden(dimension))


HYPERNETWORK = Trainable("hypernetwork", _hypernetwork, has_curriculum=True)
PARETO = Trainable("pareto", _pareto, shares_weights=True, needs_beta=True)
MLP = Trainable("mlp", _mlp, most_draws=1, has_hypernetwork=False)

TRAINABLES: dict[str, Trainable] = {trainable.name: trainable for trainable in (HYPERNETWORK, PARETO, MLP)}


def get_trainable(name: str) -> Trainable:
    """The trainable called `name`, or the one at `package.module:NAME` or `path/file.py:NAME`.

    Raises TrainableError, naming the known ones, if there is none.
    """
    if is_spec(name):
        return load_object(name, Trainable)
    if name not in TRAINABLES:
        raise TrainableError(f"unknown trainable {name!r}; known: {', '.join(TRAINABLES)}")
    return TRAINABLES[name]


def build(recipe: "Recipe", members: int, dimension: int) -> "nn.Module":
    """A module with forward(noise, dimension, hidden, betas) -> (weights, complexity) for each of its members."""
    return get_trainable(recipe.trainable).build(recipe, members, dimension)
