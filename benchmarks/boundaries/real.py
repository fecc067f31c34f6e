"""Refined, uniform, or the best peer: real trainings at equal cost, in several repetitions with seeds of their own.

    python -m benchmarks.boundaries.real --repetitions 6 --out benchmarks/results/real_trainings.jsonl

Every repetition starts from the same coarse grid, with its own seeds. Then each design spends as much as the uniform
grid costs (in seconds as estimated for packs of eight): *uniform*, a regular grid between the start's; *refined*, what
`PhaseBoundarySampler` asks for as `hyperphase refine` uses it, knowledge per cost; *peer*, scikit-activeml's margin
sampling (left out where that isn't installed). All maps are the product's own, of the start and the design's trainings,
and are scored on the same held-back trainings at random β. Asked-for trainings of all designs and repetitions run in
packs together, since a training's result doesn't depend on its pack. A line of the file is a training; what is there is
not done again. `--summary` prints the table.
"""

import argparse
import itertools
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from analysis.algorithms.names import mirror_images
from benchmarks.boundaries.peers import SkActiveML
from benchmarks.refined_or_uniform import scores
from search.sweep.hypernetworks import REFINED_PACK
from search.sweep.packs import pack_seconds
from trainables.recipe import Recipe

DIMENSIONS = (3, 4, 6)
LOW, HIGH = -8.0, 0.0  # log10 β
START, UNIFORM = 4, 10  # values of β at every dimension
LARGEST_PACK = 64
ADAPTIVE = ("refined", "peer")
DESIGNS = ("uniform", *ADAPTIVE)
SHOWN = ("beta", "dimension", "seed", "algorithm", "relative_error", "complexity_nats")

Place = tuple[float, int]  # β, dimension


def middles(count: int) -> list[Place]:
    """A regular grid of so many values of β at every dimension."""
    betas = 10 ** (LOW + (np.arange(count) + 0.5) / count * (HIGH - LOW))
    return [(float(beta), n) for n in DIMENSIONS for beta in betas]


def held_back(count: int) -> list[Place]:
    rng = np.random.default_rng(0)
    return [(float(10 ** rng.uniform(LOW, HIGH)), n) for n in DIMENSIONS for _ in range(count)]


class Trainings:
    """The file of trainings: (repetition, design) -> rows, in the order in which they were asked for."""

    def __init__(self, path: Path, recipe: Recipe):
        self.path, self.recipe = path, recipe
        rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        if any(row["steps"] != recipe.steps for row in rows):
            raise SystemExit(f"{path} holds trainings of other steps: name another --out")
        self.rows = {(row["repetition"], row["design"], row["number"]): row for row in rows}

    def of(self, repetition: int, design: str) -> list[dict[str, Any]]:
        """Up to the first that is missing: a killed run may have trained later ones of a round before it."""
        keys = itertools.takewhile(self.rows.__contains__, ((repetition, design, k) for k in itertools.count()))
        return [self.rows[key] for key in keys]

    def seconds(self, rows: list[dict[str, Any]]) -> float:
        return sum(seconds(self.recipe, row["dimension"]) for row in rows)

    def train(self, wanted: dict[tuple[int, str, int], Place]) -> None:
        """Those that are missing, in packs of one dimension, the largest dimension first."""
        for dimension in sorted(DIMENSIONS, reverse=True):
            missing = [key for key, (_, n) in wanted.items() if n == dimension and key not in self.rows]
            for first in range(0, len(missing), LARGEST_PACK):
                some = missing[first : first + LARGEST_PACK]
                for key, row in zip(some, self._pack(dimension, {k: wanted[k][0] for k in some}), strict=True):
                    repetition, design, number = key
                    self.rows[key] = {
                        "repetition": repetition,
                        "design": design,
                        "number": number,
                        "steps": self.recipe.steps,
                        **{name: row[name] for name in SHOWN},
                    }
                    with open(self.path, "a", encoding="utf-8") as file:
                        file.write(json.dumps(self.rows[key]) + "\n")

    def _pack(self, dimension: int, betas: dict[tuple[int, str, int], float]) -> list[dict[str, Any]]:
        import torch

        from search.ledger.read_training import to_record
        from trainables.training.loop import Member, train_pack

        torch.set_num_threads(1)
        members = [Member("-".join(map(str, key)), beta, seed_of(key)) for key, beta in betas.items()]
        return [to_record(one, self.recipe, dimension).row for one in train_pack(dimension, members, self.recipe)]


def seed_of(key: tuple[int, str, int]) -> int:
    """Another seed for every training of every design and repetition."""
    return zlib.crc32(repr(key).encode())


def seconds(recipe: Recipe, dimension: int) -> float:
    return pack_seconds(recipe, int(dimension), REFINED_PACK) / REFINED_PACK


def labels_of(rows: list[dict[str, Any]]) -> list[str]:
    """Mirror images as one; of a training that failed, what it is."""
    merge = mirror_images()
    return [merge.get(row["algorithm"], row["algorithm"]) or "failed" for row in rows]


def ask_refined(rows: list[dict[str, Any]], count: int, recipe: Recipe, seed: int) -> list[Place]:
    import optuna
    from optuna.distributions import FloatDistribution, IntDistribution

    from search.sampling.sampler import PhaseBoundarySampler

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    cost = lambda dimension: np.array([seconds(recipe, n) for n in np.asarray(dimension)])  # noqa: E731
    sampler = PhaseBoundarySampler(seed=seed, cost=cost, dimensions=DIMENSIONS, merge={})
    space = {
        "beta": FloatDistribution(10**LOW, 10**HIGH, log=True),
        "dimension": IntDistribution(DIMENSIONS[0], DIMENSIONS[-1], log=True),
    }
    study = optuna.create_study(sampler=sampler)
    for row, label in zip(rows, labels_of(rows), strict=True):
        params = {"beta": row["beta"], "dimension": row["dimension"]}
        study.add_trial(
            optuna.trial.create_trial(params=params, distributions=space, value=0.0, user_attrs={"phase": label})
        )
    trials = [study.ask(space) for _ in range(count)]
    return [(trial.params["beta"], trial.params["dimension"]) for trial in trials]


class Margin(SkActiveML):
    """The peer on these axes, which knows these trainings."""

    def __init__(self, rows: list[dict[str, Any]], seed: int):
        self.rng, self.dimensions = np.random.default_rng(seed), DIMENSIONS
        log_x = np.linspace(LOW, HIGH, 81)
        self.pool = np.stack(np.meshgrid(log_x, DIMENSIONS, indexing="ij"), axis=-1).reshape(-1, 2)
        self.start, self.labels = [], labels_of(rows)
        self.points = [(np.log10(row["beta"]), row["dimension"]) for row in rows]

    def scaled(self, places):
        low, high = np.array([LOW, DIMENSIONS[0]]), np.array([HIGH, DIMENSIONS[-1]])
        return (np.asarray(places, float) - low) / (high - low)


def ask(design: str, rows: list[dict[str, Any]], count: int, recipe: Recipe, seed: int) -> list[Place]:
    if design == "refined":
        return ask_refined(rows, count, recipe, seed)
    return [(float(10**log_x), int(n)) for log_x, n in Margin(rows, seed).ask(count)]


def within(rows: list[dict[str, Any]], budget: float, recipe: Recipe) -> list[dict[str, Any]]:
    """The first trainings that the budget pays for."""
    spent = np.cumsum([seconds(recipe, row["dimension"]) for row in rows])
    return rows[: int(np.searchsorted(spent, budget * (1 + 1e-9), side="right"))]


def grow(done: Trainings, repetitions: range, designs: list[str], *, batch: int, held: int) -> None:
    """Everything that is missing."""
    recipe = done.recipe
    wanted = {(-1, "held", number): place for number, place in enumerate(held_back(held))}
    for repetition in repetitions:
        wanted |= {(repetition, "start", number): place for number, place in enumerate(middles(START))}
        wanted |= {(repetition, "uniform", number): place for number, place in enumerate(middles(UNIFORM))}
    done.train(wanted)
    while True:
        wanted = {}
        for repetition in repetitions:
            budget = done.seconds(done.of(repetition, "uniform"))
            for design in [each for each in designs if each in ADAPTIVE]:
                mine = done.of(repetition, design)
                if done.seconds(mine) >= budget:
                    continue
                # a round that was cut off is asked for again: as far as it got, it stands
                whole = len(mine) // batch * batch
                known = done.of(repetition, "start") + mine[:whole]
                asked = ask(design, known, batch, recipe, seed_of((repetition, design, whole)))
                wanted |= {(repetition, design, whole + number): place for number, place in enumerate(asked)}
        if not wanted:
            return
        done.train(wanted)


def measure(done: Trainings, repetitions: range, designs: list[str]) -> dict[str, list[dict[str, Any]]]:
    """design -> scores of every repetition (`benchmarks.refined_or_uniform.scores`); the start alone too."""
    import pandas as pd

    held = pd.DataFrame([row for row in done.of(-1, "held") if row["algorithm"]])
    found: dict[str, list[dict[str, Any]]] = {}
    for repetition in repetitions:
        start, budget = done.of(repetition, "start"), done.seconds(done.of(repetition, "uniform"))
        for design in ["start", *designs]:
            own = [] if design == "start" else within(done.of(repetition, design), budget, done.recipe)
            seen = pd.DataFrame([row for row in [*start, *own] if row["algorithm"]])
            score = scores(seen, held) | {"seconds": done.seconds(own)}
            found.setdefault(design, []).append(score)
    return found


def report(found: dict[str, list[dict[str, Any]]]) -> str:
    """A line a design: means over the repetitions with their standard errors."""

    def cell(values, form: str) -> str:
        error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
        return f"{np.mean(values):{form}} ± {error:{form}}"

    lines = [
        "| design | trainings added | their seconds | log-loss, held back | less than uniform's | named wrongly | "
        "boundaries found | median band, decades |",
        "|---|---|---|---|---|---|---|---|",
    ]
    start = np.mean([one["trainings"] for one in found["start"]])
    for design, each in found.items():
        gain = [base["log_loss"] - one["log_loss"] for base, one in zip(found["uniform"], each, strict=True)]
        lines.append(
            f"| {design} | {np.mean([one['trainings'] for one in each]) - start:.0f}"
            f" | {np.mean([one['seconds'] for one in each]):.0f} | {cell([one['log_loss'] for one in each], '.3f')}"
            f" | {cell(gain, '+.3f')} | {cell([one['wrong'] for one in each], '.1%')}"
            f" | {np.mean([one['boundaries'] for one in each]):.1f} | {cell([one['width'] for one in each], '.2f')} |"
        )
    return "\n".join(lines)


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--steps", type=int, default=600, help="of every training")
    parser.add_argument("--held", type=int, default=20, help="held-back trainings at every dimension")
    parser.add_argument("--batch", type=int, default=10, help="trainings a round of each design")
    parser.add_argument("--designs", nargs="+", default=list(DESIGNS), choices=DESIGNS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/real_trainings.jsonl"))
    parser.add_argument("--summary", action="store_true", help="only print the table of what is there")
    chosen = parser.parse_args(arguments)
    designs = ["uniform", *(each for each in chosen.designs if each != "uniform")]
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    done, repetitions = Trainings(chosen.out, Recipe(steps=chosen.steps)), range(chosen.repetitions)
    if not chosen.summary:
        grow(done, repetitions, designs, batch=chosen.batch, held=chosen.held)
    print(report(measure(done, repetitions, designs)))


if __name__ == "__main__":
    main()
