"""Exact posterior draws of the fields by Markov chains that all advance together.

Elliptical slice sampling (Murray, Adams & MacKay 2010) around a Gaussian approximation of the posterior (generalised
as by Nishihara, Murray & Adams 2014) moves everything at once and has no step size to tune. It needs help where
crossovers are sharper than the data can tell: there the posterior reaches far beyond any Gaussian at its mode, towards
ever steeper trends, with boundaries free to slide between places. Three Metropolis moves of the trend go that way:
a stretch changes how steep it is and leaves the boundaries in place, a turn does so to one boundary, a shift slides
boundaries by a size that does not shrink as the trend steepens. They touch three features only and cost little beside
a slice, so that there are many of them.
"""

import numpy as np

from analysis.phases.arrays import Floats
from analysis.phases.softmax_gp import FieldFit, contrasts

MOVES = ("stretch", "shift", "turn", "shift")  # of the trend, 2 to 6 times in each round, before the slice
MOVED = 800  # places of a round: few places leave crossovers more open, and cost less
STRETCH = 0.5  # sd of the logarithm of the stretch
WIDER = 0.4  # of the data's share of the precision stays in the wider Gaussian that slices reach out from
SHIFTS = (0.01, 0.2)  # range of the sd of a shift, in half-ranges of x, log-uniform

Scales = tuple[Floats, Floats, Floats]  # trend, tilt, probability, each (mixture,)


def slice_sample(
    fit: FieldFit,
    features: Floats,
    counts: Floats,
    base_samples: Floats,
    *,
    trends: int,
    scales: Scales,
    rounds: int,
    rng: np.random.Generator,
) -> Floats:
    """Chains from the Gaussian's draws `normals` (chains, kept·(phases-1)) -> weights (chains, kept, phases - 1).

    features: (places, size), counts: (places, phases), as given to `softmax_gp.laplace`; the first `trends`
    features are the constant and the slopes. Weights are in logits.
    scales: (trend, tilt, probability), each (mixture,): the prior over the two settings that make the trend,
    integrated here because no data fix how steep a crossover between two places is.
    """
    chains = _Chains(fit, features, counts, base_samples, trends, scales)
    repeats = min(6, max(2, MOVED // len(features))) if trends > 1 else 0
    for _ in range(rounds):
        for move in MOVES * repeats:
            getattr(chains, move)(rng)
        chains.slice(rng)
    return chains.weights.swapaxes(1, 2) * fit.scale[:, None]


class _Chains:
    """`weights` (chains, columns, kept) in units of their prior, their `fields` (chains, columns, places) and the
    three parts of their log posterior, each (chains,)."""

    def __init__(
        self,
        fit: FieldFit,
        features: Floats,
        counts: Floats,
        base_samples: Floats,
        trends: int,
        scales: Scales,
    ) -> None:
        from scipy.linalg import cholesky, solve_triangular

        self.fit, self.trends = fit, trends
        self.kept, columns = fit.mode.shape
        self.contrast = contrasts(columns + 1)
        self.scaled = np.ascontiguousarray((features[:, fit.kept] * fit.scale).T)  # (kept, places)
        wider = WIDER * fit.cholesky @ fit.cholesky.T + (1 - WIDER) * np.eye(
            fit.mode.size
        )  # the prior is the unit matrix
        self.wide = cholesky(wider, lower=True, check_finite=False)
        self.unwhiten = solve_triangular(self.wide, np.eye(fit.mode.size), lower=True, check_finite=False)
        self.mode = fit.mode.T.ravel()
        trend, tilt, probability = scales
        steep = trend / fit.settings.trend  # the fit's own scales are 1
        lean = steep * tilt / fit.settings.tilt
        leans = trends - 2  # 1 with a y axis, else 0
        self.precisions = np.stack([steep**-2, lean**-2]) / 2  # (2, mixture)
        self.offset = np.log(probability) - columns * (2 * np.log(steep) + leans * np.log(lean))
        self.seen = [(np.flatnonzero(column), column[column > 0]) for column in counts.T]
        start = solve_triangular(fit.cholesky, base_samples.T, lower=True, trans="T", check_finite=False).T
        self.weights: Floats = (self.mode + start).reshape(len(base_samples), columns, self.kept)
        self.fields = self.weights @ self.scaled
        self.likelihood = self._likelihood(self.fields)
        self.trend_prior, self.ripple_prior = self._trend_prior(self.weights), self._ripple_prior(self.weights)

    def _likelihood(self, fields: Floats) -> Floats:
        """(chains, columns, places) -> (chains,)"""
        phases, noise = len(self.contrast), self.fit.settings.noise
        fields = np.tensordot(self.contrast, fields, axes=(1, 1))
        fields -= fields.max(axis=0)  # (phases, chains, places)
        np.exp(fields, out=fields)
        total = fields.sum(axis=0)
        likelihood = np.zeros(fields.shape[1])
        for phase, (at, count) in enumerate(self.seen):
            share = fields[phase][:, at] / total[:, at]
            likelihood += np.log((1 - noise) * share + noise / phases + 1e-12) @ count
        return likelihood

    def _trend_prior(self, weights: Floats) -> Floats:
        """(chains, columns, trends or more) -> (chains,)"""
        squares: Floats = (weights[:, :, : self.trends] ** 2).sum(axis=1)
        if self.trends < 2:
            whole: Floats = -0.5 * squares.sum(axis=1)
            return whole
        squares = np.stack([squares[:, :2].sum(axis=1), squares[:, 2:].sum(axis=1)], axis=1)
        terms = self.offset - squares @ self.precisions  # (chains, mixture)
        top: Floats = terms.max(axis=1)
        total: Floats = np.exp(terms - top[:, None]).sum(axis=1)
        return top + np.log(total)

    def _ripple_prior(self, weights: Floats) -> Floats:
        """(chains, columns, kept) -> (chains,)"""
        squares: Floats = (weights[:, :, self.trends :] ** 2).sum(axis=(1, 2))
        return -0.5 * squares

    def stretch(self, rng: np.random.Generator) -> None:
        """Multiply the trend. Its volume grows by the factor to the power of its number of weights."""
        factor = rng.normal(0, STRETCH, len(self.weights))
        trend = self.weights[:, :, : self.trends] * np.exp(factor)[:, None, None]
        self._accept(trend, factor * self.trends * self.contrast.shape[1], rng)

    def shift(self, rng: np.random.Generator) -> None:
        """Move the constants and leans of some phases together, in proportion to the slopes along x, which stay.

        With phases in an order, those above a boundary moved together slide that boundary alone.
        """
        chains = len(self.weights)
        trend = self.weights[:, :, : self.trends].copy()
        slope = np.sqrt((trend[:, :, 1] ** 2).mean(axis=1)) * self.fit.scale[1]  # logits per half-range
        size = slope * np.exp(rng.uniform(np.log(SHIFTS[0]), np.log(SHIFTS[1]), chains))
        direction = rng.integers(2, size=(chains, len(self.contrast))) @ self.contrast  # (chains, columns)
        step = rng.standard_normal((chains, self.trends)) * size[:, None] / self.fit.scale[: self.trends]
        step[:, 1] = 0.0
        trend += direction[:, :, None] * step[:, None, :]
        self._accept(trend, 0.0, rng)

    def turn(self, rng: np.random.Generator) -> None:
        """Multiply the log odds of two phases, others moving with either: their boundary turns steeper or wider.

        With f_B += (e^s - 1)(f_j - f_i) for phases B that hold j and not i, the log odds grow by e^s, and so does the
        volume of each feature; the same with -s undoes it.
        """
        chains, (phases, _) = len(self.weights), self.contrast.shape
        first = rng.integers(phases, size=chains)
        second = (first + rng.integers(1, phases, size=chains)) % phases
        moved = rng.integers(2, size=(chains, phases))
        moved[np.arange(chains), first], moved[np.arange(chains), second] = 0, 1
        factor = rng.normal(0, STRETCH, chains)
        trend = self.weights[:, :, : self.trends]
        odds = np.einsum("ck,ckt->ct", self.contrast[second] - self.contrast[first], trend) * np.expm1(factor)[:, None]
        self._accept(trend + (moved @ self.contrast)[:, :, None] * odds[:, None, :], factor * self.trends, rng)

    def _accept(self, trend: Floats, volume: Floats | float, rng: np.random.Generator) -> None:
        """Metropolis: the trial's trend (chains, columns, trends); the ripples stay."""
        fields = self.fields + (trend - self.weights[:, :, : self.trends]) @ self.scaled[: self.trends]
        likelihood, prior = self._likelihood(fields), self._trend_prior(trend)
        gain = likelihood - self.likelihood + prior - self.trend_prior + volume
        good = np.log(rng.random(len(gain))) < gain
        self.weights[good, :, : self.trends] = trend[good]
        self.fields[good], self.likelihood[good], self.trend_prior[good] = fields[good], likelihood[good], prior[good]

    def slice(self, rng: np.random.Generator) -> None:
        """An ellipse through the state, a threshold below its rest, an angle shrunk until the rest is above it.

        In the coordinates `state` of the fit's wide Gaussian the posterior is N(0, I) times exp(rest).
        """
        chains = len(self.weights)
        state = (self.weights.reshape(chains, -1) - self.mode) @ self.wide
        other = rng.standard_normal(state.shape)
        rest = self.likelihood + self.trend_prior + self.ripple_prior + 0.5 * (state**2).sum(axis=1)
        threshold = rest - rng.exponential(size=chains)
        angle = rng.uniform(0, 2 * np.pi, chains)
        low, high = angle - 2 * np.pi, angle.copy()
        moving = np.arange(chains)
        while len(moving):
            trial = state[moving] * np.cos(angle[moving])[:, None] + other[moving] * np.sin(angle[moving])[:, None]
            weights = (self.mode + trial @ self.unwhiten).reshape(len(moving), -1, self.kept)
            fields = weights @ self.scaled
            likelihood, trend, ripple = (
                self._likelihood(fields),
                self._trend_prior(weights),
                self._ripple_prior(weights),
            )
            good = likelihood + trend + ripple + 0.5 * (trial**2).sum(axis=1) > threshold[moving]
            done = moving[good]
            self.weights[done], self.fields[done], self.likelihood[done] = weights[good], fields[good], likelihood[good]
            self.trend_prior[done], self.ripple_prior[done] = trend[good], ripple[good]
            moving = moving[~good & (high[moving] - low[moving] > 1e-9)]
            below = angle[moving] < 0
            low[moving[below]], high[moving[~below]] = angle[moving[below]], angle[moving[~below]]
            angle[moving] = rng.uniform(low[moving], high[moving])
