"""One formula in n for networks of one pattern at different n: every constant as a number or as a power of n."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations

import numpy as np

from analysis.activations import ACTIVATIONS
from analysis.algorithms.inputs import fresh_inputs
from analysis.errors import UserError
from analysis.patterns.explanation import Explanation
from analysis.patterns.fit import Inputs, Model
from analysis.patterns.formula_text import TEXT, bend_names, bend_rule, digits, rest_of, set_apart, sum_sign
from analysis.patterns.guise import mirrored, usual_guise
from analysis.patterns.pattern_text import mirror_image
from analysis.patterns.types import NeuronType

GAIN = 0.5  # a power of n must explain this share of a constant's scatter about its mean (of its logarithm)
Signature = tuple[tuple[str, int, bool, int], ...]  # kind, side, whether A > 0, and inputs set apart, of every type
STEADY = 0.05  # scatter of the logarithm below which a constant is a constant
FIT_SEED, TEST_SEED = 100, 101  # of the inputs that offsets are fitted on, and that say how faithful the formula is
SAMPLES = 1024


@dataclass(frozen=True)
class Law:
    """constant(n) = base + factor · (n − less)^exponent: of the weight on the n − 1 other inputs less is 1, and only
    what is added has a base."""

    factor: float
    exponent: float = 0.0
    base: float = 0.0
    less: int = 0

    def __call__(self, n: float) -> float:
        return float(self.base + self.factor * (n - self.less) ** self.exponent)

    def __str__(self) -> str:
        n = f"(n {TEXT.minus} {self.less})" if self.less else "n"
        exponent = f"{self.exponent:.2g}"
        power = {"0": "", "1": f"·{n}"}.get(exponent, f"·{n}^{exponent}")
        if not self.base:
            return f"{digits(self.factor)}{power}".removeprefix("1·")
        first = f"{TEXT.minus if self.base < 0 else ''}{digits(self.base)}"
        return f"({first} {TEXT.minus if self.factor < 0 else '+'} {digits(self.factor)}{power})"


@dataclass(frozen=True, eq=False)
class SharedFormula:
    """What networks of one pattern have in common, mirror images turned round, in the usual guise (guise.py)."""

    pattern: str
    dimensions: tuple[int, ...]
    laws: tuple[dict[str, Law], ...]  # by type, in the order of `typical`'s types
    slope: Law | None  # of the sum of all inputs; None where slopes differ by input
    offset: Law
    typical: Explanation  # one of the networks, for what isn't a constant
    alike: tuple[Explanation, ...]  # those that the laws are made of

    @property
    def complete(self) -> bool:
        """Whether the formula can be evaluated at any n: no type is of some inputs, or has rows of its own."""
        n = self.typical.dimension
        return self.slope is not None and all(
            kind.kind == "radial" or (kind.rows is None and _members(kind, n) == kind.members)
            for kind in self.typical.types
        )

    @property
    def text(self) -> str:
        """For example `0.4·n^0.38·Σᵢ r(xᵢ − 2.2·n^-1.4·Σₖ≠ᵢ xₖ − 0.8) + 0.97·n^-1·Σᵢ xᵢ, r(u) = u·σ(2.1·u)`."""
        bends = bend_names([str(laws["s"]) for laws in self.laws if "s" in laws], TEXT)
        found = [
            _signed(laws["A"], _term(kind, laws, self.typical.dimension, bends.get(str(laws.get("s")), TEXT.relu)))
            for kind, laws in zip(self.typical.types, self.laws, strict=True)
        ]
        found += [_signed(self.slope, TEXT.total)] if self.slope and self.slope.factor else []
        found += [_signed(self.offset, "")] if self.offset.factor else []
        activation = ACTIVATIONS[self.typical.network.activation]
        return ", ".join([_joined(found), *(bend_rule(bend, s, activation, TEXT) for s, bend in bends.items())])

    def predict(self, x: np.ndarray) -> np.ndarray:
        """(samples,) values on inputs x (samples, n) at any n. UserError where the formula isn't complete."""
        if not self.complete:
            raise UserError(f"{self.pattern} has no formula in n: it has types of some inputs, or rows of its own")
        n = x.shape[1]
        types = [
            replace(kind, members=_members(kind, n), constants={name: law(n) for name, law in laws.items()})
            for kind, laws in zip(self.typical.types, self.laws, strict=True)
        ]
        assert self.slope is not None
        activation = ACTIVATIONS[self.typical.network.activation]
        model = Model(types, (tuple(range(n)),), Inputs(np.asarray(x)), activation)
        return model.values(model.start([self.slope(n)], self.offset(n)))

    def r_squared(self) -> dict[int, float]:
        """By n, the median over the networks of this pattern of how well the one formula predicts their outputs."""
        scores: dict[int, list[float]] = {}
        for x, output in self.outputs(TEST_SEED):
            error = ((output - self.predict(x)) ** 2).mean() / max(float(output.var()), 1e-300)
            scores.setdefault(x.shape[1], []).append(1 - float(error))
        return {n: float(np.median(found)) for n, found in sorted(scores.items())}

    def outputs(self, rng_seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Of every network inputs (samples, n) and its outputs (samples,)."""
        for one in self.alike:
            x = fresh_inputs(one.dimension, SAMPLES, rng_seed, inputs=one.network.inputs)
            yield x, one.network(x).astype(np.float64)

    def __str__(self) -> str:
        return f"{self.pattern} at n = {', '.join(map(str, self.dimensions))}: {self.text}"


def shared_formula(explanations: Sequence[Explanation]) -> SharedFormula:
    """The constants of explanations of one pattern, or of its mirror image, as functions of n.

    UserError if their patterns differ.
    """
    patterns = [min(one.pattern, mirror_image(one.pattern)) for one in explanations]
    if len(set(patterns)) != 1:
        raise UserError(f"one formula needs one pattern, not {len(set(patterns))}: {'; '.join(sorted(set(patterns)))}")
    turned = [_turned(one, patterns[0]) for one in explanations]
    ways = [_signature(one) for one in turned]
    usual = max(ways, key=ways.count)  # a pattern may be made of one type more or less
    alike = [one for one, way in zip(turned, ways, strict=True) if way == usual]
    n = np.array([one.dimension for one in alike], float)
    laws = []
    for index in range(len(usual)):
        names = {name: None for one in alike for name in one.types[index].constants}
        given = {name: [one.types[index].constants.get(name, 0.0) for one in alike] for name in names}
        laws.append({name: _law(n, given[name], name) for name in names})
    formula = SharedFormula(patterns[0], tuple(sorted(set(n.astype(int).tolist()))), tuple(laws), None, Law(0.0),
                            alike[0], tuple(alike))  # fmt: skip
    summed = all(len(set(one.slopes)) <= 1 and len(one.groups) <= 1 for one in alike)
    if summed:
        formula = replace(formula, slope=_law(n, [one.slopes[0] if one.slopes else 0.0 for one in alike], "d"))
    offsets = [one.offset for one in alike]
    if formula.complete:  # whatever the other laws leave of the mean
        offsets = [float((output - formula.predict(x)).mean()) for x, output in formula.outputs(FIT_SEED)]
    return replace(formula, offset=_law(n, offsets, "c"))


def _turned(explanation: Explanation, pattern: str) -> Explanation:
    """In the usual guise and with this pattern rather than its mirror image; types in one order."""
    usual = usual_guise(explanation)
    usual = usual if usual.pattern == pattern else mirrored(usual)
    return replace(usual, types=tuple(sorted(usual.types, key=_signature_of)))


def _signature_of(kind: NeuronType) -> tuple[str, int, bool, int]:
    return kind.kind, -kind.side, kind.constants["A"] < 0, kind.size


def _signature(explanation: Explanation) -> Signature:
    return tuple(map(_signature_of, explanation.types))


def _members(kind: NeuronType, dimension: int) -> tuple[tuple[int, ...], ...]:
    """Those of a complete type at this n: of pairs every ordered one, or if it has half of them every pair once."""
    if kind.kind == "one":
        return tuple((i,) for i in range(dimension))
    if kind.kind == "pair":
        return tuple(permutations(range(dimension), 2))
    if kind.kind == "subset":
        return tuple(combinations(range(dimension), kind.size))
    return ((),)


def _law(n: np.ndarray, given: Sequence[float], name: str) -> Law:
    """A number or a power of n, by least squares of logarithms; where the constant changes its sign or is 0 its mean,
    0 if it mostly is. What is added, a threshold or the offset, may be a line in n.
    """
    values = np.array(given)
    if np.median(np.abs(values)) == 0:
        return Law(0.0)
    law = _power(n, values, int(name == "rho"))
    if name not in ("tau", "c") or len(set(n)) < 3:
        return law
    slope, base = np.polyfit(n, values, 1)
    line = Law(float(slope), 1.0, float(base))
    left = {one: float(((values - [one(k) for k in n]) ** 2).sum()) for one in (law, line)}
    return line if left[line] < (1 - GAIN) * left[law] else law


def _power(n: np.ndarray, values: np.ndarray, less: int) -> Law:
    sign = np.sign(values[0])
    if sign == 0 or (np.sign(values) != sign).any():
        return Law(float(values.mean()))
    logs, x = np.log(np.abs(values)), np.log(n - less)
    flat = float(logs.std())
    if len(set(n)) > 1:
        exponent, intercept = np.polyfit(x, logs, 1)
        left = float((logs - exponent * x - intercept).std())
        if flat > STEADY and left**2 < (1 - GAIN) * flat**2:
            return Law(float(sign * np.exp(intercept)), float(exponent), less=less)
    return Law(float(sign * np.exp(logs.mean())))


def _term(kind: NeuronType, laws: dict[str, Law], dimension: int, bend: str) -> str:
    """A type's term without its amplitude, with laws for constants."""
    if kind.kind == "radial":
        return (TEXT.spread if kind.centred else TEXT.radius).format(_signed(laws["e"], ""))
    others = {"beta": TEXT.second, "rho": rest_of(kind, TEXT), "tau": ""}
    parts = [_signed(laws[name], term) for name, term in others.items() if name in laws and laws[name].factor]
    return f"{sum_sign(kind, dimension, TEXT)}{bend}({set_apart(kind, TEXT)}{''.join(parts)})"


def _signed(law: Law, term: str) -> str:
    """` + 0.4·n^0.3·term`"""
    size = str(law if law.base else replace(law, factor=abs(law.factor)))
    body = term if term and size == "1" else f"{size}·{term}" if term else size
    return f" {TEXT.minus if law.factor < 0 and not law.base else '+'} {body}"


def _joined(terms: Sequence[str]) -> str:
    """Signed terms as one sum: the first without its sign's spaces."""
    body = "".join(terms) or " + 0"
    return body.removeprefix(" + ") if body.startswith(" + ") else TEXT.minus + body[3:]
