"""The sampler's search space: which parameters are a map's axes, which tell maps apart, which are drawn at random."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from optuna.distributions import CategoricalChoiceType, CategoricalDistribution

from analysis.phases.phase_map import Axis
from analysis.phases.softmax_gp import Basis
from search.sampling.distributions import FEW, Distribution, allowed, external_value, is_numeric, make_axis, spread
from search.sampling.posterior import fixed_basis

BETA, DIMENSION = "beta", "dimension"
MAX_AXES = 3
MAX_MAPS = 16  # combinations of choices that are mapped one by one
Choices = tuple[CategoricalChoiceType, ...]


@dataclass(frozen=True)
class Roles:
    """What every parameter of a search space is to the sampler."""

    axes: tuple[str, ...]  # none: nothing can be mapped
    categories: tuple[str, ...]  # every combination of their choices has a map of its own
    random: Mapping[str, str]  # parameters that are drawn at random though nobody asked for it: why

    @property
    def used(self) -> tuple[str, ...]:
        return self.axes + self.categories


def assign_roles(distributions: Mapping[str, Distribution], named: Sequence[str] | None = None) -> Roles:
    """named: the axes that the user named, in their order; by default beta and dimension, else what is numeric."""
    random: dict[str, str] = {}
    names = sorted(distributions)  # a storage may forget their order
    numeric = [name for name in names if not isinstance(distributions[name], CategoricalDistribution)]
    if named is not None:
        axes = [name for name in named if name in distributions and is_numeric(distributions[name])]
        textual = [name for name in named if name in distributions and name not in axes]
        random |= dict.fromkeys(textual, "named as an axis, but its choices are no numbers")
        have = ", ".join(map(repr, names)) or "none"
        missing = [name for name in named if name not in distributions]
        random |= dict.fromkeys(missing, f"named as an axis, but not among the study's parameters: {have}")
    elif BETA in distributions and is_numeric(distributions[BETA]):
        axes = [name for name in (BETA, DIMENSION) if name in distributions and is_numeric(distributions[name])]
        others = [name for name in numeric if name not in axes]
        random |= dict.fromkeys(others, f"{' and '.join(axes)} are the axes unless others are named")
    else:
        several = [name for name in numeric if distributions[name].low < distributions[name].high]  # type: ignore[union-attr]
        axes = several[:MAX_AXES] or numeric[:1]
        random |= dict.fromkeys(several[MAX_AXES:], f"a map has at most {MAX_AXES} axes, here {', '.join(axes)}")
    categories: list[str] = []
    maps = 1
    for name in names:
        distribution = distributions[name]
        if name in axes or name in random or not isinstance(distribution, CategoricalDistribution):
            continue
        if not axes:
            random[name] = "there is no numeric parameter to map"
        elif maps * len(distribution.choices) > MAX_MAPS:
            random[name] = f"its {len(distribution.choices)} choices would make more than {MAX_MAPS} maps"
        else:
            categories.append(name)
            maps *= len(distribution.choices)
    return Roles(tuple(axes), tuple(categories), random)


class Space:
    """The axes of a search space, its maps, and their places."""

    def __init__(
        self, distributions: Mapping[str, Distribution], roles: Roles, dimensions: Sequence[float] | None = None
    ) -> None:
        self.roles = roles
        self.distributions = {name: distributions[name] for name in roles.used}
        self.dimensions = tuple(dimensions) if dimensions is not None else None
        self._axes = [make_axis(distributions[name], self._only(name), name) for name in roles.axes]
        self._steps = [self._evenly(name, axis) for name, axis in zip(roles.axes, self._axes, strict=True)]
        used = [axis.span > 0 for axis in self._axes]
        # of β and dimension it is known along which one phases change; of other axes each is tried as the first
        own = roles.axes in ((BETA,), (BETA, DIMENSION))
        first = [0] if own else [i for i, several in enumerate(used) if several] or [0]
        self.orders = [(i, *(j for j in range(len(used)) if j != i)) for i in first]
        self._bases = {order: fixed_basis([used[i] for i in order]) for order in self.orders}
        self.key = repr((self.distributions, self.dimensions))

    def _only(self, name: str) -> tuple[float, ...] | None:
        return self.dimensions if name == DIMENSION else None

    def _evenly(self, name: str, axis: Axis) -> tuple[np.ndarray, np.ndarray] | None:
        """Few values of an axis, scaled, and where they are if each counts the same."""
        values = allowed(self.distributions[name], self._only(name))
        if values is None or not 1 < len(values) <= FEW:
            return None
        return axis.scale(values), np.linspace(-1, 1, len(values))

    @property
    def maps(self) -> list[Choices]:
        """The combinations of choices: one, the empty one, without a categorical parameter."""
        return list(itertools.product(*(self.distributions[name].choices for name in self.roles.categories)))  # type: ignore[union-attr]

    def basis(self, order: tuple[int, ...]) -> Basis:
        """Of the axes in this order, the one along which phases change most first."""
        return self._bases[order]

    def span(self, name: str) -> float:
        """Length of an axis as it is drawn; 0 if it has one value."""
        return self._axes[self.roles.axes.index(name)].span

    def lowest(self, name: str) -> float:
        return self._axes[self.roles.axes.index(name)].low

    def holds(self, values: Sequence[float]) -> bool:
        """Whether the axes can hold a place: a logarithmic one no value that isn't positive."""
        return all(
            math.isfinite(value) and (value > 0 or not axis.log) for value, axis in zip(values, self._axes, strict=True)
        )

    def scale(self, places: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
        """places (places, axes) -> the same in [-1, 1], axes in this order."""
        columns = [self._axes[i].scale(places[:, i]) for i in order]
        return np.stack(columns, axis=1)

    def counted(self, scaled: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
        """Scaled places (places, axes), axes in this order, as the map is counted: few values of an axis lie evenly."""
        columns = []
        for column, i in zip(scaled.T, order, strict=True):
            steps = self._steps[i]
            inside = np.clip(column, -1, 1)
            columns.append(column if steps is None else np.interp(inside, *steps) + column - inside)
        return np.stack(columns, axis=1)

    def lattice(self, counts: Sequence[int], order: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """A jittered lattice of about so many allowed places along each axis, in this order: (places, axes).

        They lie evenly as the map is counted.
        """
        rows = np.zeros((1, 0))
        for count, i in reversed(list(zip(counts, order, strict=True))):
            name = self.roles.axes[i]
            values = spread(self.distributions[name], count, rng, len(rows), self._only(name))
            rows = np.column_stack([values.ravel(), np.repeat(rows, values.shape[1], axis=0)])
        return rows[:, np.argsort(order)]

    def params(self, place: np.ndarray, choices: Choices) -> dict[str, CategoricalChoiceType]:
        """A place of a map as parameters of a trial."""
        values = {
            name: external_value(self.distributions[name], float(value))
            for name, value in zip(self.roles.axes, place, strict=True)
        }
        return values | dict(zip(self.roles.categories, choices, strict=True))
