"""Candidates for unknown algorithms: trainings labelled `other`, by their pattern first, then by order parameters.

Trainings that share a pattern, or its mirror image, are a cluster; those whose pattern few have are clustered by their
order parameters, as all are in tables without patterns.

Order parameters are made comparable first: mirror images (f(x) and f(-x)) are turned the same way, what counts
neurons or inputs is taken per input, and each is divided by its spread, or by a share of its whole range where it
hardly varies, so that noise does not make clusters. Ward's clustering, the number of clusters by the silhouette.
Of very many trainings a sample is clustered; the others go to the nearest cluster.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.algorithms.order_parameters import RANGES
from analysis.patterns.pattern_text import mirror_image
from analysis.sweeps.experiment import HYPERNETWORK, Experiment
from analysis.sweeps.statistics import order_parameters

if TYPE_CHECKING:
    import pandas as pd


UNKNOWN = "other"
FEWEST = 4  # trainings below which there is nothing to cluster
MAX_CLUSTERS = 6
MIN_SILHOUETTE = 0.35  # silhouette below which all are one cluster
MIN_SPREAD = 0.15  # of an order parameter's range
PER_INPUT = ("participation", "one_input_neurons", "pass_through_neurons")
QUALITY = ("shape_error", "correlation", "output_variance")  # how well, not how: left out
MAX_CLUSTERED = 1500  # rows whose mutual distances are compared
TOLD = 4  # order parameters that a cluster is described by


@dataclass(frozen=True)
class Cluster:
    """Trainings whose networks are alike. `typical` is the key of the one nearest to all others."""

    number: int  # from 1, the largest cluster first
    keys: tuple[str, ...]
    typical: str
    distinguishing: tuple[
        tuple[str, float, float], ...
    ]  # order parameter, its median here, its median in the other clusters
    pattern: str = ""  # that they share, or its mirror image; none in what order parameters cluster


def find_clusters(
    done: "pd.DataFrame", label: str = UNKNOWN, *, experiment: Experiment = HYPERNETWORK
) -> tuple[list[Cluster], float]:
    """The clusters of the trainings with this label, largest first, and their silhouette in [-1, 1].

    One cluster, silhouette nan, where nothing separates them; none where there are fewer than FEWEST.
    """
    rows = done[done["algorithm"] == label]
    names = [name for name in order_parameters(rows, experiment) if name not in QUALITY] if len(rows) else []
    if len(rows) < FEWEST or not names:
        return [], float("nan")
    values = comparable(rows, names)
    spread = values / _scales(values, names)
    patterns = _patterns(rows)
    assigned, score = _by_pattern(patterns, spread)
    found = []
    for number, cluster in enumerate(sorted(set(assigned), key=lambda one: (-(assigned == one).sum(), one)), start=1):
        mine = assigned == cluster
        keys = rows["key"].to_numpy()[mine]
        typical = keys[_medoid(spread[mine])]
        shared = patterns[mine][0] if len(set(patterns[mine])) == 1 else ""
        found.append(Cluster(number, tuple(keys), typical, _told(values, spread, mine, names), shared))
    return found, score


def _patterns(rows: "pd.DataFrame") -> np.ndarray:
    """(rows,) patterns, of two mirror images the one that stands first; "" for what has none."""
    if "pattern" not in rows:
        return np.full(len(rows), "", object)
    given = rows["pattern"].fillna("").astype(str)
    return np.array([min(pattern, mirror_image(pattern)) if pattern else "" for pattern in given], object)


def _by_pattern(patterns: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, float]:
    """A cluster for every row, and the silhouette of that: shared patterns first, order parameters for the rest."""
    names, place, counts = np.unique(patterns, return_inverse=True, return_counts=True)
    shared = (counts >= FEWEST) & (names != "")
    if not shared.any():
        return _assign(spread)
    rest = ~shared[place]
    assigned = place.copy()
    if rest.any():
        assigned[rest] = len(names) + _assign(spread[rest])[0]
    chosen = _chosen(len(spread))
    return assigned, _silhouette(_distances(spread[chosen]), assigned[chosen])


def comparable(rows: "pd.DataFrame", names: list[str]) -> np.ndarray:
    """(rows, names) order parameters, mirror images turned the same way and counts taken per input."""
    table = rows[names].astype(float).fillna(0.0)
    if "sidedness" in names:
        flip = table["sidedness"] < 0
        lows, highs = (table[name].copy() if name in names else None for name in ("sidedness_min", "sidedness_max"))
        table.loc[flip, "sidedness"] *= -1
        if lows is not None and highs is not None:
            table["sidedness_min"], table["sidedness_max"] = lows.where(~flip, -highs), highs.where(~flip, -lows)
    for name in set(PER_INPUT) & set(names) if "dimension" in rows else ():
        table[name] /= rows["dimension"]
    return table.to_numpy()


def _scales(values: np.ndarray, names: list[str]) -> np.ndarray:
    """What each order parameter is divided by: its standard deviation, at least a share of its range."""
    least = []
    for name, column in zip(names, values.T, strict=True):
        low, high = RANGES[name][:2] if name in RANGES and name not in PER_INPUT else (-np.inf, np.inf)
        span = high - low if np.isfinite(high - low) else np.abs(column).max()
        least.append(MIN_SPREAD * span)
    return np.maximum(np.maximum(values.std(0), least), 1e-9)


def _assign(spread: np.ndarray) -> tuple[np.ndarray, float]:
    """A cluster for every row, and the silhouette of that."""
    from scipy.cluster.hierarchy import fcluster, linkage

    sample = spread[_chosen(len(spread))]
    best, score = np.ones(len(sample), int), float("nan")
    distinct = len(np.unique(sample.round(6), axis=0))
    counts = range(2, min(MAX_CLUSTERS, distinct - 1, len(sample) - 1) + 1)
    if counts:
        tree, distances = linkage(sample, "ward"), _distances(sample)
    for count in counts:
        assigned = fcluster(tree, count, "maxclust")
        quality = _silhouette(distances, assigned)
        if quality > (MIN_SILHOUETTE if np.isnan(score) else score):
            best, score = assigned, quality
    if len(sample) == len(spread):
        return best - 1, score
    middles = np.stack([sample[best == cluster].mean(0) for cluster in range(1, best.max() + 1)])
    return np.stack([((spread - middle) ** 2).sum(1) for middle in middles]).argmin(0), score


def _chosen(rows: int) -> np.ndarray:
    """Positions of the rows whose distances are compared: all, or a random sample."""
    return np.random.default_rng(0).permutation(rows)[:MAX_CLUSTERED] if rows > MAX_CLUSTERED else np.arange(rows)


def _distances(rows: np.ndarray) -> np.ndarray:
    """(rows, rows) Euclidean."""
    squares = (rows**2).sum(1)
    distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0))
    np.fill_diagonal(distances, 0)
    return distances


def _silhouette(distances: np.ndarray, assigned: np.ndarray) -> float:
    """Mean over rows of (b - a) / max(a, b): a, b their mean distances within and to the nearest other cluster.

    Rousseeuw 1987; a row alone in its cluster counts 0. nan with one cluster, or where every row is one.
    """
    _, place, count = np.unique(assigned, return_inverse=True, return_counts=True)
    if not 1 < len(count) < len(assigned):
        return float("nan")
    rows = np.arange(len(place))
    sums = distances @ (place[:, None] == np.arange(len(count)))  # (rows, clusters)
    within = sums[rows, place] / np.maximum(count[place] - 1, 1)
    means = sums / count
    means[rows, place] = np.inf
    other = means.min(1)
    values = (other - within) / np.maximum(np.maximum(other, within), 1e-30)
    return float(np.where(count[place] > 1, values, 0).mean())


def _medoid(spread: np.ndarray) -> int:
    return int(np.linalg.norm(spread - np.median(spread, 0), axis=1).argmin())


def _told(values: np.ndarray, spread: np.ndarray, mine: np.ndarray, names: list[str]) -> tuple:
    """The order parameters in which a cluster differs most from the others (from zero, if it is the only one)."""
    here = np.median(values[mine], 0)
    there = np.median(values[~mine], 0) if (~mine).any() else np.full(len(names), np.nan)
    apart = np.median(spread[mine], 0) - (np.median(spread[~mine], 0) if (~mine).any() else 0)
    order = np.argsort(-np.abs(apart), kind="stable")[:TOLD]
    return tuple((names[i], float(here[i]), float(there[i])) for i in order)
