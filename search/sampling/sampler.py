"""An Optuna sampler that maps phases: it asks for trainings where the knowledge of the phase diagram improves most.

    study = optuna.create_study(sampler=PhaseBoundarySampler(seed=0))
    trial = study.ask({"beta": FloatDistribution(1e-9, 1, log=True), "dimension": IntDistribution(4, 16)})
    trial.set_user_attr("phase", "pudding")  # what the training came out as; study.tell(trial, 0.0) ends it
    probabilities, labels = study.sampler.predict_proba(study, beta, dimension)

It keeps no state: its posterior is made from the study's trials, so that any process that opens the study goes on where
the last one stopped. (What is kept between calls is a cache, keyed by all that it was made from.)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalChoiceType
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from analysis.phases.blas_threads import one_thread
from analysis.phases.places import gather
from analysis.phases.softmax_gp import FieldFit
from search.sampling.acquisition import Places, acquisition_values
from search.sampling.posterior import PhasePosterior, coin_flips, fit_posterior, likely_fits, predict
from search.sampling.space import (
    BETA,
    DIMENSION,
    PHASE,
    Distribution,
    Observations,
    Space,
    allowed,
    external_value,
    is_axis,
    observe,
    random_value,
)

CHOICES = (36, 13)  # places to choose from: along β, along the dimension
TARGETS = (20, 11)  # places of the map whose names are to be right
FIRST_LOOK = 16  # labels before the posterior has a say: so few may lack whole phases
FIRST_CHOICE, GROWTH = 12, 1.3  # labels at which settings are chosen, and by how much there are more the next time
STEEPEST = (
    192.0  # trend of the posterior that looks around: a steeper one's Gaussian draws flip whole regions of the map
)
SETTLED = 2  # rounds of widening draws where labels are certain

Found = TypeVar("Found")


def edges(dimension: ArrayLike) -> np.ndarray:
    """Cost of a training's step at each dimension, up to a factor: n · m edges, with m in proportion to n."""
    cost: np.ndarray = np.asarray(dimension, float) ** 2
    return cost


class PhaseBoundarySampler(BaseSampler):
    """For parameters named `beta` and, if there are several, `dimension`; others are drawn at random.

    Finished trials say what they found by `user_attrs["phase"]`, and may say by `user_attrs["phase_shares"]`, a
    {label: share}, how many of the drawn networks were which. Running trials are pending; all others count for nothing.

    cost: of a training at dimensions (n,) -> (n,), up to a factor; None if all trainings cost the same.
    dimensions: the only ones allowed, if not all that the distribution holds.
    merge: new name of each label that counts as another (mirror images); by default labels that fall like a coin's
        sides are found and merged. `predict_proba` keeps their own names.
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        cost: Callable[[np.ndarray], ArrayLike] | None = edges,
        dimensions: Sequence[float] | None = None,
        merge: Mapping[str, str] | None = None,
    ) -> None:
        self._seed = seed if seed is not None else int(np.random.SeedSequence().generate_state(1)[0])
        self._cost, self._dimensions, self._merge = cost, dimensions, merge
        self._cache: dict[str, tuple[object, Any]] = {}

    def reseed_rng(self) -> None:
        self._seed = int(np.random.SeedSequence().generate_state(1)[0])

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial | None) -> dict[str, BaseDistribution]:
        for other in reversed(study.get_trials(deepcopy=False)):
            if is_axis(_known(other.distributions).get(BETA)):
                return {name: other.distributions[name] for name in (BETA, DIMENSION) if name in other.distributions}
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        axes, rng = _known(search_space), np.random.default_rng([self._seed, trial.number])
        drawn = {name: random_value(distribution, rng) for name, distribution in axes.items()}
        if not is_axis(axes.get(BETA)) or not is_axis(axes.get(DIMENSION), missing=True):
            return drawn
        space = Space(axes[BETA], axes.get(DIMENSION), self._dimensions)
        with one_thread():
            x, y = self._best(observe(study, space), space, rng)
        drawn[BETA] = external_value(axes[BETA], x)
        if DIMENSION in axes:
            drawn[DIMENSION] = external_value(axes[DIMENSION], y)
        return drawn

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> CategoricalChoiceType:
        rng = np.random.default_rng([self._seed, trial.number, *param_name.encode()])
        distribution = cast(Distribution, param_distribution)
        if param_name == DIMENSION and self._dimensions is not None:
            return external_value(distribution, rng.choice(allowed(distribution, self._dimensions)))
        return random_value(distribution, rng)

    def predict_proba(
        self, study: Study, beta: ArrayLike, dimension: ArrayLike | None = None
    ) -> tuple[np.ndarray, list[str]]:
        """beta, dimension: (points,) -> p(label | beta, dimension) (points, labels), and the labels."""
        axes = _known(self.infer_relative_search_space(study, None))
        if not axes:
            raise ValueError(f"no trial of the study has a numerical parameter {BETA!r}")
        space = Space(axes[BETA], axes.get(DIMENSION), self._dimensions)
        seen = observe(study, space)
        if not seen.labels:
            raise ValueError(f"no finished trial of the study has the user attribute {PHASE!r}")
        dimension = np.zeros(1) if dimension is None else dimension
        x, y = np.broadcast_arrays(np.atleast_1d(np.asarray(beta, float)), np.atleast_1d(np.asarray(dimension, float)))
        with one_thread():
            return self._predict(seen, space, x.ravel(), y.ravel())

    def _predict(self, seen: Observations, space: Space, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, list[str]]:
        labels = tuple(sorted(set(seen.labels)))
        merge = self._merges(seen, space)
        own = np.array([[label == name for name in labels] for label in seen.labels], float).sum(axis=0)
        groups = sorted({merge.get(label, label) for label in labels})
        probability: np.ndarray = np.ones((len(x), 1))
        if len(groups) > 1:
            starts = self._starts(seen, space)
            probability = predict(space.basis, *self._labelled(seen, space, groups), starts, *space.scale(x, y))
        columns = []
        for label, count in zip(labels, own, strict=True):
            group = merge.get(label, label)
            total = sum(c for other, c in zip(labels, own, strict=True) if merge.get(other, other) == group)
            columns.append(probability[:, groups.index(group)] * count / total)
        return np.stack(columns, axis=1), list(labels)

    def _best(self, seen: Observations, space: Space, rng: np.random.Generator) -> tuple[float, float]:
        """The place of the largest gain -> (x, y)."""
        x, y = space.places(*CHOICES, rng)
        targets = Places(*space.scale(*space.places(*TARGETS, rng)))
        pending = Places(*space.scale(seen.pending_x, seen.pending_y))
        early = len(seen.x) + len(seen.pending_x) < FIRST_LOOK
        posterior = None if early else self._belief(seen, space)
        if posterior is None:
            there = Places(*space.scale(seen.x, seen.y))
            agreement: np.ndarray = np.ones(len(seen.x))
        else:
            there, agreement = Places(posterior.u, posterior.v), posterior.agreement
        cost = None
        if self._cost is not None and space.y_axis.span > 0:
            cost = np.broadcast_to(self._cost(y), y.shape)
        gain = acquisition_values(posterior, there, agreement, pending, Places(*space.scale(x, y)), targets, rng, cost)
        best = int(gain.argmax())
        return float(x[best]), float(y[best])

    def _belief(self, seen: Observations, space: Space) -> PhasePosterior | None:
        """None if all labels are one."""

        def make() -> PhasePosterior | None:
            merge = self._merges(seen, space)
            groups = sorted({merge.get(label, label) for label in seen.labels})
            if len(groups) < 2:
                return None
            start = self._starts(seen, space)[0]
            settings = replace(start.settings, trend=min(start.settings.trend, STEEPEST))
            labelled = self._labelled(seen, space, groups)
            return fit_posterior(space.basis, *labelled, settings, start=start, settled=SETTLED)

        return self._remember("posterior", space, seen, make)

    def _labelled(
        self, seen: Observations, space: Space, groups: list[str]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scaled places and how much of each group came there: u, v (places,), counts (places, groups)."""
        merge = self._merges(seen, space)
        counts = np.zeros((len(seen.labels), len(groups)))
        for row, (label, shares) in enumerate(zip(seen.labels, seen.shares, strict=True)):
            for name, share in (shares or {label: 1.0}).items():
                if merge.get(name, name) in groups:
                    counts[row, groups.index(merge.get(name, name))] += share
        return gather(*space.scale(seen.x, seen.y), counts)

    def _merges(self, seen: Observations, space: Space) -> Mapping[str, str]:
        if self._merge is not None:
            return self._merge
        few = _first(seen)
        return self._remember(
            "merge", space, few, lambda: coin_flips(space.basis, *space.scale(few.x, few.y), few.labels)
        )

    def _starts(self, seen: Observations, space: Space) -> tuple[FieldFit, ...]:
        """Fits to the first labels, of the settings that they speak for."""
        few = _first(seen)

        def make() -> tuple[FieldFit, ...]:
            merge = self._merges(seen, space)
            merged = [merge.get(label, label) for label in few.labels]
            counts = np.array([[label == name for name in sorted(set(merged))] for label in merged], float)
            return likely_fits(space.basis, *gather(*space.scale(few.x, few.y), counts))

        return self._remember("starts", space, few, make)

    def _remember(self, name: str, space: Space, seen: Observations, make: Callable[[], Found]) -> Found:
        """What `make` gives; made again only if what it is made from has changed."""
        key = (repr(space), *seen.fingerprint)
        if self._cache.get(name, (None,))[0] != key:
            self._cache[name] = (key, make())
        found: Found = self._cache[name][1]
        return found


def _known(distributions: Mapping[str, BaseDistribution]) -> Mapping[str, Distribution]:
    """The same; Optuna's own type doesn't say that there are three kinds only."""
    return cast(Mapping[str, Distribution], distributions)


def _first(seen: Observations) -> Observations:
    """The labels that settings are chosen by: FIRST_CHOICE, then GROWTH times as many, and so on."""
    count = len(seen.labels)
    if count > FIRST_CHOICE:
        count = int(FIRST_CHOICE * GROWTH ** np.floor(np.log(count / FIRST_CHOICE) / np.log(GROWTH) + 1e-9))
    return replace(seen, x=seen.x[:count], y=seen.y[:count], labels=seen.labels[:count], shares=seen.shares[:count])
