"""Many labels become few places, fine where labels differ, and lose nothing."""

import numpy as np
import pytest

from search.sampling.merged_places import COARSEST, FINEST, MOST_PLACES, merge_places
from search.sampling.posterior import fixed_basis, likely_fits, predict


def split(places):
    """One-hot labels: below and above a slanted boundary."""
    above = places[:, 0] > 0.1 + 0.2 * places[:, -1]
    return np.stack([~above, above], axis=1).astype(float)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_sums_and_means_stay(axes):
    places = np.random.default_rng(0).uniform(-1, 1, (5000, axes))
    counts = split(places)
    merged, gathered = merge_places(places, counts)
    assert len(merged) <= MOST_PLACES
    np.testing.assert_allclose(gathered.sum(axis=0), counts.sum(axis=0))
    np.testing.assert_allclose((merged * gathered.sum(axis=1, keepdims=True)).sum(axis=0), places.sum(axis=0))


def test_few_places_are_left_alone():
    places = np.random.default_rng(0).uniform(-1, 1, (MOST_PLACES, 2))
    merged, gathered = merge_places(places, split(places))
    assert len(merged) == MOST_PLACES and (gathered.sum(axis=1) == 1).all()
    assert {tuple(place) for place in merged} == {tuple(place) for place in places}


def test_places_are_fine_at_the_boundary_and_coarse_elsewhere():
    places = np.random.default_rng(0).uniform(-1, 1, (20_000, 2))
    merged, gathered = merge_places(places, split(places))
    labels, away = gathered.sum(axis=1), np.abs(merged[:, 0] - 0.1 - 0.2 * merged[:, 1])
    fine, coarse = 20_000 / (2 * 2**FINEST) ** 2, 20_000 / (2 * 2 ** COARSEST[2]) ** 2
    assert labels[away < 0.01].mean() < 4 * fine
    assert labels[away > 0.3].mean() > 0.5 * coarse
    assert (gathered.min(axis=1)[away > 0.05] == 0).all()  # no labels of either side mixed


def test_an_odd_label_keeps_its_place():
    places = np.random.default_rng(0).uniform(-1, 1, (3000, 2))
    counts = split(places)
    odd = int(np.argmin(((places - [-0.6, -0.5]) ** 2).sum(axis=1)))
    counts[odd] = [0.0, 1.0]
    merged, gathered = merge_places(places, counts)
    lone = merged[(gathered[:, 1] > 0) & (merged[:, 0] < -0.3)]
    assert len(lone) == 1 and np.abs(lone[0] - places[odd]).max() < 2.0**-FINEST


def test_the_map_is_nearly_the_same():
    rng = np.random.default_rng(1)
    places = rng.uniform(-1, 1, (4000, 2))
    p = 1 / (1 + np.exp(-(places[:, 0] - 0.1 - 0.2 * places[:, 1]) / 0.05))
    right = rng.random(4000) < p
    counts = np.stack([~right, right], axis=1).astype(float)
    basis, there = fixed_basis(), rng.uniform(-1, 1, (2000, 2))
    merged = merge_places(places, counts)
    found = predict(basis, *merged, likely_fits(basis, *merged), there)[:, 1]
    true = 1 / (1 + np.exp(-(there[:, 0] - 0.1 - 0.2 * there[:, 1]) / 0.05))
    assert np.abs(found - true).mean() < 0.01 and ((found > 0.5) != (true > 0.5)).mean() < 0.01
