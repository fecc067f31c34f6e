"""Which template a row of weights follows, up to permuted inputs.

    all        a·Σ xᵢ
    one        a·xᵢ + r·Σₖ≠ᵢ xₖ                one input against the rest
    subset     a·Σ_{i∈S} xᵢ + r·Σ_{k∉S} xₖ     a set of inputs against the rest; of two inputs: both alike
    pair       a·xᵢ + b·xⱼ + r·Σ xₖ            two inputs that count differently
    dense      anything else

The best row of every kind is found exactly: weights that share a constant stand together in the sorted row. A kind is
worth the bits that it saves: a direction of n weights, known to a share ε² of its squared norm, costs
(n − 1)/2·log₂(1/ε²) bits; what a template leaves unexplained, its constants and the choice of its inputs are paid for.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

PRECISION = 0.0025  # ε²: a row's direction is known to this share of its squared norm
SILENT = 0.2  # of two constants one is as good as none below this share of the other
OPPOSITE = 0.75  # two weights of opposite signs are about opposite if the smaller has this share of the larger
MAX_REST = 0.25  # share of a row's squared norm that its template may leave unexplained …
MAX_CHANCE_REST = 0.12  # … and that subsets and pairs may, which unstructured rows come close to by chance …
MAX_TWO_REST = 0.05  # … and `all` of two inputs, which one against the rest explains fully

Found = tuple[str, tuple[int, ...], float, float, float, float]  # kind, members, main, partner, rest, what is missed
Reader = Callable[[int], Found]  # a row's index -> its best template of one kind


@dataclass(frozen=True)
class Row:
    """One neuron's row by its best template: the weight `main` on its first member, or on all members of a subset,
    `partner` on a pair's second and `rest` on all other inputs."""

    kind: str  # "all", "one", "subset", "pair" or "dense"
    members: tuple[int, ...] = ()  # the inputs set apart: (i,), (i, j), a subset in order; () for all and dense
    main: float = 0.0
    partner: float = 0.0
    rest: float = 0.0
    unexplained: float = 1.0  # share of the row's squared norm

    def weights(self, dimension: int) -> np.ndarray:
        """The row (n,) that the template stands for."""
        row = np.full(dimension, self.main if self.kind == "all" else self.rest)
        row[list(self.members)] = (self.main, self.partner) if self.kind == "pair" else self.main
        return row


def read_rows(weight: np.ndarray, *, shared: bool = False) -> list[Row]:
    """The best template of every row of `weight` (m, n), none of them zero.

    shared: many rows are expected to share the constants of a template, which then cost a single row no more than one.
    """
    n = weight.shape[1]
    square = (weight**2).sum(1)
    readers = ((_all, 1, 1), (_one, 2, 1), (_subset, 2, 4), (_pair, 3, 3))
    options = [(reader(weight), constants) for reader, constants, least in readers if n >= least and len(weight)]
    rows = []
    for j in range(len(weight)):
        best, most = Row("dense"), -math.inf
        for found, constants in options:
            kind, members, main, partner, rest, missed = found(j)
            share = max(float(missed / square[j]), 0.0)
            score = saved_bits(n - (1 if shared else constants), share) - math.log2(choices(kind, len(members), n))
            if share <= _limit(kind, n) and score > most:
                best, most = Row(kind, members, float(main), float(partner), float(rest), share), score
        rows.append(best)
    return rows


def saved_bits(free: float, share: float) -> float:
    """Bits saved by knowing `free` numbers of a direction, all but `share` of its squared norm."""
    return -0.5 * free * math.log2(min(share + PRECISION, 1.0))


def choices(kind: str, size: int, dimension: int) -> int:
    """How many sets of `size` inputs a row of this kind could set apart."""
    n = dimension
    return {"one": n, "pair": n * (n - 1), "subset": math.comb(n, size)}.get(kind, 1)


def _limit(kind: str, dimension: int) -> float:
    if kind == "all" and dimension == 2:
        return MAX_TWO_REST
    if dimension == 3:
        return MAX_CHANCE_REST
    return MAX_CHANCE_REST if kind in ("subset", "pair") else MAX_REST


def _all(weight: np.ndarray) -> Reader:
    mean = weight.mean(1)
    missed = ((weight - mean[:, None]) ** 2).sum(1)
    return lambda j: ("all", (), mean[j], 0.0, 0.0, missed[j])


def _one(weight: np.ndarray) -> Reader:
    """Of two inputs the one that stands out; of more the one that explains most."""
    n, at = weight.shape[1], np.arange(len(weight))
    rest = (weight.sum(1, keepdims=True) - weight) / max(n - 1, 1)
    missed = (weight**2).sum(1, keepdims=True) - weight**2 - (n - 1) * rest**2  # (m, n)
    top = _heavier(weight) if n == 2 else missed.argmin(1)
    missed = missed[at, top]

    def found(j: int) -> Found:
        i = int(top[j])
        main, others = weight[j, i], rest[j, i]
        if n > 2 and abs(main) < SILENT * abs(others):  # all but one input, alike
            return "subset", tuple(k for k in range(n) if k != i), others, 0.0, main, missed[j]
        return "one", (i,), main, 0.0, others, missed[j]

    return found


def _heavier(weight: np.ndarray) -> np.ndarray:
    """Of two inputs the one that stands out, (m,): the heavier, of two about opposite ones the positive."""
    size = np.abs(weight)
    opposite = (weight[:, 0] * weight[:, 1] < 0) & (size.min(1) > OPPOSITE * size.max(1))
    heavier: np.ndarray = np.where(opposite, weight.argmax(1), size.argmax(1))
    return heavier


def _subset(weight: np.ndarray) -> Reader:
    """The best split of the sorted weights in two; the part that counts, or else the smaller one, is the subset."""
    m, n = weight.shape
    order = np.argsort(weight, axis=1, kind="stable")
    low = np.cumsum(np.take_along_axis(weight, order, 1), 1)
    size, total, low = np.arange(2, n - 1), low[:, -1:], low[:, 1 : n - 2]  # low: sums of the lowest 2 … n - 2
    explained = low**2 / size + (total - low) ** 2 / (n - size)
    best = explained.argmax(1)
    missed = (weight**2).sum(1) - explained[np.arange(m), best]

    def found(j: int) -> Found:
        k = int(size[best[j]])
        below, above = low[j, best[j]] / k, (total[j, 0] - low[j, best[j]]) / (n - k)
        lower = k < n - k or (k == n - k and abs(below) > abs(above))
        if k == n - k and below < 0 < above and min(-below, above) > OPPOSITE * max(-below, above):
            lower = False
        if min(abs(below), abs(above)) < SILENT * max(abs(below), abs(above)):
            lower = abs(below) > abs(above)
        inside, main, rest = (order[j, :k], below, above) if lower else (order[j, k:], above, below)
        return "subset", tuple(sorted(map(int, inside))), main, 0.0, rest, missed[j]

    return found


def _pair(weight: np.ndarray) -> Reader:
    """The two inputs that explain most: the largest two weights, the smallest two, or the largest and the smallest."""
    n, at = weight.shape[1], np.arange(len(weight))
    order = np.argsort(weight, axis=1, kind="stable")
    total, square = weight.sum(1), (weight**2).sum(1)
    options = []
    for first, second in ((-1, -2), (0, 1), (-1, 0)):
        i, j = order[:, first], order[:, second]
        a, b = weight[at, i], weight[at, j]
        rest = (total - a - b) / (n - 2)
        options.append((i, j, a, b, rest, square - a**2 - b**2 - (n - 2) * rest**2))
    # Of three inputs any two explain all: those that leave the smallest rest.
    best = np.argmin([missed + 1e-3 * rest**2 for *_, rest, missed in options], axis=0)

    def found(row: int) -> Found:
        i, j, a, b, rest, missed = (part[row] for part in options[best[row]])
        opposite = a * b < 0 and min(abs(a), abs(b)) > OPPOSITE * max(abs(a), abs(b))
        if (b > a) if opposite else (abs(b) > abs(a)):  # the heavier first, or of two opposites the positive one
            i, j, a, b = j, i, b, a
        return "pair", (int(i), int(j)), a, b, rest, missed

    return found
