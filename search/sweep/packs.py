"""Packs: which missing trainings run together, and in which order."""

import heapq
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from search.sweep.grid import Point
from trainables.recipe import Recipe, shared
from trainables.training.curriculum import mean_edges

# Seconds a training step of a pack takes: STEP + members · (MEMBER + EDGE · n · m), one core.
# Only ratios matter: they balance the packs and scale the progress bar.
STEP_SECONDS = 2.6e-3
MEMBER_SECONDS = 1.15e-4
EDGE_SECONDS = 9.4e-7

# Past this many members a pack's step costs what its members cost: larger packs only delay results.
LARGEST_PACK = {"cpu": 64, "cuda": 256}
REFERENCE_PACK = 16  # members of a pack by which the time of a grid is told
# A pack is not made smaller than this for the sake of balance: it would pay the fixed cost of a step alone.
SMALLEST_PACK = 4
ROUNDS = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)  # packs a core gets, to choose from
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
    largest = pack_size or LARGEST_PACK.get(device, LARGEST_PACK["cpu"])
    fewest = {n: math.ceil(len(members) / largest) for n, members in by_dimension.items()}
    most = {n: max(fewest[n], len(members) // SMALLEST_PACK) for n, members in by_dimension.items()}

    def plan(counts: dict[int, int]) -> list[Pack]:
        packs = [
            Pack(n, tuple(itertools.chain(*part)), pack_seconds(recipe, n, len(part)))
            for n, members in by_dimension.items()
            for part in _split(members, counts[n])
        ]
        return _order(packs, workers)

    def loss(counts: dict[int, int]) -> float:
        return _loss(plan(counts), workers)

    if not by_dimension:
        return []
    # first, packs of one length in all dimensions: so many that every core gets `rounds` of them
    whole = {n: pack_seconds(recipe, n, len(members)) for n, members in by_dimension.items()}
    starts = [fewest]
    for rounds in ROUNDS:
        wanted = {n: round(rounds * workers * whole[n] / sum(whole.values())) for n in whole}
        starts.append({n: min(max(fewest[n], wanted[n]), most[n]) for n in whole})
    best = min(starts, key=loss)
    # then one dimension at a time, the costliest first; twice: they balance each other
    for n in sorted(by_dimension, reverse=True) * 2:
        choices = range(fewest[n], min(most[n], fewest[n] + 4 * workers) + 1)
        best = min([best, *({**best, n: count} for count in choices)], key=loss)
    return plan(best)


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


def _split(units: Sequence[tuple[Point, ...]], count: int) -> list[Sequence[tuple[Point, ...]]]:
    """Contiguous parts whose sizes differ by one at most."""
    edges = [len(units) * i // count for i in range(count + 1)]
    return [units[low:high] for low, high in itertools.pairwise(edges)]


def _order(packs: list[Pack], workers: int) -> list[Pack]:
    """The shortest pack first, for an early result; then the longest first, so that cores end together."""
    packs = sorted(packs, key=lambda pack: -pack.seconds)  # stable: equal packs keep the grid's order
    if len(packs) <= workers:
        return packs
    first = min(range(len(packs)), key=lambda i: (packs[i].seconds, i))
    return [packs[first], *packs[:first], *packs[first + 1 :]]


def _loss(packs: list[Pack], workers: int) -> float:
    """Seconds to the last result, plus a share of the seconds to the first."""
    free = [0.0] * workers
    first = math.inf
    for pack in packs:
        end = heapq.heappop(free) + pack.seconds
        first = min(first, end)
        heapq.heappush(free, end)
    return max(free) + FIRST_RESULT_WEIGHT * first
