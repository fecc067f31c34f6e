"""A smooth curve through noisy values and slopes, as draws: the objective of one algorithm along u.

The curve h(u) is a smoothing spline through values h and slopes s = dh/du at once, which is a Gaussian process whose
slope, or whose slope's own slope, wanders (Wahba 1990: a Wiener process, integrated once or twice more). The evidence
draws which of the two, and how far it wanders: fronts that bend evenly are pooled over far-off places, those that
turn are not.
"""

from dataclasses import dataclass
from math import comb, factorial

import numpy as np

from analysis.phases.arrays import Floats

WANDER_LOG_SD = 1.0  # of the prior on a wander, nats
NEGLIGIBLE = 0.03  # share of the evidence below which a prior is left out
DIFFUSE = 100.0  # prior variance of the curve's value and slope at its start
KINK = 0.02  # wander of the slope itself, where its slope wanders
BEND = 0.2  # prior standard deviation of the slope's slope there


@dataclass(frozen=True)
class Wiener:
    """Prior of a curve: its derivative of that order is a Wiener process of standard deviation `wander` at u = 1."""

    order: int
    wander: float
    log_prior: float

    @classmethod
    def ladder(cls, order: int, usual: float) -> "list[Wiener]":
        steps = np.log(2.0) * np.arange(-3, 4)
        return [cls(order, usual * float(np.exp(step)), -0.5 * (step / WANDER_LOG_SD) ** 2) for step in steps]

    def covariance(self, a: Floats, b: Floats, slopes: tuple[bool, bool] = (False, False)) -> Floats:
        """Of h at a with h at b, or of s where asked for: (len(a), len(b)). a, b: from 0 on, where the curve starts."""
        a, b = a[:, None], b[None, :]
        covariance = self.wander**2 * _wandered(a, b, *(self.order - slope for slope in slopes))
        if self.order > 1:
            covariance = covariance + KINK**2 * _wandered(a, b, *(1 - slope for slope in slopes))
        for power, variance in enumerate([DIFFUSE, DIFFUSE, BEND**2][: self.order + 1]):
            left, right = (power - slope for slope in slopes)  # of u, after differentiation
            if min(left, right) >= 0:
                covariance = covariance + variance * a**left * b**right / (factorial(left) * factorial(right))
        return covariance

    def joint(self, a: Floats, b: Floats) -> Floats:
        """(2 · len(a), 2 · len(b)), values first, then slopes."""
        return np.block([[self.covariance(a, b, (left, right)) for right in (False, True)] for left in (False, True)])


def _wandered(a: Floats, b: Floats, p: int, q: int) -> Floats:
    """The integral of (a - t)^p (b - t)^q / p! q! over t from 0 to the nearer of a and b."""
    low = np.minimum(a, b)
    terms = sum(
        comb(p, i) * comb(q, j) * (a - low) ** (p - i) * (b - low) ** (q - j) * low ** (i + j + 1) / (i + j + 1)
        for i in range(p + 1)
        for j in range(q + 1)
    )
    integral: Floats = terms / (factorial(p) * factorial(q))
    return integral


PRIORS = Wiener.ladder(1, 0.1) + Wiener.ladder(2, 0.05)


def draw_splines(
    u: Floats, mean: Floats, means: Floats, noise: Floats, grid: Floats, rng: np.random.Generator
) -> Floats:
    """Draws of h on the grid, (draws, points); the grid lies within u, which ascends.

    mean: (places, 2) h and s that were seen, means: (draws, places, 2) its bootstrap; noise: (places, 2, 2) of the
    mean. What is left open between the places is added (Matheron's rule: a draw of the prior less its own spline).
    """
    count, draws = len(u), len(means)
    u, grid = u - u[0], grid - u[0]
    noise_matrix = np.zeros((2 * count, 2 * count))
    index = np.arange(count)
    for i in range(2):
        for j in range(2):
            noise_matrix[i * count + index, j * count + index] = noise[:, i, j]
    kernels = [prior.joint(u, u) for prior in PRIORS]
    inverses = [np.linalg.inv(kernel + noise_matrix) for kernel in kernels]
    chosen = _draw_priors(mean.T.ravel(), inverses, draws, rng)
    curves = np.empty((draws, len(grid)))
    for number in np.unique(chosen):
        rows, prior = np.flatnonzero(chosen == number), PRIORS[number]
        across = np.hstack([prior.covariance(grid, u, (False, slope)) for slope in (False, True)])
        spline = across @ inverses[number]  # (points, 2 places)
        left = prior.covariance(grid, grid)
        left = left - across @ spline.T - spline @ across.T + spline @ kernels[number] @ spline.T
        values, vectors = np.linalg.eigh((left + left.T) / 2)
        root = vectors * np.sqrt(np.clip(values, 0, None))
        curves[rows] = means[rows].swapaxes(1, 2).reshape(len(rows), -1) @ spline.T
        curves[rows] += rng.standard_normal((len(rows), len(grid))) @ root.T
    return curves


def _draw_priors(seen: Floats, inverses: list[Floats], draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws,) indices into PRIORS in proportion to their posterior; inverses: of the covariances of what was seen."""
    evidence = np.array([0.5 * (np.linalg.slogdet(inverse)[1] - seen @ inverse @ seen) for inverse in inverses])
    evidence += [prior.log_prior for prior in PRIORS]
    share = np.exp(evidence - evidence.max())
    share[share < NEGLIGIBLE * share.sum()] = 0.0
    chosen = np.searchsorted(np.cumsum(share / share.sum()), (np.arange(draws) + 0.5) / draws)
    return rng.permutation(np.minimum(chosen, len(PRIORS) - 1))
