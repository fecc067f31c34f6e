"""Exact posterior draws of the fields by Markov chains that all advance together.

Elliptical slice sampling (Murray, Adams & MacKay 2010) around a Gaussian approximation of the posterior (generalised
as by Nishihara, Murray & Adams 2014) moves everything at once and has no step size to tune. It needs help where
crossovers are sharper than the data can tell: there the posterior reaches far beyond any Gaussian at its mode, towards
ever steeper trends, with boundaries free to slide between places. Two Metropolis moves of the trend go that way:
a stretch changes how steep it is and leaves the boundaries in place, a shift slides boundaries by a size that
does not shrink as the trend steepens.
"""

import numpy as np

from analysis.phases.softmax_gp import FieldFit, contrasts

MOVES = ("stretch", "shift", "shift", "stretch", "shift", "shift")  # in each round, before the slice
STRETCH = 0.5  # sd of the logarithm of the stretch
SHIFTS = (0.01, 0.2)  # range of the sd of a shift, in half-ranges of x, log-uniform


def slice_sample(fit: FieldFit, features, counts, normals, *, trends: int, scales, rounds: int, rng):
    """Chains from the Gaussian's draws `normals` (chains, kept·(phases-1)) -> weights (chains, kept, phases - 1).

    features: (places, size), counts: (places, phases), as given to `softmax_field.laplace`; the first `trends`
    features are the constant and the slopes. Weights are in logits.
    scales: (trend, tilt, probability), each (mixture,): the prior over the two settings that make the trend,
    integrated here because no data fix how steep a crossover between two places is.
    In whitened coordinates the posterior is N(0, I) times exp(rest).
    """
    chains = _Chains(fit, features, counts, normals, trends, scales)
    for _ in range(rounds):
        for move in MOVES if trends > 1 else ():
            (chains.stretch if move == "stretch" else chains.shift)(rng)
        chains.slice(rng)
    return chains.weights()


class _Chains:
    """Chains in the coordinates of the fit's wide Gaussian: `state` (chains, size), contrast-major, and its `rest`."""

    def __init__(self, fit, features, counts, normals, trends, scales):
        from scipy.linalg import solve_triangular

        self.fit, self.trends = fit, trends
        self.kept, columns = fit.mode.shape
        self.contrast = contrasts(columns + 1)
        self.scaled = np.ascontiguousarray((features[:, fit.kept] * fit.scale).T)  # (kept, places)
        self.unwhiten = solve_triangular(fit.wide, np.eye(fit.mode.size), lower=True, check_finite=False)
        self.mode = fit.mode.T.ravel()
        trend, tilt, probability = scales
        steep = trend / fit.settings.trend  # the fit's own scales are 1
        lean = steep * tilt / fit.settings.tilt
        leans = trends - 2  # 1 with a y axis, else 0
        self.precisions = np.stack([steep**-2, lean**-2]) / 2  # (2, mixture)
        self.offset = np.log(probability) - columns * (2 * np.log(steep) + leans * np.log(lean))
        self.seen = [(np.flatnonzero(column), column[column > 0]) for column in counts.T]
        start = solve_triangular(fit.cholesky, normals.T, lower=True, trans="T", check_finite=False).T
        self.state = start @ fit.wide
        self.rest = self.rest_of(self.state)

    def whitened_weights(self, state):
        """Weights in units of their prior: (chains, size)."""
        return self.mode + state @ self.unwhiten

    def weights(self):
        columns = self.contrast.shape[1]
        weights = self.whitened_weights(self.state).reshape(-1, columns, self.kept).swapaxes(1, 2)
        return weights * self.fit.scale[:, None]

    def rest_of(self, state):
        """(chains, size) -> (chains,) log posterior minus log N(state; 0, I), up to a constant."""
        weights = self.whitened_weights(state)
        phases, columns = self.contrast.shape
        noise = self.fit.settings.noise
        fields = weights.reshape(-1, self.kept) @ self.scaled  # (chains·columns, places)
        fields = np.tensordot(self.contrast, fields.reshape(len(state), columns, -1), axes=(1, 1))
        fields -= fields.max(axis=0)  # (phases, chains, places)
        np.exp(fields, out=fields)
        total = fields.sum(axis=0)
        likelihood = np.zeros(len(state))
        for phase, (at, count) in enumerate(self.seen):
            share = fields[phase][:, at] / total[:, at]
            likelihood += np.log((1 - noise) * share + noise / phases + 1e-12) @ count
        return likelihood + self._log_prior(weights) + 0.5 * (state**2).sum(axis=1)

    def _log_prior(self, weights):
        squares = (weights.reshape(len(weights), -1, self.kept) ** 2).sum(axis=1)  # (chains, kept)
        if self.trends < 2:
            return -0.5 * squares.sum(axis=1)
        trend = np.stack([squares[:, :2].sum(axis=1), squares[:, 2 : self.trends].sum(axis=1)], axis=1)
        terms = self.offset - trend @ self.precisions  # (chains, mixture)
        top = terms.max(axis=1)
        return top + np.log(np.exp(terms - top[:, None]).sum(axis=1)) - 0.5 * squares[:, self.trends :].sum(axis=1)

    def stretch(self, rng):
        """Multiply the trend. Its volume grows by the factor to the power of its number of weights."""
        factor = rng.normal(0, STRETCH, len(self.state))
        weights = self.whitened_weights(self.state).reshape(len(self.state), -1, self.kept)
        weights[:, :, : self.trends] *= np.exp(factor)[:, None, None]
        self._accept(weights, factor * self.trends * self.contrast.shape[1], rng)

    def shift(self, rng):
        """Move the constants and leans of some phases together, in proportion to the slopes along x, which stay.

        With phases in an order, those above a boundary moved together slide that boundary alone.
        """
        chains = len(self.state)
        weights = self.whitened_weights(self.state).reshape(chains, -1, self.kept)
        slope = np.sqrt((weights[:, :, 1] ** 2).mean(axis=1)) * self.fit.scale[1]  # logits per half-range
        size = slope * np.exp(rng.uniform(*np.log(SHIFTS), chains))
        direction = rng.integers(2, size=(chains, len(self.contrast))) @ self.contrast  # (chains, columns)
        step = rng.standard_normal((chains, self.trends)) * size[:, None] / self.fit.scale[: self.trends]
        step[:, 1] = 0.0
        weights[:, :, : self.trends] += direction[:, :, None] * step[:, None, :]
        self._accept(weights, 0.0, rng)

    def _accept(self, weights, volume, rng):
        """Metropolis: weights (chains, columns, kept) of the trial."""
        trial = (weights.reshape(len(weights), -1) - self.mode) @ self.fit.wide
        rest = self.rest_of(trial)
        gain = rest - self.rest + 0.5 * (self.state**2 - trial**2).sum(axis=1) + volume
        good = np.log(rng.random(len(gain))) < gain
        self.state[good], self.rest[good] = trial[good], rest[good]

    def slice(self, rng):
        """An ellipse through the state, a threshold below its rest, an angle shrunk until the rest is above it."""
        other = rng.standard_normal(self.state.shape)
        threshold = self.rest - rng.exponential(size=len(self.rest))
        angle = rng.uniform(0, 2 * np.pi, len(self.rest))
        low, high = angle - 2 * np.pi, angle.copy()
        moving = np.arange(len(self.rest))
        while len(moving):
            trial = self.state[moving] * np.cos(angle[moving])[:, None] + other[moving] * np.sin(angle[moving])[:, None]
            rest = self.rest_of(trial)
            good = rest > threshold[moving]
            self.state[moving[good]], self.rest[moving[good]] = trial[good], rest[good]
            moving = moving[~good & (high[moving] - low[moving] > 1e-9)]
            below = angle[moving] < 0
            low[moving[below]], high[moving[~below]] = angle[moving[below]], angle[moving[~below]]
            angle[moving] = rng.uniform(low[moving], high[moving])
