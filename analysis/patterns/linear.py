"""The linear part of a network as few slopes: none, one for all inputs, two for two groups of them, or one each."""

import math

import numpy as np

from analysis.patterns.simplify import CONSTANT_BITS, FIDELITY

ALIKE = 0.5  # slopes that scatter by less than this share of their mean are one slope
SEPARATE = 0.9  # share of the slopes' variance that two groups must explain
OTHERWISE = 0.02  # share of the output's variance that is expected to stay unexplained for other reasons


def linear_groups(slopes: np.ndarray, variance: float) -> tuple[tuple[int, ...], ...]:
    """Groups of inputs that share a slope, from slopes (n,) read off the weights and the output's variance.

    What groups leave of the slopes' variance is weighed against the constants that they need.
    """
    n = len(slopes)
    everyone, each = (tuple(range(n)),), tuple((i,) for i in range(n))
    alike = n == 1 or slopes.std() <= ALIKE * abs(slopes.mean())
    best: tuple[tuple[int, ...], ...] = ()
    fewest = _bits((slopes**2).sum() / variance, 0)
    for groups in (everyone, *([] if alike else [_halves(slopes), each])):
        left = sum(((slopes[list(group)] - slopes[list(group)].mean()) ** 2).sum() for group in groups)
        if len(groups) == 2 < n and left > (1 - SEPARATE) * ((slopes - slopes.mean()) ** 2).sum():
            continue
        bits = _bits(left / variance, len(groups)) + (n if len(groups) == 2 < n else 0)  # which half an input is in
        if bits < fewest:
            best, fewest = groups, bits
    return best


def _bits(left: float, constants: int) -> float:
    return FIDELITY * math.log2(left + OTHERWISE) + CONSTANT_BITS * constants


def _halves(slopes: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """The split of the sorted slopes in two that explains most of their variance."""
    n, order = len(slopes), np.argsort(slopes, kind="stable")
    size, low = np.arange(1, n), np.cumsum(slopes[order] - slopes.mean())[:-1]
    cut = int((low**2 / size + low**2 / (n - size)).argmax()) + 1
    return tuple(tuple(sorted(map(int, half))) for half in (order[:cut], order[cut:]))
