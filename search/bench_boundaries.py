"""How many trainings does a map of phases need? Samplers on synthetic phase diagrams whose truth is known.

    python -m search.bench_boundaries --repetitions 20 --out benchmarks/boundaries.jsonl

Every repetition draws each scene's places anew (`analysis.synthetic`). All samplers see labels drawn from the same
truth; after so many trials the map is predicted from each one's trials by the same predictor, the product's own,
because it is better than any that the peers bring. A line of the file is one sampler on one scene of one repetition;
what is there is not done again, so that a killed run goes on. `--summary` prints the table from the file, `--time` what
a suggestion costs at 500 trials.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from analysis.synthetic import DIMENSIONS, HIGH, KINDS, LOW, Truth, random_truth

CHECKS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768)  # trials after which the map is looked at
BATCH = 8  # trials that run at once
MARKS = (0.05, 0.02)  # shares of the map named wrongly
FAR = 1.0  # decades at which a boundary that was not found is counted
EVALUATION_SEED = 21_000  # repetitions are numbered from here; smaller ones were used to tune or looked at before
OWN = ("phase boundary", "phase boundary per cost")
OWN_MAP = ", own map"  # added to a peer's name where its own classifier predicts the map


class Evaluation:
    """The truth on a lattice of the map, and how far a prediction is from it."""

    def __init__(self, truth: Truth, along_x: int = 81):
        log_x, n = np.meshgrid(np.linspace(LOW, HIGH, along_x), DIMENSIONS, indexing="ij")
        self.shape, self.log_x, self.n = log_x.shape, log_x.ravel(), n.ravel().astype(float)
        groups = [truth.merge.get(name, name) for name in truth.names]
        self.names = list(dict.fromkeys(groups))
        share = truth.probabilities(10**self.log_x, self.n)
        self.share = np.stack([share[:, [g == name for g in groups]].sum(axis=1) for name in self.names], axis=1)
        self.boundaries = [(n, *each) for n in DIMENSIONS for each in truth.boundaries(n)]

    def scores(self, probabilities, labels) -> dict[str, float]:
        """probabilities (points, labels) on the lattice -> area, brier, boundary (decades)."""
        found = np.zeros_like(self.share)
        for column, label in enumerate(labels):
            found[:, self.names.index(label)] += probabilities[:, column]
        best = found.argmax(axis=1).reshape(self.shape)
        steps = np.linspace(LOW, HIGH, self.shape[0])
        errors = []
        for n, lower, upper, x in self.boundaries:
            row = best[:, DIMENSIONS.index(n)]
            pair = (row[:-1] == self.names.index(lower)) & (row[1:] == self.names.index(upper))
            away = np.abs((steps[:-1] + steps[1:])[pair] / 2 - np.log10(x))
            errors.append(min(FAR, away.min(initial=FAR)))
        return {
            "area": float((best.ravel() != self.share.argmax(axis=1)).mean()),
            "brier": float(((found - self.share) ** 2).sum(axis=1).mean()),
            "boundary": float(np.mean(errors)),
        }


def predict(evaluation: Evaluation, points, labels):
    """The product's map from any trials: points (trials, 2) of log10 x and n, labels (trials,)."""
    from search.sampler import Observations, PhaseBoundarySampler, Space

    log_x, n = np.asarray(points, float).T
    seen = Observations(10**log_x, n, tuple(labels), (None,) * len(labels), np.zeros(0), np.zeros(0))
    sampler = PhaseBoundarySampler(merge={})
    return sampler._predict(seen, Space(*_space().values()), 10**evaluation.log_x, evaluation.n)


def _space() -> dict:
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        "beta": FloatDistribution(10**LOW, 10**HIGH, log=True),
        "dimension": IntDistribution(DIMENSIONS[0], DIMENSIONS[-1]),
    }


class PhaseBoundary:
    """The product's sampler through Optuna, as a user would have it."""

    def __init__(self, truth, rng, *, per_cost: bool):
        import optuna

        from search.sampler import PhaseBoundarySampler, edges

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = PhaseBoundarySampler(seed=int(rng.integers(2**31)), cost=edges if per_cost else None, merge={})
        self.study, self.space = optuna.create_study(sampler=sampler), _space()

    def ask(self, count):
        self.running = [self.study.ask(self.space) for _ in range(count)]
        return [(np.log10(trial.params["beta"]), trial.params["dimension"]) for trial in self.running]

    def tell(self, points, labels):
        for trial, label in zip(self.running, labels, strict=True):
            trial.set_user_attr("phase", label)
            self.study.tell(trial, 0.0)


def suggestion_ms(scene: str, *, trials: int = 500, rounds: int = 4) -> tuple[float, float]:
    """CPU time of the first suggestion in a study with so many trials, and of one of the next, in rounds of BATCH."""
    rng = np.random.default_rng(0)
    truth = random_truth(scene, rng)
    sampler = PhaseBoundary(truth, rng, per_cost=True)
    places = unit_to_map(rng.random((trials, 2)))
    labels = truth.draw(10 ** places[:, 0], places[:, 1], rng)
    for (log_x, n), label in zip(places, labels, strict=True):
        sampler.study.enqueue_trial({"beta": float(10**log_x), "dimension": int(n)})
        sampler.ask(1)
        sampler.tell([], [label])
    times = []
    for count in (1, *[BATCH] * rounds):
        before = time.process_time()
        log_x, n = np.array(sampler.ask(count), float).T
        times.append(1e3 * (time.process_time() - before))
        sampler.tell([], truth.draw(10**log_x, n, rng))
    return times[0], float(np.mean(times[1:]) / BATCH)


class Design:
    """All places are known beforehand."""

    def __init__(self, places):
        self.places, self.told = places, 0

    def ask(self, count):
        self.told += count
        return self.places[self.told - count : self.told]

    def tell(self, points, labels):
        pass


def grid(trials: int):
    """A regular grid of at most so many cells, their middles: (cells, 2). 1.5 times as many along β did best."""
    along_n = int(min(len(DIMENSIONS), max(2, round(np.sqrt(trials / 1.5)))))
    along_x = trials // along_n
    log_x = LOW + (np.arange(along_x) + 0.5) / along_x * (HIGH - LOW)
    n = np.round(DIMENSIONS[0] - 0.5 + (np.arange(along_n) + 0.5) / along_n * len(DIMENSIONS))
    return np.stack(np.meshgrid(log_x, n, indexing="ij"), axis=-1).reshape(-1, 2)


def unit_to_map(unit):
    """(points, 2) in [0, 1) -> log10 x and a whole n."""
    return np.stack([LOW + unit[:, 0] * (HIGH - LOW), DIMENSIONS[0] + np.floor(unit[:, 1] * len(DIMENSIONS))], axis=1)


def make(name: str, truth: Truth, rng):
    from scipy.stats import qmc

    if name in OWN:
        return PhaseBoundary(truth, rng, per_cost=name == OWN[1])
    if name == "sobol":
        return Design(unit_to_map(qmc.Sobol(2, rng=rng).random_base2(10)))
    if name == "random":
        return Design(unit_to_map(rng.random((CHECKS[-1], 2))))
    from search import bench_peers

    return bench_peers.PEERS[name](truth, rng)


def measure(scene: str, repetition: int, name: str, *, trials: int) -> dict:
    """One sampler on one scene of one repetition."""
    rng = np.random.default_rng([repetition, KINDS.index(scene)])
    truth = random_truth(scene, rng)
    evaluation, started = Evaluation(truth), time.process_time()
    rng = np.random.default_rng([repetition, KINDS.index(scene), 1])

    def label(points):
        log_x, n = np.asarray(points, float).T
        return [truth.merge.get(each, each) for each in truth.draw(10**log_x, n, rng)]

    curve = {"trials": [], "cost": [], "area": [], "brier": [], "boundary": []}

    def check(points, labels, peer=None):
        scores = evaluation.scores(*predict(evaluation, points, labels))
        if hasattr(peer, "predict"):
            scores["own_area"] = evaluation.scores(*peer.predict(evaluation.log_x, evaluation.n))["area"]
        facts = {"trials": len(points), "cost": float((np.asarray(points)[:, 1] ** 2).sum())}
        for key, value in (scores | facts).items():
            curve.setdefault(key, []).append(round(value, 5))

    checks = [count for count in CHECKS if name == "grid" or count <= trials]
    asking = 0.0
    if name == "grid":
        for count in checks:
            points = grid(count)
            check(points, label(points))
    else:
        sampler, points, labels = make(name, truth, rng), [], []
        for count in checks:
            while len(points) < count:
                before = time.process_time()
                asked = list(sampler.ask(min(BATCH, count - len(points))))
                asking += time.process_time() - before
                found = label(asked)
                before = time.process_time()
                sampler.tell(asked, found)
                asking += time.process_time() - before
                points += asked
                labels += found
            check(points, labels, sampler)
    return {"scene": scene, "repetition": repetition, "sampler": name, **curve, "ask_ms": 1e3 * asking / checks[-1],
            "seconds": time.process_time() - started}  # fmt: skip


def reach(x, area, mark: float) -> tuple[float, bool]:
    """Where a mean curve falls to the mark for good (log-log interpolation) -> x, and whether it does at all."""
    above = np.flatnonzero(np.asarray(area) > mark)
    if len(above) == 0:
        return float(x[0]), True
    last = above[-1]
    if last + 1 == len(x):
        return float(x[-1]), False
    share = np.log(area[last] / mark) / np.log(area[last] / max(area[last + 1], 1e-4))
    return float(np.exp(np.log(x[last]) + share * np.log(x[last + 1] / x[last]))), True


class Curves:
    """The measured curves, by sampler, scene and repetition."""

    def __init__(self, rows: list[dict]):
        self.found: dict[str, dict[str, dict[int, dict]]] = {}
        for row in rows:
            self.add(row["sampler"], row, row["area"])
            if "own_area" in row:
                self.add(row["sampler"] + OWN_MAP, row, row["own_area"])
        self.scenes = sorted(self.found["grid"], key=KINDS.index)

    def add(self, name: str, row: dict, area) -> None:
        self.found.setdefault(name, {}).setdefault(row["scene"], {})[row["repetition"]] = row | {"area": area}

    def repetitions(self, *names: str) -> list[int]:
        """Those in which all these samplers did all scenes."""
        return sorted(set.intersection(*(set(self.found[n].get(s, {})) for n in names for s in self.scenes)))

    def ratios(self, name: str, base: str, axis: str, mark: float, repetitions) -> dict[str, tuple[float, bool]]:
        """scene -> where the mean curve reaches the mark, relative to the base's, and whether that is exact."""
        found = {}
        for scene in self.scenes:
            ends = []
            for one in (name, base):
                chosen = [self.found[one][scene][repetition] for repetition in repetitions]
                ends.append(reach(*(np.mean([row[key] for row in chosen], axis=0) for key in (axis, "area")), mark))
            found[scene] = (ends[0][0] / ends[1][0], ends[0][1] and ends[1][1])
        return found

    def interval(self, name: str, base: str, axis: str, mark: float, *, resamples: int = 200) -> str:
        """The geometric mean of the ratios over scenes, with its 90 % bootstrap interval over repetitions."""
        there = self.repetitions(name, base)
        middle = self.ratios(name, base, axis, mark, there)
        draws = np.random.default_rng(0).choice(there, (resamples, len(there)))
        spread = np.quantile([_mean(self.ratios(name, base, axis, mark, draw)) for draw in draws], [0.05, 0.95])
        bound = "" if all(exact for _, exact in middle.values()) else "*"
        return f"{_mean(middle):.2f}{bound} ({spread[0]:.2f}–{spread[1]:.2f})"


def summary(rows: list[dict]) -> str:
    """Markdown: trials and cost to each mark relative to the grid's and to the best peer's."""
    curves = Curves(rows)
    names = [name for name in curves.found if curves.repetitions(name, "grid")]
    first = {name: _mean(curves.ratios(name, "grid", "trials", MARKS[0], curves.repetitions(name, "grid")))
             for name in names}  # fmt: skip
    names.sort(key=first.get)
    table = [(axis, mark) for axis in ("trials", "cost") for mark in MARKS]
    lines = ["| sampler | repetitions | trials to 5 % | to 2 % | cost to 5 % | to 2 % | ms a suggestion |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for name in names:
        there = curves.repetitions(name, "grid")
        cells = [curves.interval(name, "grid", axis, mark) for axis, mark in table]
        spent = np.mean([curves.found[name][scene][each]["ask_ms"] for scene in curves.scenes for each in there])
        lines.append(f"| {name} | {len(there)} | {' | '.join(cells)} | {spent:.1f} |")
    lines += ["", "Relative to the regular grid, geometric means over scenes, 90 % bootstrap intervals over "
              "repetitions; * holds scenes in which the sampler or the grid never got there: a bound.", ""]  # fmt: skip
    peers = [name for name in names if name not in ("grid", *OWN) and len(curves.repetitions(name)) > 2]
    for name in [each for each in OWN if each in names and peers]:
        cells = [curves.interval(name, peers[0], axis, mark) for axis, mark in table]
        lines.append(f"{name} over {peers[0]}: {', '.join(cells)}, in the columns of the table.")
    lines += ["", f"| trials to 5 % / 2 % | {' | '.join(curves.scenes)} |", "|---|" + "---|" * len(curves.scenes)]
    for name in names:
        both = [curves.ratios(name, "grid", "trials", mark, curves.repetitions(name, "grid")) for mark in MARKS]
        cells = [
            " / ".join(f"{each[scene][0]:.2f}{'' if each[scene][1] else '*'}" for each in both)
            for scene in curves.scenes
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _mean(ratios: dict[str, tuple[float, bool]]) -> float:
    return float(np.exp(np.mean([np.log(ratio) for ratio, _ in ratios.values()])))


def main(arguments=None) -> None:
    from search.bench_peers import PEERS

    parser = argparse.ArgumentParser(description="Trials that samplers need to map synthetic phase diagrams.")
    samplers = ("grid", *OWN, *PEERS, "sobol", "random")
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--first", type=int, default=EVALUATION_SEED, help="number of the first repetition")
    parser.add_argument("--scenes", nargs="+", default=KINDS, choices=KINDS)
    parser.add_argument("--samplers", nargs="+", default=samplers, choices=samplers)
    parser.add_argument("--trials", type=int, default=192, help="of the samplers that look at labels")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/boundaries.jsonl"))
    parser.add_argument("--summary", action="store_true", help="only print the table of what is there")
    parser.add_argument("--time", action="store_true", help="only time suggestions in studies of 500 trials")
    chosen = parser.parse_args(arguments)
    if chosen.time:
        for scene in chosen.scenes:
            first, later = suggestion_ms(scene)
            print(f"{scene:13} first suggestion {first:4.0f} ms, then {later:.1f} ms each", flush=True)
        return
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in chosen.out.read_text().splitlines()] if chosen.out.exists() else []
    there = {(row["scene"], row["repetition"], row["sampler"]) for row in rows}
    with open(chosen.out, "a", encoding="utf-8") as file:
        for repetition in range(chosen.first, chosen.first + chosen.repetitions):
            for scene in chosen.scenes:
                for name in chosen.samplers:
                    if chosen.summary or (scene, repetition, name) in there:
                        continue
                    rows.append(measure(scene, repetition, name, trials=chosen.trials))
                    file.write(json.dumps(rows[-1]) + "\n")
                    file.flush()
    print(summary(rows))


if __name__ == "__main__":
    main()
