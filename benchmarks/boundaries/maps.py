"""Whose map is better on the same trials? The product's two against a plain one-vs-rest logistic Gaussian process.

    python -m benchmarks.boundaries.maps --repetitions 8 --out benchmarks/results/maps.jsonl

The sampler asks for trials as it comes (all trainings cost the same, eight at a time); after 48 and 144 of them
every map is fitted to the same labels. A line of the file is one scene of one repetition; what is there is not done
again. `--summary` prints the tables from the file.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np

from analysis.phases.blas_threads import one_thread
from benchmarks.boundaries.run import BATCH, PhaseBoundary
from benchmarks.boundaries.scores import Evaluation, predict
from benchmarks.boundaries.synthetic import ALL_KINDS, HIGH, LOW, random_truth

CHECKS = (48, 144)
FIRST = 23_000  # number of the first repetition; none of these were looked at in development
PLAIN = "plain GP"
LONGEST = 1.0  # of the plain process's lengths, in ranges of the axis


def phase_map(evaluation: Evaluation, points, labels):
    from analysis.phases.phase_map import fit_phase_map

    log_x, n = points.T
    found = fit_phase_map(10**log_x, n, labels, log_x=True, log_y=True)
    return found.probabilities(10**evaluation.log_x, evaluation.n), found.labels


@one_thread()
def plain(evaluation: Evaluation, points, labels):
    """scikit-learn's: Laplace's approximation, one RBF kernel for each label, its two lengths and its size by
    evidence."""
    from sklearn.gaussian_process import GaussianProcessClassifier
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel

    def scale(log_x, n):
        low, high = evaluation.dimensions[0], evaluation.dimensions[-1]
        return np.stack([(log_x - LOW) / (HIGH - LOW), (n - low) / (high - low)], axis=1)

    if len(set(labels)) < 2:
        return np.ones((len(evaluation.n), 1)), labels[:1]
    kernel = ConstantKernel(10.0, (0.1, 1e4)) * RBF([0.2, 0.3], (0.03, LONGEST))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lengths that end at the cap
        model = GaussianProcessClassifier(kernel).fit(scale(*points.T), np.array(labels))
    return model.predict_proba(scale(evaluation.log_x, evaluation.n)), list(model.classes_)


MAPS = {"predict_proba": predict, "phase_map": phase_map, PLAIN: plain}


def measure(scene: str, repetition: int) -> dict:
    """All maps after every check of one scene: {map: {score: [at each check]}}."""
    rng = np.random.default_rng([repetition, ALL_KINDS.index(scene)])
    truth = random_truth(scene, rng)
    evaluation, sampler = Evaluation(truth), PhaseBoundary(truth, rng, per_cost=False)
    points: list[tuple[float, int]] = []
    labels: list[str] = []
    scores: dict[str, dict[str, list[float]]] = {name: {"area": [], "nats": [], "seconds": []} for name in MAPS}
    for count in CHECKS:
        while len(points) < count:
            asked = sampler.ask(BATCH)
            log_x, n = np.array(asked, float).T
            found = [truth.merge.get(each, each) for each in truth.draw(10**log_x, n, rng)]
            sampler.tell(asked, found)
            points, labels = points + asked, labels + found
        for name, make in MAPS.items():
            started = time.process_time()
            score = evaluation.scores(*make(evaluation, np.array(points, float), labels))
            score["seconds"] = time.process_time() - started
            for key, values in scores[name].items():
                values.append(round(score[key], 5))
    return {"scene": scene, "repetition": repetition, "maps": scores}


def summary(rows: list[dict]) -> str:
    """Markdown: the share named wrongly and the excess nats, and their ratios to the plain process's."""
    scenes = sorted({row["scene"] for row in rows}, key=ALL_KINDS.index)

    def curves(name, key, scene):  # (repetitions, checks)
        return np.array([row["maps"][name][key] for row in rows if row["scene"] == scene])

    def ratio(name, key, scene, chosen=slice(None)):
        mine, other = (curves(each, key, scene)[chosen].mean(axis=0) for each in (name, PLAIN))
        return np.log(mine / other).mean()

    own = [name for name in MAPS if name != PLAIN]
    counts = "/".join(str(count) for count in CHECKS)
    lines = [
        f"| scene | wrong, {PLAIN}, % after {counts} | " + " | ".join(f"{name}: wrong, nats" for name in own) + " |"
    ]
    lines.append("|---|---|" + "---|" * len(own))
    for scene in scenes:
        wrong = " / ".join(f"{100 * each:.1f}" for each in curves(PLAIN, "area", scene).mean(axis=0))
        cells = [", ".join(f"{np.exp(ratio(name, key, scene)):.2f}" for key in ("area", "nats")) for name in own]
        lines.append(f"| {scene} | {wrong} | {' | '.join(cells)} |")
    rng, cells = np.random.default_rng(0), []
    for name in own:
        for key in ("area", "nats"):
            draws = [
                np.mean(
                    [ratio(name, key, s, rng.integers(k, size=k)) for s in scenes for k in [len(curves(name, key, s))]]
                )
                for _ in range(200)
            ]
            low, high = np.exp(np.quantile(draws, [0.05, 0.95]))
            cells.append(f"{np.exp(np.mean([ratio(name, key, s) for s in scenes])):.2f} ({low:.2f}–{high:.2f})")
    pairs = [", ".join(cells[i : i + 2]) for i in range(0, len(cells), 2)]
    lines.append(f"| geometric mean | | {' | '.join(pairs)} |")
    spent = {name: np.mean([row["maps"][name]["seconds"] for row in rows]) for name in MAPS}
    lines += ["", "Seconds a map: " + ", ".join(f"{name} {value:.2f}" for name, value in spent.items()) + "."]
    return "\n".join(lines)


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description="Maps of synthetic phase diagrams from the same trials.")
    parser.add_argument("--repetitions", type=int, default=8)
    parser.add_argument("--first", type=int, default=FIRST, help="number of the first repetition")
    parser.add_argument("--scenes", nargs="+", default=ALL_KINDS, choices=ALL_KINDS)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/maps.jsonl"))
    parser.add_argument("--summary", action="store_true", help="only print the tables of what is there")
    chosen = parser.parse_args(arguments)
    rows = [json.loads(line) for line in chosen.out.read_text().splitlines()] if chosen.out.exists() else []
    there = {(row["scene"], row["repetition"]) for row in rows}
    for repetition in () if chosen.summary else range(chosen.first, chosen.first + chosen.repetitions):
        for scene in chosen.scenes:
            if (scene, repetition) not in there:
                rows.append(measure(scene, repetition))
                with open(chosen.out, "a", encoding="utf-8") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    print(summary(rows))


if __name__ == "__main__":
    main()
