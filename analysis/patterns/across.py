"""One formula in n for networks of one pattern at different n: every constant as a number or as a power of n."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.errors import UserError
from analysis.patterns.explanation import Explanation

GAIN = 0.5  # a power of n must explain this share of a constant's scatter about its mean (of its logarithm)
Signature = tuple[tuple[str, int, bool], ...]  # kind, side and whether A > 0, of every type
STEADY = 0.05  # scatter of the logarithm below which a constant is a constant


@dataclass(frozen=True)
class Law:
    """constant(n) = factor · n^exponent; `spread` is the scatter of its logarithm that is left over."""

    factor: float
    exponent: float
    spread: float

    def __call__(self, n: float) -> float:
        return float(self.factor * n**self.exponent)

    def __str__(self) -> str:
        return f"{self.factor:.3g}" + (f"·n^{self.exponent:.2g}" if self.exponent else "")


@dataclass(frozen=True)
class SharedFormula:
    pattern: str
    dimensions: tuple[int, ...]
    laws: tuple[dict[str, Law], ...]  # by type, in the order of the explanations' types
    slope: Law | None  # of the sum of all inputs
    offset: Law | None  # None where it changes its sign

    def __str__(self) -> str:
        types = "; ".join(", ".join(f"{name} = {law}" for name, law in laws.items()) for laws in self.laws)
        linear = f"; d = {self.slope}" if self.slope else ""
        offset = f"; c = {self.offset}" if self.offset else ""
        return f"{self.pattern} at n = {', '.join(map(str, self.dimensions))}: {types}{linear}{offset}"


def shared_formula(explanations: Sequence[Explanation]) -> SharedFormula:
    """The constants of explanations of one pattern as functions of n. UserError if their patterns differ."""
    patterns = {one.pattern for one in explanations}
    if len(patterns) != 1:
        raise UserError(f"one formula needs one pattern, not {len(patterns)}: {'; '.join(sorted(patterns))}")
    usual = _usual_types(explanations)
    alike = [one for one in explanations if _signature(one) == usual]
    n = np.array([one.dimension for one in alike], float)
    laws = []
    for index in range(len(usual)):
        names = sorted({name for one in alike for name in one.types[index].constants})
        values = {name: [one.types[index].constants.get(name, 0.0) for one in alike] for name in names}
        found = {name: _law(n, np.array(values[name])) for name in names}
        laws.append({name: law for name, law in found.items() if law})
    summed = all(len(one.groups) == 1 and len(one.groups[0]) == one.dimension for one in alike)
    return SharedFormula(
        next(iter(patterns)),
        tuple(sorted({one.dimension for one in alike})),
        tuple(laws),
        _law(n, np.array([one.slopes[0] for one in alike])) if summed else None,
        _law(n, np.array([one.offset for one in alike])),
    )


def _signature(explanation: Explanation) -> Signature:
    return tuple((kind.kind, kind.side, kind.constants["A"] > 0) for kind in explanation.types)


def _usual_types(explanations: Sequence[Explanation]) -> Signature:
    """A pattern may be made of one type more or less: the most frequent way of it counts."""
    ways = [_signature(one) for one in explanations]
    return max(ways, key=ways.count)


def _law(n: np.ndarray, values: np.ndarray) -> Law | None:
    """A number or a power of n, by least squares of logarithms; None where the constant changes its sign or is 0."""
    sign = np.sign(values[0])
    if sign == 0 or (np.sign(values) != sign).any():
        return None
    logs, x = np.log(np.abs(values)), np.log(n)
    flat = float(logs.std())
    if len(set(n)) > 1:
        exponent, intercept = np.polyfit(x, logs, 1)
        left = float((logs - exponent * x - intercept).std())
        if flat > STEADY and left**2 < (1 - GAIN) * flat**2:
            return Law(float(sign * np.exp(intercept)), float(exponent), left)
    return Law(float(sign * np.exp(logs.mean())), 0.0, flat)
