"""What a study's trials say: labels and their shares at places, and the places that give none (yet)."""

import functools
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState

from search.sampling.distributions import Distribution, as_number, known
from search.sampling.space import Choices, Space

PHASE, SHARES = "phase", "phase_shares"


@dataclass(frozen=True)
class Observations:
    """One map's trials: those with a label, and the places from which no label is to be expected beyond one that is
    under way: those of trials that run, and of trials that ended without one."""

    places: np.ndarray  # (labelled, axes)
    labels: tuple[str, ...]  # (labelled,)
    shares: tuple[Mapping[str, float] | None, ...]  # (labelled,) of the drawn networks, where the trial says
    pending: np.ndarray  # (running or in vain, axes)

    @functools.cached_property
    def fingerprint(self) -> tuple[object, ...]:
        """Equal for equal labels at equal places."""
        return self.places.tobytes(), self.labels, self.shares

    def first(self, count: int) -> "Observations":
        return Observations(self.places[:count], self.labels[:count], self.shares[:count], self.pending[:0])


@dataclass(frozen=True)
class Seen:
    """What one finished trial says."""

    trial: FrozenTrial
    complete: bool
    phase: str | None
    shares: Mapping[str, float] | None
    bad_shares: bool  # it has some, and they are not shares of labels that its phase is one of
    says: bool  # it has a label that counts


@dataclass(frozen=True)
class Tally:
    """What is counted over a study's finished trials."""

    without_phase: int = 0  # completed trials that don't say what they found
    failed_with_phase: int = 0
    bad_shares: Seen | None = None  # the first completed trial whose shares don't match its phase
    # of completed trials, by the names of their parameters: the number of the latest one, and its distributions
    kinds: Mapping[tuple[str, ...], tuple[int, Mapping[str, BaseDistribution]]] = field(default_factory=dict)

    def plus(self, new: Iterable[tuple[int, Seen]]) -> "Tally":
        """With more trials, each with its number among the finished ones."""
        silent, failed, bad, kinds = self.without_phase, self.failed_with_phase, self.bad_shares, dict(self.kinds)
        for number, seen in new:
            if not seen.complete:
                failed += seen.phase is not None
                continue
            silent += seen.phase is None
            bad = seen if bad is None and seen.bad_shares else bad
            distributions = seen.trial.distributions
            kinds[tuple(distributions)] = number, distributions
        return Tally(silent, failed, bad, kinds)


@dataclass(frozen=True, eq=False)
class Finished:
    """A study's finished trials. They never change, so that each is read once."""

    seen: Sequence[Seen] = ()
    tally: Tally = field(default_factory=Tally)

    @functools.cached_property
    def trials(self) -> list[FrozenTrial]:
        return [seen.trial for seen in self.seen]

    def now(self, trials: list[FrozenTrial]) -> "Finished":
        """The same of all finished trials by now; itself if they are the same."""
        same = _same(self.trials, trials)
        if same == len(trials) == len(self.trials):
            return self
        seen = [*self.seen[:same], *map(_read, trials[same:])]
        tally, first = (self.tally, same) if same == len(self.seen) else (Tally(), 0)
        return Finished(seen, tally.plus(enumerate(seen[first:], first)))


def _same(old: list[FrozenTrial], new: list[FrozenTrial]) -> int:
    """How many of the first trials are the same objects."""
    if all(map(operator.is_, old, new)):
        return min(len(old), len(new))
    return next(i for i, (one, other) in enumerate(zip(old, new, strict=False)) if one is not other)


@dataclass(frozen=True, eq=False)
class History:
    """The trials of a study at one time."""

    finished: Finished = field(default_factory=Finished)
    running: Sequence[FrozenTrial] = ()

    def now(self, study: Study) -> "History":
        """The study's trials by now."""
        trials = study.get_trials(deepcopy=False)
        running = [trial for trial in trials if trial.state is TrialState.RUNNING]
        ended = [trial for trial in trials if trial.state is not TrialState.RUNNING
                 and trial.state is not TrialState.WAITING]  # fmt: skip
        return History(self.finished.now(ended), running)


def _read(trial: FrozenTrial) -> Seen:
    complete, phase = trial.state == TrialState.COMPLETE, trial.user_attrs.get(PHASE)
    if phase is None or (isinstance(phase, float) and not math.isfinite(phase)):
        return Seen(trial, complete, None, None, bad_shares=False, says=False)
    given = trial.user_attrs.get(SHARES)
    shares = as_shares(given, str(phase)) if given is not None else None
    bad = given is not None and shares is None
    return Seen(trial, complete, str(phase), None if shares == {str(phase): 1.0} else shares, bad, complete)


def as_shares(given: Any, phase: str) -> dict[str, float] | None:
    """Shares by label, of a sum of 1 at most; None if these are none, or the trial's phase has no share."""
    if not isinstance(given, Mapping):
        return None
    shares = {str(name): as_number(share) for name, share in given.items()}
    if not all(share is not None and 0 <= share < math.inf for share in shares.values()) or not shares.get(phase):
        return None
    total = max(1.0, sum(shares.values()))  # type: ignore[arg-type]
    return {name: share / total for name, share in shares.items() if share}


def common_distributions(history: History, named: Iterable[str] = ()) -> tuple[dict[str, Distribution], set[str]]:
    """Parameters of all completed trials, as the latest has them, and the names of others.

    named: of those completed trials that have these, if any does. Without a completed trial: of any other.
    """
    kinds = history.finished.tally.kinds
    if not kinds:
        others = [*history.finished.trials, *history.running]
        return next((known(each.distributions) for each in reversed(others) if each.distributions), {}), set()
    chosen = {kind for kind in kinds if all(name in kind for name in named)} or set(kinds)
    _, latest = max((kinds[kind] for kind in chosen), key=lambda one: one[0])
    common, every = set(latest).intersection(*chosen), set[str]().union(*kinds)
    return known({name: latest[name] for name in latest if name in common}), every - common


@dataclass(frozen=True)
class Observed:
    """What finished trials say of every map."""

    finished: Finished
    space_key: str
    rows: Mapping[Choices, Observations]  # kept so that only new trials are looked at; in vain: all that ended so
    maps: Mapping[Choices, Observations]


def observe(finished: Finished, space: Space, before: Observed | None = None) -> Observed:
    """before: of the trials some time ago; the result itself if nothing has changed."""
    rows, known_trials = {choices: _observations([], len(space.roles.axes)) for choices in space.maps}, 0
    if before is not None and before.space_key == space.key:
        if before.finished is finished:
            return before
        if _same(before.finished.trials, finished.trials) == len(before.finished.trials):
            rows, known_trials = dict(before.rows), len(before.finished.trials)
    new: dict[Choices, list[tuple[Seen, list[float]]]] = {choices: [] for choices in rows}
    for seen in finished.seen[known_trials:]:
        found = _place(seen.trial.params, space)
        if found is not None and found[0] in new:
            new[found[0]].append((seen, found[1]))
    rows = {
        choices: _joined(rows[choices], _observations(some, len(space.roles.axes))) if some else rows[choices]
        for choices, some in new.items()
    }
    return Observed(finished, space.key, rows, {choices: _without_answered(each) for choices, each in rows.items()})


def _observations(rows: list[tuple[Seen, list[float]]], axes: int) -> Observations:
    """pending: the places of trials that ended without a label."""
    labelled = [(seen, place) for seen, place in rows if seen.says]
    return Observations(
        np.array([place for _, place in labelled], float).reshape(-1, axes),
        tuple([str(seen.phase) for seen, _ in labelled]),
        tuple([seen.shares for seen, _ in labelled]),
        np.array([place for seen, place in rows if not seen.says], float).reshape(-1, axes),
    )


def _joined(first: Observations, second: Observations) -> Observations:
    return Observations(
        np.concatenate([first.places, second.places]),
        first.labels + second.labels,
        first.shares + second.shares,
        np.concatenate([first.pending, second.pending]),
    )


def _without_answered(seen: Observations) -> Observations:
    """Pending are only places that have no label: a driver that was killed leaves one in vain, told anew."""
    if len(seen.pending) == 0:
        return seen
    there = set(map(tuple, seen.places.tolist()))
    return replace(seen, pending=seen.pending[[tuple(place) not in there for place in seen.pending.tolist()]])


def with_running(
    observed: Mapping[Choices, Observations], running: Iterable[FrozenTrial], space: Space
) -> dict[Choices, Observations]:
    """The same with the places of running trials among those that are pending."""
    places: dict[Choices, list[list[float]]] = {choices: [] for choices in observed}
    for trial in running:
        found = _place(trial.params, space)
        if found is not None and found[0] in places:
            places[found[0]].append(found[1])
    return {
        choices: replace(seen, pending=np.concatenate([seen.pending, places[choices]])) if places[choices] else seen
        for choices, seen in observed.items()
    }


def _place(params: Mapping[str, Any], space: Space) -> tuple[Choices, list[float]] | None:
    """The map and the place of a trial, None for one that has none."""
    values = [as_number(params.get(name)) for name in space.roles.axes]
    if any(value is None for value in values) or not all(name in params for name in space.roles.categories):
        return None
    if not space.holds(values):  # type: ignore[arg-type]
        return None
    return tuple(params[name] for name in space.roles.categories), values  # type: ignore[return-value]
