"""Closed formulas: f(x) ≈ Σ constant · term(x) + c, with few constants that are read off a network's own output.

A `ClosedForm` says which constants fit a network and which terms they belong to; text, LaTeX, sympy and predictions
follow from the terms. `LinearForm` is one whose terms are plain functions of x: that is all most algorithms need.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from analysis.activations import ACTIVATIONS
from analysis.network import Network

if TYPE_CHECKING:
    import sympy

Floats: TypeAlias = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Features:
    """Inputs x (samples, n) and what the built-in formulas need of them, computed once for all networks."""

    x: Floats

    @cached_property
    def linear(self) -> Floats:
        """Σ x_i, (samples,)."""
        total: Floats = self.x.sum(1, dtype=np.float64)
        return total

    @cached_property
    def _positive(self) -> dict[tuple[float, str], Floats]:
        return {}

    def positive(self, sharpness: float, activation: str = "swish") -> Floats:
        """Σ act(t x_i) / t, (samples,); relu for t = inf."""
        key = sharpness, "relu" if np.isinf(sharpness) else activation
        if key not in self._positive:
            act = ACTIVATIONS[key[1]].value
            bent = act(self.x) if np.isinf(sharpness) else act(sharpness * self.x) / sharpness
            self._positive[key] = bent.sum(1, dtype=np.float64)
        return self._positive[key]


@dataclass(frozen=True)
class Term:
    """One term of a formula, `constant` times a function of x.

    constant: the constant's name.
    text, latex: how the term reads, such as "Σᵢ relu(xᵢ)".
    values: its value on inputs x (samples, n) -> (samples,).
    expression: the term in sympy, from x = sympy.IndexedBase("x") (indexed from 1) and n; None: it has none.
    """

    constant: str
    text: str
    latex: str
    values: Callable[[Floats], Floats]
    expression: "Callable[[sympy.IndexedBase, int], sympy.Expr] | None" = None


@dataclass(frozen=True, eq=False)
class Fit:
    """What was read off one network. rows: (rows, n), where the formula is over the network's own directions."""

    constants: dict[str, float]
    rows: Floats | None = None


class Fitted(Protocol):
    """A formula with its constants (`analysis.algorithms.formula.Formula`)."""

    @property
    def constants(self) -> dict[str, float]: ...

    @property
    def rows(self) -> Floats | None: ...

    @property
    def activation(self) -> str: ...  # of the network that it was read off


class ClosedForm(ABC):
    """How the formula of an algorithm is read off networks. The offset is the constant "c", and no term."""

    # True: faithfulness is the share of the output's mean square, for a formula without a term explains no variance.
    of_mean_square: bool = False

    @abstractmethod
    def fit(self, network: Network, features: Features, outputs: Floats) -> list[Fit]:
        """The constants for each network of a batch (k,), from its outputs (k, samples) on the features' inputs."""

    @abstractmethod
    def terms(self, fitted: Fitted) -> Sequence[Term]:
        """All terms but the offset."""

    def values(self, fitted: Fitted, features: Features) -> list[Floats]:
        """The value of each term on the features' inputs, (samples,) each."""
        return [term.values(features.x) for term in self.terms(fitted)]


class LinearForm(ClosedForm):
    """Σ constant · term(x) + c with the constants that fit best (least squares); without terms, the constant c.

    >>> LinearForm(Term("a", "maxᵢ xᵢ", r"\\max_i x_i", lambda x: x.max(1)))
    """

    def __init__(self, *terms: Term) -> None:
        self._terms = terms
        self.of_mean_square = not terms

    def fit(self, network: Network, features: Features, outputs: Floats) -> list[Fit]:
        means = outputs.mean(-1, dtype=np.float64)  # (k,)
        if not self._terms:
            return [Fit({"c": float(mean)}) for mean in means]
        columns = np.stack([np.asarray(term.values(features.x), np.float64) for term in self._terms], 1)
        centres = columns.mean(0)
        solved: Any = np.linalg.lstsq(columns - centres, (outputs - means[:, None]).T, rcond=None)[0]  # (terms, k)
        names = [*(term.constant for term in self._terms), "c"]
        offsets = means - centres @ solved
        rows = np.vstack([solved, offsets]).T.tolist()  # (k, terms + 1)
        return [Fit(dict(zip(names, row, strict=True))) for row in rows]

    def terms(self, fitted: Fitted) -> Sequence[Term]:
        return self._terms
