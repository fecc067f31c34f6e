"""Could a training stop once its label is settled? What snapshots say, measured on sweeps that ran to their end.

    python -m benchmarks.early_stopping sweeps/quick [MORE SWEEPS]

A rule looks at a training's snapshots so far: it stops where the last `looks` of them name one algorithm (mirror images
are one), each with at least `purity` of the drawn networks, after at least `least` of the steps. By label, never by
loss. A stop is wrong if the training ends with another label than the one that it was stopped with.
"""

import argparse
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.algorithms.names import mirror_images

if TYPE_CHECKING:
    import pandas as pd


PACK = 8  # trainings of one dimension that advance in lockstep
LOOKS, PURITIES, LEAST = (2, 3, 4), (0.0, 0.9), (0.0, 0.25, 0.5)


@dataclass(frozen=True)
class Paths:
    """What trainings were at each snapshot."""

    labels: np.ndarray  # (trainings, snapshots)
    purities: np.ndarray  # (trainings, snapshots)
    steps: np.ndarray  # (snapshots,)
    costs: np.ndarray  # (trainings,) of a step, up to a factor


@dataclass(frozen=True)
class Outcome:
    stopped: float  # share of the trainings that were stopped early
    wrong: float  # share of those that end with another label; nan if none was stopped
    saved: float  # share of the cost of all trainings
    saved_in_packs: float  # the same if a pack stops only when all its members may


def read_paths(snapshots: "pd.DataFrame") -> Paths:
    """Trainings with a snapshot at every step; those that lack one are left out."""
    table = snapshots.assign(label=snapshots["algorithm"].replace(mirror_images()))
    whole = table.groupby("key")["step"].transform("nunique") == table["step"].nunique()
    table = table[whole].sort_values(["key", "step"])
    steps = np.unique(table["step"])
    shape = (-1, len(steps))
    return Paths(
        table["label"].to_numpy(str).reshape(shape),
        table["purity"].to_numpy(float).reshape(shape),
        steps,
        table["dimension"].to_numpy(float).reshape(shape)[:, 0] ** 2,
    )


def settled(labels, purities, *, evaluations: int, purity: float) -> bool:
    """Whether a training's snapshots so far, (snapshots,), agree."""
    if len(labels) < evaluations:
        return False
    last = labels[-evaluations:]
    return bool((last == last[-1]).all() and (purities[-evaluations:] >= purity).all())


def try_rule(paths: Paths, *, evaluations: int, purity: float, least: float) -> Outcome:
    end = len(paths.steps) - 1
    stops = np.full(len(paths.labels), end)
    for row, (labels, purities) in enumerate(zip(paths.labels, paths.purities, strict=True)):
        for at in range(end):
            late = paths.steps[at] >= least * paths.steps[-1]
            if late and settled(labels[: at + 1], purities[: at + 1], evaluations=evaluations, purity=purity):
                stops[row] = at
                break
    early = stops < end
    wrong = paths.labels[np.arange(len(stops)), stops] != paths.labels[:, -1]
    together = stops.copy()
    for cost in np.unique(paths.costs):  # the keys' order is as good as drawn by lot
        members = np.flatnonzero(paths.costs == cost)
        for pack in np.split(members, range(PACK, len(members), PACK)):
            together[pack] = stops[pack].max()
    saved, in_packs = (
        float(((1 - paths.steps[each] / paths.steps[-1]) * paths.costs).sum() / paths.costs.sum())
        for each in (stops, together)
    )
    return Outcome(float(early.mean()), float(wrong[early].mean()) if early.any() else np.nan, saved, in_packs)


def settled_for_good(paths: Paths):
    """The first step from which each training's label never changes again: (trainings,)."""
    same = paths.labels == paths.labels[:, -1:]
    return paths.steps[(np.cumprod(same[:, ::-1], axis=1).sum(axis=1) - len(paths.steps)) * -1]


def main(arguments=None) -> None:
    import pandas as pd

    from analysis.sweeps.load import load_sweep

    parser = argparse.ArgumentParser(description="What an early stop by label would save, and how often it would err.")
    parser.add_argument("sweeps", nargs="+", metavar="SWEEP")
    chosen = parser.parse_args(arguments)
    paths = read_paths(pd.concat([load_sweep(folder).snapshots for folder in chosen.sweeps]))
    steps, counts = np.unique(settled_for_good(paths), return_counts=True)
    print(f"{len(paths.labels)} trainings; step from which the label stays as it ends:")
    print("  " + ", ".join(f"{step} ({count})" for step, count in zip(steps, counts, strict=True)))
    print(f"| snapshots that agree | purity | not before | stopped | wrong | cost saved | in packs of {PACK} |")
    print("|---|---|---|---|---|---|---|")
    for evaluations, purity, least in itertools.product(LOOKS, PURITIES, LEAST):
        found = try_rule(paths, evaluations=evaluations, purity=purity, least=least)
        print(f"| {evaluations} | {purity:g} | {least:.0%} of the steps | {found.stopped:.0%} | {found.wrong:.1%}"
              f" | {found.saved:.0%} | {found.saved_in_packs:.0%} |")  # fmt: skip


if __name__ == "__main__":
    main()
