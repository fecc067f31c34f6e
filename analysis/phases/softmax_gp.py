"""A softmax Gaussian process over one to three axes: the posterior behind the phase map.

Every phase k has a latent field f_k(u) over the scaled axes u in [-1, 1]^axes; the probability of a label is

    p_k = (1 - noise) softmax(f)_k + noise / phases

f = trend + ripple. The trend is linear in u: linear fields make bands in a fixed order with straight
boundaries, which is what power laws are on log axes. The ripple is a squared-exponential Gaussian process,
which bends boundaries and makes islands and triple points wherever the labels ask for them.

The ripple is written in the eigenfunctions of the Laplacian on a box (Solin & Särkkä, "Hilbert space methods
for reduced-rank Gaussian process regression", 2020), so that a fit costs O(places · features²) and the features
are the same for all settings. The posterior is Laplace's, with the Fisher information as curvature (the noise
floor makes the likelihood non-concave; the Fisher information stays positive). Only differences of fields
matter, so weights live in an orthonormal basis of contrasts: phases - 1 columns instead of phases.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.phases.arrays import Floats

BOX = 1.6  # half-width of the box of the eigenfunctions; the data lie in [-1, 1]
NEGLIGIBLE = 1e-4  # features with less than this share of the largest prior variance are left out


@dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of the fields. Lengths are in half-ranges of the axis; x is the first axis, y any other."""

    trend: float = 12.0  # sd of the slopes along x, logits per half-range
    tilt: float = 0.25  # sd of the slopes along y, in slopes along x: how far straight boundaries lean
    ripple: float = 2.0  # sd of the bending part, logits
    length_x: float = 0.5
    length_y: float = 1.0
    noise: float = 0.02  # share of labels that are drawn blindly


@dataclass(frozen=True)
class Basis:
    """The features: constant, linear terms, and box eigenfunctions. One-valued axes have none."""

    orders: tuple[np.ndarray, ...]  # of every axis: (ripples,) order of the eigenfunction, 0 = constant
    used: tuple[bool, ...]  # whether the axis has more than one value

    @property
    def trends(self) -> int:
        """How many features, the first ones, make the trend."""
        return 1 + sum(self.used)

    @property
    def size(self) -> int:
        return self.trends + len(self.orders[0])

    def features(self, *scaled: Floats) -> Floats:
        """scaled: an axis each, (points,) -> (points, size)."""
        columns = [np.ones_like(scaled[0])[:, None]]
        columns += [u[:, None] for u, used in zip(scaled, self.used, strict=True) if used]
        waves = [_waves(u, orders) for u, orders in zip(scaled, self.orders, strict=True)]
        return np.concatenate([*columns, functools.reduce(np.multiply, waves)], axis=1)

    def prior_sd(self, settings: Hyperparameters) -> Floats:
        """-> (size,) prior standard deviation of every weight; 0 where negligible."""
        linear = [settings.trend] * (1 + self.used[0]) + [settings.trend * settings.tilt] * sum(self.used[1:])
        lengths = [settings.length_x] + [settings.length_y] * (len(self.orders) - 1)
        densities = [_density(orders, length) for orders, length in zip(self.orders, lengths, strict=True)]
        density = functools.reduce(np.multiply, densities)
        density = np.where(density > NEGLIGIBLE * density.max(initial=0.0), density, 0.0)
        return np.concatenate([linear, settings.ripple * np.sqrt(density)])


def make_basis(*distinct: int, most: Sequence[int] = (20, 12)) -> Basis:
    """No more orders along an axis than its distinct values can tell apart, up to `most`.

    distinct, most: an axis each.
    """
    orders = [
        np.arange(1, min(limit, 2 * count + (2 if axis == 0 else 0)) + 1) if count > 1 else np.array([0])
        for axis, (count, limit) in enumerate(zip(distinct, most, strict=True))
    ]
    grids = np.meshgrid(*orders, indexing="ij")
    return Basis(tuple(grid.ravel() for grid in grids), tuple(count > 1 for count in distinct))


def _waves(scaled: Floats, orders: np.ndarray) -> Floats:
    """(points,), (ripples,) -> (points, ripples)."""
    distinct = np.arange(orders.min(), orders.max() + 1)  # sines cost more than anything else here
    waves = np.sin(np.pi * distinct * (scaled[:, None] + BOX) / (2 * BOX)) / np.sqrt(BOX)  # (points, distinct)
    return np.where(distinct == 0, 1.0, waves)[:, orders - distinct[0]]


def _density(orders: np.ndarray, length: float) -> Floats:
    """Spectral density of a unit squared-exponential kernel at the eigenfunctions' frequencies."""
    frequency = np.pi * orders / (2 * BOX)
    return np.where(orders == 0, 1.0, np.sqrt(2 * np.pi) * length * np.exp(-0.5 * (length * frequency) ** 2))


@functools.cache
def contrasts(phases: int) -> Floats:
    """(phases, phases - 1) orthonormal columns, all orthogonal to the all-ones vector."""
    square = np.eye(phases) - 1 / phases
    left, _, _ = np.linalg.svd(square)
    left.flags.writeable = False  # it is shared
    return left[:, : phases - 1]


def softmax(fields: Floats) -> Floats:
    """(..., phases) logits -> probabilities, the last axis summing to 1."""
    shares: Floats = fields - fields.max(axis=-1, keepdims=True)
    np.exp(shares, out=shares)
    shares /= shares.sum(axis=-1, keepdims=True)
    return shares


@dataclass(frozen=True)
class FieldFit:
    """Gaussian approximation to the weights' posterior, in units of their prior (whitened weights)."""

    settings: Hyperparameters
    scale: Floats  # (kept,) prior sd of the features kept
    kept: np.ndarray  # (kept,) their indices
    mode: Floats  # (kept, phases - 1)
    cholesky: Floats  # lower factor of the posterior precision, (kept·(phases-1),) squared, contrast-major
    evidence: float  # log marginal likelihood, nats

    def weights(self, base_samples: Floats) -> Floats:
        """normals: (draws, kept·(phases-1)) standard normal -> (draws, kept, phases - 1), in logits."""
        from scipy.linalg import solve_triangular

        kept, columns = self.mode.shape
        steps: Floats = solve_triangular(self.cholesky, base_samples.T, lower=True, trans="T", check_finite=False).T
        return (self.mode + steps.reshape(len(base_samples), columns, kept).swapaxes(1, 2)) * self.scale[:, None]


def laplace(
    basis: Basis,
    features: Floats,
    counts: Floats,
    settings: Hyperparameters,
    *,
    start: FieldFit | None = None,
    rounds: int = 30,
    tolerance: float = 1e-3,
) -> FieldFit:
    """Fit by damped Fisher scoring.

    features: (places, size); counts: (places, phases) labels seen at each place;
    start: a Laplace fit of other settings on the same basis, to begin from;
    rounds: at least 1; tolerance: nats of the objective that a further step must promise.
    """
    from scipy.linalg import cho_solve, cholesky

    phases = counts.shape[1]
    contrast = contrasts(phases)
    columns = phases - 1
    prior_sd = basis.prior_sd(settings)
    kept = np.flatnonzero(prior_sd)
    scaled = features[:, kept] * prior_sd[kept]  # (places, kept)
    mode = np.zeros((len(kept), columns))
    if start is not None:
        full = np.zeros((basis.size, columns))
        full[start.kept] = start.mode * start.scale[:, None]
        mode = full[kept] / prior_sd[kept][:, None]
        if (
            _objective(scaled, mode, contrast, counts, settings.noise)[0]
            < _objective(scaled, 0 * mode, contrast, counts, settings.noise)[0]
        ):
            mode = 0 * mode
    value, share, probability = _objective(scaled, mode, contrast, counts, settings.noise)
    for _ in range(rounds):
        gradient, fisher = _slopes(share, probability, counts, settings.noise, contrast)
        precision = _precision(scaled, fisher)
        factor = cholesky(precision, lower=True, check_finite=False)
        slope = (scaled.T @ gradient - mode).T.ravel()  # contrast-major
        step = cho_solve((factor, True), slope, check_finite=False)
        gain = float(slope @ step)  # twice the rise that a quadratic would give
        if gain < 2 * tolerance:
            break
        step = step.reshape(columns, len(kept)).T
        length = 1.0
        while length > 1e-3:
            trial = _objective(scaled, mode + length * step, contrast, counts, settings.noise)
            if trial[0] > value + 0.1 * length * gain / 2:
                break
            length /= 2
        else:
            break
        mode = mode + length * step
        value, share, probability = trial
    evidence = value - np.log(np.diag(factor)).sum()
    return FieldFit(settings, prior_sd[kept], kept, mode, factor, float(evidence))


def widen_covariance(features: Floats, counts: Floats, fit: FieldFit, *, rounds: int = 2) -> FieldFit:
    """Laplace's approximation with a curvature that knows the walls.

    At the mode the labels that are certain have no curvature, and Laplace's draws stray into other phases. Here
    the precision is the prior's plus the *mean* Fisher information under the approximation itself, found in a few
    rounds, at least 1 (the covariance half of Opper & Archambeau 2009; the mean stays at the mode).
    """
    from scipy.linalg import cholesky
    from scipy.linalg.lapack import dpotri

    kept, columns = fit.mode.shape
    contrast, noise = contrasts(columns + 1), fit.settings.noise
    scaled = features[:, fit.kept] * fit.scale
    base_samples = _spread(columns)  # (quadrature, columns)
    factor = fit.cholesky
    precision: Floats = np.eye(kept * columns)  # the prior's
    for number in range(rounds):
        # of the inverse of the precision, which is symmetric; of one without rows LAPACK complains on the terminal
        half = np.tril(dpotri(factor, lower=1)[0]) if len(factor) else factor
        covariance = (half + np.tril(half, -1).T).reshape(columns, kept, columns, kept)
        marginal = np.empty((len(scaled), columns, columns))  # covariance of the contrasts at each place
        for a in range(columns):
            for b in range(a + 1):
                marginal[:, a, b] = marginal[:, b, a] = ((scaled @ covariance[a, :, b]) * scaled).sum(axis=1)
        marginal[:, np.arange(columns), np.arange(columns)] += 1e-9
        wander = np.einsum("pab,qb->aqp", np.linalg.cholesky(marginal), base_samples)  # (columns, quadrature, places)
        fields = np.tensordot(contrast, wander + (scaled @ fit.mode).T[:, None], axes=1)
        found = _precision(scaled, _mean_fisher(fields, counts, noise, contrast))
        # undamped, the rounds alternate between too wide and too narrow
        precision = found if number == 0 else (precision + found) / 2
        factor = cholesky(precision, lower=True, check_finite=False)
    return replace(fit, cholesky=factor)


def expected_fisher(fit: FieldFit, features: Floats, phases: int) -> FieldFit:
    """The fit's precision with the information that one label at each place (features: (places, size)) will bring."""
    from scipy.linalg import cholesky

    contrast, noise = contrasts(phases), fit.settings.noise
    scaled = features[:, fit.kept] * fit.scale
    share = softmax(scaled @ fit.mode @ contrast.T)
    probability = (1 - noise) * share + noise / phases + 1e-12
    _, fisher = _slopes(share, probability, np.full(share.shape, 1 / phases), noise, contrast)
    precision = fit.cholesky @ fit.cholesky.T + _precision(scaled, fisher)
    precision.flat[:: len(precision) + 1] -= 1.0  # the prior's, counted twice
    return replace(fit, cholesky=cholesky(precision, lower=True, check_finite=False))


def _spread(columns: int, points: int = 16) -> Floats:
    """Fixed antithetic standard normals with unit covariance: (2·points, columns)."""
    half = np.random.default_rng(0).standard_normal((points, columns))
    base_samples = np.concatenate([half, -half])
    if columns == 0:
        return base_samples
    return base_samples @ np.linalg.inv(np.linalg.cholesky(base_samples.T @ base_samples / len(base_samples))).T


def _objective(
    scaled: Floats, mode: Floats, contrast: Floats, counts: Floats, noise: float
) -> tuple[float, Floats, Floats]:
    """Log posterior up to a constant; softmax of the fields and with the noise floor, each (places, phases)."""
    share = softmax((scaled @ mode) @ contrast.T)  # (places, phases)
    probability = (1 - noise) * share + noise / counts.shape[1] + 1e-12
    return (counts * np.log(probability)).sum() - 0.5 * (mode**2).sum(), share, probability


def _slopes(
    share: Floats, probability: Floats, counts: Floats, noise: float, contrast: Floats
) -> tuple[Floats, Floats]:
    """Gradient and Fisher information of the log likelihood in contrasts: (..., columns), (..., columns, columns).

    share, probability: (..., phases), softmax of the fields and with the noise floor; counts: (..., phases).
    d log p_l / d f = ratio_l (e_l - share) with ratio_l = (1 - noise) share_l / p_l.
    """
    ratio = (1 - noise) * share / probability
    pull = counts * ratio
    gradient = (pull - share * pull.sum(axis=-1, keepdims=True)) @ contrast
    weight = probability * ratio**2 * counts.sum(axis=-1, keepdims=True)  # (..., phases)
    # fisher = diag(w) - w shareᵀ - share wᵀ + (Σ w) share shareᵀ, seen through the contrasts
    through, total = share @ contrast, weight.sum(axis=-1)[..., None, None]
    cross = (weight @ contrast)[..., :, None] * through[..., None, :]
    outer = contrast[:, :, None] * contrast[:, None, :]  # (phases, columns, columns)
    fisher = np.tensordot(weight, outer, axes=(-1, 0)) - cross - cross.swapaxes(-1, -2)
    return gradient, fisher + total * through[..., :, None] * through[..., None, :]


def _mean_fisher(fields: Floats, counts: Floats, noise: float, contrast: Floats) -> Floats:
    """The Fisher information of `_slopes`, its mean over draws of the fields: (places, columns, columns).

    fields: (phases, draws, places), which are overwritten; counts: (places, phases). With v = w - (Σ w) share / 2 it is
    diag(w) - v shareᵀ - share vᵀ.
    """
    phases, draws, _ = fields.shape
    fields -= fields.max(axis=0)
    share = np.exp(fields, out=fields)
    share /= share.sum(axis=0)
    likely = (1 - noise) * share
    weight = likely * likely / (likely + (noise / phases + 1e-12))
    sums = weight.sum(axis=1).T  # (places, phases)
    weight -= share * (weight.sum(axis=0) / 2)
    cross = np.einsum("adp,bdp->pab", weight, share)
    information = -(cross + cross.swapaxes(1, 2))
    information[:, np.arange(phases), np.arange(phases)] += sums
    information *= counts.sum(axis=1)[:, None, None] / draws
    fisher: Floats = contrast.T @ information @ contrast
    return fisher


def _precision(scaled: Floats, fisher: Floats) -> Floats:
    """I + sum over places of fisher ⊗ feature featureᵀ, contrast-major."""
    kept = scaled.shape[1]
    columns = fisher.shape[1]
    precision = np.empty((columns, kept, columns, kept))
    for a in range(columns):
        for b in range(a + 1):
            block = scaled.T @ (fisher[:, a, b, None] * scaled)
            precision[a, :, b, :] = block
            precision[b, :, a, :] = block.T
    square = precision.reshape(columns * kept, columns * kept)
    square.flat[:: len(square) + 1] += 1.0
    return square
