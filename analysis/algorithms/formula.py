"""The closed formula of a network: that of its algorithm, with its few constants read off the network.

Faithfulness is R² of the formula's prediction against the network's own output on fresh inputs. A constant explains no
variance at all, so a formula without a term is measured against the mean square instead: 1 - E(f - c)² / E f². For
`other` the nearest formula stands, and its text says so; a mixture of one-input algorithms may well be predicted by
it, because they all compute the same function. An algorithm without a closed formula has no `Formula` and its
faithfulness is not a number.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.algorithms import names
from analysis.algorithms.algorithm import Algorithm
from analysis.algorithms.closed_form import ClosedForm, Features, Floats
from analysis.algorithms.inputs import fresh_inputs
from analysis.network import Network


@dataclass(frozen=True, eq=False)
class Formula:
    algorithm: str  # the label it belongs to, `other` included
    form: str  # the algorithm whose formula this is; equals `algorithm` unless that is `other`
    dimension: int
    constants: dict[str, float]
    rows: Floats | None = field(default=None, repr=False)  # (rows, n) of convexity, else None
    activation: str = "swish"  # of the network

    @property
    def closed_form(self) -> ClosedForm:
        """What the constants belong to."""
        closed = names.get_algorithm(self.form).formula
        assert closed is not None  # else there is no Formula
        return closed

    @property
    def text(self) -> str:
        """Readable text, for example `1.99·Σᵢ relu(xᵢ) − 0.98·Σᵢ xᵢ + 0.05`."""
        terms = [(self.constants[term.constant], term.text) for term in self.closed_form.terms(self)]
        text = _signed_sum([*terms, (self.constants["c"], "")], "·")
        return f"no known algorithm; nearest is {self.form}: {text}" if self.algorithm == names.OTHER else text

    @property
    def latex(self) -> str:
        terms = [(self.constants[term.constant], term.latex) for term in self.closed_form.terms(self)]
        return _signed_sum([*terms, (self.constants["c"], "")], r"\,").replace("−", "-")

    def expression(self) -> Any:
        """The formula as a sympy expression in x (indexed from 1), and w for convexity's rows.

        Raises NotImplementedError if one of its terms has none.
        """
        import sympy  # slow to import, needed by nobody else

        total = sympy.Float(self.constants["c"])
        for term in self.closed_form.terms(self):
            if term.expression is None:
                raise NotImplementedError(f"the term {term.text} of {self.form} has no sympy expression")
            total += self.constants[term.constant] * term.expression(sympy.IndexedBase("x"), self.dimension)
        return total

    def predict(self, x: Floats) -> Floats:
        """(samples,) predictions on inputs x (samples, n)."""
        return self._predict(Features(np.asarray(x)))

    def _predict(self, features: Features) -> Floats:
        total = np.full(len(features.x), self.constants["c"])
        closed = self.closed_form
        for term, values in zip(closed.terms(self), closed.values(self, features), strict=True):
            total += self.constants[term.constant] * values
        return total


@lru_cache(maxsize=4)  # as many as reading a training takes: the next one of its dimension needs the same
def fresh_features(
    dimension: int, samples: int, rng_seed: int, *, scale: float = 1.0, inputs: str = "normal"
) -> Features:
    """Features of `analysis.algorithms.inputs.fresh_inputs`."""
    return Features(fresh_inputs(dimension, samples, rng_seed, scale=scale, inputs=inputs))


def fit_formulas(
    network: Network, algorithms: Sequence[str] | NDArray[np.str_], features: Features, outputs: Floats
) -> list[Formula | None]:
    """For each of a batch (k,) the formula of its algorithm, from `outputs` (k, samples) on the features' inputs.

    None where the algorithm has no closed formula, or nobody knows it.
    """
    labels = np.asarray(algorithms)
    found: list[Formula | None] = [None] * len(labels)
    for label in map(str, np.unique(labels)):
        where = np.flatnonzero(labels == label)
        for i, closed in zip(where, _fit(network[where], label, features, outputs[where]), strict=True):
            found[i] = closed
    return found


def _fit(network: Network, label: str, features: Features, outputs: Floats) -> list[Formula | None]:
    """The formulas of networks (k,) that all have this label; for `other`, each one's nearest."""
    if label != names.OTHER:
        own = names.find(label)
        return list(_fit_one(network, label, own, features, outputs)) if own and own.formula else [None] * len(outputs)
    nearest = [one for one in reversed(names.known()) if one.nearest and one.formula]
    candidates = [_fit_one(network, label, one, features, outputs) for one in nearest]
    shares = [r_squared(outputs, predictions(formulas, features)) for formulas in candidates]
    return [candidates[best][i] for i, best in enumerate(np.argmax(shares, axis=0))]


def _fit_one(network: Network, label: str, algorithm: Algorithm, features: Features, outputs: Floats) -> list[Formula]:
    assert algorithm.formula is not None
    fits = algorithm.formula.fit(network, features, outputs)
    n, act = network.dimension, network.activation
    return [Formula(label, algorithm.name, n, one.constants, one.rows, act) for one in fits]


def predictions(formulas: Sequence[Formula | None], features: Features) -> Floats:
    """(formulas, samples) predictions on the features' inputs; nan for a network without a formula."""
    nothing = np.full(len(features.x), np.nan)
    rows = [nothing if formula is None else formula._predict(features) for formula in formulas]
    return np.array(rows).reshape(-1, len(features.x))


def formula(network: Network, algorithm: str, *, samples: int = 4096, rng_seed: int = 1) -> Formula | None:
    """Read the constants of `algorithm`'s formula off one network; None if it has no closed formula."""
    features = fresh_features(network.dimension, samples, rng_seed, inputs=network.inputs)
    batch = network.map(lambda array: array[None])
    return fit_formulas(batch, [algorithm], features, batch(features.x).astype(np.float64))[0]


def faithfulness(
    network: Network, formula: Formula | None, *, scale: float = 1.0, samples: int = 4096, rng_seed: int = 2
) -> float:
    """How well the formula predicts the network's own output on fresh inputs times `scale`; 1 is perfect.

    Not a number without a formula.
    """
    if formula is None:
        return math.nan
    features = fresh_features(network.dimension, samples, rng_seed, scale=scale, inputs=network.inputs)
    outputs = network(features.x).astype(np.float64)[None]
    return float(explained([formula], outputs, predictions([formula], features))[0])


def explained(formulas: Sequence[Formula | None], outputs: Floats, predicted: Floats) -> Floats:
    """Faithfulness (k,) from outputs and predictions (k, samples): R², or a share of the mean square.

    Not a number for a network without a formula.
    """
    square = (outputs**2).mean(-1)
    missed = ((outputs - predicted) ** 2).mean(-1)
    of_square = np.where(square == 0, 1.0, 1 - missed / np.where(square == 0, 1.0, square))
    constant = np.array([formula is not None and formula.closed_form.of_mean_square for formula in formulas])
    share: Floats = np.where(constant, of_square, r_squared(outputs, predicted))
    absent = np.array([formula is None for formula in formulas])
    return np.where(absent, np.nan, share)


def r_squared(outputs: Floats, predicted: Floats) -> Floats:
    """(k,) from outputs and predictions (k, samples)."""
    variance, square = outputs.var(-1), (outputs**2).mean(-1)
    error = ((outputs - predicted) ** 2).mean(-1)
    flat = variance <= 1e-12 * square  # a flat output: right or wrong, no share to speak of
    right = (error <= 1e-12 * square).astype(float)
    share: Floats = np.where(flat, right, 1 - error / np.where(flat, 1.0, variance))
    return share


def _signed_sum(terms: list[tuple[float, str]], times: str) -> str:
    """`1.5·A − 2·B + 0.1`: signs as operators, three significant digits, and no negative zero."""
    pieces: list[str] = []
    for value, term in terms:
        digits = f"{abs(value):.3g}" if abs(value) >= 0.005 else "0"
        if digits == "0" and not term and pieces:
            continue
        sign = "−" if value < 0 and digits != "0" else "+"
        body = f"{digits}{times}{term}" if term else digits
        pieces.append(f" {sign} {body}" if pieces else f"{'−' if sign == '−' else ''}{body}")
    return "".join(pieces)
