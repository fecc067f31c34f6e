"""An Optuna sampler that maps phases: it asks for trials where the knowledge of the phase diagram improves most.

    study = optuna.create_study(sampler=PhaseBoundarySampler(axes=("learning_rate", "weight_decay")))

    def objective(trial):
        rate, decay = trial.suggest_float("learning_rate", 1e-5, 1, log=True), trial.suggest_float("weight_decay", 0, 1)
        trial.set_user_attr("phase", train(rate, decay))  # "memorised", "grokked", …: what the sampler learns from
        return 0.0  # the sampler minimises nothing

    study.optimize(objective, n_trials=200)
    probabilities, labels = study.sampler.predict_proba(study, learning_rate=[1e-3, 1e-2], weight_decay=0.1)

It keeps no state: its posterior is made from the study's trials, so that any process that opens the study goes on where
the last one stopped. (What is kept between calls is a cache, keyed by all that it was made from.)
"""

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalChoiceType
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from analysis.phases.blas_threads import one_thread
from search.sampling.distributions import Distribution, known, random_value
from search.sampling.phase_model import PhaseModel
from search.sampling.space import DIMENSION, MAX_AXES, Choices, Roles, Space, assign_roles
from search.sampling.trials import (
    PHASE,
    SHARES,
    History,
    Observations,
    Observed,
    Tally,
    common_distributions,
    observe,
    with_running,
)


def edges(dimension: ArrayLike) -> np.ndarray:
    """Cost of a training's step at each dimension, up to a factor: n · m edges, with m in proportion to n."""
    cost: np.ndarray = np.asarray(dimension, float) ** 2
    return cost


class PhaseBoundarySampler(BaseSampler):
    """Maps one to three numeric parameters of any study, a map for each combination of the categorical ones.

    Completed trials say what they found by `user_attrs["phase"]`, and may say by `user_attrs["phase_shares"]`, a
    {label: share}, how far they are other labels too (which share of several drawn networks, say). Running trials, and
    those that ended without a phase, are places at which no further trial is asked for. What can't be used (a trial
    without a phase, shares without the trial's phase, a parameter that can't be mapped) is told in one warning for each
    study.

    axes: the parameters to map; by default `beta` and `dimension` if they are there, else the numeric ones, three at
        most. Their distributions say whether an axis is logarithmic. A parameter with numeric choices may be named too.
        Numeric parameters that are not named are drawn at random.
    cost: of a trial, up to a factor: a function of parameters by their names (`lambda dimension: dimension**2`), each
        (places,), -> (places,); a function of one other argument gets the last axis. By default all cost the same.
    seed: of what is random.
    dimensions: the only values of `dimension` allowed, if not all that the distribution holds.
    merge: new name of each label that counts as another (mirror images); by default labels that fall like a coin's
        sides are found and merged. `predict_proba` keeps their own names.
    """

    def __init__(
        self,
        axes: Sequence[str] | None = None,
        *,
        cost: Callable[..., ArrayLike] | None = None,
        seed: int | None = None,
        dimensions: Sequence[float] | None = None,
        merge: Mapping[str, str] | None = None,
    ) -> None:
        named = (axes,) if isinstance(axes, str) else None if axes is None else tuple(axes)
        if named is not None and not (0 < len(set(named)) == len(named) <= MAX_AXES):
            raise ValueError(f"axes must be one to {MAX_AXES} different parameters, not {axes!r}")
        self._axes = named
        self._seed = seed if seed is not None else int(np.random.SeedSequence().generate_state(1)[0])
        self._cost, self._dimensions, self._merge = cost, dimensions, merge
        self._models: dict[Choices, PhaseModel] = {}
        self._history, self._warned = History(), set[tuple[str, str]]()
        self._inferred: tuple[Study, int] | None = None
        self._observed: Observed | None = None
        self._known: tuple[object, tuple[dict[str, Distribution], Roles, set[str]]] | None = None

    def reseed_rng(self) -> None:
        self._seed = int(np.random.SeedSequence().generate_state(1)[0])

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial | None) -> dict[str, BaseDistribution]:
        history = self._read(study)
        self._inferred = (study, trial.number) if trial is not None else None
        distributions, roles, conditional = self._search_space(history)
        self._warn_of_trials(study, history.finished.tally)
        if history.finished.tally.kinds:  # else a trial may be about to draw more parameters
            self._warn_of_parameters(study, roles, conditional)
        return {name: distributions[name] for name in roles.used} if roles.axes else {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        distributions, rng = known(search_space), np.random.default_rng([self._seed, trial.number])
        drawn = {name: self._random(name, distribution, rng) for name, distribution in distributions.items()}
        roles = assign_roles(distributions, self._axes)
        if not roles.axes:
            return drawn
        # the trials were read a moment ago for the same trial's search space
        history = self._history if self._inferred == (study, trial.number) else self._read(study)
        self._inferred = None
        space = Space(distributions, roles, self._dimensions)
        with one_thread():
            best = [
                (*self._model(choices).best(seen, space, rng, self._cost_of(space, choices)), choices)
                for choices, seen in self._observe(history, space).items()
            ]
        _, place, choices = max(best, key=lambda one: one[0])
        return drawn | space.params(place, choices)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> CategoricalChoiceType:
        rng = np.random.default_rng([self._seed, trial.number, *param_name.encode()])
        return self._random(param_name, cast(Distribution, param_distribution), rng)

    def predict_proba(self, study: Study, *places: ArrayLike, **named: Any) -> tuple[np.ndarray, list[str]]:
        """p(label | place) (points, labels), and the labels, of one map.

        places: each axis' values (points,), in the order of `axes` (by default beta and dimension, else by name) or by
        name; an axis with one value may be left out. A categorical parameter's choice is given by name.
        """
        history = self._read(study)
        distributions, roles, _ = self._search_space(history)
        if not roles.axes:
            raise ValueError("no trial of the study has a numeric parameter that can be mapped")
        space = Space(distributions, roles, self._dimensions)
        points, choices = _points(space, places, named)
        seen = self._observe(history, space)
        if choices not in seen:
            raise ValueError(f"choose one of {space.maps} for {', '.join(roles.categories)}, not {choices}")
        if not seen[choices].labels:
            raise ValueError(f"no finished trial of the study has the user attribute {PHASE!r}")
        with one_thread():
            return self._model(choices).predict(seen[choices], space, points)

    def _random(self, name: str, distribution: Distribution, rng: np.random.Generator) -> CategoricalChoiceType:
        return random_value(distribution, rng, self._dimensions if name == DIMENSION else None)

    def _model(self, choices: Choices) -> PhaseModel:
        return self._models.setdefault(choices, PhaseModel(self._merge))

    def _read(self, study: Study) -> History:
        self._history = self._history.now(study)
        return self._history

    def _search_space(self, history: History) -> tuple[dict[str, Distribution], Roles, set[str]]:
        """The parameters of the trials, what each is to the sampler, and those that only some trials have."""
        if self._known is None or self._known[0] is not history.finished or not history.finished.tally.kinds:
            distributions, conditional = common_distributions(history, self._axes or ())
            self._known = history.finished, (distributions, assign_roles(distributions, self._axes), conditional)
        return self._known[1]

    def _observe(self, history: History, space: Space) -> dict[Choices, Observations]:
        self._observed = observe(history.finished, space, self._observed)
        return with_running(self._observed.maps, history.running, space)

    def _cost_of(self, space: Space, choices: Choices) -> Callable[[np.ndarray], np.ndarray] | None:
        return functools.partial(_costs, self._cost, space, choices) if self._cost is not None else None

    def _warn_of_trials(self, study: Study, tally: Tally) -> None:
        failed, silent, odd = tally.failed_with_phase, tally.without_phase, tally.bad_shares
        if failed:
            self._warn(
                study,
                "failed",
                f"trials that failed or were pruned are ignored, and {failed} of them had a phase: "
                "give trials a value that is not NaN",
            )
        if silent:
            self._warn(
                study,
                PHASE,
                f"{silent} completed trial{'s' * (silent > 1)} without a phase, of which nothing can be learnt: "
                f"call trial.set_user_attr({PHASE!r}, label) in every trial",
            )
        if odd is not None:
            given = odd.trial.user_attrs[SHARES]
            self._warn(
                study,
                SHARES,
                f"{SHARES} of trial {odd.trial.number} do not match phase {odd.phase!r} and are ignored: {given!r}; "
                "set a {label: share} that holds the phase",
            )

    def _warn_of_parameters(self, study: Study, roles: Roles, conditional: set[str]) -> None:
        named = conditional if self._axes is None else conditional & set(self._axes)
        left_out = dict(roles.random) | dict.fromkeys(sorted(named), "not every completed trial has it")
        if left_out:
            listed = "; ".join(f"{name!r} ({why})" for name, why in left_out.items())
            self._warn(
                study,
                "parameters",
                f"not mapped, and drawn at random: {listed}. Name one to {MAX_AXES} numeric parameters that all trials "
                'have: PhaseBoundarySampler(axes=("…", "…"))',
            )

    def _warn(self, study: Study, about: str, text: str) -> None:
        """Once for each study."""
        name = study.study_name
        if (name, about) not in self._warned:
            self._warned.add((name, about))
            warnings.warn(f"study {name!r}: {text}", UserWarning, stacklevel=4)


def _points(space: Space, places: Sequence[ArrayLike], named: dict[str, Any]) -> tuple[np.ndarray, Choices]:
    """Points (points, axes) of a map, and which map it is."""
    axes, categories = space.roles.axes, space.roles.categories
    unknown = sorted(set(named) - {*axes, *categories})
    if len(places) > len(axes) or unknown:
        raise ValueError(f"the map's axes are {', '.join(axes)}, not {len(places)} positions and {unknown}")
    values = dict(zip(axes, places, strict=False)) | {name: named[name] for name in axes if name in named}
    missing = [name for name in axes if name not in values and space.span(name) > 0]
    missing += [name for name in categories if name not in named]
    if missing:
        raise ValueError(f"a place of the map needs {', '.join(missing)} too")
    columns = [np.atleast_1d(np.asarray(values.get(name, space.lowest(name)), float)).ravel() for name in axes]
    return np.stack(np.broadcast_arrays(*columns), axis=1), tuple(named[name] for name in categories)


def _costs(cost: Callable[..., ArrayLike], space: Space, choices: Choices, places: np.ndarray) -> np.ndarray:
    """Cost of trials at places (places, axes) of a map: (places,)."""
    values: dict[str, Any] = dict(zip(space.roles.axes, places.T, strict=True))
    values |= {name: np.full(len(places), choice, dtype=object)
               for name, choice in zip(space.roles.categories, choices, strict=True)}  # fmt: skip
    wanted = list(inspect.signature(cost).parameters.values())
    by_name = [each.name for each in wanted if each.name in values]
    found = cost(**{name: values[name] for name in by_name}) if by_name else cost(values[space.roles.axes[-1]])
    costs = np.broadcast_to(np.asarray(found, float), len(places))
    if not (np.isfinite(costs).all() and (costs > 0).all()):
        raise ValueError("cost must give positive, finite numbers")
    return costs
