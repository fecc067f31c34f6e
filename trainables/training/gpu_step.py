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
# Shapes that a process may compile, of packs of several n each. PyTorch's limit of 8 would leave others eager.
MOST_COMPILED = 64

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
    """Steps whose losses and gradients are compiled by torch.compile, once for every n; packs of a size share them."""
    network.without_kernels()
    # the overloads that PyTorch tells type checkers of lack the limit
    losses = torch.compile(loss_in_torch, dynamic=False, recompile_limit=MOST_COMPILED)  # type: ignore[call-overload]

    def step(n: int, noise: Tensor, x: Tensor, betas: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        said = task.target(x), float(task.variance(n))
        loss = losses(network, noise, x, *said, recipe.hidden(n), betas, recipe.activation)
        return loss, optimiser.step(weight * loss)

    return step


class Recording(NamedTuple):
    """A recorded step: what it reads and writes lies where it lay when it was recorded."""

    graph: torch.cuda.CUDAGraph
    reads: tuple[Tensor, ...]
    writes: tuple[Tensor, ...]


class Recorded:
    """Steps that are recorded once for every n, Adam included, and replayed; on a GPU only.

    The recordings share their memory: they never run at once, and none reads what another has left there.
    """

    def __init__(self, network: torch.nn.Module, optimiser: PackAdam, task: Task, recipe: Recipe):
        self.network, self.optimiser, self.task, self.recipe = network, optimiser, task, recipe
        self.recordings: dict[int, Recording] = {}
        self.weight = torch.ones((), device=optimiser.values.device)
        self.pool = torch.cuda.graph_pool_handle()

    def __call__(self, n: int, noise: Tensor, x: Tensor, betas: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        given = noise, x, betas
        self.optimiser.advance()
        self.weight.fill_(weight)
        if n not in self.recordings:
            self.recordings[n] = self._record(n, given)
        recording = self.recordings[n]
        for place, value in zip(recording.reads, given, strict=True):
            place.copy_(value)
        recording.graph.replay()
        loss, norms = recording.writes
        return loss.clone(), norms.clone()

    def _record(self, n: int, given: tuple[Tensor, ...]) -> Recording:
        reads = tuple(value.clone() for value in given)
        before, aside, graph = self.optimiser.copy(), torch.cuda.Stream(), torch.cuda.CUDAGraph()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP):
                self._descend(n, *reads)
        torch.cuda.current_stream().wait_stream(aside)
        self.optimiser.put_back(before)  # the warm-up has moved it
        with torch.cuda.graph(graph, pool=self.pool):
            writes = self._descend(n, *reads)
        return Recording(graph, reads, writes)

    def _descend(self, n: int, noise: Tensor, x: Tensor, betas: Tensor) -> tuple[Tensor, Tensor]:
        recipe = self.recipe
        loss = training_loss(self.network, noise, x, self.task, recipe.hidden(n), betas, recipe.activation)
        return loss.detach(), self.optimiser.descend(self.weight * loss)
