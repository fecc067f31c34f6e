"""The other trainables, the Pareto hypernetwork and the plain network, keep what hypernetworks promise."""

import math

import numpy as np
import pytest
import torch

from tests.trainables.training.test_bit_identity import RECIPE, assert_same_bits, one_thread  # noqa: F401
from tests.trainables.training.test_checkpoint import Memory, Stop
from trainables.models.hypernetwork import initialise, noise_size
from trainables.models.pareto import sample_betas
from trainables.models.registry import TRAINABLES, build
from trainables.models.scale_free import REFERENCE
from trainables.recipe import BEFORE
from trainables.training.draw import draw_networks
from trainables.training.loop import Member, train_pack
from trainables.training.noise import stream

PLAIN = RECIPE.model_copy(update=BEFORE)
MLP = PLAIN.model_copy(update={"trainable": "mlp"})
SCALE_FREE = PLAIN.model_copy(update={"scale_free": True, "dimensions": (2, 4)})
PARETO = PLAIN.model_copy(update={"trainable": "pareto", "dimensions": (2, 4)})
MEMBERS = [Member(f"{beta:g} {seed}", beta, seed) for seed in (3, 8) for beta in (1.0, 1e-3, 1e-6)]


@pytest.mark.parametrize("recipe", [MLP, PARETO, SCALE_FREE])
def test_alone_in_packs_and_in_any_order(recipe):
    whole = {trained.member: trained for trained in train_pack(3, MEMBERS, recipe)}
    for pack in ([0], [5], [4, 1, 5], [5, 0, 4, 2, 1, 3]):
        for trained in train_pack(3, [MEMBERS[k] for k in pack], recipe):
            assert_same_bits(trained, whole[trained.member])


@pytest.mark.parametrize("recipe", [MLP, PARETO])
def test_going_on_from_a_checkpoint_changes_no_bit(recipe):
    undisturbed = {trained.member: trained for trained in train_pack(3, MEMBERS, recipe)}
    memory = Memory(9)
    with pytest.raises(Stop):
        train_pack(3, MEMBERS, recipe, checkpoint=memory)
    for rows in ([0, 1, 2, 3, 4, 5], [4, 2]):
        left = Memory(kept=memory.kept, rows=rows)
        for trained in train_pack(3, [MEMBERS[k] for k in rows], recipe, checkpoint=left):
            assert_same_bits(trained, undisturbed[trained.member])
        assert left.offered == recipe.steps - 1 - 9


def test_a_pareto_hypernetwork_is_one_for_all_betas_of_a_seed():
    first, second, _, other, *_ = train_pack(3, MEMBERS, PARETO)
    for name, array in first.hypernetwork.items():
        assert array.tobytes() == second.hypernetwork[name].tobytes()
    assert any((array != other.hypernetwork[name]).any() for name, array in first.hypernetwork.items())
    assert (first.final.draws.hidden_weight != second.final.draws.hidden_weight).any()  # but it is told its β
    drawn = [draw_networks(first.hypernetwork, PARETO, 5, beta=beta).hidden_weight for beta in (1.0, 1e-3)]
    assert drawn[0].shape == (1, 15, 5)
    assert (drawn[0] != drawn[1]).any()


def test_betas_are_sampled_log_uniformly_from_a_range_that_opens():
    normal = torch.randn(20_000, generator=torch.Generator().manual_seed(1))
    for progress, decades in ((0.0, 1.8), (0.25, 3.9), (0.5, 6.0), (1.0, 6.0)):
        betas = sample_betas(normal, 1e-6, 1.0, progress).log10().numpy()
        shares, _ = np.histogram(betas, bins=5, range=(-6.001, -5.999 + decades))
        np.testing.assert_allclose(shares / 20_000, 1 / 5, atol=0.015)


def test_a_pareto_hypernetwork_learns_that_beta_matters():
    """Measured with eight seeds: 10 to 45 nats, errors 0.11 to 0.76 at the low end; at the high end 0.3 to 4.3 nats."""
    recipe = PARETO.model_copy(
        update={"steps": 600, "dimensions": (), "final_draws": 16, "inputs_per_step": 128}
        | {"beta_range": (1e-5, 1.0), "snapshots": 1}
    )
    low, high = train_pack(2, [Member("low", 1e-5, 3), Member("high", 1.0, 3)], recipe)
    assert low.final.relative_error < 0.8
    assert low.final.complexity_nats > 8
    assert high.final.complexity_nats < 3


def forward(recipe, dimension: int):
    """One drawn W, (m, n), of an untrained hypernetwork."""
    network = build(recipe, 1, dimension)
    initialise(network, [stream(3, "parameters")])
    noise = torch.randn(1, noise_size(dimension, 3 * dimension), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return network(noise, dimension, 3 * dimension)[0].hidden_weight[0]


def test_scale_free_layers_are_the_plain_ones_at_the_reference_alone():
    free = PLAIN.model_copy(update={"scale_free": True})
    torch.testing.assert_close(forward(free, REFERENCE), forward(PLAIN, REFERENCE))
    assert (forward(free, 12) - forward(PLAIN, 12)).abs().max() > 0.01


def test_scale_free_recipes_balance_longer_beyond_what_they_saw(monkeypatch):
    seen = []
    monkeypatch.setattr(
        "trainables.training.draw.build", lambda recipe, *rest: seen.append(recipe) or build(recipe, *rest)
    )
    hypernetwork = train_pack(3, MEMBERS[:1], SCALE_FREE)[0].hypernetwork
    for dimension in (3, 2, 4, 5, 9, 17):
        draw_networks(hypernetwork, SCALE_FREE, dimension)
    rounds = SCALE_FREE.sinkhorn_rounds
    assert [recipe.sinkhorn_rounds / rounds for recipe in seen] == [1, 1, 1, 1.5, 2, 2.5]


def test_an_mlp_is_one_network_and_learns():
    """Measured with four seeds: errors of 0.01 to 0.03 on three of them; the penalty's weights end at 0."""
    recipe = MLP.model_copy(update={"steps": 800, "learning_rate": 2e-2, "inputs_per_step": 256, "final_draws": 16})
    free, penalised = train_pack(2, [Member("free", 1e-9, 2), Member("penalised", 1.0, 2)], recipe)
    assert free.final.draws.hidden_weight.shape[0] == 1
    assert free.hypernetwork == {}
    assert free.final.relative_error < 0.05
    assert penalised.final.relative_error > 0.5
    assert penalised.final.complexity_nats < 0.1 * free.final.complexity_nats
    weights = free.final.draws
    nats = sum(0.5 * np.square(getattr(weights, name)).sum() for name in free.final.complexity)
    assert free.final.complexity_nats == pytest.approx(nats, rel=1e-5)


@pytest.mark.parametrize("dimension", [1, 4, 16])
def test_an_mlp_starts_as_networks_usually_do(dimension):
    network = build(MLP, 200, dimension)
    initialise(network, [stream(seed, "parameters") for seed in range(200)])
    with torch.no_grad():
        weights, _ = network(torch.zeros(200, noise_size(dimension, 3 * dimension)), dimension, 3 * dimension, None)
    assert weights.hidden_weight.std().item() == pytest.approx(1 / math.sqrt(dimension), rel=0.1)
    assert weights.output_weight.std().item() == pytest.approx(1 / math.sqrt(3 * dimension), rel=0.1)
    assert not weights.output_bias.any()


OWN = """
from trainables import Trainable
from trainables.models.hypernetwork import Hypernetwork

SHARED = Trainable("shared", lambda recipe, members, n: Hypernetwork(members, recipe), shares_weights=True)
"""


def test_a_trainable_of_ones_own_answers_for_itself(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    recipe = PLAIN.model_copy(update={"trainable": f"{tmp_path}/own.py:SHARED"})
    assert recipe == type(recipe)(**recipe.model_dump()) and recipe.draws(7) == 7
    low, high, _, other, *_ = train_pack(3, MEMBERS, recipe)
    for name, array in low.hypernetwork.items():
        assert array.tobytes() == high.hypernetwork[name].tobytes()  # one for all β of a seed
    assert any((array != other.hypernetwork[name]).any() for name, array in low.hypernetwork.items())


def test_built_in_trainables_and_their_answers():
    assert {
        name: (t.shares_weights, t.needs_beta, t.most_draws, t.has_hypernetwork) for name, t in TRAINABLES.items()
    } == {
        "hypernetwork": (False, False, None, True),
        "pareto": (True, True, None, True),
        "mlp": (False, False, 1, False),
    }
    with pytest.raises(ValueError, match=r"unknown trainable 'cnn'; known: hypernetwork, pareto, mlp"):
        RECIPE.__class__(trainable="cnn")
    with pytest.raises(ValueError, match=r"mlp has one input dimension"):
        RECIPE.__class__(trainable="mlp", dimensions=(2, 3))
