"""Do compiled code and PyTorch's operations learn the same algorithms? python -m search.bench_labels --help.

Both round differently, and a training is chaotic: after a thousand steps two trainings of one seed have drifted apart.
So the labels at equal seeds are compared where they do not depend on the seed, and shares of labels elsewhere.
"""

import argparse
import json
import os
from collections import Counter
from pathlib import Path

PATHS = {"compiled": "1", "torch": "0"}  # of HYPERPHASE_NATIVE


def labels(dimension: int, betas: list[float], seeds: int, steps: int, path: str) -> dict[tuple[float, int], str]:
    """(β, seed) -> the algorithm of the training, mirror images merged; one pack."""
    from analysis.phases import MERGE
    from search.worker import to_record
    from trainables.native import library
    from trainables.recipe import Recipe
    from trainables.training import Member, train_pack

    recipe = Recipe(steps=steps, snapshots=1)
    members = [Member(f"{beta} {seed}", beta, seed) for seed in range(seeds) for beta in betas]
    os.environ["HYPERPHASE_NATIVE"] = PATHS[path]
    library.cache_clear()
    rows = [to_record(trained, recipe, dimension).row for trained in train_pack(dimension, members, recipe)]
    return {(row["beta"], row["seed"]): MERGE.get(row["algorithm"], row["algorithm"]) for row in rows}


def compare(compiled: dict, torch: dict, betas: list[float]) -> dict:
    """Of one dimension: agreeing trainings at βs where all compiled seeds have one label, and shares at the others."""
    settled, agree, elsewhere = 0, 0, []
    for beta in betas:
        ours, theirs = ({seed: label for (b, seed), label in path.items() if b == beta} for path in (compiled, torch))
        if len(set(ours.values())) == 1:
            settled += len(ours)
            agree += sum(ours[seed] == theirs[seed] for seed in ours)
        else:
            elsewhere.append({"beta": beta, "compiled": Counter(ours.values()), "torch": Counter(theirs.values())})
    return {"settled": settled, "agree": agree, "elsewhere": elsewhere}


def main(arguments: list[str] | None = None) -> int:
    import numpy as np

    parser = argparse.ArgumentParser(prog="python -m search.bench_labels", description=__doc__.splitlines()[0])
    parser.add_argument("--dimensions", type=int, nargs="+", default=[4, 6])
    parser.add_argument("--betas", type=int, default=10, help="from 1e-9 to 1")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--out", type=Path, default=Path("bench_labels.json"))
    options = parser.parse_args(arguments)
    betas = np.geomspace(1e-9, 1, options.betas).tolist()
    found = {}
    for n in options.dimensions:
        both = (labels(n, betas, options.seeds, options.steps, path) for path in PATHS)
        one = found[n] = compare(*both, betas)
        print(f"n={n}: {one['agree']} of {one['settled']} agree where all seeds have one label", flush=True)
        for row in one["elsewhere"]:
            shares = (", ".join(f"{label} {count}" for label, count in row[path].most_common()) for path in PATHS)
            print(f"  β={row['beta']:.0e}  compiled: {'; torch: '.join(shares)}", flush=True)
        options.out.write_text(json.dumps(found, indent=1))
    settled, agree = (sum(one[name] for one in found.values()) for name in ("settled", "agree"))
    print(f"{agree} of {settled} trainings away from boundaries agree; written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
