"""Parameters that say how they start, which `trainables.models.hypernetwork.initialise` reads."""

import torch
from torch import Tensor, nn


def starting_at(initial_std: float, *shape: int) -> nn.Parameter:
    """A parameter (members, …) whose numbers start normal, with this standard deviation; until then they are 0."""
    parameter = nn.Parameter(torch.zeros(shape))
    vars(parameter)["initial_std"] = initial_std
    return parameter


def mirror(parameter: nn.Parameter, axis: int, first: Tensor) -> None:
    """What follows each index of `first` (int64) along `axis` starts as the negative of what is at it."""
    vars(parameter)["mirrored"] = axis, first
