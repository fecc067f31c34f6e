"""Formulas that nobody listed: train networks for every task, explain them, and say how short and faithful that is.

    python -m benchmarks.discovered_formulas --out DIR [--steps N] [--task NAME …] [--dimension N …] [--beta B …]
    python -m benchmarks.discovered_formulas --out DIR --show

Trains packs in this process, a pack for each task and dimension, and keeps one row per training in
DIR/trainings.jsonl and its representative network beside it; what is there already is not trained again.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from search.ledger.read_training import to_record
from trainables.recipe import Recipe
from trainables.tasks.registry import TASKS
from trainables.training.loop import Member, train_pack

BETAS = (1e-7, 1e-5, 1e-4, 1e-3)
DIMENSIONS = (4, 6, 2, 8)
GOOD, FAITHFUL = 0.05, 0.98  # relative error of a good training, R² of a faithful formula
KEPT = ("task", "dimension", "beta", "seed", "steps", "algorithm", "relative_error", "complexity_nats")  # of a row,
# and what is said of its pattern


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--task", action="append", choices=sorted(TASKS), help="default: all but the L1 norm")
    parser.add_argument("--dimension", type=int, action="append", help=f"default: {DIMENSIONS}")
    parser.add_argument("--beta", type=float, action="append", help=f"default: {BETAS}")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--show", action="store_true", help="train nothing, print what is there")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    table = options.out / "trainings.jsonl"
    rows = [json.loads(line) for line in table.read_text().splitlines()] if table.is_file() else []
    if not options.show:
        for row in train(options, {key_of(row) for row in rows}):
            rows.append(row)
            with table.open("a") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
    show(rows)


def key_of(row: dict) -> tuple:
    return row["task"], row["dimension"], row["beta"], row["seed"], row["steps"]


def train(options, there: set[tuple]) -> Iterable[dict]:
    """Rows of the trainings that are missing: all tasks at one dimension before the next."""
    tasks = options.task or [name for name in TASKS if name != "l1_norm"]
    for n in options.dimension or DIMENSIONS:
        for task in tasks:
            points = [(beta, seed) for beta in options.beta or BETAS for seed in range(options.seeds)]
            points = [one for one in points if (task, n, *one, options.steps) not in there]
            if not points:
                continue
            recipe = Recipe(task=task, steps=options.steps, snapshots=1, snapshot_draws=1)
            members = [Member(f"{task}-{n}-{beta:g}-{seed}", beta, seed) for beta, seed in points]
            for trained in train_pack(n, members, recipe):
                record = to_record(trained, recipe, n)
                if record.draws is not None:
                    record.draws[record.row["representative"]].save(options.out / f"{trained.member.key}.npz")
                    yield {name: value for name, value in record.row.items() if name in KEPT or "pattern" in name}


def show(rows: list[dict]) -> None:
    good = [row for row in rows if row["relative_error"] <= GOOD]
    for task in dict.fromkeys(row["task"] for row in rows):
        print(f"\n{task}")
        mine = [row for row in rows if row["task"] == task]
        for n in sorted({row["dimension"] for row in mine}):
            here = [row for row in mine if row["dimension"] == n]
            well = [row for row in here if row["relative_error"] <= GOOD]
            faithful = sum(row["pattern_r_squared"] >= FAITHFUL for row in well)
            best = min(here, key=lambda row: row["relative_error"])
            common = Counter(row["pattern"] for row in well or here).most_common(1)[0]
            print(f"  n = {n}: {len(here)} trainings, {len(well)} with error ≤ {GOOD}, {faithful} of these with R² ≥ "
                  f"{FAITHFUL}; most frequent ({common[1]}): {common[0]}")  # fmt: skip
            print(f"    best (β = {best['beta']:g}, error {best['relative_error']:.3g}): {best['pattern_formula']} "
                  f"(R² {best['pattern_r_squared']:.4f}, at twice the scale "
                  f"{best['pattern_r_squared_at_twice_the_scale']:.4f})")  # fmt: skip
    if good:
        share = np.mean([row["pattern_r_squared"] >= FAITHFUL for row in good])
        print(f"\n{len(rows)} trainings, {len(good)} with error ≤ {GOOD}; R² ≥ {FAITHFUL} in {share:.1%} of these")


if __name__ == "__main__":
    main()
