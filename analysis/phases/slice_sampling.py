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
STRETCHES = (0.2, 2.0)  # range of the sd of the logarithm of a stretch, log-uniform
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
    """`weights` (chains, columns, kept) in units of their prior, their `fields` (phases, places, chains) and the
    three parts of their log posterior, each (chains,). A move costs a dozen short loops over arrays: chains are the
    last axis, along which those run."""

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
        self.scaled = np.ascontiguousarray(features[:, fit.kept] * fit.scale)  # (places, kept)
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
        self.precisions = np.stack([steep**-2, steep**-2, *[lean**-2] * leans]) / 2  # (trends, mixture)
        self.offset = np.log(probability) - columns * (2 * np.log(steep) + leans * np.log(lean))
        self.seen, self.at = np.nonzero(counts.T)  # phase and place of every count
        self.counts = counts.T[self.seen, self.at]
        start = solve_triangular(fit.cholesky, base_samples.T, lower=True, trans="T", check_finite=False).T
        self.weights: Floats = (self.mode + start).reshape(len(base_samples), columns, self.kept)
        self.fields = self._fields(self.weights)
        self.likelihood = self._likelihood(self.fields)
        self.trend_prior, self.ripple_prior = self._trend_prior(self.weights), self._ripple_prior(self.weights)

    def _fields(self, weights: Floats) -> Floats:
        """(chains, columns, kept or fewer) -> (phases, places, chains)"""
        logits = np.einsum("pk,ckt->ptc", self.contrast, weights)
        fields: Floats = self.scaled[:, : logits.shape[1]] @ logits
        return fields

    def _likelihood(self, fields: Floats) -> Floats:
        """(phases, places, chains) -> (chains,)"""
        phases, noise = len(self.contrast), self.fit.settings.noise
        odds = fields - fields.max(axis=0)
        np.exp(odds, out=odds)
        share = odds[self.seen, self.at]  # (counts, chains)
        share /= odds.sum(axis=0)[self.at]
        share *= 1 - noise
        share += noise / phases + 1e-12
        likelihood: Floats = self.counts @ np.log(share, out=share)
        return likelihood

    def _trend_prior(self, weights: Floats) -> Floats:
        """(chains, columns, trends or more) -> (chains,)"""
        trend = weights[:, :, : self.trends]
        squares = np.einsum("ckt,ckt->ct", trend, trend)
        if self.trends < 2:
            whole: Floats = -0.5 * squares.sum(axis=1)
            return whole
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
        factor = rng.standard_normal(len(self.weights)) * _sizes(STRETCHES, len(self.weights), rng)
        trend = self.weights[:, :, : self.trends] * np.exp(factor)[:, None, None]
        self._accept(trend, factor * self.trends * self.contrast.shape[1], rng)

    def shift(self, rng: np.random.Generator) -> None:
        """Move the constants and leans of some phases together, in proportion to the slopes along x, which stay.

        With phases in an order, those above a boundary moved together slide that boundary alone.
        """
        chains = len(self.weights)
        trend = self.weights[:, :, : self.trends].copy()
        slope = np.sqrt((trend[:, :, 1] ** 2).mean(axis=1)) * self.fit.scale[1]  # logits per half-range
        size = slope * _sizes(SHIFTS, chains, rng)
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
        factor = rng.standard_normal(chains) * _sizes(STRETCHES, chains, rng)
        trend = self.weights[:, :, : self.trends]
        odds = np.einsum("ck,ckt->ct", self.contrast[second] - self.contrast[first], trend) * np.expm1(factor)[:, None]
        self._accept(trend + (moved @ self.contrast)[:, :, None] * odds[:, None, :], factor * self.trends, rng)

    def _accept(self, trend: Floats, volume: Floats | float, rng: np.random.Generator) -> None:
        """Metropolis: the trial's trend (chains, columns, trends); the ripples stay."""
        fields = self._fields(trend - self.weights[:, :, : self.trends])
        fields += self.fields
        likelihood, prior = self._likelihood(fields), self._trend_prior(trend)
        gain = likelihood - self.likelihood + prior - self.trend_prior + volume
        good = np.log(rng.random(len(gain))) < gain
        self.weights[good, :, : self.trends] = trend[good]
        np.copyto(self.fields, fields, where=good)
        self.likelihood[good], self.trend_prior[good] = likelihood[good], prior[good]

    def slice(self, rng: np.random.Generator) -> None:
        """An ellipse through the state, a threshold below its rest, an angle shrunk until the rest is above it.

        In the coordinates `state` of the fit's wide Gaussian the posterior is N(0, I) times exp(rest).
        """
        chains = len(self.weights)
        here = self.weights.reshape(chains, -1) - self.mode
        state = here @ self.wide
        other = rng.standard_normal(state.shape)
        there = other @ self.unwhiten
        # everything on the ellipse is made of these: mode + cos · here + sin · there
        mode, *ends = (self._fields(part.reshape(-1, *self.weights.shape[1:])) for part in (self.mode, here, there))
        squares = [np.einsum("cw,cw->c", *pair) for pair in ((state, state), (state, other), (other, other))]
        rest = self.likelihood + self.trend_prior + self.ripple_prior + 0.5 * squares[0]
        threshold = rest - rng.exponential(size=chains)
        angle = rng.uniform(0, 2 * np.pi, chains)
        low, high = angle - 2 * np.pi, angle.copy()
        moving = np.arange(chains)
        while len(moving):
            cos, sin = np.cos(angle[moving]), np.sin(angle[moving])
            weights = self.mode + cos[:, None] * here[moving] + sin[:, None] * there[moving]
            weights = weights.reshape(len(moving), -1, self.kept)
            fields = mode + cos * ends[0][:, :, moving] + sin * ends[1][:, :, moving]
            square = cos**2 * squares[0][moving] + 2 * cos * sin * squares[1][moving] + sin**2 * squares[2][moving]
            likelihood, trend, ripple = (
                self._likelihood(fields),
                self._trend_prior(weights),
                self._ripple_prior(weights),
            )
            good = likelihood + trend + ripple + 0.5 * square > threshold[moving]
            done = moving[good]
            self.weights[done], self.fields[:, :, done] = weights[good], fields[:, :, good]
            self.likelihood[done] = likelihood[good]
            self.trend_prior[done], self.ripple_prior[done] = trend[good], ripple[good]
            moving = moving[~good & (high[moving] - low[moving] > 1e-9)]
            below = angle[moving] < 0
            low[moving[below]], high[moving[~below]] = angle[moving[below]], angle[moving[~below]]
            angle[moving] = rng.uniform(low[moving], high[moving])


def _sizes(ends: tuple[float, float], count: int, rng: np.random.Generator) -> Floats:
    """Log-uniform between the ends: (count,)."""
    return np.exp(rng.uniform(np.log(ends[0]), np.log(ends[1]), count))
