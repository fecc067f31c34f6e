"""How a pack's steps run on a CPU with a compiler: one call each, for hypernetworks whose draws do not depend on β."""

import ctypes
from functools import cache

import torch
from torch import Tensor

from trainables.kernels.step import train
from trainables.models.hypernetwork import Hypernetwork
from trainables.recipe import Recipe
from trainables.tasks.task import Task
from trainables.training.optimiser import PackAdam


class CompiledStep:
    """Steps of `trainables.kernels.step`, bit for bit those that autograd and `PackAdam` take together."""

    def __init__(self, native: ctypes.CDLL, network: Hypernetwork, optimiser: PackAdam, task: Task, recipe: Recipe):
        self.native, self.network, self.optimiser, self.task, self.recipe = native, network, optimiser, task, recipe
        self.weights = cache(self._weights)

    @torch.no_grad()
    def __call__(self, n: int, noise: Tensor, x: Tensor, betas: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        self.optimiser.advance()
        wanted, variance = self.task.target(x), float(self.task.variance(n))
        step = self.network.compiled_step(noise, x, wanted, variance, self.recipe.hidden(n), betas)
        given = step, *self.weights(n), self.network.heads.compiled_scales(), self.optimiser.rows()
        return train(self.native, *given, weight)

    def _weights(self, n: int) -> tuple[list[int], list[float]]:
        """Where in a row the weights of compiled code begin, and what multiplies them at n inputs."""
        row = self.optimiser.values
        weights, factors = zip(*self.network.scaled_weights(n), strict=True)
        return [(weight.data_ptr() - row.data_ptr()) // row.element_size() for weight in weights], list(factors)
