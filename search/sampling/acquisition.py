"""Where the next label teaches most about a phase diagram.

What is to be lowered is the share of the map that is named wrongly. It has two parts, and so has a place's gain:

- what the posterior knows that it does not know. With posterior draws s of the fields, the map's label at a target z is
  wrong with probability 1 - max_k P(argmax f_s(z) = k). A label l seen at a place c reweighs the draws by p_s(l | c);
  the mean fall of the risk over labels and targets is the gain (expected error reduction, Roy & McCallum 2001).
- what no posterior over smooth fields knows: something small may hide where nobody has looked, or where a label came as
  a surprise. A target's vacancy is the probability of that, and falls with every label nearby that was expected.

Gains divided by cost make knowledge per second. Nothing here looks at boundaries only: interiors have vacancy, wide
crossovers keep their uncertainty without gaining from labels.
"""

from collections.abc import Callable

import numpy as np

from analysis.phases.arrays import Floats
from search.sampling.posterior import PhasePosterior

LOOKS = 4.0  # Laplace's rule of succession: after k labels a new place surprises with probability LOOKS / (k + LOOKS)
REACH = 0.15, 0.3, 0.3  # how far a label speaks for its surroundings along each axis, half-ranges
DRAWS = 128
SHORTLIST = 64  # places whose gain is computed


def nearness(places: Floats, others: Floats) -> Floats:
    """1 at the same place, falling to 0 beyond REACH: (places, axes), (others, axes) -> (places, others)."""
    away = np.zeros((len(places), len(others)), np.float32)
    for axis in range(places.shape[1]):
        step = (places[:, axis, None] - others[:, axis]).astype(np.float32) / np.float32(REACH[axis])
        away += step * step
    near: Floats = np.exp(-0.5 * away)
    return near


def undiscovered_probability(
    targets: Floats, seen: Floats, agreement: Floats, pending: Floats, labels: int | None = None
) -> Floats:
    """Probability that something hides at each target (targets, axes): (targets,).

    seen, pending: (places, axes). agreement: (seen,) the posterior's probability of the label that came; a pending one
    is taken to be expected. labels: that came from the places seen, one each by default.
    """
    near, awaited = nearness(targets, seen), nearness(targets, pending)
    agreement = np.asarray(agreement, np.float32)
    hidden = LOOKS / ((len(seen) if labels is None else labels) + len(pending) + LOOKS)
    unseen = np.prod(1 - agreement * near, axis=1) * np.prod(1 - awaited, axis=1)
    # Bayes' rule: something hidden, or the posterior is right and the label as improbable as it says
    doubt = hidden / (hidden + (1 - hidden) * agreement) - hidden
    near, awaited = near * near, awaited * awaited
    near, awaited = near * near, awaited * awaited  # half as far: a thing so small its neighbours don't speak of
    unsettled = np.prod(1 - agreement * near, axis=1) * np.prod(1 - awaited, axis=1)
    vacant: Floats = hidden * unseen + (doubt * near).max(axis=1, initial=0.0) * unsettled
    return vacant


def expected_error_reduction(probability: Floats, winners: np.ndarray) -> Floats:
    """Mean fall of the risk at the targets by one label at each place.

    probability: (labels, draws, places) p_s(l | c); winners: (draws, targets) the label that wins at the targets.
    """
    labels, draws, places = probability.shape
    wins = (winners == np.arange(labels)[:, None, None]).astype(np.float32)  # (labels, draws, targets)
    joint = probability.transpose(0, 2, 1).reshape(labels * places, draws) @ wins.transpose(1, 0, 2).reshape(draws, -1)
    joint = joint.reshape(labels, places, labels, -1) / draws
    reduction: Floats = (joint.max(axis=2).sum(axis=0) - wins.mean(axis=1).max(axis=0)).mean(axis=1)
    return reduction


def acquisition_values(
    posterior: PhasePosterior | None,
    seen: Floats,
    agreement: Floats,
    pending: Floats,
    places: Floats,
    targets: Floats,
    rng: np.random.Generator,
    *,
    cost: Floats | None = None,
    labels: int | None = None,
    counted: Callable[[Floats], Floats] = np.asarray,
) -> Floats:
    """Fall of the share of the map named wrongly, by one label at each place, per cost: (places,).

    posterior: None while fewer than two labels are known; seen, pending, places, targets: (…, axes), scaled;
    cost: (places,); labels: see `undiscovered_probability`; counted: scaled places as the map is counted, in which
    what hides is as large along one part of an axis as along another.
    """
    rate = np.ones(len(places)) if cost is None else 1 / cost
    around = counted(targets)
    hidden = undiscovered_probability(around, counted(seen), agreement, counted(pending), labels)
    gain = hidden @ nearness(around, counted(places)) / len(targets)
    if posterior is None:
        return gain * rate
    ahead = posterior.pending(posterior.features_at(pending))
    base_samples = rng.standard_normal((DRAWS, posterior.fit.mode.size))
    draws = ahead.draws(
        ahead.features_at(np.concatenate([places, targets])), base_samples
    )  # (labels, draws, places + targets)
    winners = draws.argmax(axis=0)  # (draws, places + targets)
    split = len(places)
    shares = np.stack([(winners[:, :split] == label).mean(axis=0) for label in range(len(draws))])  # (labels, places)
    open_question = 1 - (shares**2).sum(axis=0)
    if open_question.any():
        # systematic sampling: the list holds more of the open places, and some of all that are open
        chance = np.cumsum(open_question * rate)
        short = np.unique(np.searchsorted(chance, (np.arange(SHORTLIST) + 0.5) / SHORTLIST * chance[-1]))
        gain[short] += expected_error_reduction(draws[:, :, short], winners[:, split:])
    return gain * rate
