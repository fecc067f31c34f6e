"""A network's description: its types with fitted constants, its linear part, and what was measured of it."""

from dataclasses import dataclass

import numpy as np

from analysis.network import Network
from analysis.patterns.types import NeuronType, Structure


@dataclass(frozen=True, eq=False)
class Description:
    """A formula Σ types + Σ slopes·inputs + offset, and what is known about it.

    r_squared is measured on fresh inputs that the constants weren't fitted on, r_squared_at_twice_the_scale on
    inputs of twice the scale; of a constant, which explains no variance, both are shares of the mean square. constants
    counts the numbers that the formula needs: equal ones count once, round ones not at all.
    """

    network: Network
    structure: Structure
    types: tuple[NeuronType, ...]  # with fitted constants
    groups: tuple[tuple[int, ...], ...]  # inputs that share a slope; () where there is no linear part
    slopes: tuple[float, ...]
    offset: float
    constants: int
    r_squared: float
    r_squared_at_twice_the_scale: float
    bends: tuple[float, ...]  # by type, the variance of its even part over that of the output
    mean_slopes: np.ndarray  # (n,) of the network's output, E[f(x)·xᵢ]
    unexplained_of_target: float | None  # 1 − squared correlation of the network with its target, if that was given
    spread: float  # standard deviation of the output

    @property
    def dimension(self) -> int:
        return self.structure.dimension

    @property
    def linear_share(self) -> float:
        """Variance of the formula's linear part, at inputs of variance 1, over that of the output."""
        unit = max(self.spread, 1e-300)
        return sum(len(group) * (slope / unit) ** 2 for group, slope in zip(self.groups, self.slopes, strict=True))
