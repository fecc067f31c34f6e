"""What a study's trials say: labels and their shares at places, and the places that give none (yet)."""

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna import Study
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


@dataclass(frozen=True, eq=False)
class History:
    """The trials of a study at one time."""

    finished: Sequence[Seen] = ()
    running: Sequence[FrozenTrial] = ()

    def now(self, study: Study) -> "History":
        """The study's trials by now. Finished ones never change, so that each is read once."""
        trials = study.get_trials(deepcopy=False)
        finished = [trial for trial in trials if trial.state.is_finished()]
        running = [trial for trial in trials if trial.state == TrialState.RUNNING]
        pairs = zip(finished, self.finished, strict=False)
        same = next((i for i, (trial, seen) in enumerate(pairs) if trial is not seen.trial), len(self.finished))
        if same == len(finished) == len(self.finished):
            return History(self.finished, running)
        return History([*self.finished[:same], *(_read(trial) for trial in finished[same:])], running)

    @property
    def complete(self) -> list[Seen]:
        return [seen for seen in self.finished if seen.complete]


def _read(trial: FrozenTrial) -> Seen:
    phase = trial.user_attrs.get(PHASE)
    if phase is None or (isinstance(phase, float) and not math.isfinite(phase)):
        return Seen(trial, trial.state == TrialState.COMPLETE, None, None, False)
    given = trial.user_attrs.get(SHARES)
    shares = as_shares(given, str(phase)) if given is not None else None
    return Seen(trial, trial.state == TrialState.COMPLETE, str(phase), shares, given is not None and shares is None)


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
    complete = [known(seen.trial.distributions) for seen in history.complete]
    if not complete:
        others = [*(seen.trial for seen in history.finished), *history.running]
        return next((known(each.distributions) for each in reversed(others) if each.distributions), {}), set()
    chosen = [each for each in complete if all(name in each for name in named)] or complete
    common = set(chosen[-1]).intersection(*chosen)
    return {name: chosen[-1][name] for name in chosen[-1] if name in common}, set().union(*complete) - common


def observe(history: History, space: Space) -> dict[Choices, Observations]:
    """The trials of every map, read anew."""
    labelled: dict[Choices, list[tuple[list[float], str, Mapping[str, float] | None]]]
    labelled = {choices: [] for choices in space.maps}
    vain: dict[Choices, list[list[float]]] = {choices: [] for choices in space.maps}
    for seen in history.finished:
        found = _place(seen.trial.params, space)
        if found is None or found[0] not in labelled:
            continue
        choices, place = found
        if seen.complete and seen.phase is not None:
            labelled[choices].append((place, seen.phase, seen.shares))
        else:
            vain[choices].append(place)
    for choices, rows in labelled.items():
        there = {tuple(place) for place, _, _ in rows} if vain[choices] else set()
        vain[choices] = [place for place in vain[choices] if tuple(place) not in there]
    for trial in history.running:
        found = _place(trial.params, space)
        if found is not None and found[0] in vain:
            vain[found[0]].append(found[1])
    return {choices: _observations(labelled[choices], vain[choices], len(space.roles.axes)) for choices in labelled}


def _observations(
    rows: list[tuple[list[float], str, Mapping[str, float] | None]], pending: list[list[float]], axes: int
) -> Observations:
    places, labels, shares = zip(*rows, strict=True) if rows else ((), (), ())
    return Observations(
        np.array(places, float).reshape(-1, axes), labels, shares, np.array(pending, float).reshape(-1, axes)
    )


def _place(params: Mapping[str, Any], space: Space) -> tuple[Choices, list[float]] | None:
    """The map and the place of a trial, None for one that has none."""
    values = [as_number(params.get(name)) for name in space.roles.axes]
    if any(value is None for value in values) or not all(name in params for name in space.roles.categories):
        return None
    if not space.holds(values):  # type: ignore[arg-type]
        return None
    return tuple(params[name] for name in space.roles.categories), values  # type: ignore[return-value]
