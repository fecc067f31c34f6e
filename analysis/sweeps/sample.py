"""A share of many trainings that shows all kinds of them: stratified by place and algorithm."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


STRATA = ("dimension", "beta", "algorithm")
MAX_VALUES = 26  # of a stratum's column; numbers that take more are gathered into this many equally full bins


def stratified_sample(done: "pd.DataFrame", most: int, by: Sequence[str] = STRATA) -> np.ndarray:
    """Positions of at most `most` rows, ascending; all of them if there are no more.

    Every combination of values of the columns `by` gets its share of the sample, and one row at least while there is
    room. Which rows of a stratum are taken depends on their keys alone, so that a sweep that grows keeps its sample.
    """
    if len(done) <= most:
        return np.arange(len(done))
    keys = done["key"].to_numpy().astype(str)
    stratum = np.unique(np.stack([_codes(done[name]) for name in by]), axis=1, return_inverse=True)[1].ravel()
    order = np.lexsort([keys, stratum])
    size = np.bincount(stratum)
    rank = np.empty(len(done), int)  # within the stratum
    rank[order] = np.arange(len(done)) - np.repeat(np.cumsum(size) - size, size)
    share = np.where(rank == 0, 0.0, (rank + 0.5) / size[stratum])
    return np.sort(np.lexsort([keys, share])[:most])


def _codes(column: "pd.Series") -> np.ndarray:
    """(rows,) small whole numbers, equal for equal values or, of many numbers, for neighbours."""
    codes, values = column.factorize(use_na_sentinel=False)
    if len(values) <= MAX_VALUES or column.dtype.kind not in "iuf":
        return codes
    return ((column.rank(method="min") - 1) * MAX_VALUES // len(column)).to_numpy().astype(int)
