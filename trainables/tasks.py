"""Tasks: the functions that target networks are to compute. Nothing else in hyperphase knows which task it is.

A task is a name, a target and the target's variance over inputs x ~ N(0, I_n). Add one by adding it to `TASKS`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from analysis.errors import UserError


@dataclass(frozen=True)
class Task:
    """A function of n real inputs, x ~ N(0, I_n).

    name: what configs and tables call it.
    target: x (..., n) -> (...), for numpy arrays and torch tensors alike.
    variance: n -> variance of the target over x ~ N(0, I_n); relative errors are in its units.
    """

    name: str
    target: Callable
    variance: Callable[[int], float]


L1_NORM = Task(
    name="l1_norm",
    target=lambda x: abs(x).sum(-1),
    variance=lambda dimension: dimension * (1 - 2 / math.pi),  # of n independent half-normal numbers
)

TASKS: dict[str, Task] = {task.name: task for task in (L1_NORM,)}


def get_task(name: str) -> Task:
    """The task called `name`. Raises UserError, naming the known ones, if there is none."""
    if name not in TASKS:
        raise UserError(f"unknown task {name!r}; known: {', '.join(sorted(TASKS))}")
    return TASKS[name]
