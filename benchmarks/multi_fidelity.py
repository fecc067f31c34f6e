"""Would cheaper, biased looks at trainings pay? A map of few whole trainings against one of more unfinished ones.

    python -m benchmarks.multi_fidelity sweeps/paper [--shorter sweeps/quick]

Replays a sweep that is finished: nothing is trained. A *look* is the label of a snapshot, and costs its share of the
steps; with `--shorter`, looks are the trainings of other sweeps of fewer steps at the same places too. In every split
two fifths of the trainings, at random, are held back. The same budget then buys trainings at places in random order,
every place once before any comes again: *whole* ones; *looks*, taken at their word; or *both*, half of the budget each,
where a look counts as what the whole ones became that looked so (their own snapshots tell, for nothing). Scores of the
sampler's map on the held-back trainings' labels at the end: log-loss, and the share named wrongly.
"""

import argparse
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.algorithms.names import mirror_images
from analysis.sweeps.load import Sweep, load_sweep

HELD = 0.4  # share of the trainings that is held back
LEAST = 1e-3  # probability that a label is given at least
CAUTION = 0.5  # trainings' worth of the guess that a look is right
Shares = list[dict[str, float] | None]


@dataclass(frozen=True)
class Pool:
    """Trainings that can be bought."""

    places: np.ndarray  # (trainings, axes)
    labels: np.ndarray  # (trainings,)

    def __getitem__(self, rows) -> "Pool":
        return Pool(self.places[rows], self.labels[rows])


@dataclass(frozen=True)
class Looks:
    """What is to be had for a share of the steps."""

    share: float
    pool: Pool
    ends: np.ndarray | None  # (trainings,) what they became; None if they are trainings of another sweep


def read(folder: str) -> tuple[Sweep, Pool, list[Looks]]:
    """A sweep, its trainings, and their snapshots."""
    sweep, merge = load_sweep(folder), mirror_images()
    done = sweep.done.sort_values("key")
    places = done[[sweep.experiment.x.name, sweep.experiment.y.name]].to_numpy(float)
    ends = done["algorithm"].replace(merge).to_numpy(str)
    looks = []
    if len(sweep.snapshots):
        table = sweep.snapshots.pivot_table(index="key", columns="step", values="algorithm", aggfunc="first")
        table = table.reindex(done["key"]).replace(merge)
        for step in table.columns[:-1]:
            if table[step].notna().all():
                looks.append(Looks(step / table.columns[-1], Pool(places, table[step].to_numpy(str)), ends))
    return sweep, Pool(places, ends), looks


def in_turn(places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The rows of (trainings, axes) in random order, every place once before any comes again."""
    order = rng.permutation(len(places))
    times: Counter[tuple[float, ...]] = Counter()
    turn = np.empty(len(places), int)
    for row in order:
        turn[row] = times[tuple(places[row])]
        times[tuple(places[row])] += 1
    return order[np.argsort(turn[order], kind="stable")]


def corrected(labels: np.ndarray, known: list[tuple[str, str]]) -> Shares:
    """What looks may become, as shares. known: the look and the end of trainings that ran on."""
    pairs = Counter(known)
    found: Shares = []
    for label in map(str, labels):
        counts: Counter[str] = Counter({label: CAUTION})
        for (look, end), count in pairs.items():
            if look == label:
                counts[end] += count
        found.append({end: count / sum(counts.values()) for end, count in counts.items()})
    return found


def score(sweep: Sweep, bought: Pool, shares: Shares, held: Pool) -> tuple[float, float]:
    """Log-loss and share named wrongly of the held-back trainings, by the sampler's map of the bought ones."""
    from optuna.distributions import FloatDistribution

    from search.sampling.phase_model import PhaseModel
    from search.sampling.space import Space, assign_roles
    from search.sampling.trials import Observations

    axes = (sweep.experiment.x, sweep.experiment.y)
    every = np.concatenate([bought.places, held.places])
    distributions: dict[str, Any] = {
        axis.name: FloatDistribution(float(values.min()), float(values.max()), log=axis.log)
        for axis, values in zip(axes, every.T, strict=True)
    }
    space = Space(distributions, assign_roles(distributions, [axis.name for axis in axes]))
    # the model learns of labels that some training was called, and of their shares
    likeliest = [
        max(part, key=lambda label: part[label]) if part else str(label)
        for label, part in zip(bought.labels, shares, strict=True)
    ]
    seen = Observations(bought.places, tuple(likeliest), tuple(shares), np.zeros((0, len(axes))))
    probability, labels = PhaseModel({}).predict(seen, space, held.places)
    given = [
        row[labels.index(end)] if end in labels else 0.0 for row, end in zip(probability, held.labels, strict=True)
    ]
    wrong = np.array(labels)[probability.argmax(axis=1)] != held.labels
    return float(-np.log(np.maximum(given, LEAST)).mean()), float(wrong.mean())


def split(
    sweep: Sweep, whole: Pool, looks: list[Looks], budget: int, rng: np.random.Generator
) -> dict[tuple[int, str], tuple[float, float]]:
    """(number of the looks, or -1; design) -> scores, of one random split."""
    held_back = rng.random(len(whole.labels)) < HELD
    held, there = whole[held_back], np.flatnonzero(~held_back)
    full = there[in_turn(whole.places[there], rng)][:budget]
    untold: Shares = [None] * max(len(whole.labels), *(len(one.pool.labels) for one in looks), 0)
    found = {(-1, "whole"): score(sweep, whole[full], untold[: len(full)], held)}
    first = full[: budget // 2]
    for number, one in enumerate(looks):
        rows = there if one.ends is not None else np.arange(len(one.pool.labels))
        rows = rows[in_turn(one.pool.places[rows], rng)]
        many, some = rows[: round(budget / one.share)], rows[: round((budget - len(first)) / one.share)]
        found[number, "looks"] = score(sweep, one.pool[many], untold[: len(many)], held)
        shares: Shares = [None] * len(some)
        if one.ends is not None:
            known = list(zip(one.pool.labels[first], one.ends[first], strict=True))
            shares = corrected(one.pool.labels[some], known)
        mixed = Pool(
            np.concatenate([whole.places[first], one.pool.places[some]]),
            np.concatenate([whole.labels[first], one.pool.labels[some]]),
        )
        found[number, "both"] = score(sweep, mixed, untold[: len(first)] + shares, held)
    return found


def compare(
    sweep: Sweep, whole: Pool, looks: list[Looks], name: str, *, budgets: list[float], splits: int
) -> list[str]:
    """A line a budget and look. Differences from whole trainings are paired over splits, with standard errors."""
    places, lines = len(np.unique(whole.places, axis=0)), []
    for per_place in budgets:
        budget = max(2, round(per_place * places))
        found = [split(sweep, whole, looks, budget, np.random.default_rng([budget, k])) for k in range(splits)]
        base = np.array([one[-1, "whole"] for one in found])  # (splits, scores)
        for number, one in enumerate(looks):
            right = "" if one.ends is None else f"{np.mean(one.pool.labels == one.ends):.0%}"
            cells = []
            for design in ("looks", "both"):
                gain = base - np.array([each[number, design] for each in found])
                error = gain.std(axis=0, ddof=1) / np.sqrt(splits)
                cells.append(f"{gain[:, 0].mean():+.3f} ± {error[0]:.3f}, {gain[:, 1].mean():+.1%} ± {error[1]:.1%}")
            loss, wrong = base.mean(axis=0)
            what = f"{name}, {one.share:.0%} of the steps"
            lines.append(f"| {what} | {right} | {budget} | {loss:.3f}, {wrong:.1%} | {' | '.join(cells)} |")
    return lines


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sweep", metavar="SWEEP")
    parser.add_argument("--shorter", nargs="*", default=[], metavar="SWEEP", help="of fewer steps, at the same places")
    parser.add_argument("--budget", type=float, nargs="+", default=[0.3, 1.0], help="whole trainings for each place")
    parser.add_argument("--least", type=float, default=0.1, help="share of the steps of the earliest look")
    parser.add_argument("--splits", type=int, default=10)
    chosen = parser.parse_args(arguments)
    sweep, whole, looks = read(chosen.sweep)
    options = {"budgets": chosen.budget, "splits": chosen.splits}
    lines = compare(sweep, whole, [one for one in looks if one.share >= chosen.least], "snapshot", **options)
    for folder in chosen.shorter:
        other, pool, _ = read(folder)
        steps = float(other.done["steps"].iloc[0] / sweep.done["steps"].iloc[0])
        common = set(map(tuple, whole.places)) & set(map(tuple, pool.places))
        mine, its = (one[[tuple(place) in common for place in one.places]] for one in (whole, pool))
        if len(common) == 0 or not 0 < steps < 1:
            parser.error(f"{folder} has no trainings of fewer steps at the places of {chosen.sweep}")
        lines += compare(sweep, mine, [Looks(steps, its, None)], f"trainings of {folder}", **options)
    print("| looks | right | budget | whole: log-loss, wrong | looks: less than whole | both: less than whole |")
    print("|---|---|---|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
