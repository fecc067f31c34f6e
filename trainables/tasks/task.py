"""A task: the function that target networks are to compute."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from trainables.errors import TrainableError


@dataclass(frozen=True)
class Task:
    """A function of n real inputs, x ~ N(0, I_n).

    name: what it is called in messages.
    target: x (..., n) -> (...), for numpy arrays and torch tensors alike.
    variance: n -> variance of the target over x ~ N(0, I_n); relative errors are in its units.
    algorithms: those that networks for this task may be named after, besides `constant` and `other`: names, where they
    are (`path/file.py:NAME`), or the objects themselves. Without any, all that is not constant is `other`, and the
    report shows its clusters.

    Raises TrainableError if one of these cannot be.
    """

    name: str
    target: Callable[[Any], Any]
    variance: Callable[[int], float]
    algorithms: Sequence[Any] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TrainableError(f"a task's name must be a text, not {self.name!r}")
        for field in ("target", "variance"):
            if not callable(getattr(self, field)):
                raise TrainableError(f"task {self.name!r}: {field} must be a function")
        if isinstance(self.algorithms, str) or not isinstance(self.algorithms, Sequence):
            raise TrainableError(f"task {self.name!r}: algorithms must be a tuple, not {self.algorithms!r}")
