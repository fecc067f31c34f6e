import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from analysis.network import Network
from trainables.errors import TrainableError
from trainables.models.noise_layout import split
from trainables.recipe import Recipe
from trainables.tasks.registry import get_task
from trainables.training.devices import resolve
from trainables.training.draw import draw_networks
from trainables.training.evaluation import snapshot_steps
from trainables.training.gpu_step import step_of
from trainables.training.loop import Member, train_pack
from trainables.training.noise import NoiseStream, stream

RECIPE = Recipe(steps=12, snapshots=3, snapshot_draws=2, final_draws=3, evaluation_inputs=64, inputs_per_step=32)
CPU = torch.device("cpu")


def noise(seeds: list[int], purpose: str = "training", steps: int = 10) -> torch.Tensor:
    """(steps, members, 5)"""
    source = NoiseStream(seeds, purpose, 5, device=CPU, block=4)
    return torch.stack([source.next().clone() for _ in range(steps)])


@settings(max_examples=20)
@given(seeds=st.lists(st.integers(0, 2**40), min_size=1, max_size=5), data=st.data())
def test_noise_depends_on_the_seed_alone(seeds, data):
    order = data.draw(st.permutations(range(len(seeds))))
    together = noise(seeds)
    assert torch.equal(noise([seeds[k] for k in order]), together[:, order])
    assert torch.equal(noise(seeds[:1])[:, 0], together[:, 0])


def test_noise_is_fresh():
    numbers = torch.cat([noise([0, 1, 2]), noise([0], "evaluation")], 1)
    assert numbers.unique().numel() == numbers.numel()  # over steps, blocks, seeds and purposes
    assert abs(noise([3], steps=4000).mean()) < 0.03
    assert noise([3], steps=4000).std() == pytest.approx(1, abs=0.02)


def test_streams_of_other_purposes_differ():
    first = [torch.randn(1, generator=stream(1, purpose)).item() for purpose in ("training", "evaluation", "draws")]
    assert len(set(first)) == 3


def test_split_cuts_the_first_numbers_of_rows_in_order():
    parts = split(torch.arange(24).view(2, 12), [(2, 3), (5,)])
    assert [tuple(part.shape) for part in parts] == [(2, 2, 3), (2, 5)]
    assert parts[0][1].flatten().tolist() == [12, 13, 14, 15, 16, 17]
    assert parts[1][0].tolist() == [6, 7, 8, 9, 10]


def test_looking_more_often_does_not_change_the_training():
    member = Member("a", 1e-3, 1)
    few, many = (
        train_pack(2, [member], RECIPE.model_copy(update={"snapshots": count, "snapshot_draws": draws}))[0]
        for count, draws in ((1, 1), (8, 3))
    )
    assert len(few.snapshots) < len(many.snapshots)
    for name, array in few.hypernetwork.items():
        assert array.tobytes() == many.hypernetwork[name].tobytes(), name


@given(steps=st.integers(1, 100_000), count=st.integers(1, 40))
def test_snapshot_steps(steps, count):
    evaluations = snapshot_steps(steps, count)
    assert evaluations == sorted(set(evaluations))
    assert evaluations[-1] == steps
    assert evaluations[0] >= 1
    assert 1 <= len(evaluations) <= count


def test_what_a_training_leaves():
    done = train_pack(3, [Member("a", 1e-3, 1), Member("b", 1e-6, 1)], RECIPE)
    assert [trained.member.key for trained in done] == ["a", "b"]
    for trained in done:
        assert (trained.status, trained.reason) == ("done", "")
        assert [evaluate.step for evaluate in trained.snapshots] == snapshot_steps(12, 3)
        networks = Network(*trained.final.draws)
        assert (networks.batch_shape, networks.hidden, networks.dimension) == ((3,), 9, 3)
        assert set(trained.final.complexity) == {"hidden_weight", "hidden_bias", "output_weight"}
        assert trained.final.complexity_nats == pytest.approx(sum(trained.final.complexity.values()))
        assert trained.seconds > 0
        # the error that is stored is the error of the networks that are stored, on any inputs
        x = np.random.default_rng(0).standard_normal((20_000, 3))
        target = np.abs(x).sum(-1)
        again = ((networks(x) - target) ** 2).mean(-1) / (3 * (1 - 2 / math.pi))
        np.testing.assert_allclose(trained.final.errors, again, rtol=0.5)
    assert any((done[0].hypernetwork[name] != done[1].hypernetwork[name]).any() for name in done[0].hypernetwork)


@pytest.mark.parametrize("beta", [math.nan, math.inf, 1e38])
def test_a_failing_member_leaves_the_others_alone(beta):
    good = Member("good", 1e-3, 1)
    failed, beside = train_pack(2, [Member("bad", beta, 2), good], RECIPE)
    assert (failed.status, failed.reason) == ("failed", "loss not finite at step 1")
    assert failed.final is None
    assert failed.snapshots == []
    assert failed.hypernetwork == {}
    alone = train_pack(2, [good], RECIPE)[0]
    assert beside.status == "done"
    assert math.isfinite(beside.final.relative_error)
    np.testing.assert_array_equal(beside.final.errors, alone.final.errors)


def test_a_pack_that_failed_ends_early():
    steps = []
    bad = [Member("a", math.nan, 1), Member("b", math.inf, 2)]
    recipe = RECIPE.model_copy(update={"steps": 1000})  # the first look is at step 10
    done = train_pack(2, bad, recipe, on_step=steps.append)
    assert [trained.status for trained in done] == ["failed", "failed"]
    assert len(steps) < 100


def test_on_step_counts_and_can_stop():
    steps = []
    train_pack(2, [Member("a", 1e-3, 1)], RECIPE, on_step=steps.append)
    assert steps == list(range(1, 13))

    def stop(step):
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_pack(2, [Member("a", 1e-3, 1)], RECIPE, on_step=stop)


def test_dimensions_take_turns_in_every_member(monkeypatch):
    seen = []

    def spying(*given):
        step = step_of(*given)

        def spy(n, noise, x, betas, weight):
            seen.append(n)
            assert x.shape[-1] == n
            return step(n, noise, x, betas, weight)

        return spy

    monkeypatch.setattr("trainables.training.loop.step_of", spying)
    recipe = RECIPE.model_copy(update={"dimensions": (4, 3, 2), "curriculum": 0.0, "rehearsal": 0})
    trained = train_pack(3, [Member("a", 1e-3, 1), Member("b", 1e-6, 2)], recipe)
    assert seen == [3, 4, 2] * 4
    assert {
        evaluate.draws.hidden_weight.shape[-1] for member in trained for evaluate in [*member.snapshots, member.final]
    } == {3}


@pytest.fixture(scope="module")
def hypernetwork():
    return train_pack(4, [Member("a", 1e-6, 3)], RECIPE)[0].hypernetwork


@pytest.mark.parametrize("dimension", [1, 4, 5, 9])
def test_draw_networks_at_any_dimension(hypernetwork, dimension):
    drawn = draw_networks(hypernetwork, RECIPE, dimension, seed=1, draws=3)
    assert drawn.hidden_weight.shape == (3, 3 * dimension, dimension)
    assert Network(*drawn).batch_shape == (3,)
    again = draw_networks(hypernetwork, RECIPE, dimension, seed=1, draws=3)
    other = draw_networks(hypernetwork, RECIPE, dimension, seed=2, draws=3)
    assert drawn.hidden_weight.tobytes() == again.hidden_weight.tobytes()
    assert not np.isclose(drawn.hidden_weight, other.hidden_weight).all()
    assert not np.isclose(drawn.hidden_weight[0], drawn.hidden_weight[1]).all()


def assert_one_line(error) -> None:
    assert str(error.value)
    assert "\n" not in str(error.value)


def test_user_errors(monkeypatch):
    with pytest.raises(TrainableError, match=r"l3_norm.*l1_norm") as error:
        get_task("l3_norm")
    assert_one_line(error)
    with pytest.raises(ValidationError, match=r"unknown task 'l3_norm'"):
        Recipe(task="l3_norm")
    with pytest.raises(TrainableError, match=r"'tpu'.*auto, cpu, cuda") as error:
        resolve("tpu")
    assert_one_line(error)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(TrainableError, match="no GPU") as error:
        train_pack(2, [Member("a", 1e-3, 1)], RECIPE, device="cuda")
    assert_one_line(error)
    assert resolve("auto").type == "cpu"


def test_recipes_are_checked_and_hashable():
    for bad in ({"steps": 0}, {"scores": 3}, {"learning_rate": 0}, {"stepz": 3}, {"dimensions": (4, 4)}):
        with pytest.raises(ValidationError):
            Recipe(**bad)
    assert hash(Recipe()) == hash(Recipe(steps=Recipe().steps))
    assert Recipe(hidden_per_input=3).hidden(16) == 48


def test_failing_on_the_way_keeps_what_was_seen_before(monkeypatch):
    calls = 0

    def poisoned(*given):
        step = step_of(*given)

        def poison(*arguments):
            nonlocal calls
            calls += 1
            loss, norms = step(*arguments)
            return loss + torch.tensor([0.0, math.nan if calls == 6 else 0.0]), norms

        return poison

    good, bad = Member("good", 1e-3, 1), Member("bad", 1e-3, 2)
    alone = train_pack(2, [good], RECIPE)[0]
    monkeypatch.setattr("trainables.training.loop.step_of", poisoned)
    beside, failed = train_pack(2, [good, bad], RECIPE)
    assert (failed.status, failed.reason) == ("failed", "loss not finite at step 6")
    assert [evaluate.step for evaluate in failed.snapshots] == [1, 3]
    assert beside.status == "done"
    np.testing.assert_array_equal(beside.final.errors, alone.final.errors)


def test_it_learns():
    """Measured with six seeds at n = 2 and 3: errors of 0.14 to 0.30; a constant's is 1 and costs next to no nats."""
    recipe = Recipe(steps=400, snapshots=5, snapshot_draws=4, final_draws=16, inputs_per_step=128)
    members = [Member("a", 1e-6, 0), Member("b", 1e-6, 1), Member("constant", 1.0, 0)]
    *learned, constant = train_pack(2, members, recipe)
    for trained in learned:
        assert trained.final.relative_error < 0.5
        assert trained.final.relative_error < 0.3 * trained.snapshots[0].relative_error
        assert trained.final.complexity_nats > 20
    assert constant.final.relative_error == pytest.approx(1, abs=0.1)
    assert constant.final.complexity_nats < 0.1


def test_training_leaves_the_processor_as_it_was():
    smallest = np.float64(5e-324)

    def evaluate(step):
        assert smallest * np.float64(1.0) == 0
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_pack(2, [Member("a", 1e-3, 1)], RECIPE, on_step=evaluate)
    assert smallest * np.float64(1.0) > 0
