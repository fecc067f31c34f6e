"""How a pack's steps run: on a CPU compiled code's (`cpu_step`); on a GPU operation by operation, compiled, or replayed
from a recording.

A step is some two thousand small operations, and launching them takes a GPU's host longer than most take the GPU. A
recorded step (a CUDA graph) is launched as one; a compiled one (torch.compile) has fewer operations. Which of them is
fastest where: `make gpu-check`.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from trainables.models.hypernetwork import Hypernetwork
from trainables.recipe import Recipe
from trainables.tasks.task import Task
from trainables.training.cpu_step import CompiledStep
from trainables.training.objective import loss_in_torch, training_loss
from trainables.training.optimiser import PackAdam

GPU_STEPS = ("auto", "eager", "compiled", "graph")
WARM_UP = 3  # steps before a recording: libraries make their workspaces in the first ones

# (n, noise, x, betas, weight of the step) -> losses (members,) before the step, and gradient norms before clipping
Step = Callable[[int, Tensor, Tensor, Tensor, float], tuple[Tensor, Tensor]]


def step_of(kind: str, network: torch.nn.Module, optimiser: PackAdam, task: Task, recipe: Recipe) -> Step:
    """One step of a pack, of a kind of `GPU_STEPS` where the pack is on a GPU and the kind serves what is trained.

    auto: eager, until a GPU has shown what is best.
    """
    on_gpu = optimiser.values.device.type == "cuda"
    if on_gpu and kind == "graph":
        return Recorded(network, optimiser, task, recipe)
    if on_gpu and kind == "compiled" and isinstance(network, Hypernetwork):
        return compiled(network, optimiser, task, recipe)
    if type(network) is Hypernetwork and (native := network.kernels()) is not None:  # no other draws are served
        return CompiledStep(native, network, optimiser, task, recipe)

    def eager(n: int, noise: Tensor, x: Tensor, betas: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        loss = training_loss(network, noise, x, task, recipe.hidden(n), betas, recipe.activation)
        return loss, optimiser.step(weight * loss)

    return eager


def compiled(network: Hypernetwork, optimiser: PackAdam, task: Task, recipe: Recipe) -> Step:
    """Steps whose losses and gradients are compiled by torch.compile, once for every n."""
    network.without_kernels()
    losses = torch.compile(loss_in_torch, dynamic=False)

    def step(n: int, noise: Tensor, x: Tensor, betas: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        loss = losses(network, noise, x, task, recipe.hidden(n), betas, recipe.activation)
        return loss, optimiser.step(weight * loss)

    return step


class Recording(NamedTuple):
    """A recorded step: what it reads and writes lies where it lay when it was recorded."""

    graph: torch.cuda.CUDAGraph
    reads: tuple[Tensor, ...]
    writes: tuple[Tensor, ...]


class Recorded:
    """Steps that are recorded once for every n and weight, Adam included, and replayed; on a GPU only."""

    def __init__(self, network: torch.nn.Module, optimiser: PackAdam, task: Task, recipe: Recipe):
        self.network, self.optimiser, self.task, self.recipe = network, optimiser, task, recipe
        self.recordings: dict[tuple[int, float], Recording] = {}

    def __call__(self, n: int, noise: Tensor, x: Tensor, betas: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        given = noise, x, betas
        self.optimiser.advance()
        if (n, weight) not in self.recordings:
            self.recordings[n, weight] = self._record(n, weight, given)
        recording = self.recordings[n, weight]
        for place, value in zip(recording.reads, given, strict=True):
            place.copy_(value)
        recording.graph.replay()
        loss, norms = recording.writes
        return loss.clone(), norms.clone()

    def _record(self, n: int, weight: float, given: tuple[Tensor, ...]) -> Recording:
        reads = tuple(value.clone() for value in given)
        before, aside, graph = self.optimiser.copy(), torch.cuda.Stream(), torch.cuda.CUDAGraph()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                self._descend(n, weight, *reads)
        torch.cuda.current_stream().wait_stream(aside)
        self.optimiser.put_back(before)  # the warm-up has moved it
        with torch.cuda.graph(graph):
            writes = self._descend(n, weight, *reads)
        return Recording(graph, reads, writes)

    def _descend(self, n: int, weight: float, noise: Tensor, x: Tensor, betas: Tensor) -> tuple[Tensor, Tensor]:
        recipe = self.recipe
        loss = training_loss(self.network, noise, x, self.task, recipe.hidden(n), betas, recipe.activation)
        return loss, self.optimiser.descend(weight * loss)
