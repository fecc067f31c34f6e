"""The shortest description: constants that hardly matter become zero, equal or round, and the rest is fitted anew.

A description costs FIDELITY·log₂(u + FLOOR) bits for the share u of the output's variance that it leaves unexplained,
and CONSTANT_BITS for every constant. To second order, u grows by (Cθ − r)ᵀ (C H⁻¹ Cᵀ)⁻¹ (Cθ − r) when the constants θ
are held to Cθ = r and all others adapt, H being half the curvature of u: what each simplification costs is known
without a fit.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.patterns.fit import Fit, Model, fit

FIDELITY = 64.0  # bits for each halving of what is unexplained …
FLOOR = 5e-4  # … down to about this share of the output's variance
CONSTANT_BITS = 8.0
SMALL_OFFSET = 0.02  # of the output's standard deviation
SMALL_SLOPE = 0.05  # of the largest slope: one of many that is smaller may be none
MAX_GROWTH = 1e-3  # share of the output's variance that simpler types may cost altogether


def description_bits(unexplained: float, constants: int) -> float:
    return FIDELITY * math.log2(unexplained + FLOOR) + CONSTANT_BITS * constants


@dataclass(frozen=True, eq=False)
class Short:
    """A simplified fit: `free` (constants, count) maps the count free numbers to all constants, up to fixed ones."""

    fit: Fit
    free: np.ndarray

    @property
    def count(self) -> int:
        return len(self.free.T)


@dataclass(frozen=True)
class _Equation:
    """Constant `place` is `sign` times constant `other`, or the number `value`."""

    place: int
    other: int | None = None
    sign: float = 1.0
    value: float = 0.0

    def row(self, count: int) -> np.ndarray:
        row = np.zeros(count)
        row[self.place] = 1.0
        if self.other is not None:
            row[self.other] = -self.sign
        return row


Rule = tuple[_Equation, ...]  # one simplification: its equations hold together


def simplify(model: Model, fitted: Fit, output: np.ndarray) -> Short:
    """Apply every simplification that shortens the description, the cheapest first."""
    count = len(fitted.constants)
    inverse = np.linalg.inv(fitted.curvature + 1e-14 * np.trace(fitted.curvature) * np.eye(count))
    # What a type reads comes first, then what types share, then the linear part: it could make up for any of them.
    rules = [
        rule
        for stage in _rules(model, fitted.constants, fitted.scale**0.5)
        for rule in sorted(stage, key=lambda rule: _growth(rule, fitted.constants, inverse)[0] / len(rule))
    ]
    kept: list[_Equation] = []
    base = full = description_bits(fitted.cost, count)
    free, fixed = _layout(kept, count)
    for rule in rules:
        tried = _independent([*kept, *rule], count)
        if len(tried) == len(kept):
            continue
        growth, _ = _growth(tried, fitted.constants, inverse)
        bits = description_bits(fitted.cost + growth, count - len(tried))
        if bits <= base and (growth <= MAX_GROWTH or len(rule) > 1):
            kept, base = tried, bits
            free, fixed = _layout(kept, count)
    if not kept:
        return Short(fitted, free)
    _, moved = _growth(kept, fitted.constants, inverse)
    start = _onto(free, fixed, _positive(model, fitted.constants, fitted.constants + moved))
    again = fit(model, output, start, free=free, steps=8)
    if description_bits(again.cost, free.shape[1]) > full:
        return Short(fitted, np.eye(count))
    return Short(again, free)


def _rules(model: Model, constants: np.ndarray, scale: float) -> Iterator[list[Rule]]:
    """What may be simplified, in three stages: rests and biases that vanish and pairs that are differences; constants
    that types share; slopes and the offset."""
    types = [place for place, (owner, _) in enumerate(model.names) if owner not in ("d", "c")]
    yield [
        (_Equation(place, value=float(np.sign(constants[place])) if model.names[place][1] == "beta" else 0.0),)
        for place in types
        if model.names[place][1] in ("rho", "tau", "beta")
    ]
    yield [
        (_Equation(place, other, 1.0 if constants[place] * constants[other] >= 0 else -1.0),)
        for place in types
        for other in range(place)
        if _may_be_equal(model, place, other)
    ]
    slopes = [place for place, (owner, _) in enumerate(model.names) if owner == "d"]
    linear: list[Rule] = []
    if abs(constants[-1]) < SMALL_OFFSET * scale:  # a larger one could be made up for by sharpness
        linear.append((_Equation(len(constants) - 1),))
    least = SMALL_SLOPE * max((abs(constants[place]) for place in slopes), default=0.0)
    linear += [(_Equation(place),) for place in slopes if len(slopes) <= 2 or abs(constants[place]) < least]
    if len(slopes) == 2:
        linear.append((_Equation(slopes[1], slopes[0], -1.0),))
    if len(slopes) >= 2:
        linear.append(tuple(_Equation(place) for place in slopes))
        linear.append(tuple(_Equation(place, slopes[0]) for place in slopes[1:]))
    yield linear


def _may_be_equal(model: Model, place: int, other: int) -> bool:
    """The same constant of two types of one kind."""
    (owner, name), (other_owner, other_name) = model.names[place], model.names[other]
    if not isinstance(owner, int) or not isinstance(other_owner, int):
        return False  # of no type: a slope, or the offset
    first, second = model.types[owner], model.types[other_owner]
    alike = owner != other_owner and (first.kind, first.size) == (second.kind, second.size)
    return alike and name == other_name and first.kind not in ("dense", "radial")


def _layout(rules: Sequence[_Equation], count: int) -> tuple[np.ndarray, np.ndarray]:
    """`free` (count, free numbers) and `fixed` (count,): constants = free @ numbers + fixed."""
    root, sign, fixed = np.arange(count), np.ones(count), np.full(count, np.nan)
    for rule in rules:
        if rule.other is None:
            fixed[root[rule.place]] = sign[rule.place] * rule.value
            continue
        a, b = root[rule.place], root[rule.other]
        if a == b or not np.isnan(fixed[a]) or not np.isnan(fixed[b]):
            continue
        factor = rule.sign * sign[rule.place] * sign[rule.other]  # root a = factor · root b
        mine = root == a
        root[mine], sign[mine] = b, sign[mine] * factor
    roots = [place for place in range(count) if root[place] == place and np.isnan(fixed[place])]
    free = np.zeros((count, len(roots)))
    for place in range(count):
        if root[place] in roots:
            free[place, roots.index(root[place])] = sign[place]
    values = np.array([0.0 if np.isnan(fixed[root[p]]) else sign[p] * fixed[root[p]] for p in range(count)])
    return free, values


def _independent(rules: Sequence[_Equation], count: int) -> list[_Equation]:
    """The rules that each say something that those before them don't."""
    found: list[_Equation] = []
    left = count
    for rule in rules:
        now = _layout([*found, rule], count)[0].shape[1]
        if now < left:
            found.append(rule)
            left = now
    return found


def _growth(rules: Sequence[_Equation], constants: np.ndarray, inverse: np.ndarray) -> tuple[float, np.ndarray]:
    """How much more is left unexplained under the rules, and how the constants move, to second order."""
    C = np.stack([rule.row(len(constants)) for rule in rules])
    miss = C @ constants - [rule.value for rule in rules]
    spread = C @ inverse @ C.T
    spread += 1e-12 * np.trace(spread) * np.eye(len(rules))
    pull = np.linalg.solve(spread, miss)
    return float(miss @ pull), -inverse @ C.T @ pull


def _positive(model: Model, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Sharpness and the radial offset can't leave their sign in one step."""
    positive = [name in ("s", "e") for _, name in model.names]
    return np.where(positive, np.maximum(new, old / 2), new)


def _onto(free: np.ndarray, fixed: np.ndarray, constants: np.ndarray) -> np.ndarray:
    """The nearest constants that obey the rules exactly."""
    weight = np.maximum((free**2).sum(0), 1)
    nearest: np.ndarray = free @ (free.T @ (constants - fixed) / weight) + fixed
    return nearest
