from dataclasses import replace

import numpy as np
import pytest
import torch

from analysis.algorithms.classify import describe, read
from analysis.algorithms.names import resolve
from analysis.network import Network
from search.config.load import load
from search.ledger.read_training import to_record
from tests.support.known_networks import table
from trainables.inputs import sample
from trainables.tasks.registry import TASKS, get_task
from trainables.training.loop import Member, train_pack


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_target_and_variance_agree(task, dimension):
    x = np.random.default_rng(0).standard_normal((400_000, dimension))
    values = task.target(x)
    assert values.shape == (len(x),)
    assert task.variance(dimension) == pytest.approx(values.var(), rel=0.02)
    assert np.allclose(task.target(torch.from_numpy(x)).numpy(), values)
    batch = torch.from_numpy(x[:12]).reshape(3, 4, dimension)
    assert torch.allclose(task.target(batch).ravel(), task.target(torch.from_numpy(x[:12])))


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("inputs", ["uniform", "rademacher"])
def test_variances_of_other_inputs(task, inputs):
    for dimension in (1, 2, 5):
        values = task.target(sample(inputs, (200_000, dimension), 1))
        assert task.on(inputs).variance(dimension) == pytest.approx(values.var(), rel=0.02, abs=1e-9)
    assert task.on("normal").variance(dimension) == task.variance(dimension)


def test_a_training_works_out_a_variance_once_for_each_dimension():
    asked = []

    def variance(n: int) -> float:
        asked.append(n)
        return 1.0

    task = replace(TASKS["range"], variance=variance)
    own = task.on("normal")
    assert [own.variance(n) for n in (4, 2, 4, 4, 2)] == [1.0] * 5 and asked == [4, 2]


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_tasks_name_known_algorithms_only(task):
    assert {one.name for one in resolve(task.algorithms)} == {*task.algorithms, "constant"}
    assert get_task(task.name) is task


def test_only_a_tasks_own_algorithms_are_named():
    """A network that computes the L1 norm earns none of its algorithms' names where they mean nothing."""
    for known in table():
        network = known.network
        batch = network.map(lambda array: array[None])
        target = get_task("l1_norm").target
        free, bound = read(batch, target), read(batch, target, names=())
        wanted = "constant" if free.algorithm[0] == "constant" else "other"
        assert bound.algorithm[0] == wanted
        only = read(batch, target, names=("convexity",)).algorithm[0]
        assert only == (free.algorithm[0] if free.algorithm[0] in ("constant", "convexity") else "other")


@pytest.mark.parametrize("name", ["maximum", "sum_of_squares"])
def test_another_task_trains_and_is_read(name, tmp_path):
    config = load(preset="smoke", settings=[f"training.task={name}", "training.steps=3"])
    recipe = config.training.recipe()
    [trained] = train_pack(3, [Member("k", 1e-4, 0)], recipe)
    row = to_record(trained, recipe, 3).row
    assert row["task"] == name and row["algorithm"] in ("constant", "other") and np.isfinite(row["relative_error"])
    Network(*trained.final.draws)[0].save(tmp_path / "a.npz")
    found = describe(tmp_path / "a.npz", get_task(name).target, names=get_task(name).algorithms)
    assert found["algorithm"] in ("constant", "other") and set(found["order_parameters"]) >= {"locality", "sidedness"}
