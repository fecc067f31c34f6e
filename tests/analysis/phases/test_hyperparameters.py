"""Label noise is told from wide crossovers; places are counted together; the chains keep to their target."""

import numpy as np
import pytest

from analysis.phases.hyperparameters import PRIOR_CENTRE, ascend_evidence
from analysis.phases.places import FINENESS, MANY_PLACES, gather
from analysis.phases.slice_sampling import slice_sample
from analysis.phases.softmax_gp import Hyperparameters, laplace, make_basis, widen_covariance


@pytest.mark.parametrize(("noise", "scale", "low", "high"), [(0.0, 0.01, 0.0, 0.02), (0.1, 0.01, 0.05, 0.2)])
def test_the_noise_floor_is_learnt(noise, scale, low, high):
    rng = np.random.default_rng(3)
    u, v = rng.uniform(-1, 1, (2, 150))
    right = rng.random(150) < 1 / (1 + np.exp(-(u - 0.2) / scale))
    right = np.where(rng.random(150) < noise, rng.random(150) < 0.5, right)
    basis = make_basis(99, 99, most=(8, 4))
    best = ascend_evidence(basis, basis.features(u, v), np.stack([~right, right], axis=1).astype(float))[0][1].settings
    assert low <= best.noise <= high
    assert best.trend >= PRIOR_CENTRE.trend  # the boundary stays sharp: odd labels far from it don't widen it


def test_places_are_counted_together_exactly_while_few_and_nearly_when_many():
    counts = np.array([[1.0, 0.0], [0.0, 1.0], [0.25, 0.75]])
    places, gathered = gather(np.array([[0.5, 0.0], [-1.0, 1.0], [0.5, 0.0]]), counts)
    assert sorted(zip(map(tuple, places), map(tuple, gathered), strict=True)) == [
        ((-1.0, 1.0), (0.0, 1.0)),
        ((0.5, 0.0), (1.25, 0.75)),
    ]
    close, gathered = gather(np.array([[0.5, 0.0], [0.5001, 0.0]]), counts[:2])
    assert len(close) == 2
    many = np.random.default_rng(0).uniform(-1, 1, 3 * MANY_PLACES)
    places, gathered = gather(many[:, None], np.ones((len(many), 1)))
    assert len(places) <= 2 * FINENESS + 1 and gathered.sum() == len(many)


def test_without_labels_the_chains_draw_the_prior_of_trend_and_tilt():
    """The slopes' distribution by direct simulation: their scales from the mixture, then normal."""
    rng = np.random.default_rng(0)
    basis = make_basis(6, 3, most=(3, 2))
    u, v = rng.uniform(-1, 1, (2, 6))
    features, counts = basis.features(u, v), np.zeros((6, 3))
    fit = widen_covariance(features, counts, laplace(basis, features, counts, Hyperparameters(trend=24.0, tilt=0.25)))
    trend, tilt, probability = np.array([12.0, 48.0]), np.array([0.5, 0.1]), np.array([0.4, 0.6])
    base_samples = rng.standard_normal((1500, fit.mode.size))
    weights = slice_sample(
        fit, features, counts, base_samples, trends=3, scales=(trend, tilt, probability), rounds=15, rng=rng
    )
    which = rng.choice(2, 20_000, p=probability)
    for feature, scale in ((1, trend), (2, trend * tilt)):
        expected = np.quantile(np.abs(scale[which] * rng.standard_normal(20_000)), [0.25, 0.5, 0.75])
        np.testing.assert_allclose(np.quantile(np.abs(weights[:, feature, 0]), [0.25, 0.5, 0.75]), expected, rtol=0.15)
