"""A task: the function that target networks are to compute."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np

from trainables.errors import TrainableError
from trainables.inputs import INPUTS, sample

SAMPLED = 2**22  # numbers in the sample that a variance is measured on
ENUMERATED = 16  # inputs up to which all 2ⁿ vectors of −1 and 1 are


@dataclass(frozen=True)
class Task:
    """A function of n real inputs.

    name: what it is called in messages.
    target: x (..., n) -> (...), for numpy arrays and torch tensors alike.
    variance: n -> variance of the target over x ~ N(0, I_n); relative errors are in its units.
    variances: the same for other distributions of inputs, by their names in `trainables.inputs`; what isn't here is
    measured on a sample.
    algorithms: those that networks for this task may be named after, besides `constant` and `other`: names, where they
    are (`path/file.py:NAME`), or the objects themselves. Without any, all that is not constant is `other`, and the
    report shows its clusters.

    Raises TrainableError if one of these cannot be.
    """

    name: str
    target: Callable[[Any], Any]
    variance: Callable[[int], float]
    algorithms: Sequence[Any] = ()
    variances: Mapping[str, Callable[[int], float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TrainableError(f"a task's name must be a text, not {self.name!r}")
        for name in ("target", "variance"):
            if not callable(getattr(self, name)):
                raise TrainableError(f"task {self.name!r}: {name} must be a function")
        if not isinstance(self.variances, Mapping) or not all(map(callable, self.variances.values())):
            raise TrainableError(f"task {self.name!r}: variances must be functions by the names of distributions")
        if unknown := set(self.variances) - set(INPUTS):
            raise TrainableError(f"task {self.name!r}: unknown inputs {min(unknown)!r}; known: {', '.join(INPUTS)}")
        if isinstance(self.algorithms, str) or not isinstance(self.algorithms, Sequence):
            raise TrainableError(f"task {self.name!r}: algorithms must be a tuple, not {self.algorithms!r}")

    def on(self, inputs: str) -> "Task":
        """The same task with its variance over inputs of this distribution, worked out once for each n: a training
        asks for it at every step."""
        variance: Callable[[int], float] | None = self.variances.get(inputs)
        if inputs == "normal":
            variance = self.variance
        variance = variance or (lambda n: measured_variance(self.target, n, inputs))
        return replace(self, variance=cache(variance), variances={})


def measured_variance(target: Callable[[Any], Any], dimension: int, inputs: str) -> float:
    """Variance of a target over inputs of this distribution: of all of them if they are few, else of a sample."""
    n = dimension
    if inputs == "rademacher" and n <= ENUMERATED:
        return float(np.var(target(np.array(list(itertools.product((-1.0, 1.0), repeat=n))))))
    return float(np.var(target(sample(inputs, (max(SAMPLED // n, 2**14), n), seed=0))))
