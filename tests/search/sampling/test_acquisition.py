"""Gains of places: known answers, and what they must prefer."""

import numpy as np
import pytest

from benchmarks.boundaries.synthetic import HIGH, LOW, random_truth
from search.sampling.acquisition import acquisition_values, expected_error_reduction, undiscovered_probability
from search.sampling.posterior import coin_flips, fit_posterior, fixed_basis, likely_fits

NOWHERE = np.zeros((0, 2))


def places(*pairs):
    return np.array(pairs, float)


def test_a_label_closes_its_surroundings_and_only_those():
    targets = places((0, 0), (0.05, 0), (0.9, 0))
    alone = undiscovered_probability(targets, NOWHERE, np.zeros(0), NOWHERE)
    seen = undiscovered_probability(targets, places((0, 0)), np.ones(1), NOWHERE)
    assert seen[0] == 0 and seen[1] < 0.1 * alone[1] and seen[2] > 0.5 * alone[2]
    np.testing.assert_allclose(
        undiscovered_probability(targets, NOWHERE, np.zeros(0), places((0, 0))), seen
    )  # pending counts as seen


def test_a_surprise_opens_a_place_until_others_agree():
    here, seen = places((0, 0)), places((0, 0), (0.5, 0.5))
    assert undiscovered_probability(here, seen, np.array([0.001, 1.0]), NOWHERE) > 0.9
    assert undiscovered_probability(here, seen, np.array([0.9, 1.0]), NOWHERE) < 0.1
    again = places((0, 0), (0.5, 0.5), (0.01, 0))
    assert undiscovered_probability(here, again, np.array([0.001, 1.0, 1.0]), NOWHERE) < 0.1


def test_reduction_of_error_by_hand():
    """Two draws that disagree about the target; a label at place 0 tells them apart, at place 1 it tells nothing."""
    probability = np.array([[[1.0, 0.5], [0.0, 0.5]], [[0.0, 0.5], [1.0, 0.5]]], dtype=np.float32)
    winners = np.array([[0], [1]])
    np.testing.assert_allclose(expected_error_reduction(probability, winners), [0.5, 0.0], atol=1e-7)


@pytest.fixture(scope="module")
def step():
    """A boundary at u = 0.1, known to within 0.4."""
    rng = np.random.default_rng(0)
    seen = rng.uniform(-1, 1, (40, 2))
    seen = seen[np.abs(seen[:, 0] - 0.1) > 0.2]
    counts = np.stack([seen[:, 0] < 0.1, seen[:, 0] >= 0.1], axis=1).astype(float)
    basis = fixed_basis()
    start = likely_fits(basis, seen, counts)[0]
    return seen, fit_posterior(basis, seen, counts, start.settings, start=start)


def test_gains_are_where_the_boundary_may_be_and_per_cost(step):
    seen, posterior = step
    axes = np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-1, 1, 7))
    lattice = np.stack([part.ravel() for part in axes], axis=1)
    agreement = np.ones(len(seen))
    found = acquisition_values(posterior, seen, agreement, NOWHERE, lattice, lattice, np.random.default_rng(0))
    assert abs(lattice[found.argmax(), 0] - 0.1) < 0.3
    cost = np.where(lattice[:, 1] > 0, 10.0, 1.0)
    found = acquisition_values(
        posterior, seen, agreement, NOWHERE, lattice, lattice, np.random.default_rng(0), cost=cost
    )
    assert lattice[found.argmax(), 1] <= 0


def test_pending_labels_narrow_the_draws(step):
    _, posterior = step
    there = posterior.features_at(np.stack([np.full(8, 0.1), np.linspace(-1, 1, 8)], axis=1))
    base_samples = np.random.default_rng(0).standard_normal((200, posterior.fit.mode.size))
    before, after = (
        each.draws(there, base_samples)[0].std(axis=0).mean() for each in (posterior, posterior.pending(there))
    )
    assert after < 0.9 * before
    assert posterior.pending(there[:0]) is posterior


def test_coins_are_told_from_phases():
    rng = np.random.default_rng(1)
    seen = rng.uniform(-1, 1, (60, 2))
    u, basis = seen[:, 0], fixed_basis()
    coin = np.where(u > 0.2, "other", np.where(rng.random(60) < 0.4, "heads", "tails"))
    assert coin_flips(basis, seen, coin) == {"heads": "heads", "tails": "heads"}
    assert coin_flips(basis, seen, np.where(u > 0.2, "a", "b")) == {}
    assert coin_flips(basis, seen[:4], ["a", "b", "a", "b"]) == {}  # too few to tell


@pytest.mark.parametrize("kind", ["long_wide", "long_noise", "long_wide_noise", "long_island", "label_noise"])
def test_neighbours_are_not_taken_for_a_coin(kind):
    """Phases across wide or noisy boundaries, an island and its surroundings: two maps in thirty at most."""
    basis, merged = fixed_basis(), 0
    for seed in range(10):
        rng = np.random.default_rng([seed, 5])
        truth = random_truth(kind, rng)
        for count in (16, 28, 48):
            log_x, n = rng.uniform(LOW, HIGH, count), rng.choice(truth.dimensions, count).astype(float)
            ends = np.log(truth.dimensions[0]), np.log(truth.dimensions[-1])
            v = 2 * (np.log(n) - ends[0]) / (ends[1] - ends[0]) - 1
            seen = np.stack([(log_x - LOW) / (HIGH - LOW) * 2 - 1, v], axis=1)
            merged += bool(coin_flips(basis, seen, truth.draw(10**log_x, n, rng)))
    assert merged <= 2
