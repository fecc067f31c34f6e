"""A trainable: what is trained at a grid point, and the few questions that the rest of hyperphase asks about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from trainables.recipe import Recipe


@dataclass(frozen=True)
class Trainable:
    """What is trained at a grid point (β, seed, n).

    name: what configs call it.
    build: (recipe, members, dimension) -> a module whose forward(noise, dimension, hidden, betas) gives each member's
    drawn weights and {component: (members,) nats} of their complexity (`trainables.models.hypernetwork.Hypernetwork`).
    Its parameters have a leading axis of members; `starting_at` of
    `trainables.models.parameters` makes one that starts with a spread.
    shares_weights: one set of weights serves all β of a seed, and trains once.
    needs_beta: a draw depends on β, which every training step samples anew from the recipe's beta_range.
    most_draws: networks that it can draw; None: as many as one likes, each another.
    has_curriculum: trains best with smaller dimensions on the way (`trainables.training.curriculum`).
    has_hypernetwork: its weights draw networks of any dimension, so they are stored. Without, it has one dimension.
    """

    name: str
    build: "Callable[[Recipe, int, int], nn.Module]"
    shares_weights: bool = False
    needs_beta: bool = False
    most_draws: int | None = None
    has_curriculum: bool = False
    has_hypernetwork: bool = True
