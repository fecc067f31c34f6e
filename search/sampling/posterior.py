"""The posterior of a phase diagram that is cheap to renew: what a sampler needs after every batch of labels.

The model is the phase map's (`analysis.phases.softmax_gp`), on one to three axes scaled to [-1, 1] and on one fixed
basis, so that a fit starts from the last one and takes milliseconds. Its settings are chosen by evidence, now and then.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.phases.arrays import Floats
from analysis.phases.hyperparameters import ascend_evidence, log_prior
from analysis.phases.softmax_gp import (
    Basis,
    FieldFit,
    Hyperparameters,
    contrasts,
    expected_fisher,
    laplace,
    make_basis,
    softmax,
    widen_covariance,
)

# eigenfunctions along each axis, by the number of axes: waves down to a quarter of a half-range along the first
ORDERS = {1: (14,), 2: (14, 8), 3: (10, 6, 6)}
OUTERMOST = 1.4  # places beyond the map by more than this are taken to be here: the basis ends at its box
LOOSE = 0.2  # share of noise at which even surprising labels pull
ROUGHLY = 0.1  # nats: how near to its mode a fit comes that another begins from
MAX_FITS = 8  # settings in a mixture
MIN_FLIPS = 6  # of each of two labels, before they are taken for the sides of a coin
# Nats by which a coin must explain two labels better than their places do. Two neighbours across a wide or a noisy
# boundary, or a phase and a small island in it, look much like a coin's sides while labels are few.
COIN_ODDS = 0.7
PLACED = (  # settings of a boundary between two labels: how sharp, how straight, how noisy
    *(Hyperparameters(trend=trend, noise=noise) for trend in (6.0, 48.0) for noise in (0.01, 0.1)),
    *(
        Hyperparameters(trend=trend, ripple=ripple, length_x=0.4, length_y=0.8, noise=0.05)
        for trend, ripple in ((3.0, 2.0), (12.0, 2.0), (6.0, 6.0))
    ),
)


@dataclass(frozen=True)
class PhasePosterior:
    """p(label | place) given labels at places."""

    basis: Basis
    places: Floats  # (places, axes) where labels came from, scaled
    features: Floats  # (places, size)
    counts: Floats  # (places, labels); a row's sum is its weight
    fit: FieldFit

    def features_at(self, places: Floats) -> Floats:
        """places (points, axes), scaled -> (points, size)."""
        return _features(self.basis, places)

    def modes(self, features: Floats) -> Floats:
        """The most probable fields' p(label): features (points, size) -> (points, labels)."""
        fit = self.fit
        phases: int = self.counts.shape[1]
        logits: Floats = features[:, fit.kept] * fit.scale @ fit.mode @ contrasts(phases).T
        share = softmax(logits)
        return (1 - fit.settings.noise) * share + fit.settings.noise / phases

    @functools.cached_property
    def agreement(self) -> Floats:
        """The probability of the label that came, at each place: (places,)."""
        agreement: Floats = (self.modes(self.features) * self.counts).sum(axis=1) / self.counts.sum(axis=1)
        return agreement

    def draws(self, features: Floats, base_samples: Floats) -> Floats:
        """Posterior draws of p(label): features (points, size), normals (draws, weights) -> (labels, draws, points)."""
        fit = self.fit
        phases: int = self.counts.shape[1]
        weights = fit.weights(base_samples).transpose(2, 0, 1).reshape(-1, len(fit.kept))  # (contrasts·draws, kept)
        ripples = weights.astype(np.float32) @ features[:, fit.kept].T.astype(np.float32)
        contrast = contrasts(phases).astype(np.float32)
        fields: Floats = contrast @ ripples.reshape(phases - 1, -1)  # (labels, draws·points)
        fields -= fields.max(axis=0)
        np.exp(fields, out=fields)
        fields *= (1 - fit.settings.noise) / fields.sum(axis=0)
        return (fields + fit.settings.noise / phases).reshape(phases, len(base_samples), len(features))

    def pending(self, features: Floats) -> "PhasePosterior":
        """The posterior once labels will have come from more places (points, size): as wide as it will be, on average.

        The labels are not known, so the mode stays; the Fisher information that they bring does not depend on them.
        """
        if len(features) == 0:
            return self
        return replace(self, fit=expected_fisher(self.fit, features, self.counts.shape[1]))


def _features(basis: Basis, places: Floats) -> Floats:
    return basis.features(*np.clip(places, -OUTERMOST, OUTERMOST).T)


def fixed_basis(used: Sequence[bool] = (True, True)) -> Basis:
    """One basis for all times: it does not depend on the data. used: of every axis, whether it has several values."""
    return make_basis(*(99 if several else 1 for several in used), most=ORDERS[len(used)])


def fit_posterior(
    basis: Basis,
    places: Floats,
    counts: Floats,
    settings: Hyperparameters,
    *,
    start: FieldFit | None = None,
    settled: int = 2,
) -> PhasePosterior:
    """places (places, axes), counts (places, labels). start: an earlier fit, of as many labels, to begin from.

    settled: rounds of `softmax_gp.widen_covariance`. Without one, draws stray where labels are certain and teach
    nothing about where to look.
    """
    features = _features(basis, places)
    if start is not None and start.mode.shape[1] != counts.shape[1] - 1:
        start = None
    fit = laplace(basis, features, counts, settings, start=start)
    if start is not None and _taken_for_noise(fit, features, counts):
        # such labels have no pull; let them pull once, and see whether that is better
        loose = laplace(basis, features, counts, replace(settings, noise=LOOSE), start=fit, tolerance=ROUGHLY)
        fit = max(fit, laplace(basis, features, counts, settings, start=loose), key=lambda one: one.evidence)
    return PhasePosterior(
        basis, places, features, counts, widen_covariance(features, counts, fit, rounds=settled) if settled else fit
    )


def _taken_for_noise(fit: FieldFit, features: Floats, counts: Floats) -> bool:
    """Whether there is a label that the noise floor explains rather than the fields."""
    phases: int = counts.shape[1]
    share = softmax(features[:, fit.kept] * fit.scale @ fit.mode @ contrasts(phases).T)
    return bool(((1 - fit.settings.noise) * share < fit.settings.noise / phases)[counts > 0].any())


def likely_fits(basis: Basis, places: Floats, counts: Floats) -> tuple[FieldFit, ...]:
    """Fits of the settings that labels and prior speak for, the best first.

    places (places, axes), counts (places, labels).
    """
    ranked = ascend_evidence(basis, _features(basis, places), counts)
    return tuple(fit for _, fit in ranked[:MAX_FITS])


def odds(fit: FieldFit) -> float:
    """Log posterior of the fit's settings, up to a constant, in nats."""
    return fit.evidence + log_prior(fit.settings)


def predict(basis: Basis, places: Floats, counts: Floats, starts: Sequence[FieldFit], there: Floats) -> Floats:
    """p(label) at other places (points, axes), averaged over settings by their evidence: (points, labels).

    starts: fits of the settings, on the same basis. The most probable fields speak for each: drawn fields would add
    noise to p, which where crossovers are wide moves the boundaries of the map.
    """
    posteriors = [fit_posterior(basis, places, counts, start.settings, start=start, settled=0) for start in starts]
    log_odds = np.array([odds(one.fit) for one in posteriors])
    shares = np.exp(log_odds - log_odds.max())
    features = _features(basis, there)
    return np.tensordot(shares / shares.sum(), [one.modes(features) for one in posteriors], axes=1)


def coin_flips(basis: Basis, places: Floats, labels: Sequence[str]) -> dict[str, str]:
    """Labels that fall as a coin does, wherever one looks -> {label: the group's name}, {} if there are none.

    places: (rows, axes), labels: (rows,). Two labels are one phase if a coin of unknown bias explains which of the two
    came better than their places do, by evidence and with odds of COIN_ODDS.
    """
    from scipy.special import betaln

    seen = np.asarray(labels, dtype=str)
    names, counts = np.unique(seen, return_counts=True)
    often = [str(name) for name, count in zip(names, counts, strict=True) if count >= MIN_FLIPS]
    group = {name: name for name in often}
    for index, first in enumerate(often):
        for second in often[:index]:
            at = (seen == first) | (seen == second)
            pair = np.stack([seen[at] == first, seen[at] == second], axis=1).astype(float)
            features = _features(basis, places[at])
            coin = betaln(*(pair.sum(axis=0) + 1))
            if all(coin - laplace(basis, features, pair, each).evidence > COIN_ODDS for each in PLACED):
                old, new = group[first], group[second]
                group = {name: new if its == old else its for name, its in group.items()}
    return {name: its for name, its in group.items() if list(group.values()).count(its) > 1}
