"""Peers of the benchmark (`benchmarks.boundaries.run`), each at the best setting found: see requirements-peers.txt.

Each has ask(count) -> places (log10 x, n) and tell(places, labels).
"""

import numpy as np

from benchmarks.boundaries.synthetic import HIGH, LOW

START = 16  # space-filling places before a peer that needs labels is asked
POOL = 61  # values of log10 x in the pool of places


def _pool(dimensions):
    """(places, 2) log10 x and n."""
    return np.stack(np.meshgrid(np.linspace(LOW, HIGH, POOL), dimensions, indexing="ij"), axis=-1).reshape(-1, 2)


def _scaled(places, dimensions):
    """To [0, 1]²."""
    low, high = np.array([LOW, dimensions[0]]), np.array([HIGH, dimensions[-1]])
    return (np.asarray(places, float) - low) / (high - low)


class Pool:
    """A peer that picks from a pool. The first places are a Sobol sequence's."""

    def __init__(self, truth, rng):
        from scipy.stats import qmc

        from benchmarks.boundaries.designs import unit_to_map

        self.rng, self.dimensions, self.pool = rng, truth.dimensions, _pool(truth.dimensions)
        start = unit_to_map(qmc.Sobol(2, rng=rng).random_base2(4)[:START], truth.dimensions)
        nearest = ((self.scaled(self.pool)[:, None] - self.scaled(start)) ** 2).sum(axis=2).argmin(axis=0)
        self.start = list(self.pool[nearest])
        self.points, self.labels = [], []

    def scaled(self, places):
        return _scaled(places, self.dimensions)

    def ask(self, count):
        if self.start:
            first, self.start = self.start[:count], self.start[count:]
            return [tuple(place) for place in first] + (self.ask(count - len(first)) if count > len(first) else [])
        if len(set(self.labels)) < 2:
            return [tuple(place) for place in self.rng.choice(self.pool, count, replace=False)]
        return [tuple(place) for place in self.choose(count)]

    def tell(self, points, labels):
        self.points += points
        self.labels += labels


class SkActiveML(Pool):
    """scikit-activeml's UncertaintySampling (margin) with scikit-learn's GaussianProcessClassifier, short lengths.

    A batch is spread: the margin alone would ask for one place eight times, so that the best of every neighbourhood
    (half a length) is taken.
    """

    def classifier(self):
        """Not fitted yet; with the names of the classes and their numbers at the points so far."""
        from skactiveml.classifier import SklearnClassifier
        from sklearn.gaussian_process import GaussianProcessClassifier
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel

        names = sorted(set(self.labels))
        kernel = ConstantKernel(30.0) * RBF([0.15, 0.3])
        model = GaussianProcessClassifier(kernel, optimizer=None)
        numbers = np.array([names.index(label) for label in self.labels])
        return SklearnClassifier(model, classes=list(range(len(names)))), names, numbers

    def predict(self, log_x, n):
        """The map that a user of this peer has: (points, labels), labels."""
        classifier, names, y = self.classifier()
        if len(names) < 2:
            return np.ones((len(log_x), 1)), names
        return classifier.fit(self.scaled(self.points), y).predict_proba(
            self.scaled(np.stack([log_x, n], axis=1))
        ), names

    def choose(self, count):
        from skactiveml.pool import UncertaintySampling

        classifier, _, y = self.classifier()
        query = UncertaintySampling(method="margin_sampling", random_state=int(self.rng.integers(2**31)))
        candidates = self.scaled(self.pool)
        _, utilities = query.query(
            self.scaled(self.points), y, classifier, candidates=candidates, batch_size=1, return_utilities=True
        )
        utility = utilities[0].copy()
        chosen = []
        for _ in range(count):
            best = int(np.nanargmax(utility))
            chosen.append(self.pool[best])
            utility[(np.abs(candidates - candidates[best]) < [0.04, 0.1]).all(axis=1)] = -np.inf
        return chosen


class Aiphad(Pool):
    """aiphad's label spreading, least confidence; proposals two lattice steps apart. It never repeats a place."""

    def choose(self, count):
        from aiphad.aiphad import pdc_sampler

        names = sorted(set(self.labels))
        where = {tuple(place): index for index, place in enumerate(map(tuple, self.pool))}
        y = [-1] * len(self.pool)
        for place, label in zip(self.points, self.labels, strict=True):
            y[where[place]] = names.index(label)
        sampler = pdc_sampler(
            page_type="two_variables", input_data=[], estimation="LS", gamma=60.0, sampling="LC", proposal=count,
            multi_method="NE", NE_k=2,
        )  # fmt: skip
        sampler.fit(self.scaled(self.pool).tolist(), y)
        sampler.us()
        return self.pool[sampler.proposals]


class Adaptive:
    """adaptive's Learner2D on one-hot labels: triangles where the labels change are divided."""

    def __init__(self, truth, rng):
        from adaptive import Learner2D

        self.names = list(dict.fromkeys(truth.merge.get(name, name) for name in truth.names))
        self.learner = Learner2D(lambda place: None, bounds=((0.0, 1.0), (0.0, 1.0)))
        self.dimensions = truth.dimensions

    def ask(self, count):
        units, _ = self.learner.ask(count)
        self.running = units
        low, high = self.dimensions[0], self.dimensions[-1]
        n = np.clip(np.round(low + np.array([v for _, v in units]) * (high - low)), low, high)
        return [(LOW + u * (HIGH - LOW), each) for (u, _), each in zip(units, n, strict=True)]

    def tell(self, points, labels):
        for unit, label in zip(self.running, labels, strict=True):
            self.learner.tell(unit, np.array([label == name for name in self.names], float))


class Bisection:
    """Probabilistic bisection (Horstein 1963) of every boundary in every dimension; told the order of the phases."""

    BINS = 160
    TRUST = 0.85  # probability that a label is on its boundary's right side

    def __init__(self, truth, rng):
        self.order, self.dimensions = list(truth.phases), truth.dimensions
        self.posterior = np.full((len(self.dimensions), len(self.order) - 1, self.BINS), 1 / self.BINS)
        self.edges = LOW + (np.arange(self.BINS) + 0.5) / self.BINS * (HIGH - LOW)

    def ask(self, count):
        cumulative = self.posterior.cumsum(axis=2)
        median = (cumulative < 0.5).sum(axis=2)  # (dimensions, boundaries)
        width = (cumulative < 0.95).sum(axis=2) - (cumulative < 0.05).sum(axis=2)
        width = width + 1e-3 * np.random.default_rng(int(cumulative.sum() * 1e6) % 2**31).random(width.shape)
        chosen = np.argsort(-width.ravel())[:count]
        d, b = np.unravel_index(chosen, width.shape)
        return [(self.edges[min(median[i, j], self.BINS - 1)], self.dimensions[i]) for i, j in zip(d, b, strict=True)]

    def tell(self, points, labels):
        for (log_x, n), label in zip(points, labels, strict=True):
            if label not in self.order:
                continue  # an island: bisection doesn't know what to do with it
            at, d = self.order.index(label), self.dimensions.index(int(n))
            for b in range(self.posterior.shape[1]):
                right = self.edges > log_x  # the boundary lies beyond if the label is one of those below it
                likely = np.where(right == (at <= b), self.TRUST, 1 - self.TRUST)
                self.posterior[d, b] *= likely
                self.posterior[d, b] /= self.posterior[d, b].sum()


PEERS = {
    "scikit-activeml margin": SkActiveML,
    "aiphad": Aiphad,
    "adaptive": Adaptive,
    "probabilistic bisection": Bisection,
}
