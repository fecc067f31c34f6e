"""Optuna's distributions as axes of a map: their scale, their values, and back."""

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalChoiceType,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from analysis.phases.phase_map import Axis

MAX_LISTED = 10_000  # values of a discrete distribution; one of more is treated as continuous and rounded
FEW = 32  # values up to which each of a discrete axis counts the same, however the axis is drawn: n = 4, 5, …, 24
Distribution = FloatDistribution | IntDistribution | CategoricalDistribution  # Optuna has no others


def known(distributions: Mapping[str, BaseDistribution]) -> dict[str, Distribution]:
    """The same; Optuna's own type doesn't say that there are three kinds only."""
    return cast(dict[str, Distribution], dict(distributions))


def as_number(value: object) -> float | None:
    """A parameter's value as a number, None for one that isn't."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def is_numeric(distribution: Distribution) -> bool:
    """Whether a distribution's values are numbers."""
    if isinstance(distribution, CategoricalDistribution):
        return all(as_number(choice) is not None for choice in distribution.choices)
    return True


def allowed(distribution: Distribution, only: Sequence[float] | None = None) -> np.ndarray | None:
    """All values of a discrete distribution, sorted; None if it is continuous or they are too many to list.

    only: those of these.
    """
    values: list[float]
    if isinstance(distribution, CategoricalDistribution):
        values = sorted(float(choice) for choice in distribution.choices if choice is not None)
    elif only is not None:
        given = np.array(sorted(set(only)), float)
        values = list(given[np.isclose(snap(distribution, given), given, rtol=1e-12, atol=0)])
    elif distribution.step is None or distribution.high - distribution.low >= MAX_LISTED * distribution.step:
        return None
    else:
        count = round((distribution.high - distribution.low) / distribution.step)
        values = [min(distribution.low + distribution.step * i, distribution.high) for i in range(count + 1)]
    if only is not None:
        values = [value for value in values if value in only]
        if not len(values):
            raise ValueError(f"none of the dimensions {list(only)} lies in {distribution}")
    return np.array(values, float)


def make_axis(distribution: Distribution, only: Sequence[float] | None = None, name: str = "") -> Axis:
    """The axis of a numeric distribution: log or linear as it says, and for choices as they are spaced more evenly."""
    values = None
    if isinstance(distribution, CategoricalDistribution) or only is not None:
        values = allowed(distribution, only)
    if isinstance(distribution, CategoricalDistribution):
        assert values is not None  # choices can always be listed
        log = bool(values[0] > 0) and _unevenness(np.log(values)) < _unevenness(values)
        return Axis(float(values[0]), float(values[-1]), log=log, name=name)
    low, high = (distribution.low, distribution.high) if values is None else (values[0], values[-1])
    return Axis(float(low), float(high), log=distribution.log, name=name)


def _unevenness(values: np.ndarray) -> float:
    """Spread of the steps between sorted values, relative to their mean."""
    steps = np.diff(values)
    return float(steps.std() / steps.mean()) if len(steps) > 1 and steps.mean() > 0 else 0.0


def spread(
    distribution: Distribution, count: int, rng: np.random.Generator, rows: int, only: Sequence[float] | None = None
) -> np.ndarray:
    """About `count` of the values, evenly spread as the map is counted, jittered anew in each row: (rows, values).

    It is counted as the axis is drawn, but for an axis of few values, which count the same each.
    """
    values = allowed(distribution, only)
    if values is not None and len(values) <= count:
        return np.tile(values, (rows, 1))
    cells = (np.arange(count) + rng.random((rows, count))) / count
    if values is None:
        assert not isinstance(distribution, CategoricalDistribution)  # choices can always be listed
        return snap(distribution, make_axis(distribution).unscale(2 * cells - 1))
    if len(values) <= FEW:
        counted: np.ndarray = values[(cells * len(values)).astype(int)]
        return counted
    axis = make_axis(distribution, only)
    # the value whose surroundings, up to halfway to its neighbours, hold the point
    scaled = axis.scale(values)
    middles = np.concatenate([[-1.0], (scaled[1:] + scaled[:-1]) / 2, [1.0]])
    return values[np.clip(np.searchsorted(middles, 2 * cells - 1) - 1, 0, len(values) - 1)]


def snap(distribution: FloatDistribution | IntDistribution, values: np.ndarray) -> np.ndarray:
    """The nearest values that the distribution holds."""
    if distribution.step is not None:
        values = distribution.low + np.round((values - distribution.low) / distribution.step) * distribution.step
    held: np.ndarray = np.clip(values, distribution.low, distribution.high)
    return held


def external_value(distribution: Distribution, value: float) -> CategoricalChoiceType:
    """The value as the distribution's users know it: an int, a float, one of the choices."""
    if isinstance(distribution, CategoricalDistribution):
        return next(choice for choice in distribution.choices if choice is not None and float(choice) == value)
    return float(value) if isinstance(distribution, FloatDistribution) else int(value)


def random_value(
    distribution: Distribution, rng: np.random.Generator, only: Sequence[float] | None = None
) -> CategoricalChoiceType:
    """A value at random, evenly as the axis is drawn."""
    if isinstance(distribution, CategoricalDistribution) and only is None:
        return distribution.choices[rng.integers(len(distribution.choices))]
    values = allowed(distribution, only)
    if values is not None and not getattr(distribution, "log", False):
        return external_value(distribution, float(rng.choice(values)))
    return external_value(distribution, float(spread(distribution, 1, rng, 1, only)[0, 0]))
