"""Steps never ask a tensor for its value: on a GPU that would wait for all that has been queued."""

import pytest
from torch.utils._python_dispatch import TorchDispatchMode

from trainables.kernels.compile import library
from trainables.recipe import Recipe
from trainables.training.loop import Member, train_pack

WAITS = {"aten._local_scalar_dense", "aten.is_nonzero", "aten.nonzero", "aten.equal", "aten.masked_select"}


class Recorder(TorchDispatchMode):
    """Counts the operations that wait."""

    waits = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.waits += str(function.overloadpacket) in WAITS
        return function(*args, **(kwargs or {}))


@pytest.fixture
def in_torch(monkeypatch):
    monkeypatch.setenv("HYPERPHASE_NATIVE", "0")
    library.cache_clear()
    yield
    library.cache_clear()


@pytest.mark.parametrize("trainable", ["hypernetwork", "pareto", "mlp"])
def test_only_looks_wait(in_torch, trainable):
    recipe = Recipe(steps=5, snapshots=1, snapshot_draws=1, final_draws=1, evaluation_inputs=8, trainable=trainable)
    members, seen = [Member("a", 1e-3, 0), Member("b", 1e-6, 1)], []
    with Recorder() as recorder:
        train_pack(3, members, recipe, on_step=lambda _: seen.append(recorder.waits))
    assert len(set(seen[:-1])) == 1  # nothing waits between the first step and the look after the last
    assert recorder.waits > seen[-2]
