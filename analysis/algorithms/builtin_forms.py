"""The closed formulas of the algorithms that compute the L1 norm.

    double_sided      p·Σ relu(x_i) + q·Σ relu(-x_i) + c
    pudding_positive  a·Σ relu(x_i) + b·Σ x_i + c
    pudding_negative  a·Σ relu(-x_i) + b·Σ x_i + c
    convexity         a·Σ_j act(w_j·x + b) + c, over the network's own directions (see `convexity_rows`)

Where the network is soft enough for it to matter, relu(x) becomes act(t·x)/t, a bend of sharpness t: x·σ(t·x) of swish,
x·Φ(t·x) of gelu. The constants
are least squares on fresh inputs, one value for all inputs of a network: a network that treats its inputs unlike
each other is not predicted well, and its faithfulness shows it.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from analysis.activations import ACTIVATIONS
from analysis.algorithms.closed_form import ClosedForm, Features, Fit, Fitted, Floats, Term
from analysis.algorithms.neurons import nonlinear_deviation
from analysis.network import Network

SHARPNESS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0, 14.0, np.inf)  # inf is relu itself
SHARP_ENOUGH = 0.0005  # share of the output's variance that a finite sharpness must gain to be worth a constant
LENGTHS = np.geomspace(0.02, 5, 48)  # of rows, over the longest that a network has

Part: TypeAlias = Literal["positive", "negative", "linear"]
# what a part of a sided formula reads as: text and LaTeX, T for its sharpness, G for the activation's gate
WORDS: dict[str, tuple[str, str]] = {
    "positive": ("Σᵢ relu(xᵢ)", r"\sum_i \mathrm{relu}(x_i)"),
    "negative": ("Σᵢ relu(−xᵢ)", r"\sum_i \mathrm{relu}(-x_i)"),
    "positive_soft": ("Σᵢ xᵢ·G(T·xᵢ)", r"\sum_i x_i\,G(T x_i)"),
    "negative_soft": ("Σᵢ (−xᵢ)·G(−T·xᵢ)", r"\sum_i (-x_i)\,G(-T x_i)"),
    "linear": ("Σᵢ xᵢ", r"\sum_i x_i"),
}


LATEX_GATES = {"σ": r"\sigma", "Φ": r"\Phi"}


class SidedForm(ClosedForm):
    """Two of Σ relu(x_i), Σ relu(-x_i) and Σ x_i, of one sharpness: of an algorithm that reads inputs one by one.

    parts: the constant and the part of each term.
    """

    def __init__(self, first: tuple[str, Part], second: tuple[str, Part]) -> None:
        self.parts = (first, second)

    def fit(self, network: Network, features: Features, outputs: Floats) -> list[Fit]:
        sharpness = SHARPNESS if ACTIVATIONS[network.activation].gate else SHARPNESS[-1:]
        bases, triangles = _sided_bases(features, network.activation, sharpness)
        shares = outputs @ bases  # (sharpnesses, k, 3)
        errors = (outputs**2).mean(-1) - (shares**2).sum(-1) / outputs.shape[-1]  # (sharpnesses, k)
        best = errors.argmin(0)
        gain = errors[-1] - errors[best, np.arange(len(best))]  # over relu, which is the last
        best[gain <= SHARP_ENOUGH * outputs.var(-1)] = len(sharpness) - 1
        chosen = shares[best, np.arange(len(best)), :, None]
        solved = np.linalg.solve(triangles[best], chosen)[..., 0]  # (k, 3)
        softness = [{} if np.isinf(sharpness[at]) else {"t": sharpness[at]} for at in best]
        return [Fit(self._constants(*row) | soft) for row, soft in zip(solved.tolist(), softness, strict=True)]

    def _constants(self, a: float, b: float, c: float) -> dict[str, float]:
        """The constants of the formula that equals a·Σ relu(x) + b·Σ x + c, by relu(-x) = relu(x) - x."""
        (first, kind), (second, other) = self.parts
        if (kind, other) == ("positive", "negative"):
            return {first: a + b, second: -b, "c": c}
        return {first: a, second: b if kind == "positive" else a + b, "c": c}

    def terms(self, fitted: Fitted) -> Sequence[Term]:
        sharpness = fitted.constants.get("t")
        return [self._term(constant, part, sharpness, fitted.activation) for constant, part in self.parts]

    def values(self, fitted: Fitted, features: Features) -> list[Floats]:
        sharpness = fitted.constants.get("t", np.inf)
        return [_part(part, features, sharpness, fitted.activation) for _, part in self.parts]

    def _term(self, constant: str, part: Part, sharpness: float | None, activation: str) -> Term:
        text, latex = WORDS[part if sharpness is None or part == "linear" else f"{part}_soft"]
        sharp, gate = f"{sharpness or 0:.3g}", ACTIVATIONS[activation].gate

        def expression(x: Any, n: int) -> Any:
            import sympy  # slow to import, needed by nobody else

            i = sympy.symbols("i", integer=True)
            value = -x[i] if part == "negative" else x[i]
            if part != "linear":
                soft = ACTIVATIONS[activation].expression(sharpness * value) / sharpness if sharpness else None
                return sympy.Sum(sympy.Max(value, 0) if soft is None else soft, (i, 1, n))
            return sympy.Sum(value, (i, 1, n))

        return Term(
            constant,
            text.replace("T", sharp).replace("G", gate),
            latex.replace("T", sharp).replace("G", LATEX_GATES.get(gate, gate)),
            lambda x: _part(part, Features(x), sharpness or np.inf, activation),
            expression,
        )


def _part(part: Part, features: Features, sharpness: float, activation: str) -> Floats:
    if part == "linear":
        return features.linear
    positive = features.positive(sharpness, activation)
    return positive if part == "positive" else positive - features.linear


@lru_cache(maxsize=4)  # as many as reading a training takes; features compare by identity
def _sided_bases(
    features: Features, activation: str, sharpness: Sequence[float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For every sharpness, the design Σ act(t x_i)/t, Σ x_i, 1 as an orthonormal basis (sharpnesses, samples, 3)
    times a triangle (sharpnesses, 3, 3).
    """
    one = np.ones(len(features.x))
    designs = [np.stack([features.positive(t, activation), features.linear, one], 1) for t in sharpness]
    basis, triangle = np.linalg.qr(np.stack(designs))
    return basis, triangle


class RowsForm(ClosedForm):
    """a·Σ_j act(w_j·x + b) + c over the network's own directions w_j."""

    def fit(self, network: Network, features: Features, outputs: Floats) -> list[Fit]:
        all_rows, biases = zip(*convexity_rows(network), strict=True)
        act = network.activation
        columns = np.array([_row_sum(rows, bias, features.x, act) for rows, bias in zip(all_rows, biases, strict=True)])
        means = columns.mean(-1)  # (k,)
        centred = columns - means[:, None]
        variance = (centred**2).mean(-1)
        a = (centred * outputs).mean(-1) / np.where(variance > 0, variance, np.inf)
        c = outputs.mean(-1) - a * means
        return [
            Fit(dict(zip("abc", constants, strict=True)), rows)
            for *constants, rows in zip(a.tolist(), biases, c.tolist(), all_rows, strict=True)
        ]

    def terms(self, fitted: Fitted) -> Sequence[Term]:
        assert fitted.rows is not None  # of `fit`
        rows, bias, activation = fitted.rows, fitted.constants["b"], fitted.activation
        text, latex = (_shifted(bias, minus) for minus in "−-")

        def expression(x: Any, n: int) -> Any:
            import sympy

            i, j = sympy.symbols("i j", integer=True)
            z = sympy.Sum(sympy.IndexedBase("w")[j, i] * x[i], (i, 1, n)) + bias
            return sympy.Sum(ACTIVATIONS[activation].expression(z), (j, 1, len(rows)))

        return [
            Term(
                "a",
                f"Σⱼ {activation}(wⱼ·x{text})",
                rf"\sum_j \mathrm{{{activation}}}(w_j \cdot x{latex})",
                lambda x: _row_sum(rows, bias, x, activation),
                expression,
            )
        ]


def _shifted(bias: float, minus: str) -> str:
    """` + 0.5`, ` − 0.5`, or nothing where it is next to nothing."""
    return "" if abs(bias) < 0.005 else f" {'+' if bias > 0 else minus} {abs(bias):.3g}"


def _row_sum(rows: Floats, bias: float, x: Floats, activation: str) -> Floats:
    """Σ_j act(w_j·x + b), (samples,)."""
    z = rows.astype(x.dtype) @ np.ascontiguousarray(x.T)
    total: Floats = ACTIVATIONS[activation].value(z + x.dtype.type(bias)).sum(0, dtype=np.float64)
    return total


def convexity_rows(network: Network) -> list[tuple[np.ndarray, float]]:
    """Rows (rows, n) and the common bias of convexity's formula for each of a batch (k,), from the neurons with v > 0.

    All neurons get one bias and one outgoing weight, their means by nonlinear deviation: the claim is that nothing
    else of them matters. A row keeps its direction; its length is set so that the neuron bends the output as much
    as it did with its own bias and outgoing weight: over normal inputs, to which a sum of many inputs comes close.
    """
    network = network.map(lambda array: np.asarray(array, np.float64))
    positive = network.output_weight > 0  # (k, m)
    deviation = nonlinear_deviation(network) * positive
    share = deviation / np.maximum(deviation.sum(-1, keepdims=True), 1e-300)
    bias, out = ((share * values).sum(-1) for values in (network.hidden_bias, network.output_weight))  # (k,)
    norm = np.linalg.norm(network.hidden_weight, axis=-1)
    lengths = LENGTHS * np.maximum((norm * positive).max(-1, keepdims=True), 1e-6)  # (k, lengths)
    shape = np.ones_like(lengths)
    ruler = Network(lengths[..., None], bias[:, None] * shape, out[:, None] * shape, bias, network.activation)
    direction = network.hidden_weight / np.maximum(norm, 1e-30)[..., None]
    found = []
    for i, marks in enumerate(nonlinear_deviation(ruler)):
        chosen = positive[i] if deviation[i].any() else np.zeros_like(positive[i])
        length = np.interp(deviation[i, chosen], marks, lengths[i])
        found.append((direction[i, chosen] * length[:, None], float(bias[i])))
    return found
