"""Shared constants fitted to a network's own output, by Levenberg–Marquardt on fixed inputs.

The formula is f(x) = Σ_T A/s·Σ_members act(s·u(x)) + Σ_g d_g·Σ_{i∈g} xᵢ + c with u = ±xᵢ + β·xⱼ + ρ·Σ rest + τ. Its
derivatives by A, s, β, ρ, τ, d and c have closed forms, so one step costs about one evaluation of the network.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from analysis.activations import Activation
from analysis.patterns.types import NeuronType

STEPS = 30
# The share of the output's variance that it costs to move a constant from where the weights put it, by its own size …
AMPLITUDE_PRIOR = 0.3  # … for amplitudes and slopes, which can stand in for each other
SHARPNESS_PRIOR = 0.5  # … for sharpness, which the output hardly shows but the weights do
PRIOR = 0.05  # … by 1, for what is in the units of x
GUESS_PRIOR = 0.05  # … for the constants of √(‖x‖² + e), whose start the weights don't say
FARTHEST = 10.0  # factor by which sharpness may move
ENOUGH = 1e-4  # relative gain of a step below which the fit has converged


@dataclass(frozen=True, eq=False)
class Inputs:
    """Inputs x (samples, n) and what all types need of them."""

    x: np.ndarray

    @cached_property
    def columns(self) -> np.ndarray:
        return np.ascontiguousarray(self.x.T)  # (n, samples)

    @cached_property
    def total(self) -> np.ndarray:
        total: np.ndarray = self.columns.sum(0)
        return total  # (samples,)

    @cached_property
    def square(self) -> np.ndarray:
        square: np.ndarray = (self.columns**2).sum(0)
        return square  # (samples,)

    @cached_property
    def scatter(self) -> np.ndarray:
        """Σ (xᵢ − x̄)²."""
        scatter: np.ndarray = ((self.columns - self.columns.mean(0)) ** 2).sum(0)
        return scatter  # (samples,)

    def squared_length(self, centred: bool) -> np.ndarray:
        """(samples,) of x, or of x − x̄."""
        return self.scatter if centred else self.square

    def has_lengths(self, centred: bool) -> bool:
        """Whether x, or x − x̄, has different lengths: inputs of ±1 have one."""
        squared = self.squared_length(centred)
        return bool(squared.std() > 1e-6 * squared.mean())


class Term:
    """One type on fixed inputs: its values and their derivatives by its constants, in the order of `names`."""

    def __init__(self, kind: NeuronType, inputs: Inputs, activation: Activation):
        self.kind, self.activation = kind, activation
        self.parts: dict[str, np.ndarray] = {}
        self.names = [name for name in ("A", "s", "beta", "rho", "tau", "e") if name in kind.constants]
        if kind.kind == "radial":
            self.square = inputs.squared_length(kind.centred)
            return
        if kind.rows is not None:  # dense
            self.fixed = kind.rows.astype(inputs.x.dtype) @ inputs.columns
            return
        main = _sums(kind, inputs)  # (members, samples)
        self.fixed = kind.side * main
        apart = main
        if "beta" in kind.constants:
            self.parts["beta"] = inputs.columns[[j for _, j in kind.members]]
            apart = main + self.parts["beta"]
        elif kind.kind == "pair":
            apart = main + inputs.columns[[j for _, j in kind.members]]
        if "rho" in kind.constants:
            self.parts["rho"] = inputs.total - apart

    def values(self, constants: np.ndarray) -> np.ndarray:
        """(samples,)"""
        given = dict(zip(self.names, constants.tolist(), strict=True))
        if self.kind.kind == "radial":
            values: np.ndarray = given["A"] * np.sqrt(self.square + given["e"])
            return values
        u, s = self._u(given), given.get("s")
        if s is None:
            values = given["A"] * np.maximum(u, 0).sum(0)
        else:
            values = given["A"] / s * self.activation.value(s * u).sum(0)
        return values

    def derivatives(self, constants: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (samples,) and their derivatives (constants, samples)."""
        given = dict(zip(self.names, constants.tolist(), strict=True))
        if self.kind.kind == "radial":
            root = np.sqrt(self.square + given["e"])
            return given["A"] * root, np.stack([root, given["A"] / (2 * root)])
        u, A, s = self._u(given), given["A"], given.get("s")
        if s is None:
            slope = (u > 0).astype(u.dtype)
            value = np.maximum(u, 0).sum(0)
        else:
            act, slope = self.activation.value_and_slope(s * u)
            value = act.sum(0) / s
        by = {"A": value, "tau": A * slope.sum(0)}
        if s is not None:
            by["s"] = A / s * (np.einsum("ij,ij->j", slope, u) - value)
        for name, part in self.parts.items():
            by[name] = A * np.einsum("ij,ij->j", slope, part)
        return A * value, np.stack([by[name] for name in self.names])

    def _u(self, given: dict[str, float]) -> np.ndarray:
        u: np.ndarray = self.fixed
        for name, part in self.parts.items():
            if given[name]:
                u = u + given[name] * part
        return u + given["tau"] if given.get("tau") else u


def _sums(kind: NeuronType, inputs: Inputs) -> np.ndarray:
    """Σ of the inputs set apart (the first, of a pair), (members, samples)."""
    if kind.kind == "all":
        return inputs.total[None]
    if kind.kind in ("one", "pair"):
        return inputs.columns[[member[0] for member in kind.members]]
    return np.stack([inputs.columns[list(member)].sum(0) for member in kind.members])


class Model:
    """A whole formula on fixed inputs. Its constants are one vector: those of every term, the slopes d, the offset c.

    `free` (constants, free ones) says how few numbers make all constants: a zero row is a constant held at 0, two
    equal rows are two constants tied to each other.
    """

    def __init__(self, types: Sequence[NeuronType], groups: Sequence[tuple[int, ...]], inputs: Inputs,
                 activation: Activation):  # fmt: skip
        self.types, self.groups = tuple(types), tuple(groups)
        self.terms = [Term(kind, inputs, activation) for kind in self.types]
        self.linear = [inputs.columns[list(group)].sum(0) for group in self.groups]
        self.one = np.ones_like(inputs.total)
        self.names: list[tuple[int | str, str | int]] = [
            (index, name) for index, term in enumerate(self.terms) for name in term.names
        ]
        self.names += [("d", index) for index in range(len(self.groups))] + [("c", 0)]
        ends = np.cumsum([len(term.names) for term in self.terms]).tolist()
        self.parts = [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
        self.first = ends[-1] if ends else 0

    def start(self, slopes: Sequence[float] | np.ndarray, offset: float) -> np.ndarray:
        """(constants,) the types' own, the groups' slopes, the offset: where a fit begins."""
        read = [kind.constants[name] for kind, term in zip(self.types, self.terms, strict=True) for name in term.names]
        return np.array([*read, *slopes, offset], np.float64)

    def pulls(self, constants: np.ndarray) -> np.ndarray:
        """The weight of every constant's squared change, (constants,)."""
        amplitudes = [abs(constants[place]) for place, (owner, name) in enumerate(self.names)
                      if name == "A" or owner == "d"]  # fmt: skip
        strong = max(amplitudes, default=1.0) or 1.0
        pulls = np.full(len(constants), PRIOR)
        for place, (owner, name) in enumerate(self.names):
            size = abs(constants[place])
            if owner == "c":
                pulls[place] = 0.0
            elif isinstance(owner, int) and self.types[owner].kind == "radial":
                pulls[place] = GUESS_PRIOR / max(size, 0.1 * strong) ** 2
            elif owner == "d":
                pulls[place] = AMPLITUDE_PRIOR / strong**2
            elif name == "A":
                pulls[place] = AMPLITUDE_PRIOR / max(size, 0.1 * strong) ** 2
            elif name == "s":
                pulls[place] = SHARPNESS_PRIOR / size**2
        return pulls

    def values(self, constants: np.ndarray) -> np.ndarray:
        """(samples,)"""
        total = np.full(len(self.one), constants[-1])
        for term, part in zip(self.terms, self.parts, strict=True):
            total += term.values(constants[part])
        for slope, column in zip(constants[self.first : -1], self.linear, strict=True):
            total += slope * column
        return total

    def derivatives(self, constants: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (samples,) and derivatives (constants, samples)."""
        found = [term.derivatives(constants[part]) for term, part in zip(self.terms, self.parts, strict=True)]
        values = self.values_of([value for value, _ in found], constants)
        rows = [by for _, by in found] + [column[None] for column in self.linear] + [self.one[None]]
        return values, np.concatenate(rows).astype(np.float64)

    def values_of(self, terms: list[np.ndarray], constants: np.ndarray) -> np.ndarray:
        total = np.full(len(self.one), constants[-1])
        for value in terms:
            total += value
        for slope, column in zip(constants[self.first : -1], self.linear, strict=True):
            total += slope * column
        return total

    def read_back(self, constants: np.ndarray) -> tuple[tuple[NeuronType, ...], np.ndarray, float]:
        """The types with these constants, the slopes and the offset."""
        types = tuple(
            replace(kind, constants=dict(zip(term.names, constants[part].tolist(), strict=True)))
            for kind, term, part in zip(self.types, self.terms, self.parts, strict=True)
        )
        return types, constants[self.first : -1], float(constants[-1])


@dataclass(frozen=True, eq=False)
class Fit:
    constants: np.ndarray  # (constants,)
    unexplained: float  # mean squared error over the output's variance, on the fit's inputs
    cost: float  # the same with what it costs to be away from what the network's weights say
    curvature: np.ndarray  # (constants, constants) of `cost` / 2
    scale: float  # the output's variance


def fit(model: Model, output: np.ndarray, constants: np.ndarray, *, free: np.ndarray | None = None,
        steps: int = STEPS) -> Fit:  # fmt: skip
    """Least squares, with a pull to the start: constants that can stand in for each other stay where the
    network's weights put them (r(u) − r(−u) = u: two sides of an input and a linear term do the same job).
    """
    pull = model.pulls(constants)
    origin = constants
    scale = 1 / (len(output) * max(float(output.var()), 1e-300))
    free = np.eye(len(constants)) if free is None else free
    damping = 1e-4
    values, by = model.derivatives(constants)
    error = ((output - values) ** 2).sum() * scale  # with the pull, from the first step on
    for _ in range(steps):
        short = free.T @ by
        normal = short @ short.T * scale + (free.T * pull) @ free
        gradient = short @ (output - values) * scale - free.T @ (pull * (constants - origin))
        ridge = np.diag(normal) + 1e-9 * max(np.trace(normal), 1e-300)
        better = False
        for _ in range(6):
            step = free @ np.linalg.solve(normal + damping * np.diag(ridge), gradient)
            tried = _bounded(model, origin, constants, constants + step)
            with np.errstate(all="ignore"):
                new_values, new_by = model.derivatives(tried)
                new_error = ((output - new_values) ** 2).sum() * scale + (pull * (tried - origin) ** 2).sum()
            if np.isfinite(new_error) and new_error < error:
                better = True
                break
            damping *= 8
        if not better:
            break
        gain = error - new_error
        constants, values, by, error = tried, new_values, new_by, new_error
        damping = max(damping / 8, 1e-7)
        if gain < ENOUGH * error + 1e-9:
            break
    unexplained = float(((output - values) ** 2).sum() * scale)
    return Fit(constants, unexplained, float(error), by @ by.T * scale + np.diag(pull), float(output.var()))


def _bounded(model: Model, origin: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Sharpness and the radial offset are at most halved or doubled in one step, and stay within a factor of their
    start: a bend so soft that it is linear would leave its other constants open.
    """
    for place, (_, name) in enumerate(model.names):
        if name in ("s", "e"):
            low, high = max(old[place] / 2, origin[place] / FARTHEST), min(old[place] * 2, origin[place] * FARTHEST)
            new[place] = min(max(new[place], low), high)
    return new
