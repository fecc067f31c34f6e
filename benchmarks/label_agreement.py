"""Do compiled code and PyTorch's operations learn the same algorithms? python -m benchmarks.label_agreement --help.

Both round differently, and a training is chaotic: after some hundred steps two trainings of one seed have drifted
apart. A third path says how much of any difference is chaos: compiled code with a learning rate that is larger by two
ten-millionths, which is about the rounding of single precision.
"""

import argparse
import json
import os
from collections import Counter
from pathlib import Path

# HYPERPHASE_NATIVE, and what the learning rate is multiplied by
PATHS = {"compiled": ("1", 1.0), "nudged": ("1", 1 + 2e-7), "torch": ("0", 1.0)}


def labels(
    dimension: int, betas: list[float], seeds: int, steps: int, path: str, *, device: str = "cpu"
) -> dict[tuple[float, int], str]:
    """(β, seed) -> the algorithm of the training, mirror images merged; one pack."""
    from analysis.algorithms.names import mirror_images
    from search.ledger.read_training import to_record
    from trainables.kernels.compile import library
    from trainables.recipe import Recipe
    from trainables.training.loop import Member, train_pack

    native, factor = PATHS[path]
    recipe = Recipe(steps=steps, snapshots=1, learning_rate=factor * Recipe().learning_rate)
    members = [Member(f"{beta} {seed}", beta, seed) for seed in range(seeds) for beta in betas]
    os.environ["HYPERPHASE_NATIVE"] = native
    library.cache_clear()
    trainings = train_pack(dimension, members, recipe, device=device)
    rows, merge = [to_record(trained, recipe, dimension).row for trained in trainings], mirror_images()
    return {(row["beta"], row["seed"]): merge.get(row["algorithm"], row["algorithm"]) for row in rows}


def agreement(one: dict, other: dict) -> tuple[int, int]:
    """How many trainings of two paths have the same label, and of how many."""
    return sum(one[place] == other[place] for place in one), len(one)


def shares(path: dict, beta: float) -> str:
    """The labels of a path at one β, as text."""
    count = Counter(label for (b, _), label in path.items() if b == beta)
    return ", ".join(f"{label} {number}" for label, number in sorted(count.items()))


def main(arguments: list[str] | None = None) -> int:
    import numpy as np

    parser = argparse.ArgumentParser(prog="python -m benchmarks.label_agreement", description=__doc__.splitlines()[0])
    parser.add_argument("--dimensions", type=int, nargs="+", default=[4, 6])
    parser.add_argument("--betas", type=int, default=10, help="from 1e-9 to 1")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=Path("bench_labels.json"))
    options = parser.parse_args(arguments)
    betas = np.geomspace(1e-9, 1, options.betas).tolist()
    kept = {}
    for n in options.dimensions:
        found = {path: labels(n, betas, options.seeds, options.steps, path) for path in PATHS}
        for beta in betas:
            print(f"n={n} β={beta:.0e}  " + "; ".join(f"{path}: {shares(found[path], beta)}" for path in PATHS))
        for path in ("torch", "nudged"):
            same, count = agreement(found["compiled"], found[path])
            print(f"n={n}: compiled and {path} agree in {same} of {count} trainings", flush=True)
        kept[n] = {path: [[*place, label] for place, label in one.items()] for path, one in found.items()}
        options.out.write_text(json.dumps(kept, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
