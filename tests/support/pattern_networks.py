"""Networks of twelve patterns, built by hand at any n, and the formula that each should be explained by.

A neuron of sharpness t computes swish(t u) / t. `disguised` hides a pattern: split copies, dead neurons, permuted
inputs and neurons, noise on every weight.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.network import Network
from analysis.patterns.explanation import Explanation
from analysis.patterns.types import NeuronType
from tests.support.known_networks import (
    Circuit,
    assemble,
    convexity,
    duplicated,
    kinks,
    noisy,
    padded,
    pass_through,
    permuted,
)


@dataclass(frozen=True)
class Pattern:
    name: str
    build: Callable[[int], Network]  # n -> network
    pattern: str
    constants: Callable[[int], list[dict[str, float]]]  # n -> constants of each type, in any order
    smallest: int = 2
    largest: int = 32


def against_rest(n: int, side: float, rest: float, bias: float, slope: float = 1.0, t: float = 4.0) -> Circuit:
    """slope · r(± xᵢ + rest · Σₖ≠ᵢ xₖ + bias) for every input."""
    rows = t * (side * np.eye(n) + rest * (1 - np.eye(n)))
    return rows, np.full(n, t * bias), np.full(n, slope / t)


def differences(n: int, slope: float = 1.0, t: float = 4.0) -> Circuit:
    """slope · r(xᵢ − xⱼ) for every ordered pair."""
    i, j = np.nonzero(~np.eye(n, dtype=bool))
    rows = t * (np.eye(n)[i] - np.eye(n)[j])
    return rows, np.zeros(len(i)), np.full(len(i), slope / t)


def pair_sums(n: int, side: float, slope: float = 1.0, t: float = 4.0) -> Circuit:
    """slope · r(± (xᵢ + xⱼ)) for every pair."""
    i, j = np.triu_indices(n, 1)
    rows = side * t * (np.eye(n)[i] + np.eye(n)[j])
    return rows, np.zeros(len(i)), np.full(len(i), slope / t)


def sums(n: int, side: float, t: float = 2.0) -> Circuit:
    """r(± Σ xᵢ)."""
    return side * t * np.ones((1, n)) / np.sqrt(n), np.zeros(1), np.full(1, np.sqrt(n) / t)


def build(*circuits: Circuit) -> Network:
    return assemble(*circuits, offset=0.3)


def one(A: float, rho: float = 0.0, tau: float = 0.0, s: float = 4.0) -> dict[str, float]:
    return {"A": A, "s": s} | ({"rho": rho} if rho else {}) | ({"tau": tau} if tau else {})


PATTERNS = (
    Pattern("both sides", lambda n: build(kinks(n, 1, 1.2), kinks(n, -1, 0.8)), "Σᵢ r(xᵢ) + Σᵢ r(−xᵢ)",
            lambda n: [one(1.2), one(0.8)]),
    Pattern("positive side and a sum", lambda n: build(kinks(n, 1, 2.0), pass_through(n, -1.0)),
            "Σᵢ r(xᵢ) − Σᵢ xᵢ", lambda n: [one(2.0)]),
    Pattern("negative side and a sum", lambda n: build(kinks(n, -1, 2.0), pass_through(n, 1.0)),
            "Σᵢ r(−xᵢ) + Σᵢ xᵢ", lambda n: [one(2.0)]),
    Pattern("beyond a threshold", lambda n: build(against_rest(n, 1, 0.0, -1.0, 1.5)), "Σᵢ r(xᵢ)",
            lambda n: [one(1.5, tau=-1.0)]),
    Pattern("what stands out and a sum", lambda n: build(against_rest(n, 1, -0.9 / (n - 1) ** 0.75, -0.8, 0.8),
                                                         pass_through(n, 0.3)),
            "Σᵢ r(xᵢ − Σₖ≠ᵢ xₖ) + Σᵢ xᵢ", lambda n: [one(0.8, -0.9 / (n - 1) ** 0.75, -0.8)], largest=16),
    Pattern("distance from the others' sum", lambda n: build(against_rest(n, 1, -1 / n**0.5, 0.0),
                                                            against_rest(n, -1, 1 / n**0.5, 0.0)),
            "Σᵢ r(xᵢ − Σₖ≠ᵢ xₖ) + Σᵢ r(−xᵢ + Σₖ≠ᵢ xₖ)",
            lambda n: [one(1.0, -1 / n**0.5), one(1.0, 1 / n**0.5)], smallest=3),
    Pattern("differences of pairs", lambda n: build(differences(n, 0.5)), "Σᵢ≠ⱼ r(xᵢ − xⱼ)",
            lambda n: [{"A": 0.5, "s": 4.0, "beta": -1.0}], smallest=3, largest=10),
    Pattern("sums of pairs", lambda n: build(pair_sums(n, 1, 0.7)), "Σᵢ<ⱼ r(xᵢ + xⱼ)", lambda n: [one(0.7)],
            smallest=4, largest=10),
    Pattern("products of pairs", lambda n: build(pair_sums(n, 1, t=1.0), pair_sums(n, -1, t=1.0),
                                                 differences(n, -1.0, t=1.0)),
            "Σᵢ<ⱼ r(xᵢ + xⱼ) + Σᵢ<ⱼ r(−xᵢ − xⱼ) − Σᵢ≠ⱼ r(xᵢ − xⱼ)",
            lambda n: [one(1.0, s=1.0), one(1.0, s=1.0), {"A": -1.0, "s": 1.0, "beta": -1.0}], smallest=4, largest=8),
    Pattern("size of the sum", lambda n: build(sums(n, 1), sums(n, -1)), "r(Σᵢ xᵢ) + r(−Σᵢ xᵢ)",
            lambda n: [one(1.0, s=2 / n**0.5), one(1.0, s=2 / n**0.5)]),
    Pattern("unstructured rows", lambda n: convexity(n, 3 * n), "Σⱼ r(wⱼ·x)", lambda n: [], smallest=6),
    Pattern("one half each side", lambda n: build(kinks(n, 1, 1.5, inputs=range(n // 2)),
                                                  kinks(n, -1, 1.5, inputs=range(n // 2, n))),
            "Σ_{some i} r(xᵢ) + Σ_{some i} r(−xᵢ)", lambda n: [one(1.5), one(1.5)]),
)  # fmt: skip


def around_the_mean(n: int, hidden: int, rng: np.random.Generator) -> Network:
    """Rows of length 3 that sum to zero, in all directions of that plane, as networks for the range of three inputs
    have them: of three inputs they stand evenly round a disc."""
    rows = rng.standard_normal((hidden, n))
    if n == 3:
        angles = 2 * np.pi * (np.arange(hidden) + 0.3) / hidden
        basis = np.linalg.qr(np.c_[np.ones(3), np.eye(3)[:, :2]])[0][:, 1:]
        rows = np.c_[np.cos(angles), np.sin(angles)] @ basis.T
    rows -= rows.mean(1, keepdims=True)
    rows *= 3 / np.linalg.norm(rows, axis=1, keepdims=True)
    return Network(rows, np.zeros(hidden), np.full(hidden, 1.0 / hidden), np.array(0.1))


def disguised(network: Network, rng: np.random.Generator, noise: float = 0.01) -> Network:
    """The same computation by other means: copies, dead neurons, permutations and noise."""
    changed = duplicated(network, rng, int(rng.integers(2, 4)))
    changed = padded(changed, rng, int(rng.integers(0, network.dimension + 2)))
    return noisy(permuted(changed, rng), rng, noise)


def deviation(explanation: Explanation, wanted: list[dict[str, float]]) -> float:
    """The largest relative error of any constant, types matched as well as they can be; one that should be 0 by its
    size."""
    left, worst = list(explanation.types), 0.0

    def of(kind: NeuronType, constants: dict[str, float]) -> float:
        names = set(constants) | set(kind.constants)
        gaps = [(constants.get(name, 0.0), kind.constants.get(name, 0.0)) for name in names]
        return max(abs(found - right) / (abs(right) or 1.0) for right, found in gaps)

    for constants in wanted:
        errors = [of(kind, constants) for kind in left]
        best = int(np.argmin(errors))
        worst = max(worst, errors[best])
        left.pop(best)
    return worst
