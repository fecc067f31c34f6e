"""The phase map: p(label | x, y) with its uncertainty, from a table of (x, y, label).

    phase_map = fit(beta, dimension, algorithm, log_x=True, merge={"pudding_positive": "pudding", ...})
    phase_map.probabilities(x, y)            # (points, labels), the columns are phase_map.labels
    phase_map.probability_band(x, y)         # the same, lower and upper ends of a 90 % interval

The posterior is `analysis.phases.softmax_gp`'s; it is kept as posterior draws of the fields, mixed over settings
in proportion to their evidence, because everything read from a map (boundaries, bands, adjacency) is a
function of whole fields. Repeated places are counted together, so replicates cost nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from analysis.errors import UserError
from analysis.phases.arrays import Floats
from analysis.phases.blas_threads import one_thread
from analysis.phases.hyperparameters import ascend_evidence
from analysis.phases.places import gather
from analysis.phases.slice_sampling import Scales, slice_sample
from analysis.phases.softmax_gp import (
    Basis,
    FieldFit,
    Hyperparameters,
    contrasts,
    laplace,
    make_basis,
    softmax,
    widen_covariance,
)

MAX_FITS = 4
MAX_LABELS = 16  # beyond, a fit takes minutes and each label has too few rows to say anything
FEW_PLACES = 60
# Bands are about what is not known: shorter and more varied bends than the best single map has (`PRIOR_CENTRE`).
MAP_CENTRE = Hyperparameters(trend=60.0, tilt=0.1, ripple=2.0, length_x=0.4, length_y=0.5, noise=0.015)
MAP_LOG_SD = {"trend": 1.6, "tilt": 1.0, "ripple": 0.8, "length_x": 0.5, "length_y": 0.5, "noise": 1.2}
# Prior of the trend that draws integrate over: crossovers far sharper than the places can tell are as likely as others.
TREND_CENTRE, TREND_LOG_SD = 2000.0, 1.5


@dataclass(frozen=True)
class Axis:
    """A data axis and its scaling to [-1, 1]. A one-valued axis scales to 0."""

    low: float
    high: float
    log: bool = False
    name: str = ""

    def scale(self, values: ArrayLike) -> Floats:
        """Data -> [-1, 1] from end to end, of the same shape."""
        low, high = self._ends()
        drawn = self.forward(values)
        return 2 * (drawn - low) / (high - low) - 1 if high > low else np.zeros_like(drawn)

    def forward(self, values: ArrayLike) -> Floats:
        """Data -> decades where the axis is logarithmic, else unchanged."""
        numbers = np.asarray(values, dtype=float)
        return np.log10(numbers) if self.log else numbers

    def backward(self, values: ArrayLike) -> Floats:
        """Undoes `forward`."""
        return 10.0 ** np.asarray(values) if self.log else np.asarray(values)

    def unscale(self, scaled: ArrayLike) -> Floats:
        """Undoes `scale`."""
        low, high = self._ends()
        return self.backward(low + (np.asarray(scaled) + 1) / 2 * (high - low))

    def grid(self, points: int) -> Floats:
        """`points` values from end to end, evenly spaced as the axis is drawn."""
        return self.unscale(np.linspace(-1, 1, points)) if self.high > self.low else np.array([self.low])

    @property
    def span(self) -> float:
        """Length of the axis: decades if logarithmic, else its own units."""
        low, high = self._ends()
        return float(high - low)

    def _ends(self) -> tuple[float, float]:
        low, high = self.forward([self.low, self.high])
        return float(low), float(high)


@dataclass(frozen=True)
class PhaseMap:
    labels: tuple[str, ...]  # merged
    x_axis: Axis
    y_axis: Axis
    x: Floats  # (rows,) the data
    y: Floats  # (rows,)
    row_labels: np.ndarray  # (rows,) merged
    raw_labels: np.ndarray  # (rows,) as given
    merge: Mapping[str, str]
    basis: Basis
    weights: Floats  # (draws, features, labels) posterior draws of the fields' weights
    noise: Floats  # (draws,)
    fits: tuple[FieldFit, ...]  # settings in the mixture, best first
    shares: Floats  # (fits,) their shares of the mixture

    def fields(self, x: ArrayLike, y: ArrayLike, *, draws: int | None = None) -> Floats:
        """Posterior draws of the latent fields: x, y (points,) -> (draws, points, labels)."""
        x, y = np.broadcast_arrays(np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float)))
        features = self.basis.features(self.x_axis.scale(x.ravel()), self.y_axis.scale(y.ravel()))
        weights = self.weights[:draws]  # (draws, features, labels)
        count, size, labels = weights.shape
        # labels outermost in memory: what is done over them, softmax above all, then runs along the points
        flat = weights.transpose(2, 0, 1).reshape(labels * count, size) @ features.T
        return flat.reshape(labels, count, len(features)).transpose(1, 2, 0)

    def probability_draws(self, x: ArrayLike, y: ArrayLike, *, draws: int | None = None) -> Floats:
        """Posterior draws of p(label | x, y): (draws, points, labels). The noise floor is part of p."""
        noise = self.noise[:draws, None, None]
        return (1 - noise) * softmax(self.fields(x, y, draws=draws)) + noise / len(self.labels)

    def probabilities(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """p(label | x, y), posterior mean: (points, labels)."""
        mean: Floats = self.probability_draws(x, y).mean(axis=0)
        return mean

    def probability_band(self, x: ArrayLike, y: ArrayLike, *, level: float = 0.9) -> tuple[Floats, Floats]:
        """Lower and upper ends of the credible interval of p: two arrays (points, labels)."""
        low, high = np.quantile(self.probability_draws(x, y), [(1 - level) / 2, (1 + level) / 2], axis=0)
        return low, high

    def most_probable(self, x: ArrayLike, y: ArrayLike) -> np.ndarray:
        """(points,) the label of the largest mean probability."""
        labels: np.ndarray = np.array(self.labels, dtype=object)[self.probabilities(x, y).argmax(axis=1)]
        return labels


@one_thread()
def fit_phase_map(
    x: ArrayLike,
    y: ArrayLike,
    labels: Iterable[object],
    *,
    log_x: bool = False,
    log_y: bool = False,
    merge: Mapping[str, str] | None = None,
    x_name: str = "x",
    y_name: str = "y",
    settings: Hyperparameters | None = None,
    draws: int = 320,
    rounds: int | None = None,
    rng_seed: int = 0,
) -> PhaseMap:
    """Fit the map to a table's columns, each (rows,).

    merge: new name for each label that is to count as another (mirror phases), {} for none.
    settings: hyperparameters to take as given (one fast fit); by default they are weighed by evidence.
    rounds: of slice sampling, from Laplace draws to exact ones; 0 leaves them Laplace's (a few milliseconds); by
        default 10, and 20 of few places, which leave it open how sharp crossovers are.
    """
    x, y, raw = _columns(x, y, labels, log_x, log_y, x_name, y_name)
    merge = dict(merge or {})
    merged = np.array([merge.get(label, label) for label in raw], dtype=object)
    names = tuple(sorted(set(merged)))
    if len(names) > MAX_LABELS:
        raise UserError(f"{len(names)} labels are too many for a phase map, at most {MAX_LABELS}: merge some")
    x_axis = Axis(x.min(), x.max(), log_x, x_name)
    y_axis = Axis(y.min(), y.max(), log_y, y_name)
    one_hot = np.array([[label == name for name in names] for label in merged], float)
    places, counts = gather(np.stack([x_axis.scale(x), y_axis.scale(y)], axis=1), one_hot)
    basis = make_basis(*(len(np.unique(part)) for part in places.T))
    features = basis.features(*places.T)
    centre = prior_centre(x_axis, y_axis)
    fits: tuple[FieldFit, ...]
    shares: Floats
    if settings is not None:
        fits, shares = (widen_covariance(features, counts, laplace(basis, features, counts, settings)),), np.ones(1)
    else:
        fits, shares = weigh_settings(basis, features, counts, centre)
    if rounds is None:
        rounds = 20 if len(places) <= FEW_PLACES else 10
    weights, noise = _draw(basis, features, counts, fits, shares, centre, draws, rounds, rng_seed)
    return PhaseMap(names, x_axis, y_axis, x, y, merged, raw, merge, basis, weights, noise, fits, shares)


def weigh_settings(
    basis: Basis, features: Floats, counts: Floats, centre: Hyperparameters
) -> tuple[tuple[FieldFit, ...], Floats]:
    """Climb the ladders of settings by evidence -> fits near the top and their shares of the posterior."""
    # the draws integrate over trend and tilt, so that only settings that differ in the others are kept apart
    apart: dict[Hyperparameters, tuple[float, FieldFit]] = {}
    for item in ascend_evidence(basis, features, counts, centre=centre, log_sd=MAP_LOG_SD):
        apart.setdefault(replace(item[1].settings, trend=1.0, tilt=1.0), item)
    kept = list(apart.values())[:MAX_FITS]
    shares = np.exp([item[0] - kept[0][0] for item in kept])
    return tuple(widen_covariance(features, counts, item[1]) for item in kept), shares / shares.sum()


def prior_centre(x_axis: Axis, y_axis: Axis) -> Hyperparameters:
    """Where the prior of the settings is centred. With two log axes a boundary is a power law of exponent about 1."""
    if x_axis.log and y_axis.log and x_axis.span > 0 and y_axis.span > 0:
        return replace(MAP_CENTRE, tilt=float(np.clip(y_axis.span / x_axis.span, 0.02, 1.0)))
    return MAP_CENTRE


def _trend_scales(centre: Hyperparameters, points: int = 7, reach: float = 2.1) -> Scales:
    """The prior over (trend, tilt) on a grid -> trend, tilt, probability, each (points²,)."""
    steps = np.linspace(-reach, reach, points)
    trend, tilt = (part.ravel() for part in np.meshgrid(steps, steps, indexing="ij"))
    probability = np.exp(-0.5 * (trend**2 + tilt**2))
    trend = TREND_CENTRE * np.exp(TREND_LOG_SD * trend)
    tilt = centre.tilt * np.exp(MAP_LOG_SD["tilt"] * tilt)
    return trend, tilt, probability / probability.sum()


def _draw(
    basis: Basis,
    features: Floats,
    counts: Floats,
    fits: Sequence[FieldFit],
    shares: Floats,
    centre: Hyperparameters,
    draws: int,
    rounds: int,
    rng_seed: int,
) -> tuple[Floats, Floats]:
    """Posterior draws from the mixture, the settings in proportion to their shares -> weights, noise."""
    rng = np.random.default_rng(rng_seed)
    # systematic sampling: each fit gets its share of draws to within one
    chosen = np.searchsorted(np.cumsum(shares), (np.arange(draws) + 0.5) / draws)
    chosen = rng.permutation(np.minimum(chosen, len(fits) - 1))
    contrast, scales = contrasts(counts.shape[1]), _trend_scales(centre)
    weights = np.zeros((draws, basis.size, counts.shape[1]))
    for index in np.unique(chosen):
        rows = np.flatnonzero(chosen == index)
        base_samples = rng.standard_normal((len(rows), fits[index].mode.size))
        if rounds > 0 and base_samples.size:
            found = slice_sample(
                fits[index], features, counts, base_samples, trends=basis.trends, scales=scales, rounds=rounds, rng=rng
            )
        else:
            found = fits[index].weights(base_samples)
        weights[np.ix_(rows, fits[index].kept)] = found @ contrast.T
    noise = np.array([fits[index].settings.noise for index in chosen])
    return weights, noise


def _columns(
    given_x: ArrayLike, given_y: ArrayLike, labels: Iterable[object], log_x: bool, log_y: bool, x_name: str, y_name: str
) -> tuple[Floats, Floats, np.ndarray]:
    """x, y as numbers and labels as texts, each (rows,). UserError for what a map cannot be made of."""
    x, y = np.asarray(given_x, dtype=float), np.asarray(given_y, dtype=float)
    raw = np.array([str(label) for label in labels], dtype=object)
    if not len(x) == len(y) == len(raw):
        raise UserError(f"columns differ in length: {x_name} {len(x)}, {y_name} {len(y)}, labels {len(raw)}")
    if len(x) == 0:
        raise UserError("a phase map needs at least one row")
    for values, name, log in ((x, x_name, log_x), (y, y_name, log_y)):
        if not np.isfinite(values).all():
            raise UserError(f"{name} is not a finite number in row {int(np.flatnonzero(~np.isfinite(values))[0]) + 1}")
        if log and (values <= 0).any():
            row = int(np.flatnonzero(values <= 0)[0])
            raise UserError(f"a logarithmic {name} must be positive; row {row + 1} has {values[row]:g}")
    return x, y, raw
