"""Thousands of labels as hundreds of places: a fit costs what its places cost.

Cells of space are halved where their labels differ, and only there: what decides a boundary stays as fine as it was,
the interior of a phase becomes a few places. A place is the mean of its labels' places, so that a field that is linear
across a cell is met exactly.
"""

import numpy as np

from analysis.phases.arrays import Floats
from analysis.phases.places import gather

MOST_PLACES = 600  # about so many at most
COARSEST = {1: 5, 2: 3, 3: 2}  # halvings of a half-range that every cell has, by the number of axes
FINEST = 6  # halvings at most: cells of a 64th of a half-range
OUTERMOST = 2.0  # half-ranges: cells beyond are one with those there
TOLERANCES = 0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, np.inf  # labels of a minority


def merge_places(scaled: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """scaled (rows, axes), counts (rows, labels) -> the same of places, counts summed.

    As long as rows are few the places are theirs.
    """
    if len(scaled) <= MOST_PLACES:
        return gather(scaled, counts)
    levels = range(COARSEST[scaled.shape[1]], FINEST + 1)
    cells = [_cells(scaled, level) for level in levels]  # of every row, at each level
    minorities = [_minority(cell, counts)[cell] for cell in cells]
    for tolerance in TOLERANCES:
        level = np.argmax([minority <= tolerance for minority in [*minorities[:-1], np.zeros(len(scaled))]], axis=0)
        keys = np.choose(level, cells) * len(levels) + level
        places, place = np.unique(keys, return_inverse=True)
        if len(places) <= MOST_PLACES:
            break
    weight = counts.sum(axis=1)
    gathered, sums = _sums(counts, place), _sums(scaled * weight[:, None], place)
    return sums / gathered.sum(axis=1, keepdims=True), gathered


def _cells(scaled: Floats, level: int) -> np.ndarray:
    """Numbers of the cells of a 2^-level half-range, from 0: (rows,)."""
    cells = np.floor((np.clip(scaled, -OUTERMOST, OUTERMOST) + OUTERMOST) * 2**level).astype(np.int64)
    code = cells[:, 0]
    for axis in range(1, scaled.shape[1]):
        code = code * (int(2 * OUTERMOST) * 2**level + 1) + cells[:, axis]
    return np.unique(code, return_inverse=True)[1]


def _minority(cell: np.ndarray, counts: Floats) -> Floats:
    """Labels in each cell that are not its most frequent one."""
    inside = _sums(counts, cell)
    minority: Floats = inside.sum(axis=1) - inside.max(axis=1)
    return minority


def _sums(columns: Floats, group: np.ndarray) -> Floats:
    """columns (rows, columns), group (rows,) from 0 -> their sums by group: (groups, columns)."""
    return np.stack([np.bincount(group, weights=column) for column in columns.T], axis=1)
