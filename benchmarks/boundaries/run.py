"""How many trainings does a map of phases need? Samplers on synthetic phase diagrams whose truth is known.

    python -m benchmarks.boundaries.run --repetitions 20 --out benchmarks/results/boundaries.jsonl

Every repetition draws each scene's places anew (`benchmarks.boundaries.synthetic`). All samplers see labels drawn
from the same truth; after so many trials the map is predicted from each one's trials by the same predictor, the
product's own, because it is better than any that the peers bring. A line of the file is one sampler on one scene of
one repetition; what is there is not done again, so that a killed run goes on. `--summary` prints the table from the
file, `--time` what a suggestion costs at 500 and 5,000 trials.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from benchmarks.boundaries.designs import OWN, Design, grid, unit_to_map
from benchmarks.boundaries.scores import Evaluation, predict, search_space
from benchmarks.boundaries.summary import summary
from benchmarks.boundaries.synthetic import ALL_KINDS, KINDS, Truth, random_truth

CHECKS = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768)  # trials after which the map is looked at
BATCH = 8  # trials that run at once
EVALUATION_SEED = 32_000  # repetitions are numbered from here; smaller ones were used to tune or looked at before


class PhaseBoundary:
    """The product's sampler through Optuna, as a user would have it."""

    def __init__(self, truth, rng, *, per_cost: bool):
        import optuna

        from search.sampling.sampler import PhaseBoundarySampler, edges

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        sampler = PhaseBoundarySampler(seed=int(rng.integers(2**31)), cost=edges if per_cost else None)
        self.study, self.space = optuna.create_study(sampler=sampler), search_space(truth.dimensions)

    def ask(self, count):
        self.running = [self.study.ask(self.space) for _ in range(count)]
        return [(np.log10(trial.params["beta"]), trial.params["dimension"]) for trial in self.running]

    def tell(self, points, labels):
        for trial, label in zip(self.running, labels, strict=True):
            trial.set_user_attr("phase", label)
            self.study.tell(trial, 0.0)


def suggestion_ms(scene: str, *, trials: int, rounds: int = 4) -> tuple[float, float]:
    """CPU time of the first suggestion in a study with so many trials, and of one of the next, in rounds of BATCH."""
    from optuna.trial import create_trial

    rng = np.random.default_rng(0)
    truth = random_truth(scene, rng)
    sampler = PhaseBoundary(truth, rng, per_cost=True)
    places = unit_to_map(rng.random((trials, 2)), truth.dimensions)
    labels = truth.draw(10 ** places[:, 0], places[:, 1], rng)
    sampler.study.add_trials(
        create_trial(
            params={"beta": float(10**log_x), "dimension": int(n)},
            distributions=sampler.space,
            value=0.0,
            user_attrs={"phase": label},
        )
        for (log_x, n), label in zip(places, labels, strict=True)
    )
    times = []
    for count in (1, *[BATCH] * rounds):
        before = time.process_time()
        log_x, n = np.array(sampler.ask(count), float).T
        times.append(1e3 * (time.process_time() - before))
        sampler.tell([], truth.draw(10**log_x, n, rng))
    return times[0], float(np.mean(times[1:]) / BATCH)


def make(name: str, truth: Truth, rng):
    from scipy.stats import qmc

    if name in OWN:
        return PhaseBoundary(truth, rng, per_cost=name == OWN[1])
    if name == "sobol":
        return Design(unit_to_map(qmc.Sobol(2, rng=rng).random_base2(10), truth.dimensions))
    if name == "random":
        return Design(unit_to_map(rng.random((CHECKS[-1], 2)), truth.dimensions))
    from benchmarks.boundaries import peers as bench_peers

    return bench_peers.PEERS[name](truth, rng)


def measure(scene: str, repetition: int, name: str, *, trials: int) -> dict:
    """One sampler on one scene of one repetition."""
    rng = np.random.default_rng([repetition, ALL_KINDS.index(scene)])
    truth = random_truth(scene, rng)
    evaluation, started = Evaluation(truth), time.process_time()
    rng = np.random.default_rng([repetition, ALL_KINDS.index(scene), 1])

    def label(points):
        log_x, n = np.asarray(points, float).T
        return [truth.merge.get(each, each) for each in truth.draw(10**log_x, n, rng)]

    curve: dict[str, list] = {"trials": [], "cost": [], "area": [], "brier": [], "nats": [], "boundary": []}

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
            points = grid(count, truth.dimensions)
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


def main(arguments=None) -> None:
    from benchmarks.boundaries.peers import PEERS

    parser = argparse.ArgumentParser(description="Trials that samplers need to map synthetic phase diagrams.")
    samplers = ("grid", *OWN, *PEERS, "sobol", "random")
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--first", type=int, default=EVALUATION_SEED, help="number of the first repetition")
    parser.add_argument("--scenes", nargs="+", default=KINDS, choices=ALL_KINDS)
    parser.add_argument("--samplers", nargs="+", default=samplers, choices=samplers)
    parser.add_argument("--trials", type=int, default=192, help="of the samplers that look at labels")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/boundaries.jsonl"))
    parser.add_argument("--summary", action="store_true", help="only print the table of what is there")
    parser.add_argument("--time", action="store_true", help="only time suggestions in studies of 500 and 5,000 trials")
    chosen = parser.parse_args(arguments)
    if chosen.time:
        for scene in chosen.scenes:
            for trials in (500, 5000):
                first, later = suggestion_ms(scene, trials=trials)
                print(f"{scene:17} {trials:4} trials: first {first:5.0f} ms, then {later:.1f} ms each", flush=True)
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
