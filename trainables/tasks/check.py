"""Is a task what it says? Asked before workers start, where a mistake is one line.

A task is to take NumPy arrays and tensors, to give finite numbers, and to have the variance that it declares. A task
that depends on the order of its inputs is allowed, but a hypernetwork treats all inputs alike: of its draws every
permutation is as likely, so their mean error cannot fall below that of the mean over all permutations π of the inputs,

    E[(f(x) − mean_π f(πx))²] / Var f = 1 − Var(mean_π f(πx)) / Var f.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.errors import TrainableError
from trainables.inputs import sample
from trainables.objects import explain, is_spec
from trainables.tasks.registry import get_task
from trainables.tasks.task import Task

Floats = NDArray[np.float64]

NUMBERS = 2**20  # in a sample of inputs
FEW = 256  # inputs that tell whether a target gives numbers at all
MOST_DIMENSIONS = 8  # that are looked at
GROUPS = 16  # of a sample, whose scatter says how well a variance is measured
DIFFERENT = 0.05  # share of a variance by which a declared one may be off, …
SIGMAS = 5.0  # … or standard errors
PERMUTATIONS = 24  # all of them, up to n = 4
MATTERS = 1e-3  # lowest error from which on the order of the inputs is worth a word


def check_task(
    name: str, dimensions: Sequence[int], inputs: str = "normal", *, symmetric: bool = True
) -> dict[int, float]:
    """Checks the task called `name` at these input dimensions, on inputs of this distribution.

    symmetric: whether what is trained treats all inputs alike. Returns, where it does and the task does not, dimension
    -> the lowest mean relative error that it can reach. Raises TrainableError, with the user's file and line where its
    code raised, for a task that is not what it says.
    """
    task, floors = get_task(name).on(inputs), {}
    for n in _spread(dimensions):
        samples = max(NUMBERS // n // GROUPS, 64) * GROUPS
        x = sample(inputs, (samples, n), seed=1)
        values = _values(name, task, x)
        _check_tensors(name, task, x, values)
        _check_variance(name, task, values, n, inputs)
        if symmetric and n > 1 and (floor := symmetric_error(task.target, x[: max(samples // 16, 1024)])) > MATTERS:
            floors[n] = floor
    return floors


def check_target(name: str, dimension: int, inputs: str = "normal") -> None:
    """TrainableError if the task called `name` does not give a finite number for each of some inputs (dimension,)."""
    if is_spec(name):
        _values(name, get_task(name), sample(inputs, (FEW, dimension), seed=1))


def symmetric_error(target: Callable[[Any], Any], x: Floats) -> float:
    """Lowest relative error of a permutation-symmetric function for this target, from inputs x (samples, n)."""
    n = x.shape[1]
    everyone = math.factorial(n) <= PERMUTATIONS
    random = np.random.default_rng(2)
    chosen = (
        list(itertools.permutations(range(n))) if everyone else [random.permutation(n) for _ in range(PERMUTATIONS)]
    )
    values = np.stack([np.asarray(target(x[:, list(order)]), np.float64) for order in chosen])  # (orders, samples)
    values -= values.mean()
    square, total, k = (values**2).mean(), (values.sum(0) ** 2).mean(), len(chosen)
    # of a few permutations only pairs of different ones: their mean has more variance than that of all
    shared = total / k**2 if everyone else (total - k * square) / (k * (k - 1))
    return float(max(1 - shared / square, 0.0)) if square > 0 else 0.0


def _spread(dimensions: Sequence[int]) -> list[int]:
    ascending = sorted(set(dimensions))
    if len(ascending) <= MOST_DIMENSIONS:
        return ascending
    return [ascending[round(at)] for at in np.linspace(0, len(ascending) - 1, MOST_DIMENSIONS)]


def _called(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function of the task returns; what it raises is one line with the user's file and line."""
    try:
        return function(*arguments)
    except (Exception, SystemExit) as error:
        if is_spec(name):
            raise TrainableError(explain(name, error)) from error
        raise


def _values(name: str, task: Task, x: Floats) -> Floats:
    given = _called(name, task.target, x)
    try:
        values = np.asarray(given, np.float64)
    except (TypeError, ValueError, RuntimeError):
        raise TrainableError(f"task {name}: its target must give numbers, not {type(given).__name__}") from None
    if values.shape != (len(x),):
        raise TrainableError(
            f"task {name}: for x of shape {x.shape} its target must give {(len(x),)} values, not {values.shape}"
        )
    bad = float(1 - np.isfinite(values).mean())
    if bad:
        raise TrainableError(f"task {name}: its target is not finite on {bad:.2g} of the inputs at n = {x.shape[1]}")
    return values


def _check_tensors(name: str, task: Task, x: Floats, values: Floats) -> None:
    import torch

    given = _called(name, task.target, torch.from_numpy(x[:12]).float().reshape(3, 4, -1))
    if not isinstance(given, torch.Tensor) or given.shape != (3, 4):
        told = f"a tensor of shape {tuple(given.shape)}" if isinstance(given, torch.Tensor) else type(given).__name__
        raise TrainableError(f"task {name}: for a tensor (3, 4, n) its target must give a tensor (3, 4), not {told}")
    scale = float(np.abs(values).max()) + 1e-12
    if not np.allclose(given.double().numpy().ravel() / scale, values[:12] / scale, atol=1e-4):
        raise TrainableError(f"task {name}: its target gives other values for tensors than for NumPy arrays")


def _check_variance(name: str, task: Task, values: Floats, n: int, inputs: str) -> None:
    declared = _called(name, task.variance, n)
    place = f"n = {n}" if inputs == "normal" else f"n = {n} with {inputs} inputs"
    if not isinstance(declared, (int, float, np.number)) or not math.isfinite(declared) or declared < 0:
        raise TrainableError(f"task {name}: its variance at {place} must be a positive number, not {declared!r}")
    measured = float(values.var())
    if measured <= 1e-12 * float((values**2).mean()) or declared == 0:
        raise TrainableError(f"task {name} is constant at {place}: there is nothing to learn, and errors have no unit")
    groups = np.array([part.var() for part in np.split(values, GROUPS)])
    uncertain = float(groups.std(ddof=1)) / math.sqrt(GROUPS)
    if abs(declared - measured) > max(SIGMAS * uncertain, DIFFERENT * measured):
        raise TrainableError(
            f"task {name}: its variance at {place} is {measured:.3g} (± {uncertain:.1g}, in a sample), "
            f"but {declared:.3g} is declared"
        )
