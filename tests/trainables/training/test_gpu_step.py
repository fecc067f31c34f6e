"""Steps that are compiled or recorded do what steps operation by operation do; here on the CPU, as far as it can."""

from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
import torch

from trainables.kernels.compile import compiler
from trainables.models.hypernetwork import Hypernetwork, initialise, noise_size
from trainables.recipe import Recipe
from trainables.tasks.registry import get_task
from trainables.training import gpu_step, loop
from trainables.training.noise import stream
from trainables.training.optimiser import PackAdam

RECIPE = Recipe(steps=10, layers=1, sinkhorn_rounds=1)
TASK = get_task("l1_norm")
BETAS = torch.tensor([1e-6, 1e-2])
SIZES = (3, 2, 2, 3)
WEIGHTS = (1.0, 1.0, 0.1, 0.1)


def pack() -> tuple[Hypernetwork, PackAdam]:
    network = Hypernetwork(2, RECIPE)
    initialise(network, [stream(seed, "parameters") for seed in (0, 1)])
    return network, PackAdam(network, steps=10, learning_rate=1e-2, clip=1.0)


def steps(step: gpu_step.Step, sizes=SIZES) -> list[tuple[torch.Tensor, torch.Tensor]]:
    noise, taken = torch.Generator().manual_seed(0), []
    for n, weight in zip(sizes, WEIGHTS, strict=False):
        z = torch.randn(2, noise_size(n, RECIPE.hidden(n)), generator=noise)
        taken.append(step(n, z, torch.randn(2, 16, n, generator=noise), BETAS, weight))
    return taken


def trained(make, sizes=SIZES) -> tuple[list, torch.Tensor]:
    network, optimiser = pack()
    taken = steps(make(network, optimiser, TASK, RECIPE), sizes)
    return taken, optimiser.values


def eager(*given):
    return gpu_step.step_of("eager", *given)


class Graph:
    """A CUDA graph that records, as its run, the step that was taken last."""

    replay = None


@pytest.fixture
def recorder(monkeypatch):
    """PyTorch's recording of CUDA graphs, acted by running the step again, from what it reads into what it writes."""
    descended = []
    monkeypatch.setenv("HYPERPHASE_NATIVE", "0")
    descend = gpu_step.Recorded._descend

    def listening(self, *given):
        descended.append((self, given, descend(self, *given)))
        return descended[-1][2]

    @contextmanager
    def graph(recorded, pool):
        owner = None
        before = [tensor.clone() for tensor in kept()]
        yield
        owner, given, writes = descended[-1]
        for tensor, value in zip(kept(), before, strict=True):  # a recording runs nothing
            tensor.copy_(value)

        def replay():
            for place, value in zip(writes, descend(owner, *given), strict=True):
                place.detach().copy_(value.detach())

        recorded.replay = replay

    optimisers = []
    make = PackAdam.copy
    monkeypatch.setattr(PackAdam, "copy", lambda self: optimisers.append(self) or make(self))

    def kept():
        own = optimisers[-1]
        return own.values, own.first, own.second, own._step_on_device

    monkeypatch.setattr(gpu_step.Recorded, "_descend", listening)
    acted = {"Stream": Waits, "current_stream": Waits, "CUDAGraph": Graph, "graph": graph, "graph_pool_handle": Waits}
    for name, value in acted.items():
        monkeypatch.setattr(torch.cuda, name, value)
    monkeypatch.setattr(torch.cuda, "stream", nullcontext)


class Waits:
    def wait_stream(self, other):
        pass


def test_a_recorded_step_is_an_eager_one(recorder):
    taken, values = trained(gpu_step.Recorded)
    wanted, eagerly = trained(eager)
    for (loss, norms), (wanted_loss, wanted_norms) in zip(taken, wanted, strict=True):
        torch.testing.assert_close(loss, wanted_loss.detach())
        torch.testing.assert_close(norms, wanted_norms)
    torch.testing.assert_close(values, eagerly)
    assert (eagerly - trained(lambda *given: lambda n, *rest: (BETAS, BETAS))[1]).abs().max() > 1e-3  # steps do move


CURRICULUM = Recipe(
    steps=12, curriculum=0.5, rehearsal=2, layers=1, sinkhorn_rounds=1,
    snapshots=1, snapshot_draws=1, final_draws=1, evaluation_inputs=16,
)  # fmt: skip


def curriculum(monkeypatch, make, n: int = 8) -> list[np.ndarray]:
    """Parameters after a training that takes n, n / 2 and n / 4, with changing penalties and weights."""
    made = []
    monkeypatch.setattr(loop, "step_of", lambda kind, *given: made.append(make(*given)) or made[-1])
    members = [loop.Member(str(seed), 1e-3, seed) for seed in (0, 1)]
    trained = loop.train_pack(n, members, CURRICULUM)
    return made[0], [array for result in trained for array in result.hypernetwork.values()]


def test_a_curriculum_is_recorded_once_a_dimension(recorder, monkeypatch):
    step, found = curriculum(monkeypatch, gpu_step.Recorded)
    assert sorted(step.recordings) == [2, 4, 8]
    _, wanted = curriculum(monkeypatch, eager)
    for array, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_curriculum_is_compiled_once_a_dimension(monkeypatch):
    from torch._dynamo.testing import CompileCounter

    counter, compile_ = CompileCounter(), torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, **how: compile_(function, backend=counter, **how))
    _, found = curriculum(monkeypatch, gpu_step.compiled)
    assert counter.frame_count == 3
    _, wanted = curriculum(monkeypatch, eager)
    for array, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-3, atol=1e-4)
    for n, count in ((12, 6), (20, 9), (8, 9)):  # more than PyTorch's limit of 8; and packs share what is compiled
        curriculum(monkeypatch, gpu_step.compiled, n)
        assert counter.frame_count == count


@pytest.mark.slow
@pytest.mark.skipif(not compiler(), reason="torch.compile needs a C++ compiler on a CPU")
def test_a_compiled_step_is_an_eager_one():
    taken, values = trained(gpu_step.compiled, [2, 2])  # every n is compiled by itself, in half a minute
    wanted, eagerly = trained(eager, [2, 2])
    for (loss, norms), (wanted_loss, wanted_norms) in zip(taken, wanted, strict=True):
        torch.testing.assert_close(loss, wanted_loss, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(norms, wanted_norms, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(values, eagerly, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", gpu_step.GPU_STEPS)
def test_on_a_cpu_every_kind_is_the_ordinary_step(kind):
    wanted, _ = trained(eager)
    taken, _ = trained(lambda *given: gpu_step.step_of(kind, *given))
    assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(taken, wanted, strict=True))
