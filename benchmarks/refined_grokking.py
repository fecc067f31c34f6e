"""How many trainings does the sampler need for the map of examples/grokking that a regular grid needs many for?

    python -m benchmarks.refined_grokking sweeps/grokking --repetitions 4

Trainings are simulated: what one finds at a place is drawn from the map fitted to the sweep, which is the truth here.
Regular grids of several sizes and the sampler (eight asked for at a time, nothing known beforehand) are given the same
number of trainings, a map is fitted to each, and its share of places with another most probable phase than the truth's
is printed: the mean over repetitions and its standard error.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna

from analysis.phases.phase_map import PhaseMap, fit_phase_map
from analysis.sweeps.load import load_sweep
from search.sampling.sampler import PhaseBoundarySampler

X, Y = "learning_rate", "weight_decay"
BATCH = 8
SIZES = ((4, 3), (6, 4), (8, 6), (10, 6), (12, 7), (12, 10))  # of regular grids, in x and y
PLACES = 40  # a side, of the places at which maps are compared

Find = Callable[[float, float], str]  # place -> the phase that a training there ends in


class Truth:
    """What trainings end in: the map fitted to a sweep."""

    def __init__(self, folder: Path):
        done = load_sweep(folder).done
        self.map = _fit(done[X], done[Y], done["algorithm"])
        self.x = np.geomspace(done[X].min(), done[X].max(), PLACES)
        self.y = np.linspace(done[Y].min(), done[Y].max(), PLACES)
        self.places = [part.ravel() for part in np.meshgrid(self.x, self.y)]
        self.best = _best(self.map, *self.places)

    def find(self, rng: np.random.Generator) -> Find:
        def found(x: float, y: float) -> str:
            shares = self.map.probabilities([x], [y])[0]
            return str(rng.choice(self.map.labels, p=shares / shares.sum()))

        return found

    def wrong(self, trainings: list[tuple[float, float, str]]) -> float:
        """Share of places whose most probable phase another map has wrong."""
        x, y, labels = zip(*trainings, strict=True)
        if len(set(labels)) < 2:
            return float((self.best != labels[0]).mean())
        return float((_best(_fit(x, y, labels), *self.places) != self.best).mean())


def _fit(x, y, labels) -> PhaseMap:
    return fit_phase_map(x, y, labels, log_x=True, rounds=0)


def _best(found: PhaseMap, x, y) -> np.ndarray:
    return np.array(found.labels, dtype=object)[found.probabilities(x, y).argmax(1)]


def regular(truth: Truth, find: Find, columns: int, rows: int) -> list[tuple[float, float, str]]:
    """A regular grid's trainings, both ends of both axes included."""
    xs = np.geomspace(truth.x[0], truth.x[-1], columns)
    ys = np.linspace(truth.y[0], truth.y[-1], rows)
    return [(x, y, find(x, y)) for y in ys for x in xs]


def refined(truth: Truth, find: Find, count: int, seed: int) -> list[tuple[float, float, str]]:
    """The sampler's trainings, in the order in which it asked for them."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=PhaseBoundarySampler((X, Y), seed=seed))
    space: dict[str, optuna.distributions.BaseDistribution] = {
        X: optuna.distributions.FloatDistribution(truth.x[0], truth.x[-1], log=True),
        Y: optuna.distributions.FloatDistribution(truth.y[0], truth.y[-1]),
    }
    trainings: list[tuple[float, float, str]] = []
    while len(trainings) < count:
        for trial in [study.ask(space) for _ in range(min(BATCH, count - len(trainings)))]:
            label = find(trial.params[X], trial.params[Y])
            trial.set_user_attr("phase", label)
            study.tell(trial, 0.0)
            trainings.append((trial.params[X], trial.params[Y], label))
    return trainings


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--repetitions", type=int, default=4)
    options = parser.parse_args()
    truth = Truth(options.sweep)
    counts = [columns * rows for columns, rows in SIZES]
    wrong: dict[str, list[list[float]]] = {"regular grid": [], "sampler": []}
    for seed in range(options.repetitions):
        find = truth.find(np.random.default_rng(seed))
        wrong["regular grid"].append([truth.wrong(regular(truth, find, *size)) for size in SIZES])
        asked = refined(truth, find, counts[-1], seed)
        wrong["sampler"].append([truth.wrong(asked[:count]) for count in counts])
        print(f"repetition {seed + 1} of {options.repetitions}", file=sys.stderr, flush=True)
    print("trainings     " + "".join(f"{count:>16}" for count in counts))
    for name, rows in wrong.items():
        table = np.array(rows)
        errors = table.std(0, ddof=1) / len(rows) ** 0.5 if len(rows) > 1 else np.zeros(len(counts))
        print(f"{name:14}" + "".join(f"{m:>9.1%} ± {e:4.1%}" for m, e in zip(table.mean(0), errors, strict=True)))


if __name__ == "__main__":
    main()
