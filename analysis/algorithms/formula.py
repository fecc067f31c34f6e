"""The closed formula of a named algorithm, with its few constants read off a network.

    double_sided      p·Σ relu(x_i) + q·Σ relu(-x_i) + c
    pudding_positive  a·Σ relu(x_i) + b·Σ x_i + c
    pudding_negative  a·Σ relu(-x_i) + b·Σ x_i + c
    convexity         a·Σ_j swish(w_j·x + b) + c, over the network's own directions (see `convexity_rows`)
    constant          c

Where the network is soft enough for it to matter, relu(x) becomes x·σ(t·x), a swish of sharpness t. The constants
are least squares on fresh inputs, one value for all inputs of a network: a network that treats its inputs unlike
each other is not predicted well, and its faithfulness shows it.

Faithfulness is R² of the formula's prediction against the network's own output on other fresh inputs. A constant
explains no variance at all, so for `constant` it is measured against the mean square instead:
1 - E(f - c)² / E f². For `other` the nearest of the double-sided and the convexity formula stands, and its text says
so; a mixture of one-input algorithms may well be predicted by it, because they all compute the same function.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np

from analysis.algorithms.inputs import fresh_inputs
from analysis.algorithms.order_parameters import nonlinear_deviation
from analysis.network import Network, swish

SHARPNESS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 9.0, 14.0, np.inf)  # inf is relu itself
SHARP_ENOUGH = 0.0005  # share of the output's variance that a finite sharpness must gain to be worth a constant
SIDED = ("double_sided", "pudding_positive", "pudding_negative")


@dataclass(frozen=True, eq=False)
class Formula:
    algorithm: str  # the label it belongs to, `other` included
    form: str  # the known algorithm whose formula this is; equals `algorithm` unless that is `other`
    dimension: int
    constants: dict[str, float]
    rows: np.ndarray | None = field(default=None, repr=False)  # (rows, n) of convexity, else None

    @property
    def text(self) -> str:
        """Readable text, for example `1.99·Σᵢ relu(xᵢ) − 0.98·Σᵢ xᵢ + 0.05`."""
        terms = [(self.constants[name], term) for name, term in self._terms(_TEXT)] + [(self.constants["c"], "")]
        text = _signed_sum(terms, "·")
        return f"no known algorithm; nearest is {self.form}: {text}" if self.algorithm == "other" else text

    @property
    def latex(self) -> str:
        terms = [(self.constants[name], term) for name, term in self._terms(_LATEX)] + [(self.constants["c"], "")]
        return _signed_sum(terms, r"\,").replace("−", "-")

    def expression(self):
        """The formula as a sympy expression in x (indexed from 1), and w for convexity's rows."""
        import sympy  # slow to import, needed by nobody else

        i, j = sympy.symbols("i j", integer=True)
        x, w, n = sympy.IndexedBase("x"), sympy.IndexedBase("w"), self.dimension

        def relu(value):
            t = self.constants.get("t")
            return sympy.Max(value, 0) if t is None else value / (1 + sympy.exp(-t * value))

        def swished_row():
            z = sympy.Sum(w[j, i] * x[i], (i, 1, n)) + self.constants["b"]
            return z / (1 + sympy.exp(-z))

        builders = {
            "positive": lambda: sympy.Sum(relu(x[i]), (i, 1, n)),
            "negative": lambda: sympy.Sum(relu(-x[i]), (i, 1, n)),
            "linear": lambda: sympy.Sum(x[i], (i, 1, n)),
            "rows": lambda: sympy.Sum(swished_row(), (j, 1, len(self.rows))),
        }
        terms = [self.constants[name] * builders[part]() for name, part in _PARTS[self.form]]
        return sum(terms, sympy.Float(self.constants["c"]))

    def predict(self, x: np.ndarray) -> np.ndarray:
        """(samples,) predictions on inputs x (samples, n)."""
        return self._predict(Features(np.asarray(x)))

    def _predict(self, features: "Features") -> np.ndarray:
        total = np.full(len(features.x), self.constants["c"])
        for name, part in _PARTS[self.form]:
            total += self.constants[name] * self._part(part, features)
        return total

    def _part(self, part: str, features: "Features") -> np.ndarray:
        if part == "rows":
            return _row_sum(self.rows, self.constants["b"], features.x)
        if part == "linear":
            return features.linear
        positive = features.positive(self.constants.get("t", np.inf))
        return positive if part == "positive" else positive - features.linear

    def _terms(self, words: dict[str, str]) -> list[tuple[str, str]]:
        sharpness, bias = self.constants.get("t"), self.constants.get("b", 0.0)
        shift = "" if abs(bias) < 0.005 else f" {'+' if bias > 0 else words['minus']} {abs(bias):.3g}"
        soft = "" if sharpness is None else "_soft"
        return [
            (
                name,
                words.get(part + soft, words[part]).replace("T", f"{sharpness or 0:.3g}").replace("B", shift),
            )
            for name, part in _PARTS[self.form]
        ]


# form -> (constant, feature) of each term but the last, the offset c
_PARTS = {
    "double_sided": (("p", "positive"), ("q", "negative")),
    "pudding_positive": (("a", "positive"), ("b", "linear")),
    "pudding_negative": (("a", "negative"), ("b", "linear")),
    "convexity": (("a", "rows"),),
    "constant": (),
}
_TEXT = {
    "positive": "Σᵢ relu(xᵢ)",
    "negative": "Σᵢ relu(−xᵢ)",
    "positive_soft": "Σᵢ xᵢ·σ(T·xᵢ)",
    "negative_soft": "Σᵢ (−xᵢ)·σ(−T·xᵢ)",
    "linear": "Σᵢ xᵢ",
    "rows": "Σⱼ swish(wⱼ·xB)",
    "minus": "−",
}
_LATEX = {
    "positive": r"\sum_i \mathrm{relu}(x_i)",
    "negative": r"\sum_i \mathrm{relu}(-x_i)",
    "positive_soft": r"\sum_i x_i\,\sigma(T x_i)",
    "negative_soft": r"\sum_i (-x_i)\,\sigma(-T x_i)",
    "linear": r"\sum_i x_i",
    "rows": r"\sum_j \mathrm{swish}(w_j \cdot xB)",
    "minus": "-",
}


@dataclass(frozen=True, eq=False)
class Features:
    """What the formulas need of a set of inputs x (samples, n), computed once for all networks that share it."""

    x: np.ndarray

    @cached_property
    def linear(self) -> np.ndarray:
        """Σ x_i, (samples,)."""
        return self.x.sum(1, dtype=np.float64)

    @cached_property
    def _positive(self) -> dict[float, np.ndarray]:
        return {}

    def positive(self, sharpness: float) -> np.ndarray:
        """Σ x_i σ(t x_i), (samples,); relu for t = inf."""
        if sharpness not in self._positive:
            bent = np.maximum(self.x, 0) if np.isinf(sharpness) else swish(sharpness * self.x) / sharpness
            self._positive[sharpness] = bent.sum(1, dtype=np.float64)
        return self._positive[sharpness]

    @cached_property
    def sided_bases(self) -> tuple[np.ndarray, np.ndarray]:
        """For every sharpness, the design Σ x_i σ(t x_i), Σ x_i, 1 as an orthonormal basis (sharpnesses, samples, 3)
        times a triangle (sharpnesses, 3, 3).
        """
        one = np.ones(len(self.x))
        return np.linalg.qr(np.stack([np.stack([self.positive(t), self.linear, one], 1) for t in SHARPNESS]))


@lru_cache(maxsize=4)  # as many as reading a training takes: the next one of its dimension needs the same
def fresh_features(dimension: int, samples: int, rng_seed: int, *, scale: float = 1.0) -> Features:
    """Features of `analysis.algorithms.inputs.fresh_inputs`."""
    return Features(fresh_inputs(dimension, samples, rng_seed, scale=scale))


def convexity_rows(network: Network) -> list[tuple[np.ndarray, float]]:
    """Rows (rows, n) and the common bias of convexity's formula for each of a batch (k,), from the neurons with v > 0.

    All neurons get one bias and one outgoing weight, their means by nonlinear deviation: the claim is that nothing
    else of them matters. A row keeps its direction; its length is set so that the neuron bends the output as much
    as it did with its own bias and outgoing weight.
    """
    network = Network(*(np.asarray(array, np.float64) for array in vars(network).values()))
    positive = network.output_weight > 0  # (k, m)
    deviation = nonlinear_deviation(network) * positive
    share = deviation / np.maximum(deviation.sum(-1, keepdims=True), 1e-300)
    bias, out = ((share * values).sum(-1) for values in (network.hidden_bias, network.output_weight))  # (k,)
    norm = np.linalg.norm(network.hidden_weight, axis=-1)
    lengths = _LENGTHS * np.maximum((norm * positive).max(-1, keepdims=True), 1e-6)  # (k, lengths)
    shape = np.ones_like(lengths)
    ruler = Network(lengths[..., None], bias[:, None] * shape, out[:, None] * shape, bias)
    direction = network.hidden_weight / np.maximum(norm, 1e-30)[..., None]
    found = []
    for i, marks in enumerate(nonlinear_deviation(ruler)):
        chosen = positive[i] if deviation[i].any() else np.zeros_like(positive[i])
        length = np.interp(deviation[i, chosen], marks, lengths[i])
        found.append((direction[i, chosen] * length[:, None], float(bias[i])))
    return found


_LENGTHS = np.geomspace(0.02, 5, 48)  # of rows, over the longest that a network has


def fit(network: Network, algorithms: Sequence[str], features: Features, outputs: np.ndarray) -> list[Formula]:
    """For each of a batch (k,) the formula of its algorithm, from `outputs` (k, samples) on the features' inputs."""
    algorithms = np.asarray(algorithms)
    found: list[Formula | None] = [None] * len(algorithms)
    for algorithm in np.unique(algorithms):
        # All one-input algorithms compute the same function, so for `other` one form stands for the three of them.
        forms = ("double_sided", "convexity") if algorithm == "other" else (str(algorithm),)
        where = np.flatnonzero(algorithms == algorithm)
        candidates = [_FITS[form](network[where], form, features, outputs[where]) for form in forms]
        if algorithm == "other":
            shares = [r_squared(outputs[where], predictions(fits, features)) for fits in candidates]
            nearest = np.argmax(shares, axis=0)
            candidates = [[replace(candidates[best][i], algorithm="other") for i, best in enumerate(nearest)]]
        for i, closed in zip(where, candidates[0], strict=True):
            found[i] = closed
    return found


def predictions(formulas: Sequence[Formula], features: Features) -> np.ndarray:
    """(formulas, samples) predictions on the features' inputs."""
    return np.array([formula._predict(features) for formula in formulas]).reshape(-1, len(features.x))


def _fit_constant(network: Network, form: str, features: Features, outputs: np.ndarray) -> list[Formula]:
    return [Formula(form, form, network.dimension, {"c": float(c)}) for c in outputs.mean(-1, dtype=np.float64)]


def _fit_sided(network: Network, form: str, features: Features, outputs: np.ndarray) -> list[Formula]:
    bases, triangles = features.sided_bases
    shares = outputs @ bases  # (sharpnesses, k, 3)
    errors = (outputs**2).mean(-1) - (shares**2).sum(-1) / outputs.shape[-1]  # (sharpnesses, k)
    best = errors.argmin(0)
    gain = errors[-1] - errors[best, np.arange(len(best))]  # over relu, which is the last
    best[gain <= SHARP_ENOUGH * outputs.var(-1)] = len(SHARPNESS) - 1
    chosen = shares[best, np.arange(len(best)), :, None]
    solved = np.linalg.solve(triangles[best], chosen)[..., 0]  # (k, 3)
    softness = [{} if np.isinf(SHARPNESS[at]) else {"t": SHARPNESS[at]} for at in best]
    return [
        Formula(form, form, network.dimension, _in_words(form, *common) | soft)
        for common, soft in zip(solved.tolist(), softness, strict=True)
    ]


def _in_words(form: str, a: float, b: float, c: float) -> dict[str, float]:
    """The constants of `form` whose formula is a·Σ relu(x) + b·Σ x + c, by relu(-x) = relu(x) - x."""
    if form == "double_sided":
        return {"p": a + b, "q": -b, "c": c}
    return {"a": a, "b": b if form == "pudding_positive" else a + b, "c": c}


def _fit_convexity(network: Network, form: str, features: Features, outputs: np.ndarray) -> list[Formula]:
    all_rows, biases = zip(*convexity_rows(network), strict=True)
    columns = np.array([_row_sum(rows, bias, features.x) for rows, bias in zip(all_rows, biases, strict=True)])
    means = columns.mean(-1)  # (k,)
    centred = columns - means[:, None]
    variance = (centred**2).mean(-1)
    a = (centred * outputs).mean(-1) / np.where(variance > 0, variance, np.inf)
    c = outputs.mean(-1) - a * means
    return [
        Formula(form, form, network.dimension, dict(zip("abc", constants, strict=True)), rows)
        for *constants, rows in zip(a.tolist(), biases, c.tolist(), all_rows, strict=True)
    ]


_FITS = {"constant": _fit_constant, "convexity": _fit_convexity} | dict.fromkeys(SIDED, _fit_sided)


def _row_sum(rows: np.ndarray, bias: float, x: np.ndarray) -> np.ndarray:
    """Σ_j swish(w_j·x + b), (samples,)."""
    z = rows.astype(x.dtype) @ np.ascontiguousarray(x.T)
    return swish(z + x.dtype.type(bias)).sum(0, dtype=np.float64)


def formula(network: Network, algorithm: str, *, samples: int = 4096, rng_seed: int = 1) -> Formula:
    """Read the constants of `algorithm`'s formula off one network."""
    features = fresh_features(network.dimension, samples, rng_seed)
    batch = Network(*(array[None] for array in vars(network).values()))
    return fit(batch, [algorithm], features, batch(features.x).astype(np.float64))[0]


def faithfulness(
    network: Network, formula: Formula, *, scale: float = 1.0, samples: int = 4096, rng_seed: int = 2
) -> float:
    """How well the formula predicts the network's own output on fresh x ~ N(0, scale² I); 1 is perfect."""
    features = fresh_features(network.dimension, samples, rng_seed, scale=scale)
    outputs = network(features.x).astype(np.float64)[None]
    return float(explained([formula], outputs, predictions([formula], features))[0])


def explained(formulas: Sequence[Formula], outputs: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Faithfulness (k,) from outputs and predictions (k, samples): R², or a share of the mean square for `constant`."""
    square = (outputs**2).mean(-1)
    missed = ((outputs - predicted) ** 2).mean(-1)
    of_square = np.where(square == 0, 1.0, 1 - missed / np.where(square == 0, 1.0, square))
    constant = np.array([formula.form == "constant" for formula in formulas])
    return np.where(constant, of_square, r_squared(outputs, predicted))


def r_squared(outputs: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """(k,) from outputs and predictions (k, samples)."""
    variance, square = outputs.var(-1), (outputs**2).mean(-1)
    error = ((outputs - predicted) ** 2).mean(-1)
    flat = variance <= 1e-12 * square  # a flat output: right or wrong, no share to speak of
    right = (error <= 1e-12 * square).astype(float)
    return np.where(flat, right, 1 - error / np.where(flat, 1.0, variance))


def _signed_sum(terms: list[tuple[float, str]], times: str) -> str:
    """`1.5·A − 2·B + 0.1`: signs as operators, three significant digits, and no negative zero."""
    pieces = []
    for value, term in terms:
        digits = f"{abs(value):.3g}" if abs(value) >= 0.005 else "0"
        if digits == "0" and not term and pieces:
            continue
        sign = "−" if value < 0 and digits != "0" else "+"
        body = f"{digits}{times}{term}" if term else digits
        pieces.append(f" {sign} {body}" if pieces else f"{'−' if sign == '−' else ''}{body}")
    return "".join(pieces)
