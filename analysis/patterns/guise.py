"""One form for networks that compute the same in two guises: r(u) = r(−u) + u turns a type's bends round.

Σᵢ r(xᵢ − a·Σₖ≠ᵢ xₖ − t) and Σᵢ r(−xᵢ + a·Σₖ≠ᵢ xₖ + t) differ by a sum of all inputs. The usual guise is the
one in which the bend is beyond the threshold, t > 0: most inputs leave it alone. Types of two sides or several
thresholds stay as they are.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from analysis.activations import ACTIVATIONS
from analysis.patterns.description import Description
from analysis.patterns.rows import Row
from analysis.patterns.types import NeuronType

BEYOND = 0.2  # of the spread of what a bend acts on: a smaller threshold has no side
Described = TypeVar("Described", bound=Description)


def spread_of(kind: NeuronType, dimension: int) -> float:
    """Standard deviation of u over inputs of variance 1."""
    rest = kind.constants.get("rho", 0.0) ** 2 * max(dimension - kind.size, 0)
    return math.sqrt((kind.size or dimension) + rest)


def mirrored(described: Described) -> Described:
    """The description of f(−x)."""
    types = tuple(
        kind if kind.kind == "radial" else _turned(kind, kind.constants.get("tau", 0.0)) for kind in described.types
    )
    network = replace(described.network, hidden_weight=-described.network.hidden_weight)
    return replace(described, network=network, types=types, slopes=tuple(-slope for slope in described.slopes))


def usual_guise(described: Described) -> Described:
    """The same function with the thresholds of its complete one-sided types on the usual side."""
    if not ACTIVATIONS[described.network.activation].unbends:
        return described
    n, types = described.dimension, list(described.types)
    slope, offset = 0.0, described.offset
    for place, kind in enumerate(types):
        if _is_turned(kind, types, n):
            A, tau, rho = kind.constants["A"], kind.constants["tau"], kind.constants.get("rho", 0.0)
            rows = [Row(kind.kind, member, main=kind.side, rest=rho).weights(n) for member in kind.members]
            slope += A * float(np.sum(rows)) / n  # complete: as much for every input
            offset += A * tau * len(kind.members)
            types[place] = _turned(kind, -tau)
    if slope == 0:
        return replace(described, types=tuple(types), offset=offset)
    groups, slopes = (described.groups, described.slopes) if described.groups else ((tuple(range(n)),), (0.0,))
    slopes = tuple(old + slope for old in slopes)
    return replace(described, types=tuple(types), groups=groups, slopes=slopes, offset=offset)


def _is_turned(kind: NeuronType, types: Sequence[NeuronType], dimension: int) -> bool:
    if kind.kind not in ("one", "all", "subset") or len(kind.members) < kind.possible(dimension):
        return False
    alone = sum(other.kind == kind.kind for other in types) == 1
    return alone and kind.constants.get("tau", 0.0) > BEYOND * spread_of(kind, dimension)


def _turned(kind: NeuronType, tau: float) -> NeuronType:
    """The type with the opposite row and this threshold."""
    given = kind.constants
    turned = {name: -given[name] for name in ("beta", "rho") if name in given} | {"tau": tau}
    rows = None if kind.rows is None else -kind.rows
    return replace(kind, side=kind.side if kind.kind == "dense" else -kind.side, constants=given | turned, rows=rows)
