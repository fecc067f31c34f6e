"""How good a map from some trials is, against the truth."""

import numpy as np

from benchmarks.boundaries.synthetic import DIMENSIONS, HIGH, LOW, Truth

FAR = 1.0  # decades at which a boundary that was not found is counted


class Evaluation:
    """The truth on a lattice of the map, and how far a prediction is from it."""

    def __init__(self, truth: Truth, along_x: int = 81):
        log_x, n = np.meshgrid(np.linspace(LOW, HIGH, along_x), truth.dimensions, indexing="ij")
        self.dimensions = truth.dimensions
        self.shape, self.log_x, self.n = log_x.shape, log_x.ravel(), n.ravel().astype(float)
        groups = [truth.merge.get(name, name) for name in truth.names]
        self.names = list(dict.fromkeys(groups))
        share = truth.probabilities(10**self.log_x, self.n)
        self.share = np.stack([share[:, [g == name for g in groups]].sum(axis=1) for name in self.names], axis=1)
        self.boundaries = [(n, *each) for n in truth.dimensions for each in truth.boundaries(n)]

    def scores(self, probabilities, labels) -> dict[str, float]:
        """probabilities (points, labels) on the lattice -> area, brier, nats, boundary (decades).

        nats: the log-loss of labels drawn from the truth beyond the truth's own; no p counts as less than 0.001.
        """
        found = np.zeros_like(self.share)
        for column, label in enumerate(labels):
            found[:, self.names.index(label)] += probabilities[:, column]
        best = found.argmax(axis=1).reshape(self.shape)
        steps = np.linspace(LOW, HIGH, self.shape[0])
        errors = []
        for n, lower, upper, x in self.boundaries:
            row = best[:, self.dimensions.index(n)]
            pair = (row[:-1] == self.names.index(lower)) & (row[1:] == self.names.index(upper))
            away = np.abs((steps[:-1] + steps[1:])[pair] / 2 - np.log10(x))
            errors.append(min(FAR, away.min(initial=FAR)))
        return {
            "area": float((best.ravel() != self.share.argmax(axis=1)).mean()),
            "brier": float(((found - self.share) ** 2).sum(axis=1).mean()),
            "nats": float((self.share * np.log(self.share.clip(1e-12) / found.clip(1e-3))).sum(axis=1).mean()),
            "boundary": float(np.mean(errors)),
        }


def predict(evaluation: Evaluation, points, labels):
    """The product's map from any trials: points (trials, 2) of log10 x and n, labels (trials,)."""
    from search.sampling.phase_model import PhaseModel
    from search.sampling.space import Space, assign_roles
    from search.sampling.trials import Observations

    log_x, n = np.asarray(points, float).T
    seen = Observations(np.stack([10**log_x, n], axis=1), tuple(labels), (None,) * len(labels), np.zeros((0, 2)))
    distributions = search_space(evaluation.dimensions)
    there = np.stack([10**evaluation.log_x, evaluation.n], axis=1)
    return PhaseModel(None).predict(seen, Space(distributions, assign_roles(distributions)), there)


def search_space(dimensions=DIMENSIONS) -> dict:
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        "beta": FloatDistribution(10**LOW, 10**HIGH, log=True),
        "dimension": IntDistribution(dimensions[0], dimensions[-1], log=True),
    }
