"""The tasks that come with hyperphase."""

import math

import numpy as np

from trainables.tasks.task import Task

L1_NORM = Task(
    name="l1_norm",
    target=lambda x: abs(x).sum(-1),
    variance=lambda dimension: dimension * (1 - 2 / math.pi),  # of n independent half-normal numbers
    algorithms=("convexity", "pudding_positive", "pudding_negative", "double_sided"),
    variances={"uniform": lambda n: n / 4, "rademacher": lambda n: 0.0},
)

SUM_OF_SQUARES = Task(
    name="sum_of_squares",
    target=lambda x: (x * x).sum(-1),
    variance=lambda dimension: 2.0 * dimension,  # of a χ² number
    variances={"uniform": lambda n: 0.8 * n, "rademacher": lambda n: 0.0},
)


def _variance_of_maximum(dimension: int) -> float:
    """Var max x_i from its density n φ(t) Φ(t)^(n - 1), by the trapezoidal rule, which is exact enough to 1e-12."""
    t = np.linspace(-12, 12, 4801)
    normal = np.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    below = np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in t])
    density = dimension * normal * below ** (dimension - 1) * (t[1] - t[0])
    return float((density * t * t).sum() - (density * t).sum() ** 2)


MAXIMUM = Task(
    name="maximum",
    target=lambda x: x.max(-1) if isinstance(x, np.ndarray) else x.amax(-1),
    variance=_variance_of_maximum,
    variances={"uniform": lambda n: 12 * n / ((n + 1) ** 2 * (n + 2))},  # 12 times that of a Beta(n, 1) number
)
