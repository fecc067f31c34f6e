"""The parts of an algorithm's front: the spline's priors, scatter that changes along u, what lies beyond."""

import numpy as np
import pytest

from analysis.phases.front_extrapolation import extrapolate
from analysis.phases.front_splines import PRIORS, draw_splines
from analysis.phases.fronts import fit_fronts

U = np.array([0.4, 1.0, 2.5, 4.0])


@pytest.mark.parametrize("prior", [PRIORS[3], PRIORS[-4]], ids=["order 1", "order 2"])
def test_slopes_covary_as_derivatives_do(prior):
    step = 1e-4

    def values(a, b):
        return prior.covariance(U + a, U + b)

    slope = (values(step, 0) - values(-step, 0)) / (2 * step)
    np.testing.assert_allclose(prior.covariance(U, U, (True, False)), slope, rtol=1e-5)
    both = (values(step, step) - values(step, -step) - values(-step, step) + values(-step, -step)) / (4 * step**2)
    apart = ~np.eye(len(U), dtype=bool)  # where a = b the slope has a kink
    np.testing.assert_allclose(prior.covariance(U, U, (True, True))[apart], both[apart], rtol=1e-4)
    assert np.linalg.eigvalsh(prior.joint(U, U)).min() > 0


def test_a_front_that_bends_evenly_is_pooled_over_far_off_places():
    """Of a parabola, noisy at 9 places, the spline's draws are surer of the middle than the place there is alone."""
    rng, u, sd = np.random.default_rng(0), np.linspace(0.0, 8.0, 9), np.array([0.05, 0.02])
    errors, spreads = [], []
    for _ in range(20):
        mean = np.stack([0.02 * u**2, 0.04 * u], axis=1) + sd * rng.standard_normal((9, 2))
        means = mean + sd * rng.standard_normal((400, 9, 2))
        noise = np.repeat(np.diag(sd**2)[None], 9, axis=0)
        middle = draw_splines(u, mean, means, noise, np.array([4.0]), rng)[:, 0]
        errors.append(middle.mean() - 0.02 * 4.0**2)
        spreads.append(middle.std())
    assert np.mean(spreads) < 0.6 * sd[0]
    assert 0.5 < np.std(errors) / np.mean(spreads) < 1.5


def test_scatter_is_that_of_the_trainings_nearby():
    """Most trainings lie where hardly anything is paid for complexity; the others scatter in s all the same."""
    rng = np.random.default_rng(0)
    x = np.repeat(np.geomspace(1e-8, 1e-2, 7), 30)
    energy, nats = 0.01 * np.exp(0.2 * rng.standard_normal(len(x))), np.full(len(x), 100.0)
    front = fit_fronts(x, ["one"] * len(x), energy, nats, np.arange(len(x)), log_x=True)
    share = x * nats / (energy + x * nats)
    for price, seen in zip(x[::30], share.reshape(7, 30), strict=True):
        at = int(np.abs(np.log(front.x / price)).argmin())
        assert np.sqrt(front.scatter[0, at, 1, 1]) == pytest.approx(np.std(seen, ddof=1), rel=0.4, abs=0.01)


def test_complexity_goes_on_by_the_law_of_all_the_last_places():
    """k log(1 + λ/x) with λ = 1e-2; of eleven noisy places one alone would be off by 2 %."""
    u = np.linspace(0.0, 1.0, 11)
    places, rng = 1e-4 * np.exp(u), np.random.default_rng(0)
    seen = 50 * np.log1p(1e-2 / places) * np.exp(0.02 * rng.standard_normal((2000, 11)))
    x = places[-1] * np.geomspace(1.001, 10, 9)
    objective, nats = np.ones((2, 2000, 9))
    extrapolate(x, places, u, np.full(11, 8.0), seen, objective, nats, rng)
    np.testing.assert_allclose(np.median(nats, axis=0), 50 * np.log1p(1e-2 / x), rtol=0.03)
    assert np.std(np.log(nats[:, 0])) < 0.015
    slope = np.diff(np.median(objective, axis=0)) / np.diff(x)  # the complexity in between, by the envelope theorem
    np.testing.assert_allclose(slope, (np.median(nats, axis=0)[:-1] + np.median(nats, axis=0)[1:]) / 2, rtol=0.03)
