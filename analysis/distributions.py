"""The distributions that networks read their inputs from: every input has mean 0 and variance 1, independently."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Float32s: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True)
class Distribution:
    """Of one input.

    name: what recipes and network files call it.
    text: how people read it, with n for the number of inputs.
    spread: standard deviation of |x|.
    sample: (generator, shape) -> float32 numbers.
    """

    name: str
    text: str
    spread: float
    sample: Callable[[np.random.Generator, tuple[int, ...]], Float32s]


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Float32s:
    return rng.standard_normal(shape, dtype=np.float32)


def _uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> Float32s:
    found: Float32s = (2 * rng.random(shape, dtype=np.float32) - 1) * np.float32(math.sqrt(3))
    return found


def _rademacher(rng: np.random.Generator, shape: tuple[int, ...]) -> Float32s:
    return np.where(rng.random(shape, dtype=np.float32) < 0.5, np.float32(-1), np.float32(1))


DISTRIBUTIONS = {
    one.name: one
    for one in (
        Distribution("normal", "x ~ N(0, I_n)", math.sqrt(1 - 2 / math.pi), _normal),
        Distribution("uniform", "x uniform on [−√3, √3]ⁿ", 0.5, _uniform),
        Distribution("rademacher", "x uniform on {−1, 1}ⁿ", 0.0, _rademacher),
    )
}
