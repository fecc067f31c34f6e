"""What each algorithm costs along x: its objective energy + x · complexity, from noisy trainings at many x.

An algorithm's objective G(x) is the lowest that its trainings could reach at x, and its slope is known: dG/dx is the
complexity there (the envelope theorem). So every training tells a value and a slope, h = log G and s = dh/du with
u = log x: s is the share of the objective that is paid for complexity. The curve h is a smoothing spline through both
(`analysis.phases.front_splines`), how evenly it bends drawn by evidence. Beyond an algorithm's own trainings it goes on
as weights do that are given up one after another (`analysis.phases.front_extrapolation`), for one and a half decades of
x at most, and no farther than where trainings found something else (`_heed`).

Means of logarithms, not minima: the lowest of many noisy objectives is lower than any of them truly is.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from analysis.phases.arrays import Floats
from analysis.phases.front_extrapolation import APART, extrapolate
from analysis.phases.front_splines import draw_splines

MAX_PLACES = 24  # of an algorithm along x; more are gathered into as many bins
OUTLIER = 2.5  # robust standard deviations to which a stray training is pulled in
NEIGHBOURS = 16  # trainings that say how much those at a place scatter
ALIKE = 2.0  # units of u over which scatter changes
REACH = 1.5 * np.log(10.0)  # units of u beyond its own trainings in which an algorithm may still be the best
WITNESSES = 3  # trainings that say what is found at a place
CERTAIN = 0.75  # probability with which an algorithm must be better than what they found, to be believed against them
NOISE = np.array([0.05, 0.02])  # standard deviations of h and s that one training's worth of prior expects
WEIGHT_OF_POOL = 4.0  # trainings' worth: a place's noise is drawn to its algorithm's, that to all algorithms'
MIN_VARIANCE = 1e-7
LINEAR_SPAN = 20.0  # units of u along x where x is linear


@dataclass(frozen=True)
class Fronts:
    """Algorithms along x at one y, as draws: bootstrap over seeds, and what interpolation leaves open."""

    labels: tuple[str, ...]
    x: Floats  # (points,)
    objective: Floats  # (draws, labels, points)
    complexity: Floats  # (draws, labels, points)
    refuted: np.ndarray  # (labels, points) whether trainings found something else there, see _heed
    near: np.ndarray  # (labels, points) whether the label has trainings there, or within REACH, and is not refuted
    scatter: Floats  # (labels, points, 2, 2) covariance of one training's h and s there, see the module

    @property
    def energy(self) -> Floats:
        """(draws, labels, points)."""
        return self.objective - self.x * self.complexity


@dataclass(frozen=True)
class _Coordinates:
    """From (x, objective, complexity) to (u, h, s) and back."""

    log_x: bool
    log_objective: bool
    shift: float  # u = 0 here
    scale: float  # units of u per unit of x, where x is linear
    unit: float  # of the objective, where it is not logarithmic

    @classmethod
    def of(cls, x: Floats, objective: Floats, log_x: bool) -> "_Coordinates":
        span = float(np.ptp(x)) or 1.0
        shift = float(np.log(x.min()) if log_x else x.min())
        positive = bool((objective > 0).all())
        return cls(log_x, positive, shift, LINEAR_SPAN / span, 1.0 if positive else float(np.std(objective)) or 1.0)

    def u(self, x: Floats) -> Floats:
        return np.log(x) - self.shift if self.log_x else (x - self.shift) * self.scale

    def x(self, u: Floats) -> Floats:
        return np.exp(u + self.shift) if self.log_x else u / self.scale + self.shift

    def _x_per_u(self, x: Floats) -> Floats | float:
        return x if self.log_x else 1 / self.scale

    def forward(self, x: Floats, objective: Floats, complexity: Floats) -> tuple[Floats, Floats]:
        """-> h, s."""
        slope = complexity * self._x_per_u(x)
        return (
            (np.log(objective), slope / objective) if self.log_objective else (objective / self.unit, slope / self.unit)
        )

    def objective(self, h: Floats) -> Floats:
        return np.exp(h) if self.log_objective else h * self.unit


def fit_fronts(
    x: Floats,
    labels: ArrayLike,
    energy: Floats,
    complexity: Floats,
    seeds: ArrayLike,
    *,
    log_x: bool,
    points: int = 120,
    draws: int = 400,
    rng_seed: int = 0,
) -> Fronts:
    """Each column (rows,), of the trainings at one y. seeds: rows with one seed share their noise.

    points: along x, from the least to the largest x of the table.
    """
    label = np.asarray(labels, dtype=str)
    names = tuple(sorted(set(label)))
    coordinates = _Coordinates.of(x, energy + x * complexity, log_x)
    u = coordinates.u(x)
    grid = np.linspace(u.min(), u.max(), points)
    at = coordinates.x(grid)
    seen = np.stack(coordinates.forward(x, energy + x * complexity, complexity), axis=1)  # (rows, 2)
    rng = np.random.default_rng(rng_seed)
    _, seed = np.unique(np.asarray(seeds), return_inverse=True)
    weights = rng.exponential(size=(draws, seed.max() + 1))[:, seed]  # Rubin's Bayesian bootstrap over seeds
    places = [_Places.of(u[mine], seen[mine]) for mine in (label == name for name in names)]
    noises = _noise(places)
    objective, nats = np.empty((2, draws, len(names), points))
    near = np.stack([(grid >= place.u[0] - REACH) & (grid <= place.u[-1] + REACH) for place in places])
    for k, (name, place, noise) in enumerate(zip(names, places, noises, strict=True)):
        mine = label == name
        means = place.means(weights[:, mine], noise, rng)
        inside = np.clip(grid, place.u[0], place.u[-1])
        h = draw_splines(place.u, place.mean, means, noise / place.count[:, None, None], inside, rng)
        seen_nats = place.averages(weights[:, mine], complexity[mine])
        objective[:, k] = coordinates.objective(h)
        nats[:, k] = _interpolated(inside, place.u, seen_nats)
        extrapolate(at, coordinates.x(place.u), place.u, place.count, seen_nats, objective[:, k], nats[:, k], rng)
    refuted = _heed(u, label == np.array(names)[:, None], grid, objective, nats, near, rng)
    scatter = np.stack([_scatter(grid, one.u, noise) for one, noise in zip(places, noises, strict=True)])
    return Fronts(names, at, objective, nats, refuted, near & ~refuted, scatter)


@dataclass(frozen=True)
class _Places:
    """One algorithm's trainings, gathered by their place along u."""

    u: Floats  # (places,)
    place: np.ndarray  # (rows,) of each training
    seen: Floats  # (rows, 2) h and s at its place, outliers pulled in
    count: Floats  # (places,)
    mean: Floats  # (places, 2)
    squares: Floats  # (places, 2, 2) sums of squares and products around the means

    @classmethod
    def of(cls, u: Floats, seen: Floats) -> "_Places":
        distinct, place = np.unique(np.round(u, 9), return_inverse=True)
        if len(distinct) > MAX_PLACES:
            # bins of as many trainings each, but for those of one place, which stay together
            each = np.bincount(place)
            middle = np.cumsum(each) - each / 2
            place = np.unique((middle * MAX_PLACES / len(u)).astype(int)[place], return_inverse=True)[1]
        count = np.bincount(place).astype(float)
        centre = np.bincount(place, u) / count
        seen = seen.copy()
        seen[:, 0] += seen[:, 1] * (centre[place] - u)  # along its own slope to its place
        middle = np.stack([np.median(seen[place == k], axis=0) for k in range(len(count))])[place]
        apart = seen - middle
        crowd = np.flatnonzero(count[place] > 2)
        if len(crowd):
            spread = np.stack([_spread(apart[crowd], np.abs(centre[place[crowd]] - at)) for at in centre])[place]
            seen = middle + np.clip(apart, -OUTLIER * spread, OUTLIER * spread)
        mean = np.stack([np.bincount(place, column) / count for column in seen.T], axis=1)
        apart = seen - mean[place]
        squares = np.zeros((len(count), 2, 2))
        np.add.at(squares, place, apart[:, :, None] * apart[:, None, :])
        return cls(centre, place, seen, count, mean, squares)

    def means(self, weights: Floats, noise: Floats, rng: np.random.Generator) -> Floats:
        """Bootstrap draws of the places' means: weights (draws, rows) -> (draws, places, 2).

        Weights that vary like a bootstrap's give a place's mean too small a variance, by 2 / (n (n + 1)) of a
        training's, and none with one training. Noise makes up for it.
        """
        sums = np.stack([self.averages(weights, column) for column in self.seen.T], axis=-1)
        missing = np.linalg.cholesky(noise * (2 / (self.count * (self.count + 1)))[:, None, None])
        jitter = np.einsum("pab,dpb->dpa", missing, rng.standard_normal(sums.shape))
        found: Floats = sums + jitter
        return found

    def averages(self, weights: Floats, values: Floats) -> Floats:
        """Weighted means of the places' values: weights (draws, rows), values (rows,) -> (draws, places)."""
        belongs = (self.place[:, None] == np.arange(len(self.count))).astype(float)
        average: Floats = (weights * values) @ belongs / (weights @ belongs)
        return average


def _spread(apart: Floats, distance: Floats) -> Floats:
    """Robust standard deviations, (2,), of the `NEIGHBOURS` nearest trainings: apart (rows, 2) from their medians.

    Of the nearest, because scatter changes along u: where hardly anything is paid for complexity, s hardly scatters.
    """
    near = distance <= np.sort(distance)[min(NEIGHBOURS, len(distance)) - 1]
    found: Floats = np.maximum(1.4826 * np.median(np.abs(apart[near]), axis=0), np.sqrt(MIN_VARIANCE))
    return found


def _noise(places: list[_Places]) -> list[np.ndarray]:
    """Covariance of one training's h and s at each place, (places, 2, 2) for every algorithm."""

    def shrunk(prior: Floats, weight: float, squares: Floats, freedom: Floats | float) -> Floats:
        return (weight * prior + squares) / (weight + freedom)

    squares = [one.squares.sum(axis=0) for one in places]
    freedom = [one.count.sum() - len(one.count) for one in places]
    pool = shrunk(np.diag(NOISE**2), 1.0, sum(squares), sum(freedom))
    found = []
    for one, its_squares, its_freedom in zip(places, squares, freedom, strict=True):
        own = shrunk(pool, WEIGHT_OF_POOL, its_squares, its_freedom)
        near = np.exp(-0.5 * ((one.u[:, None] - one.u) / ALIKE) ** 2)  # (places, places)
        about = np.einsum("pq,qab->pab", near, one.squares), (near @ (one.count - 1))[:, None, None]
        noise = shrunk(shrunk(own, WEIGHT_OF_POOL, *about), WEIGHT_OF_POOL, one.squares, (one.count - 1)[:, None, None])
        found.append(noise + MIN_VARIANCE * np.eye(2))
    return found


def _scatter(grid: Floats, u: Floats, noise: Floats) -> Floats:
    """noise: (places, 2, 2) -> (points, 2, 2); beyond the places as at the nearest one."""
    inside = np.clip(grid, u[0], u[-1])
    return np.moveaxis(_interpolated(inside, u, np.moveaxis(noise, 0, -1).reshape(4, -1)).reshape(2, 2, -1), -1, 0)


def _interpolated(grid: Floats, u: Floats, values: Floats) -> Floats:
    """Linear in u: values (draws, places) -> (draws, points). The grid lies within u."""
    if len(u) == 1:
        return np.repeat(values, len(grid), axis=1)
    above = np.clip(np.searchsorted(u, grid), 1, len(u) - 1)
    part = (grid - u[above - 1]) / (u[above] - u[above - 1])
    return (1 - part) * values[:, above - 1] + part * values[:, above]


def _heed(
    u: Floats,
    belongs: np.ndarray,
    grid: Floats,
    objective: Floats,
    nats: Floats,
    near: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """(labels, points) where an algorithm beyond its own trainings has ended, because others' say that it isn't best.

    belongs: (labels, rows) whose training it is; objective, nats: (draws, labels, points), written into; near: (labels,
    points). Where `WITNESSES` trainings, more than `APART` beyond an algorithm's last one, found others, either they
    are stuck or it is worse than what they found. It must be better with a probability of `CERTAIN` to be believed.
    Otherwise it ends there, and of its draws those stay in which it is worse there. (Nearer by, its objective is known
    well, and next to a boundary nothing is certain.)
    """
    refuted = np.zeros_like(near)
    lowest, highest = (np.array([end(u[mine]) for mine in belongs]) for end in (np.min, np.max))
    for k, mine in enumerate(belongs):
        for sign, last in ((-1, lowest[k]), (1, highest[k])):
            beyond = np.sort(sign * (u[~mine] - last))
            for distance in beyond[beyond > APART][WITNESSES - 1 :: WITNESSES]:
                place = last + sign * distance
                at = int(np.abs(grid - place).argmin())
                found = (lowest <= place) & (place <= highest)
                if not (near[k, at] and found.any()):
                    break
                worse = objective[:, k, at] >= objective[:, found, at].min(axis=1)
                if worse.mean() <= 1 - CERTAIN:
                    continue
                refuted[k, sign * (grid - place) >= 0] = True
                stay = np.flatnonzero(worse)
                draws = np.where(worse, np.arange(len(worse)), rng.choice(stay, len(worse)))
                objective[:, k], nats[:, k] = objective[draws, k], nats[draws, k]
                break
    return refuted
