"""How many rounds of balancing are best where networks of more inputs than trained are drawn?

    python -m benchmarks.balancing_rounds sweeps/unseen --dimensions 24 32 64 --rounds 4 6 8 12 16 32 64

Prints the median error of trainings and the share of networks that keep the training's algorithm, of 16 draws each.
"""

import argparse
from pathlib import Path
from unittest import mock

import numpy as np

import analysis
from analysis.algorithms.classify import read, summarise
from search.ledger import ledger
from search.ledger.draw import draw
from trainables.tasks.registry import get_task
from trainables.training import draw as drawing


def with_rounds(rounds: int):
    """Draw with so many rounds, whatever n."""
    return mock.patch.object(
        drawing, "_with_rounds_for", lambda _, recipe, __: recipe.model_copy(update={"sinkhorn_rounds": rounds})
    )


def measure(folder: Path, dimension: int, rounds: int, draws: int = 16) -> tuple[float, float]:
    """Median error, and the share of networks with their training's algorithm."""
    errors: list[float] = []
    kept: list[float] = []
    for row in analysis.load_sweep(folder).done.itertuples():
        task = get_task(row.task)
        with with_rounds(rounds):
            networks = draw(ledger.read(ledger.record_path(folder / "ledger", row.key)), dimension, draws=draws)
        found = read(networks, task.target, names=task.algorithms)
        errors.append(float(summarise(found)["relative_error"]))
        kept.append(float(np.mean(found.algorithm == row.algorithm)))
    return float(np.median(errors)), float(np.mean(kept))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[24, 32, 64])
    parser.add_argument("--rounds", type=int, nargs="+", default=[4, 6, 8, 12, 16, 32, 64])
    given = parser.parse_args()
    for dimension in given.dimensions:
        for rounds in given.rounds:
            error, kept = measure(given.folder, dimension, rounds)
            print(f"n = {dimension:<4} {rounds:>3} rounds: error {error:.4f}, names kept {kept:.1%}", flush=True)


if __name__ == "__main__":
    main()
