"""Do the 90 % bands of equilibrium boundaries hold the truth? Measured on made-up fronts.

    python -m benchmarks.equilibrium_coverage --repetitions 200

Each repetition draws the fronts of four algorithms of one kind, lets trainings find some algorithm at every β (mostly a
good one, often not the best), disturbs their error and complexity, and asks of every true boundary: is it reported, and
does its band hold it?
"""

import argparse
from dataclasses import dataclass

import numpy as np

from analysis.phases.equilibrium import equilibrium

FRONTS = ("exponential", "power", "modes")
DESIGNS = ("quick", "paper", "scattered", "sharp")
LOW, HIGH = 1e-8, 1.0  # of β
HEAT, HEATS = 0.4, {"sharp": 0.03}  # of `random_trainings`: usual, and by design
FINE = np.geomspace(LOW, HIGH, 4000)


@dataclass(frozen=True)
class Front:
    """An algorithm that reaches energy floor + span · (falling function of complexity)."""

    kind: str
    floor: float
    span: float
    scale: float  # nats, or the power
    offset: float = 0.0  # nats that are paid before anything is gained
    curvatures: np.ndarray | None = None

    def at(self, beta):
        """The energy and complexity that minimise energy + β · complexity."""
        beta = np.asarray(beta, float)
        if self.kind == "exponential":  # span · exp(-nats / scale)
            nats = self.scale * np.log(np.maximum(self.span / (self.scale * beta), 1.0))
            return self.floor + self.span * np.exp(-nats / self.scale), nats + self.offset
        if self.kind == "power":  # span / (1 + nats / 10) ** scale
            nats = 10 * (np.maximum(self.span * self.scale / (10 * beta), 1.0) ** (1 / (1 + self.scale)) - 1)
            return self.floor + self.span * (1 + nats / 10) ** -self.scale, nats + self.offset
        # Gaussian weights: of variance β / (β + λ), where λ is the curvature of the error, against a prior of 1
        curvature, beta = self.curvatures, beta[..., None]
        unit = self.span / curvature.sum()
        energy = unit * (curvature * beta / (beta + curvature)).sum(axis=-1)
        nats = unit * (np.log1p(curvature / beta) - curvature / (beta + curvature)).sum(axis=-1)
        return self.floor + energy, nats + self.offset

    def objective(self, beta):
        energy, nats = self.at(beta)
        return energy + beta * nats


def random_fronts(kind: str, rng) -> dict[str, Front]:
    """Four algorithms, each cheaper and worse than the next."""

    def between(low, high):
        return float(np.exp(rng.uniform(np.log(low), np.log(high))))

    def front(floor, size, offset=0.0):
        if kind == "modes":
            curvatures = np.exp(rng.uniform(-1.5, 1.5, 12))
            return Front(kind, floor, 1 - floor, 1.0, offset, curvatures / curvatures.mean() * (1 - floor) / size)
        scale = size if kind == "exponential" else {True: between(0.8, 1.0), False: between(1.3, 1.8)}[size < 60]
        return Front(kind, floor, 1 - floor, scale, offset)

    good = between(3e-3, 1e-2)
    return {
        "flat": Front("exponential", 1.0, 1e-9, 1e-6),
        "cheap": front(rng.uniform(0.3, 0.6), between(20, 50), between(1, 4)),
        "middle": front(good, between(70, 110), between(8, 20)),
        "rich": front(good / between(2.5, 5), between(110, 160), between(40, 200)),
    }


def true_boundaries(fronts: dict[str, Front]) -> list[tuple[str, str, float]]:
    """Lower phase, upper phase, β."""
    names = list(fronts)
    best = np.array([fronts[name].objective(FINE) for name in names]).argmin(axis=0)
    return [(names[best[k]], names[best[k + 1]], float(FINE[k])) for k in np.flatnonzero(np.diff(best))]


def random_table(fronts: dict[str, Front], design: str, rng):
    """-> β, label, energy, complexity, seed of a made-up sweep."""
    count, seeds = {"quick": (9, 8), "paper": (13, 33), "scattered": (300, 1), "sharp": (17, 8)}[design]
    if design == "scattered":
        beta = np.exp(rng.uniform(np.log(LOW), np.log(HIGH), count))
        seed = np.arange(count)
    else:
        beta = np.tile(np.geomspace(LOW, HIGH, count), seeds)
        seed = np.repeat(np.arange(seeds), count)
    label, energy, nats = random_trainings(fronts, beta, seed, HEATS.get(design, HEAT), rng)
    return beta, label, energy, nats, seed


def random_trainings(fronts: dict[str, Front], beta, seed, heat: float, rng):
    """What trainings at β (rows,) end in: label, energy, complexity. seed: of each, from 0; its trainings share noise.

    heat: how much worse a training may end, in units of log objective.
    """
    score = np.array([-np.log(front.objective(beta)) / heat for front in fronts.values()])
    number = (score + rng.gumbel(size=score.shape)).argmax(axis=0)
    noise = np.array([0.005, 0.02, 0.1, 0.25])[number]  # of log energy
    shared = rng.standard_normal(seed.max() + 1)[seed]
    disturbed = noise * (np.sqrt(0.3) * shared + np.sqrt(0.7) * rng.standard_normal(len(beta)))
    energy, nats = np.array([[front.at(b) for b in beta] for front in fronts.values()]).transpose(2, 0, 1)
    mine = np.arange(len(beta))
    energy = energy[number, mine] * np.exp(disturbed)
    nats = nats[number, mine] * np.exp(0.03 * rng.standard_normal(len(beta)))
    return np.array(list(fronts))[number], energy, nats


@dataclass(frozen=True)
class Coverage:
    front: str
    design: str
    covered: float  # of the reported true boundaries
    standard_error: float
    reported: float  # share of the true boundaries that have a row
    false: float  # rows of pairs that are no neighbours, per row
    band: float  # median width, decades
    error: float  # median |x - truth|, decades


def measure(front: str, design: str, *, repetitions: int, rng_seed: int = 0) -> Coverage:
    """Of one kind of front and table."""
    hits, asked, rows, false, widths, errors = [], 0, 0, 0, [], []
    for repetition in range(repetitions):
        rng = np.random.default_rng([rng_seed, repetition, FRONTS.index(front), DESIGNS.index(design)])
        fronts = random_fronts(front, rng)
        beta, label, energy, nats, seed = random_table(fronts, design, rng)
        found = equilibrium(beta, np.ones(len(beta)), label, energy, nats, seeds=seed, log_x=True).boundaries
        truth = true_boundaries(fronts)
        asked, rows = asked + len(truth), rows + len(found)
        false += sum(
            (one.lower_phase, one.upper_phase) not in {(lower, upper) for lower, upper, _ in truth}
            for one in found.itertuples()
        )
        for lower, upper, x in truth:
            for one in found[(found["lower_phase"] == lower) & (found["upper_phase"] == upper)].itertuples():
                hits.append(one.x_low <= x <= one.x_high)
                widths.append(np.log10(one.x_high / one.x_low))
                errors.append(abs(np.log10(one.x / x)))
    covered = float(np.mean(hits))
    spread = float(np.sqrt(covered * (1 - covered) / len(hits)))
    return Coverage(
        front, design, covered, spread, len(hits) / asked, false / max(rows, 1), np.median(widths), np.median(errors)
    )


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description="Measure the coverage of the equilibrium boundaries' 90 % bands.")
    parser.add_argument("--repetitions", type=int, default=50)
    parser.add_argument("--fronts", nargs="+", default=FRONTS, choices=FRONTS)
    parser.add_argument("--designs", nargs="+", default=DESIGNS, choices=DESIGNS)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    print(f"{'front':12} {'table':10} covered        reported  false  band  error (decades)")
    results = []
    for front in chosen.fronts:
        for design in chosen.designs:
            one = measure(front, design, repetitions=chosen.repetitions, rng_seed=chosen.seed)
            results.append(one.covered)
            print(
                f"{front:12} {design:10} {one.covered:.1%} ± {one.standard_error:.1%}  {one.reported:7.1%}"
                f"  {one.false:6.1%}  {one.band:.2f}  {one.error:.3f}",
                flush=True,
            )
    print(f"{'mean':23} {np.mean(results):.1%}")


if __name__ == "__main__":
    main()
