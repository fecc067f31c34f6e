"""The distributions of a task's inputs: every input has mean 0 and variance 1, independently of the others.

normal: N(0, 1); uniform: on [−√3, √3]; rademacher: −1 or 1 with equal odds.
"""

import math
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Inputs = Literal["normal", "uniform", "rademacher"]
INPUTS: tuple[str, ...] = get_args(Inputs)


def sample(inputs: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float64]:
    """Inputs as a NumPy array."""
    random = np.random.default_rng(seed)
    if inputs == "uniform":
        return random.uniform(-math.sqrt(3), math.sqrt(3), shape)
    if inputs == "rademacher":
        return np.where(random.random(shape) < 0.5, -1.0, 1.0)
    return random.standard_normal(shape)


def quadrature(inputs: str) -> tuple[list[float], list[float]]:
    """Values of one input and their weights: of a function of it, Σ weight · f(value) is the mean.

    Two numbers for rademacher; for uniform, Gauss–Legendre's eight. Nothing for normal inputs, whose means have closed
    forms.
    """
    if inputs == "rademacher":
        return [-1.0, 1.0], [0.5, 0.5]
    if inputs == "uniform":
        nodes, weights = np.polynomial.legendre.leggauss(8)
        return (math.sqrt(3) * nodes).tolist(), (weights / 2).tolist()
    return [], []
