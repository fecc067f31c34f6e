"""Tasks: the functions that target networks are to compute. Nothing else in hyperphase knows which task it is.

A task is a name, a target, the target's variance over inputs x ~ N(0, I_n), and the algorithms that are known to
compute it. Add one by adding it to `TASKS` (docs/tasks.md).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.errors import UserError


@dataclass(frozen=True)
class Task:
    """A function of n real inputs, x ~ N(0, I_n).

    name: what configs and tables call it.
    target: x (..., n) -> (...), for numpy arrays and torch tensors alike.
    variance: n -> variance of the target over x ~ N(0, I_n); relative errors are in its units.
    algorithms: labels of `analysis.algorithms` that networks for this task may earn, besides `constant` and `other`.
    Without any, all that is not constant is `other`, and the report shows its clusters.
    """

    name: str
    target: Callable
    variance: Callable[[int], float]
    algorithms: tuple[str, ...] = ()


L1_NORM = Task(
    name="l1_norm",
    target=lambda x: abs(x).sum(-1),
    variance=lambda dimension: dimension * (1 - 2 / math.pi),  # of n independent half-normal numbers
    algorithms=("convexity", "pudding_positive", "pudding_negative", "double_sided"),
)

SUM_OF_SQUARES = Task(
    name="sum_of_squares",
    target=lambda x: (x * x).sum(-1),
    variance=lambda dimension: 2.0 * dimension,  # of a χ² number
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
)

TASKS: dict[str, Task] = {task.name: task for task in (L1_NORM, MAXIMUM, SUM_OF_SQUARES)}


def get_task(name: str) -> Task:
    """The task called `name`. Raises UserError, naming the known ones, if there is none."""
    if name not in TASKS:
        raise UserError(f"unknown task {name!r}; known: {', '.join(sorted(TASKS))}")
    return TASKS[name]
