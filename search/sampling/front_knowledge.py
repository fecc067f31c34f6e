"""Where the next training shrinks the band of an equilibrium boundary most, for its cost.

Two algorithms a and b are equally good at β*, where their fronts cross: d(u) = h_a(u) - h_b(u) = 0, with h = log
objective and u = log β (`analysis.phases.fronts`). To first order the band of β* is as wide as that of d there, over
its slope:

    width ~ sd(d) / |s_a - s_b|,    s = dh/du = β · nats / objective

The fronts' draws give the covariance of d with what a training would tell of an algorithm at any β, a value h and a
slope s at once. A training ends in algorithm k with probability p_k, and so tells, in the mean, p_k times the
information of one that surely does: noise of covariance scatter_k / p_k. Conditioning the Gaussian on that gives the
width afterwards, and what the next training of the same round would add. So trainings go to where an algorithm is found
reliably, and not to where it is a coin flip which one is.

An algorithm that was found less often than a front needs is asked for where it is most likely, before all else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from analysis.phases.arrays import Floats
from analysis.phases.equilibrium import MIN_TRAININGS, Equilibrium
from analysis.phases.fronts import Fronts

POINTS = 40  # places along β to choose from
TAIL = 0.01  # of the draws at either end: pulled in, for a covariance that strays don't make
EXPLORE = 8  # of so many trainings one goes where labels teach most: what was never found has no front
FURTHER, MIN_WIDTH = 0.8, 1e-3  # of the width, when all bands should be as narrow; decades
LOOKED_FOR, AROUND = 12, 0.25  # trainings within so many decades of a rare algorithm's, after which it is given up
MIN_PROBABILITY = 0.02  # of an algorithm to be found where a training is meant to tell of it

LabelProbabilities = Callable[
    [Floats, Floats], tuple[Floats, list[str]]
]  # β, y (points,) -> p (points, labels), labels


@dataclass
class FrontKnowledge:
    """The fronts at one y as a joint Gaussian, conditioned on the trainings that are asked for.

    x: (points,) places to choose from. covariance: of h, then s, of every label at every place, then of every
    boundary's d: (2 · labels · points + boundaries,) squared. decades: (boundaries,) of width per standard deviation of
    d.
    """

    y: float
    labels: tuple[str, ...]
    x: Floats
    scatter: Floats  # (labels, points, 2, 2)
    covariance: Floats
    decades: Floats

    @classmethod
    def of(cls, y: float, front: Fronts, boundaries: list[tuple[str, str, float, float]]) -> "FrontKnowledge":
        """boundaries: lower phase, upper phase, x, width in decades."""
        h = np.log(np.maximum(front.objective, np.finfo(float).tiny))  # (draws, labels, points)
        s = front.x * front.complexity / front.objective
        chosen = np.unique(np.linspace(0, len(front.x) - 1, POINTS).round().astype(int))
        leads = []
        for lower, upper, x, _ in boundaries:
            at = int(np.abs(np.log(front.x / x)).argmin())
            leads.append(h[:, front.labels.index(lower), at] - h[:, front.labels.index(upper), at])
        columns = [part[:, :, chosen].reshape(len(h), -1) for part in (h, s)]
        drawn = np.concatenate([*columns, np.array(leads).T], axis=1)
        covariance = np.cov(np.clip(drawn, *np.quantile(drawn, [TAIL, 1 - TAIL], axis=0)).T)
        spread = np.sqrt(np.diag(covariance)[-len(boundaries) :])
        decades = np.array([width for *_, width in boundaries]) / np.maximum(spread, 1e-12)
        return cls(y, front.labels, front.x[chosen], front.scatter[:, chosen], covariance, decades)

    @property
    def widths(self) -> Floats:
        """(boundaries,) of the 90 % bands, decades."""
        count = len(self.decades)
        variance = np.diag(self.covariance)[len(self.covariance) - count :]
        found: Floats = self.decades * np.sqrt(np.maximum(variance, 0.0))
        return found

    def shrinkages(self, probabilities: Floats, width: float) -> Floats:
        """Decades by which a training at each place narrows the bands that are wider than `width`, summed: (points,).

        probabilities: (points, labels) of what it ends in.
        """
        before = self.widths
        wide = before > width
        gains = np.zeros(len(self.x))
        if wide.any():
            for point in range(len(self.x)):
                reduced, leads = self._reduction(point, probabilities[point])
                variance = np.diag(self.covariance)[leads]
                left = np.sqrt(np.clip(1 - reduced / np.maximum(variance, 1e-300), 0.0, 1.0))
                gains[point] = (before * (1 - left))[wide].sum()
        return gains

    def take(self, point: int, probabilities: Floats) -> None:
        """Conditions on a training at that place. probabilities: (labels,) of what it ends in."""
        rows, noise = self._observed(point, probabilities)
        if len(rows):
            across = self.covariance[:, rows]
            self.covariance = self.covariance - across @ np.linalg.solve(across[rows] + noise, across.T)

    def _reduction(self, point: int, probabilities: Floats) -> tuple[Floats, np.ndarray]:
        """Fall of the variance of every d by a training at that place, and the rows of the covariance of these."""
        rows, noise = self._observed(point, probabilities)
        leads = np.arange(len(self.covariance) - len(self.decades), len(self.covariance))
        across = self.covariance[np.ix_(leads, rows)]
        told = np.linalg.solve(self.covariance[np.ix_(rows, rows)] + noise, across.T) if len(rows) else across.T
        reduction: Floats = (across * told.T).sum(axis=1)
        return reduction, leads

    def _observed(self, point: int, probabilities: Floats) -> tuple[np.ndarray, Floats]:
        """What a training there tells of: rows of the covariance, (observed,), and the noise's covariance."""
        points, count = len(self.x), len(self.labels)
        likely = np.flatnonzero(probabilities > MIN_PROBABILITY)
        rows = np.array([(part * count + k) * points + point for k in likely for part in range(2)], int)
        noise = np.zeros((len(rows), len(rows)))
        for number, k in enumerate(likely):
            block = slice(2 * number, 2 * number + 2)
            noise[block, block] = self.scatter[k, point] / probabilities[k]
        return rows, noise


def next_places(
    found: Equilibrium, likely: LabelProbabilities, cost: Mapping[float, float], *, count: int, width: float
) -> list[tuple[float, float]]:
    """β and y of the next trainings: `count`, or fewer if no boundary's band is wider than `width` decades.

    If fewer should make every band as narrow, the others go where they narrow bands further, so that one that turns out
    a little wider than foreseen asks for no round of its own. likely: what trainings end in. cost: of a training at
    each y that may be asked for.
    """
    places = _of_rare_labels(found, likely, cost)[:count]
    knowledge: list[tuple[FrontKnowledge, Floats]] = []
    for y, rows in found.boundaries.groupby("y"):
        if float(y) in cost:
            widths = np.log10(rows["x_high"] / rows["x_low"])
            pairs = list(zip(rows["lower_phase"], rows["upper_phase"], rows["x"], widths, strict=True))
            known = FrontKnowledge.of(float(y), found.fronts[float(y)], pairs)
            knowledge.append((known, _of_labels(known, likely)))
    wide = any((one.widths > width).any() for one, _ in knowledge)
    while wide and len(places) < count:
        gains = [one.shrinkages(probabilities, width) / cost[one.y] for one, probabilities in knowledge]
        best = int(np.argmax([gain.max() for gain in gains]))
        point = int(gains[best].argmax())
        if gains[best][point] <= 0:
            width *= FURTHER
            if width < MIN_WIDTH:
                break
            continue
        one, probabilities = knowledge[best]
        one.take(point, probabilities[point])
        places.append((float(one.x[point]), one.y))
    low, high = found.rows["x"].min(), found.rows["x"].max()  # logarithms and back may end beyond
    return [(float(np.clip(x, low, high)), y) for x, y in places]


def _of_rare_labels(
    found: Equilibrium, likely: LabelProbabilities, cost: Mapping[float, float]
) -> list[tuple[float, float]]:
    """β and y where algorithms that have been found, but too seldom for a front, are most likely."""
    places: list[tuple[float, float]] = []
    x = np.geomspace(found.rows["x"].min(), found.rows["x"].max(), POINTS)
    for y in cost:
        probabilities, labels = likely(x, np.full(POINTS, y))
        for label, count in rare_labels(found, y).items():
            if label in labels:
                at = probabilities[:, labels.index(label)].argmax()
                places += [(float(x[at]), y)] * (MIN_TRAININGS - count)
    return places


def rare_labels(found: Equilibrium, y: float) -> dict[str, int]:
    """Algorithms with too few trainings at y for a front, and how many they have.

    One that stayed rare among LOOKED_FOR trainings around its own is a fluke of training, not a phase.
    """
    rows = found.rows[found.rows["y"] == y]
    decades, rare = np.log10(rows["x"].to_numpy(float)), {}
    for label, count in rows["label"].value_counts().items():
        own = decades[(rows["label"] == label).to_numpy()]
        around = (np.abs(decades[:, None] - own) < AROUND).any(axis=1).sum()
        if count < MIN_TRAININGS and around < LOOKED_FOR:
            rare[str(label)] = int(count)
    return rare


def _of_labels(known: FrontKnowledge, likely: LabelProbabilities) -> Floats:
    """p of the fronts' labels at its places: (points, labels)."""
    probabilities, labels = likely(known.x, np.full(len(known.x), known.y))
    return np.stack(
        [
            probabilities[:, labels.index(label)] if label in labels else np.zeros(len(known.x))
            for label in known.labels
        ],
        axis=1,
    )
