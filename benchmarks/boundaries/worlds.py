"""Worlds in which a training's label, error and nats are drawn, and the equilibrium boundaries are known.

Made up (`benchmarks.equilibrium_coverage`), or as a finished sweep found them: labels as its phase map has them, the
objective of each algorithm as its fronts have it, scattered as its trainings are.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.equilibrium_coverage import HIGH, LOW, random_fronts, random_trainings, true_boundaries

DIMENSIONS = (8, 16)
Boundary = tuple[int, str, str]  # n, lower and upper phase
Draw = Callable[[int, float, np.random.Generator], tuple[str, float, float]]  # n, β -> label, energy, nats


@dataclass
class World:
    """`draw` makes a training; `truth`: the equilibrium boundaries, β; `rows`: trainings so far."""

    draw: Draw
    truth: dict[Boundary, float]
    rng: np.random.Generator
    low: float = LOW
    high: float = HIGH
    rows: list[tuple[float, int, str, float, float]] = field(default_factory=list)  # β, n, label, energy, nats

    def train(self, places: list[tuple[float, int]]) -> list[str]:
        """Labels of trainings at these β, n, which join the rows."""
        self.rows += [(beta, n, *self.draw(n, beta, self.rng)) for beta, n in places]
        return [label for _, _, label, _, _ in self.rows[len(self.rows) - len(places) :]]

    @property
    def cost(self) -> float:
        return float(sum(n**2 for _, n, *_ in self.rows))

    def columns(self) -> list[np.ndarray]:
        return [np.array(part) for part in zip(*self.rows, strict=True)]


def made_up(kind: str, heat: float, seed: list[int]) -> World:
    """kind: of fronts; heat: how much worse than the best a training may end, in units of log objective."""
    rng = np.random.default_rng(seed)
    fronts = {n: random_fronts(kind, rng) for n in DIMENSIONS}

    def draw(n: int, beta: float, rng: np.random.Generator) -> tuple[str, float, float]:
        label, energy, nats = random_trainings(fronts[n], np.array([beta]), np.zeros(1, int), heat, rng)
        return str(label[0]), float(energy[0]), float(nats[0])

    truth = {(n, lower, upper): x for n in DIMENSIONS for lower, upper, x in true_boundaries(fronts[n])}
    return World(draw, truth, rng)


def of_sweep(path: Path, seed: list[int]) -> World:
    """A world in which trainings are like those of the sweep, which has trainings at all `DIMENSIONS`."""
    from analysis.phases.equilibrium import ground_states
    from analysis.sweeps.equilibrium import read_equilibrium
    from analysis.sweeps.load import load_sweep
    from analysis.sweeps.phases import read_phases

    done, rng = load_sweep(path).done, np.random.default_rng(seed)
    phases, fronts = read_phases(done).phase_map, read_equilibrium(done).fronts
    # one draw of the map: the mean of all has crossovers as wide as what is not known of the boundaries
    number = int(rng.integers(len(phases.weights)))
    middle = {n: np.median(np.log(fronts[n].objective), axis=0) for n in DIMENSIONS}  # (labels, points)
    # of the objective, paid for complexity: its slope, so that values and slopes are of one curve
    shares = {n: np.gradient(middle[n], np.log(fronts[n].x), axis=1) for n in DIMENSIONS}
    truth = {}
    for n in DIMENSIONS:
        best = ground_states(fronts[n])
        for at in np.flatnonzero(np.diff(best)):
            lower, upper = best[at], best[at + 1]
            lead = (middle[n][lower] - middle[n][upper])[at : at + 2]
            log_x = np.log(fronts[n].x[at : at + 2])
            cross = log_x[0] - lead[0] / (lead[1] - lead[0]) * (log_x[1] - log_x[0])
            truth[n, fronts[n].labels[lower], fronts[n].labels[upper]] = float(np.exp(cross))

    def draw(n: int, beta: float, rng: np.random.Generator) -> tuple[str, float, float]:
        chances = phases.probability_draws(beta, n)[number, 0] * [label in fronts[n].labels for label in phases.labels]
        label = str(rng.choice(phases.labels, p=chances / chances.sum()))
        k, log_x = fronts[n].labels.index(label), np.log(fronts[n].x)
        objective, share = (np.interp(np.log(beta), log_x, part[n][k]) for part in (middle, shares))
        nearest = int(np.abs(log_x - np.log(beta)).argmin())
        objective, share = rng.multivariate_normal([objective, share], fronts[n].scatter[k, nearest])
        value, share = float(np.exp(objective)), float(np.clip(share, 0.0, 1.0))
        return label, value * (1 - share), value * share / beta

    low, high = float(done["beta"].min()), float(done["beta"].max())
    return World(draw, truth, rng, low, high)
