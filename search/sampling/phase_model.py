"""What a map's labels say, kept until they change: which labels are one, which settings fit, the posterior."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from analysis.phases.arrays import Floats
from analysis.phases.places import gather
from analysis.phases.softmax_gp import FieldFit
from search.sampling.acquisition import acquisition_values
from search.sampling.merged_places import merge_places
from search.sampling.posterior import PhasePosterior, coin_flips, fit_posterior, likely_fits, odds, predict
from search.sampling.space import Space
from search.sampling.trials import Observations

CHOICES = {1: (36,), 2: (36, 13), 3: (14, 6, 6)}  # places to choose from along each axis, by the number of axes
TARGETS = {1: (20,), 2: (20, 11), 3: (9, 5, 5)}  # places of the map whose names are to be right
FIRST_LOOK = {1: 16, 2: 16, 3: 32}  # labels before the posterior has a say: fewer may lack whole phases
FIRST_CHOICE, GROWTH = 12, 1.3  # labels at which settings are chosen, and by how much there are more the next time
STEEPEST = (
    192.0  # trend of the posterior that looks around: a steeper one's Gaussian draws flip whole regions of the map
)
SETTLED = 2  # rounds of widening draws where labels are certain

Found = TypeVar("Found")
Cost = Callable[[Floats], Floats]  # of trainings at places (places, axes) -> (places,)


@dataclass(frozen=True)
class Start:
    """Fits to the first labels, of the settings that they speak for, with the axes in the order that they speak for."""

    order: tuple[int, ...]
    fits: tuple[FieldFit, ...]


class PhaseModel:
    """One map. merge: new name of each label that counts as another; None: labels that fall like a coin's sides."""

    def __init__(self, merge: Mapping[str, str] | None) -> None:
        self._merge = merge
        self._cache: dict[str, tuple[object, Any]] = {}

    def best(
        self, seen: Observations, space: Space, rng: np.random.Generator, cost: Cost | None
    ) -> tuple[float, Floats]:
        """The largest gain, as a share of the map per cost, and its place (axes,)."""
        axes = len(space.roles.axes)
        early = len(seen.labels) + len(seen.pending) < FIRST_LOOK[axes]
        posterior = None if early else self._posterior(seen, space)
        order = space.orders[0] if posterior is None else self._start(seen, space).order
        places = space.lattice(CHOICES[axes], order, rng)
        targets = space.scale(space.lattice(TARGETS[axes], order, rng), order)
        if posterior is None:
            there = space.scale(seen.places, order)
            agreement: Floats = np.ones(len(there))
        else:
            there, agreement = posterior.places, posterior.agreement
        gain = acquisition_values(
            posterior,
            there,
            agreement,
            space.scale(seen.pending, order),
            space.scale(places, order),
            targets,
            rng,
            cost=cost(places) if cost is not None else None,
            labels=len(seen.labels),
            counted=functools.partial(space.counted, order=order),
        )
        best = int(gain.argmax())
        return float(gain[best]), places[best]

    def predict(self, seen: Observations, space: Space, places: Floats) -> tuple[Floats, list[str]]:
        """places (points, axes) -> p(label | place) (points, labels), and the labels."""
        labels = sorted(set(seen.labels))
        merge = self._merges(seen, space)
        own = {label: seen.labels.count(label) for label in labels}
        groups = sorted({merge.get(label, label) for label in labels})
        probability: Floats = np.ones((len(places), 1))
        if len(groups) > 1:
            start = self._start(seen, space)
            there = space.scale(places, start.order)
            labelled = gather(*self._labelled(seen, space, groups, start.order))
            probability = predict(space.basis(start.order), *labelled, start.fits, there)
        columns = []
        for label, count in own.items():
            group = merge.get(label, label)
            total = sum(each for other, each in own.items() if merge.get(other, other) == group)
            columns.append(probability[:, groups.index(group)] * count / total)
        return np.stack(columns, axis=1), labels

    def _posterior(self, seen: Observations, space: Space) -> PhasePosterior | None:
        """None if all labels are one."""

        def make() -> PhasePosterior | None:
            merge = self._merges(seen, space)
            groups = sorted({merge.get(label, label) for label in set(seen.labels)})
            if len(groups) < 2:
                return None
            start = self._start(seen, space)
            settings = replace(start.fits[0].settings, trend=min(start.fits[0].settings.trend, STEEPEST))
            labelled = merge_places(*self._labelled(seen, space, groups, start.order))
            return fit_posterior(space.basis(start.order), *labelled, settings, start=start.fits[0], settled=SETTLED)

        return self._remember("posterior", space, seen, make)

    def _labelled(
        self, seen: Observations, space: Space, groups: list[str], order: tuple[int, ...]
    ) -> tuple[Floats, Floats]:
        """Scaled places (rows, axes) and how much of each group came there: counts (rows, groups)."""
        merge = self._merges(seen, space)
        column = {name: groups.index(merge.get(name, name)) for name in set(seen.labels)}
        counts = np.eye(len(groups))[[column[label] for label in seen.labels]]
        for row, shares in enumerate(seen.shares):
            if shares is not None:
                counts[row] = 0.0
                for name, share in shares.items():
                    group = merge.get(name, name)
                    if group in groups:
                        counts[row, groups.index(group)] += share
        return space.scale(seen.places, order), counts

    def _merges(self, seen: Observations, space: Space) -> Mapping[str, str]:
        if self._merge is not None:
            return self._merge
        few = _first(seen)

        def make() -> Mapping[str, str]:
            found = [
                coin_flips(space.basis(order), space.scale(few.places, order), few.labels) for order in space.orders
            ]
            # a coin in whatever order: else places tell the two apart
            return found[0] if all(each == found[0] for each in found) else {}

        return self._remember("merge", space, few, make)

    def _start(self, seen: Observations, space: Space) -> Start:
        few = _first(seen)

        def make() -> Start:
            merge = self._merges(seen, space)
            groups = sorted({merge.get(label, label) for label in set(few.labels)})
            column = {label: groups.index(merge.get(label, label)) for label in set(few.labels)}
            counts = np.eye(len(groups))[[column[label] for label in few.labels]]
            starts = [
                Start(order, likely_fits(space.basis(order), *merge_places(space.scale(few.places, order), counts)))
                for order in space.orders
            ]
            return max(starts, key=lambda start: odds(start.fits[0]))

        return self._remember("start", space, few, make)

    def _remember(self, name: str, space: Space, seen: Observations, make: Callable[[], Found]) -> Found:
        """What `make` gives; made again only if what it is made from has changed."""
        key = (space.key, *seen.fingerprint)
        if self._cache.get(name, (None,))[0] != key:
            self._cache[name] = (key, make())
        found: Found = self._cache[name][1]
        return found


def _first(seen: Observations) -> Observations:
    """The labels that settings are chosen by: FIRST_CHOICE, then GROWTH times as many, and so on."""
    count = len(seen.labels)
    if count > FIRST_CHOICE:
        count = int(FIRST_CHOICE * GROWTH ** np.floor(np.log(count / FIRST_CHOICE) / np.log(GROWTH) + 1e-9))
    return seen.first(count)
