"""More functions that don't care about the order of their inputs: tasks whose algorithms nobody had listed."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.inputs import INPUTS
from trainables.tasks.task import Task


def _largest(x: Any) -> Any:
    """max xᵢ of a NumPy array or a tensor (..., n)."""
    return x.max(-1) if isinstance(x, np.ndarray) else x.amax(-1)


def _normal(t: NDArray[np.floating]) -> NDArray[np.floating]:
    """Φ(t), the standard normal distribution."""
    return np.array([0.5 * math.erfc(-value / math.sqrt(2)) for value in t])


def _variance_of_range(dimension: int) -> float:
    """Var(max − min) from E R = ∫ 1 − Φⁿ − (1 − Φ)ⁿ and
    E R² = 2 ∬_{s<t} 1 − Φ(t)ⁿ − (1 − Φ(s))ⁿ + (Φ(t) − Φ(s))ⁿ, by the trapezoidal rule."""
    n, t = dimension, np.linspace(-9, 9, 1801)
    step, F = t[1] - t[0], _normal(t)
    mean = float((1 - F**n - (1 - F) ** n).sum() * step)
    s, u = F[:, None], F[None, :]
    density = np.triu(1 - u**n - (1 - s) ** n + np.maximum(u - s, 0) ** n, 1)
    diagonal = (1 - F**n - (1 - F) ** n).sum() / 2  # half of it lies beside s = t
    variance: float = max(2 * float(density.sum() + diagonal) * step**2 - mean**2, 0.0)
    return variance


RANGE = Task(
    name="range",
    target=lambda x: _largest(x) + _largest(-x),
    variance=_variance_of_range,
    variances={
        "uniform": lambda n: 24 * (n - 1) / ((n + 1) ** 2 * (n + 2))
    },  # 12 times that of a Beta(n - 1, 2) number
)


def _variance_of_largest_size(dimension: int) -> float:
    """Var max |xᵢ| from its distribution (2Φ(t) − 1)ⁿ."""
    t = np.linspace(0, 12, 4801)
    above = 1 - (2 * _normal(t) - 1) ** dimension
    step = t[1] - t[0]
    weight = np.full(len(t), step)
    weight[[0, -1]] /= 2
    return float(2 * (t * above * weight).sum() - (above * weight).sum() ** 2)


LARGEST_SIZE = Task(
    name="linf_norm",
    target=lambda x: _largest(abs(x)),
    variance=_variance_of_largest_size,
    variances={"uniform": lambda n: 3 * n / ((n + 1) ** 2 * (n + 2)), "rademacher": lambda n: 0.0},
)


def _variance_of_deviation(dimension: int) -> float:
    """Var Σ|xᵢ − x̄|: each term is normal with variance 1 − 1/n, two of them correlate by ρ = −1/(n − 1), and
    E|a||b| = 2/π·σ²·(√(1 − ρ²) + ρ·asin ρ)."""
    n = dimension
    if n == 1:
        return 0.0
    square, rho = 1 - 1 / n, -1 / (n - 1)
    both = math.sqrt(1 - rho**2) + rho * math.asin(rho)
    return n * square * (1 - 2 / math.pi) + n * (n - 1) * 2 / math.pi * square * (both - 1)


DEVIATION = Task(
    name="deviation_from_mean",
    target=lambda x: abs(x - x.mean(-1)[..., None]).sum(-1),
    variance=_variance_of_deviation,
)


def _variance_of_products(dimension: int) -> float:
    return dimension * (dimension - 1) / 2


PRODUCTS = Task(
    name="sum_of_products",  # Σ_{i<j} xᵢ·xⱼ
    target=lambda x: (x.sum(-1) ** 2 - (x * x).sum(-1)) / 2,
    variance=_variance_of_products,
    variances=dict.fromkeys(INPUTS, _variance_of_products),  # it rests on means and variances alone
)


def _variance_of_length(dimension: int) -> float:
    """Var ‖x‖₂ = n − (E‖x‖₂)², E‖x‖₂ = √2 Γ((n + 1)/2) / Γ(n/2)."""
    mean = math.sqrt(2) * math.exp(math.lgamma((dimension + 1) / 2) - math.lgamma(dimension / 2))
    return dimension - mean**2


LENGTH = Task(name="l2_norm", target=lambda x: (x * x).sum(-1) ** 0.5, variance=_variance_of_length)
