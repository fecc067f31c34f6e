"""The linear part of a network as few slopes: one for all inputs, two for two groups of them, or one each."""

import numpy as np

ALIKE = 0.5  # slopes that scatter by less than this share of their mean are one slope
SEPARATE = 0.9  # share of the slopes' variance that two groups must explain
NOTHING = 0.002  # share of the output's variance below which there is no linear part


def linear_groups(slopes: np.ndarray, variance: float) -> tuple[tuple[int, ...], ...]:
    """Groups of inputs that share a slope, from slopes (n,) read off the weights and the output's variance."""
    n = len(slopes)
    if (slopes**2).sum() <= NOTHING * variance:
        return ()
    everyone = tuple(range(n))
    if n == 1 or slopes.std() <= ALIKE * abs(slopes.mean()):
        return (everyone,)
    order = np.argsort(slopes, kind="stable")
    ordered = slopes[order] - slopes.mean()
    size = np.arange(1, n)
    low = np.cumsum(ordered)[:-1]
    explained = low**2 / size + low**2 / (n - size)
    cut = int(explained.argmax()) + 1
    if n > 2 and explained.max() >= SEPARATE * (ordered**2).sum():
        return _sorted(order[:cut]), _sorted(order[cut:])
    return tuple((i,) for i in everyone)


def _sorted(indices: np.ndarray) -> tuple[int, ...]:
    return tuple(sorted(map(int, indices)))
