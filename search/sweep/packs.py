"""Packs: which missing trainings run together, and in which order."""

import heapq
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from search.sweep.point import Point
from trainables.recipe import Recipe, shared
from trainables.training.curriculum import mean_edges

# Seconds that a step of a pack takes on one core: STEP + members · (MEMBER + EDGE · n · m), fitted by `make bench`.
# Only ratios matter: they balance the packs and scale the progress bar.
STEP_SECONDS = 3.4e-4
MEMBER_SECONDS = 1.14e-4
EDGE_SECONDS = 1.04e-6

# Past this many members a pack's step costs what its members cost: larger packs only delay results.
LARGEST_PACK = {"cpu": 64, "cuda": 256}
REFERENCE_PACK = 16  # members of a pack by which the time of a grid is told
# A pack is not made smaller than this for the sake of balance: it would pay the fixed cost of a step alone.
SMALLEST_PACK = 4
ROUNDS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)  # packs a core gets, to choose from
MAX_CHOICES = 48  # numbers of packs of one dimension that are tried
# How much of a later end one is willing to accept for results that come earlier.
FIRST_RESULT_WEIGHT = 0.1


@dataclass(frozen=True)
class Pack:
    """Trainings that run as one batched computation: one dimension, each with its own β and seed."""

    dimension: int
    members: tuple[Point, ...]
    seconds: float  # estimated, one core
    checkpoint: str = ""  # the checkpoint that it goes on from; a new one without it


def pack_seconds(recipe: Recipe, dimension: int, members: int) -> float:
    """Estimated seconds of a pack on one core."""
    edges = mean_edges(recipe, dimension)
    return recipe.steps * (STEP_SECONDS + members * (MEMBER_SECONDS + EDGE_SECONDS * edges))


def make_packs(
    points: Iterable[Point],
    recipe: Recipe,
    *,
    workers: int,
    pack_size: int | None = None,
    device: str = "cpu",
) -> list[Pack]:
    """`points` as packs, in the order in which to start them.

    Sizes and order are chosen by simulating `workers` that each take the next pack when free: the best plan is the
    one that ends soonest, with a small bonus for an early first result. Trainings that share a hypernetwork stay
    together and count as one.
    """
    by_dimension = _units(points, recipe)
    if not by_dimension:
        return []
    largest = pack_size or LARGEST_PACK.get(device, LARGEST_PACK["cpu"])
    plans = _Plans(by_dimension, recipe, workers)
    fewest = {n: math.ceil(len(units) / largest) for n, units in by_dimension.items()}
    most = {n: max(fewest[n], len(units) // SMALLEST_PACK) for n, units in by_dimension.items()}
    # first, packs of one length in all dimensions: so many that every core gets `rounds` of them
    whole = {n: pack_seconds(recipe, n, len(units)) for n, units in by_dimension.items()}
    starts = [fewest]
    for rounds in ROUNDS:
        wanted = {n: round(rounds * workers * whole[n] / sum(whole.values())) for n in whole}
        starts.append({n: min(max(fewest[n], wanted[n]), most[n]) for n in whole})
    best = min(starts, key=plans.loss)
    # then one dimension at a time, the costliest first; twice: they balance each other
    for n in sorted(by_dimension, reverse=True) * 2:
        choices = _spread(fewest[n], min(most[n], fewest[n] + 4 * workers))
        best = min([best, *({**best, n: count} for count in choices)], key=plans.loss)
    return plans.packs(best)


class _Plans:
    """Plans of a grid, each told by its number of packs at every dimension: what they cost, and the packs of one."""

    def __init__(self, by_dimension: dict[int, list[tuple[Point, ...]]], recipe: Recipe, workers: int):
        self._units, self._recipe, self._workers = by_dimension, recipe, workers
        self._members = {n: [0, *itertools.accumulate(map(len, units))] for n, units in by_dimension.items()}
        self._seconds = cache(self._seconds_of)

    def loss(self, counts: dict[int, int]) -> float:
        """Seconds to the last result, plus a share of the seconds to the first."""
        seconds = sorted(itertools.chain.from_iterable(map(self._seconds, counts, counts.values())), reverse=True)
        if len(seconds) > self._workers:  # as `_order` does
            seconds.insert(0, seconds.pop())
        ends = seconds[: self._workers]
        first = min(ends)
        heapq.heapify(ends)
        for more in seconds[self._workers :]:
            heapq.heapreplace(ends, ends[0] + more)
        return max(ends) + FIRST_RESULT_WEIGHT * first

    def packs(self, counts: dict[int, int]) -> list[Pack]:
        """In the order in which to start them."""
        packs = [
            Pack(n, tuple(itertools.chain(*self._units[n][low:high])), seconds)
            for n, count in counts.items()
            for (low, high), seconds in zip(_parts(len(self._units[n]), count), self._seconds(n, count), strict=True)
        ]
        return _order(packs, self._workers)

    def _seconds_of(self, dimension: int, count: int) -> list[float]:
        """Of each of so many packs."""
        members, known = self._members[dimension], {}  # there are two sizes, or few
        sizes = [members[high] - members[low] for low, high in _parts(len(members) - 1, count)]
        for size in set(sizes):
            known[size] = pack_seconds(self._recipe, dimension, size)
        return [known[size] for size in sizes]


def _spread(low: int, high: int) -> list[int]:
    """All whole numbers from `low` to `high`; of many, `MAX_CHOICES` evenly spread ones."""
    if high - low < MAX_CHOICES:
        return list(range(low, high + 1))
    return [low + (high - low) * i // (MAX_CHOICES - 1) for i in range(MAX_CHOICES)]


def _units(points: Iterable[Point], recipe: Recipe) -> dict[int, list[tuple[Point, ...]]]:
    """dimension -> what is trained as one: the trainings of a shared hypernetwork, else each training alone."""
    by_dimension: dict[int, list[Point]] = {}
    for point in points:
        by_dimension.setdefault(point.dimension, []).append(point)
    units = {}
    for n, members in by_dimension.items():
        together: dict[int, list[Point]] = {}
        for point, number in zip(members, shared(recipe, [point.seed for point in members]), strict=True):
            together.setdefault(number, []).append(point)
        units[n] = [tuple(unit) for unit in together.values()]
    return units


def _parts(units: int, count: int) -> Iterable[tuple[int, int]]:
    """Where contiguous parts begin and end whose sizes differ by one at most."""
    return itertools.pairwise(units * i // count for i in range(count + 1))


def _order(packs: list[Pack], workers: int) -> list[Pack]:
    """The shortest pack first, for an early result; then the longest first, so that cores end together."""
    packs = sorted(packs, key=lambda pack: -pack.seconds)  # stable: equal packs keep the grid's order
    if len(packs) <= workers:
        return packs
    first = min(range(len(packs)), key=lambda i: (packs[i].seconds, i))
    return [packs[first], *packs[:first], *packs[first + 1 :]]
