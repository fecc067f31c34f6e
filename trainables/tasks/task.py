"""A task: the function that target networks are to compute."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """A function of n real inputs, x ~ N(0, I_n).

    name: what configs and tables call it.
    target: x (..., n) -> (...), for numpy arrays and torch tensors alike.
    variance: n -> variance of the target over x ~ N(0, I_n); relative errors are in its units.
    algorithms: names of algorithms that networks for this task may earn, besides `constant` and `other`. Without any,
    all that is not constant is `other`, and the report shows its clusters.
    """

    name: str
    target: Callable
    variance: Callable[[int], float]
    algorithms: tuple[str, ...] = ()
