"""On the CPU a training's result is the same to the last bit, alone or in any pack, in any order."""

import numpy as np
import pytest
import torch

from trainables.models.bit_exact import batched_matvec, padded_elementwise
from trainables.recipe import Recipe
from trainables.training.loop import Member, TrainingResult, train_pack

# the default recipe's widths, a dozen steps
RECIPE = Recipe(steps=13, snapshots=3, snapshot_draws=2, final_draws=2, evaluation_inputs=64)
MEMBERS = [Member(key=f"m{k}", beta=10.0**-k, seed=7 * k) for k in range(7)]
FAILING = Member(key="failing", beta=float("nan"), seed=5)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def bits(trained: TrainingResult) -> dict[str, bytes]:
    """Everything that a training computed, by name, as bytes."""
    found = {name: array.tobytes() for name, array in trained.hypernetwork.items()}
    evaluations = [*trained.snapshots, *([trained.final] if trained.final else [])]
    for k, evaluate in enumerate(evaluations):
        found[f"{k} step"], found[f"{k} errors"] = bytes([evaluate.step]), evaluate.errors.tobytes()
        found[f"{k} complexity"] = np.array(list(evaluate.complexity.values())).tobytes()
        found |= {f"{k} {name}": array.tobytes() for name, array in evaluate.draws._asdict().items()}
    return found


def assert_same_bits(one: TrainingResult, other: TrainingResult) -> None:
    left, right = bits(one), bits(other)
    assert len(left) > 20
    assert left.keys() == right.keys()
    assert [name for name in left if left[name] != right[name]] == []


@pytest.mark.parametrize("dimension", [2, 3, 4, 5, 6, 7])
def test_alone_in_packs_and_in_any_order(dimension):
    whole = {trained.member: trained for trained in train_pack(dimension, MEMBERS, RECIPE)}
    assert len({bits(trained)["heads.edge.weight"] for trained in whole.values()}) == len(MEMBERS)
    for pack in ([0], [6], [5, 2], [4, 0, 3], [6, 3, 5, 1, 4, 2, 0]):
        for trained in train_pack(dimension, [MEMBERS[k] for k in pack], RECIPE):
            assert_same_bits(trained, whole[trained.member])


@pytest.mark.parametrize("dimension", [3, 4])
def test_beside_a_failing_member(dimension):
    alone = train_pack(dimension, MEMBERS[3:4], RECIPE)[0]
    failed, beside = train_pack(dimension, [FAILING, MEMBERS[3]], RECIPE)
    assert failed.status == "failed"
    assert_same_bits(alone, beside)


def test_when_dimensions_take_turns():
    recipe = RECIPE.model_copy(update={"dimensions": (6, 2)})
    pair = train_pack(4, MEMBERS[:2], recipe)
    assert_same_bits(train_pack(4, MEMBERS[1:2], recipe)[0], pair[1])


def test_larger_networks_take_other_kernels():
    recipe = RECIPE.model_copy(update={"steps": 3})
    pair = train_pack(16, MEMBERS[:2], recipe)
    assert_same_bits(train_pack(16, MEMBERS[:1], recipe)[0], pair[0])


@pytest.mark.parametrize("activation, inputs", [("relu", "uniform"), ("gelu", "rademacher"), ("tanh", "normal")])
def test_of_other_activations_and_inputs(activation, inputs):
    recipe = RECIPE.model_copy(update={"task": "range", "activation": activation, "inputs": inputs, "steps": 4})
    pair = train_pack(3, MEMBERS[2:4], recipe)
    assert pair[0].status == "done"
    assert_same_bits(train_pack(3, MEMBERS[3:4], recipe)[0], pair[1])


@pytest.mark.parametrize("function", [torch.sigmoid, torch.nn.functional.silu, torch.erf, torch.nn.functional.gelu])
@pytest.mark.parametrize("rows", [1, 3, 5, 33, 256])
def test_elementwise_rounds_every_member_alike(function, rows):
    x = torch.randn(5, rows, 7, generator=torch.Generator().manual_seed(rows)).requires_grad_()
    together = padded_elementwise(function, x)
    torch.testing.assert_close(together, function(x))
    together.square().sum().backward()
    for member in range(len(x)):
        part = x[member : member + 1].detach().requires_grad_()
        alone = padded_elementwise(function, part)
        alone.square().sum().backward()
        assert torch.equal(alone[0], together[member])
        assert torch.equal(part.grad[0], x.grad[member])


@pytest.mark.parametrize("rows, k", [(256, 6), (256, 12), (48, 16), (16, 48), (1024, 48)])
def test_vectors_are_multiplied_alike(rows, k):
    generator = torch.Generator().manual_seed(k)
    matrices = torch.randn(3, rows, k, generator=generator).requires_grad_()
    vectors = torch.randn(3, k, 1, generator=generator).requires_grad_()
    together = batched_matvec(matrices, vectors)
    torch.testing.assert_close(together, matrices @ vectors)
    together.square().sum().backward()
    for member in range(3):
        a, b = (t[member : member + 1].detach().requires_grad_() for t in (matrices, vectors))
        alone = batched_matvec(a, b)
        alone.square().sum().backward()
        assert torch.equal(alone[0], together[member])
        assert torch.equal(a.grad[0], matrices.grad[member])
        assert torch.equal(b.grad[0], vectors.grad[member])
