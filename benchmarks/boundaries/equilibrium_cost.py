"""What does it cost to know every boundary to ± 0.05 decades: from labels, and from errors and nats?

    python -m benchmarks.boundaries.equilibrium_cost --repetitions 3
    python -m benchmarks.boundaries.equilibrium_cost --sweep sweeps/paper --batch 16

Made-up fronts of four algorithms at n = 8 and n = 16 (`benchmarks.equilibrium_coverage`), whose trainings end in
some algorithm, mostly a good one; or with `--sweep` trainings like those of a finished sweep
(`benchmarks.boundaries.worlds`). Both refinements begin with the same small sweep and go on, a round at a time,
until each finds all of its boundaries narrower than `--width` decades (90 %): `labels` as `hyperphase refine` does,
`equilibrium` as `refine --boundary equilibrium` does. In made-up worlds both boundaries lie at the same β, so that
the share of bands that hold the truth is told of both; in a sweep's the labels' boundaries are others. Cost: Σ n²,
the small sweep included, up to the end or to `--most` trainings; the last line tells the ratio without it too,
since both methods are given the same.
"""

import argparse
import functools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution

from analysis.phases.boundaries import boundaries
from analysis.phases.equilibrium import equilibrium
from analysis.phases.phase_map import fit_phase_map
from benchmarks.boundaries.worlds import DIMENSIONS, World, made_up, of_sweep
from benchmarks.equilibrium_coverage import FRONTS, HEAT, HEATS
from search.sampling.front_knowledge import EXPLORE, next_places, rare_labels
from search.sampling.sampler import PhaseBoundarySampler, edges

START = (13, 4)  # of the small sweep: values of β, seeds at each n
WORLDS = {"usual": HEAT, "sharp": HEATS["sharp"]}


def read_labels(world: World):
    """Boundaries of the phase map: columns y, lower_phase, upper_phase, x, x_low, x_high."""
    beta, n, label, *_ = world.columns()
    table = boundaries(fit_phase_map(beta, n, label, log_x=True, log_y=True, merge={}), ys=DIMENSIONS)
    table.loc[table["low_is_open"], "x_low"] = world.low
    table.loc[table["high_is_open"], "x_high"] = world.high
    return table


def read_fronts(world: World):
    beta, n, label, energy, nats = world.columns()
    return equilibrium(beta, n, label, energy, nats, log_x=True)


def run(
    world: World, method: str, *, width: float, batch: int, most: int, seed: int, start: tuple[int, int] = START
) -> dict:
    """cost (of the start too), trainings, whether it was done, bands that hold the truth, true ones, false bands."""
    sampler = PhaseBoundarySampler(seed=seed, cost=edges, merge={})
    study = optuna.create_study(sampler=sampler)
    space = {
        "beta": FloatDistribution(world.low, world.high, log=True),
        "dimension": CategoricalDistribution(DIMENSIONS),
    }
    started = time.process_time()

    def train(places: list[tuple[float, int]]) -> None:
        for (beta, n), label in zip(places, world.train(places), strict=True):
            trial = optuna.trial.create_trial(
                params={"beta": beta, "dimension": n}, distributions=space, value=0.0, user_attrs={"phase": label}
            )
            study.add_trial(trial)

    betas = np.geomspace(world.low, world.high, start[0])
    train([(float(beta), n) for n in DIMENSIONS for beta in betas for _ in range(start[1])])
    cost_of_start = world.cost
    while True:
        found = read_fronts(world) if method == "equilibrium" else None
        table = read_labels(world) if found is None else found.boundaries
        narrow = len(table) > 0 and bool((np.log10(table["x_high"] / table["x_low"]) <= width).all())
        if found is not None:
            narrow = narrow and not any(rare_labels(found, n) for n in DIMENSIONS)
        if narrow or len(world.rows) >= most:
            break
        places: list[tuple[float, int]] = []
        if found is not None:
            likely = lambda beta, n: sampler.predict_proba(study, beta, n)  # noqa: E731
            cost = {float(n): float(n**2) for n in DIMENSIONS}
            asked_for = batch - batch // EXPLORE
            places = [(b, int(n)) for b, n in next_places(found, likely, cost, count=asked_for, width=width)]
        asked = [study.ask(space) for _ in range(batch - len(places))]
        places += [(trial.params["beta"], trial.params["dimension"]) for trial in asked]
        for trial in asked:  # the trials that count are added with their labels
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        train(places)
    truth = world.truth
    bands = {(int(one.y), one.lower_phase, one.upper_phase): (one.x_low, one.x_high) for one in table.itertuples()}
    return {
        "cost": world.cost,
        "start": cost_of_start,
        "trainings": len(world.rows),
        "done": narrow,
        "held": sum(bands[key][0] <= x <= bands[key][1] for key, x in truth.items() if key in bands),
        "reported": sum(key in bands for key in truth),
        "boundaries": len(truth),
        "false": sum(key not in truth for key in bands),
        "seconds": time.process_time() - started,
    }


def worlds(chosen: argparse.Namespace) -> Iterator[tuple[str, str, int, Callable[[], World]]]:
    """Kind of fronts, kind of world, repetition, and what makes that world, always the same."""
    for number in range(chosen.first, chosen.first + chosen.repetitions):
        if chosen.sweep:
            yield "as found", "sweep", number, functools.partial(of_sweep, chosen.sweep, [number])
            continue
        for name in chosen.worlds:
            for kind in chosen.fronts:
                seed = [number, FRONTS.index(kind)]
                yield kind, name, number, functools.partial(made_up, kind, WORLDS[name], seed)


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--first", type=int, default=100, help="number of the first repetition")
    parser.add_argument("--fronts", nargs="+", default=FRONTS, choices=FRONTS)
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS), choices=list(WORLDS))
    parser.add_argument("--methods", nargs="+", default=["equilibrium", "labels"], choices=["equilibrium", "labels"])
    parser.add_argument("--width", type=float, default=0.1, help="of the 90 %% bands, decades")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--start", type=int, nargs=2, default=START, metavar=("BETAS", "SEEDS"), help="at each n")
    parser.add_argument("--most", type=int, default=4000, help="trainings")
    parser.add_argument("--sweep", type=Path, help="trainings like those of this sweep of n = 8 and 16 instead")
    chosen = parser.parse_args(arguments)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print("front        world  repetition  method       trainings     cost  done  held / reported / boundaries  false")
    options = {"width": chosen.width, "batch": chosen.batch, "most": chosen.most, "start": tuple(chosen.start)}
    ratios, beyond = [], []
    for kind, name, number, make in worlds(chosen):
        cost, added = {}, {}
        for method in chosen.methods:
            found = run(make(), method, **options, seed=number)
            cost[method], added[method] = found["cost"], found["cost"] - found["start"]
            done = "yes" if found["done"] else "no"
            bands = f"{found['held']:4} / {found['reported']} / {found['boundaries']:<17}{found['false']:6}"
            print(
                f"{kind:12} {name:6} {number:10}  {method:11} {found['trainings']:10,}"
                f" {found['cost']:8,.0f}  {done:>4}  {bands}   ({found['seconds']:.0f} s)",
                flush=True,
            )
        if len(cost) == 2:
            ratios.append(cost["equilibrium"] / cost["labels"])
            if min(added.values()) > 0:
                beyond.append(added["equilibrium"] / added["labels"])
    for name, each in (("cost", ratios), ("cost beyond the start", beyond)):
        if each:
            mean = np.exp(np.mean(np.log(each)))
            print(
                f"{name}, equilibrium over labels: {mean:.2f} (geometric mean; an unfinished one counts as it stands)"
            )


if __name__ == "__main__":
    main()
