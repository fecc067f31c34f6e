"""The sampler's search space: which parameters are axes, and what finished trials say about it."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from optuna import Study
from optuna.distributions import CategoricalChoiceType, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from analysis.phases.phase_map import Axis
from search.sampling.posterior import fixed_basis

BETA, DIMENSION, PHASE, SHARES = "beta", "dimension", "phase", "phase_shares"

Distribution = FloatDistribution | IntDistribution | CategoricalDistribution  # Optuna has no others


@dataclass(frozen=True)
class Observations:
    """A study's trials: those with a label, and the places of those that run."""

    x: np.ndarray  # (labelled,)
    y: np.ndarray  # (labelled,)
    labels: tuple[str, ...]  # (labelled,)
    shares: tuple[Mapping[str, float] | None, ...]  # (labelled,) of the drawn networks, where the trial says
    pending_x: np.ndarray  # (running,)
    pending_y: np.ndarray

    @functools.cached_property
    def fingerprint(self) -> tuple[object, ...]:
        """Equal for equal labels at equal places."""
        return self.x.tobytes(), self.y.tobytes(), self.labels, repr(self.shares)


class Space:
    """The axes of a search space, and its places."""

    def __init__(
        self,
        beta: Distribution,
        dimension: Distribution | None = None,
        dimensions: Sequence[float] | None = None,
    ) -> None:
        self._beta, self._dimension, self._dimensions = beta, dimension, dimensions
        self.x_axis = _axis(beta, None, BETA)
        ends = allowed(dimension, dimensions) if dimension is not None else np.zeros(1)
        self.y_axis = Axis(float(ends.min()), float(ends.max()), log=bool(ends.min() > 0), name=DIMENSION)
        self.basis = fixed_basis(1 if self.y_axis.span == 0 else 99)

    def __repr__(self) -> str:  # what it was made from: the cache's key
        return f"Space({self._beta}, {self._dimension}, {self._dimensions})"

    def scale(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x, y (places,) -> u, v (places,) in [-1, 1]; a y that a logarithmic axis can't hold goes below its end."""
        if self.y_axis.log:
            y = np.maximum(y, self.y_axis.low / 2)
        return self.x_axis.scale(x), self.y_axis.scale(y)

    def places(self, along_x: int, along_y: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """x, y of a jittered lattice of about along_x × along_y allowed places, each (places,)."""
        ys = np.zeros(1) if self._dimension is None else _spread(self._dimension, along_y, rng, self._dimensions)
        columns = _spread(self._beta, along_x, rng, rows=len(ys))
        return columns.ravel(), np.repeat(ys, columns.shape[1])


def observe(study: Study, space: Space) -> Observations:
    """The study's trials, read anew."""
    done, pending = [], []
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.COMPLETE)):
        params, found = trial.params, trial.user_attrs
        x, y = _number(params.get(BETA)), _number(params.get(DIMENSION, 0.0))
        if x is None or y is None or (space.x_axis.log and x <= 0):
            continue
        if trial.state == TrialState.RUNNING:
            pending.append((x, y))
        elif found.get(PHASE) is not None:
            done.append((x, y, str(found[PHASE]), found.get(SHARES)))
    xs, ys, labels, shares = zip(*done, strict=True) if done else ((), (), (), ())
    pending_x, pending_y = zip(*pending, strict=True) if pending else ((), ())
    seen_x, seen_y, running_x, running_y = (np.array(part, float) for part in (xs, ys, pending_x, pending_y))
    return Observations(seen_x, seen_y, labels, shares, running_x, running_y)


def allowed(distribution: Distribution, dimensions: Sequence[float] | None = None) -> np.ndarray:
    """All values of a discrete distribution, or the ends of a continuous one: sorted."""
    if isinstance(distribution, CategoricalDistribution):
        values = sorted(float(choice) for choice in distribution.choices if choice is not None)
    elif distribution.step is None:
        values = [distribution.low, distribution.high]
    else:
        count = round((distribution.high - distribution.low) / distribution.step)
        values = [min(distribution.low + distribution.step * i, distribution.high) for i in range(count + 1)]
    if dimensions is not None:
        values = [value for value in values if any(value == allowed for allowed in dimensions)]
        if not values:
            raise ValueError(f"none of the dimensions {list(dimensions)} lies in {distribution}")
    return np.array(values, float)


def _spread(
    distribution: Distribution,
    count: int,
    rng: np.random.Generator,
    dimensions: Sequence[float] | None = None,
    *,
    rows: int | None = None,
) -> np.ndarray:
    """About `count` of the values, evenly spread as the axis is drawn, jittered; rows: so often -> (rows, count)."""
    shape = (count,) if rows is None else (rows, count)
    if isinstance(distribution, FloatDistribution) and distribution.step is None:
        axis = _axis(distribution, None, "")
        cells = (np.arange(count) + rng.random(shape)) / count
        return np.clip(axis.unscale(2 * cells - 1), distribution.low, distribution.high)
    values = allowed(distribution, dimensions)
    if len(values) > count:
        several = [np.sort(rng.choice(values, count, replace=False)) for _ in range(rows or 1)]
        return several[0] if rows is None else np.stack(several)
    return values if rows is None else np.tile(values, (rows, 1))


def _axis(distribution: Distribution, dimensions: Sequence[float] | None, name: str) -> Axis:
    ends = allowed(distribution, dimensions)
    log = getattr(distribution, "log", False)
    return Axis(float(ends.min()), float(ends.max()), log=bool(log), name=name)


def is_axis(distribution: Distribution | None, *, missing: bool = False) -> bool:
    """Whether a distribution's values are numbers."""
    if distribution is None:
        return missing
    if isinstance(distribution, CategoricalDistribution):
        return all(_number(choice) is not None for choice in distribution.choices)
    return True


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def external_value(distribution: Distribution, value: float) -> CategoricalChoiceType:
    """The value as the distribution's users know it: an int, a float, one of the choices."""
    if isinstance(distribution, CategoricalDistribution):
        return next(choice for choice in distribution.choices if choice is not None and float(choice) == value)
    return value if isinstance(distribution, FloatDistribution) else int(value)


def random_value(distribution: Distribution, rng: np.random.Generator) -> CategoricalChoiceType:
    """A value at random, evenly as the axis is drawn."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[rng.integers(len(distribution.choices))]
    if distribution.step is None:
        axis = _axis(distribution, None, "")
        return float(np.clip(axis.unscale(rng.uniform(-1, 1)), distribution.low, distribution.high))
    if distribution.log:  # integers
        value = np.exp(rng.uniform(np.log(distribution.low - 0.5), np.log(distribution.high + 0.5)))
        return int(np.clip(round(value), distribution.low, distribution.high))
    return external_value(distribution, float(rng.choice(allowed(distribution))))
