"""Phase diagrams with known, stochastic truth: what bands and samplers are measured against.

Axes are those of a sweep: x in decades of log10 β (LOW to HIGH), y a number of inputs. A truth is its boundaries:
curves x*(y) that separate consecutive phases, with a crossover scale (decades; the share of the next phase is
a logistic function of the distance over it). Labels are drawn from the probabilities, so replicates differ.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

LOW, HIGH = -9.0, -1.0  # log10 x
DIMENSIONS = tuple(range(4, 17))


@dataclass(frozen=True)
class Truth:
    name: str
    phases: tuple[str, ...]  # from low x to high x
    curves: tuple[Callable, ...]  # y -> log10 x of the boundary between phases[i] and phases[i + 1]
    scales: tuple[float, ...]  # crossover scale of each boundary, decades
    noise: float = 0.0  # share of labels drawn blindly
    coin_flip: str | None = None  # this phase shows as NAME_positive or NAME_negative, half each
    island: tuple[float, float, float, float] | None = None  # centre log10 x, y; half-widths in decades, in y

    def probabilities(self, x, y):
        """(points,) x (not its logarithm), y -> (points, phases), columns in the order of `names`."""
        log_x, y = np.log10(np.asarray(x, float)), np.asarray(y, float)
        steps = [(log_x - curve(y)) / scale for curve, scale in zip(self.curves, self.scales, strict=True)]
        score = np.stack([np.zeros_like(log_x), *steps], axis=-1).cumsum(axis=-1)  # log odds to the first phase
        share = np.exp(score - score.max(axis=-1, keepdims=True))
        share /= share.sum(axis=-1, keepdims=True)
        if self.island is not None:
            radius = np.hypot((log_x - self.island[0]) / self.island[2], (y - self.island[1]) / self.island[3])
            inside = 1 / (1 + np.exp((radius - 1) * self.island[2] / self.scales[0]))
            share = np.concatenate([share * (1 - inside[:, None]), inside[:, None]], axis=-1)
        if self.coin_flip is not None:
            at = self.phases.index(self.coin_flip)
            share = np.concatenate([share[:, :at], share[:, [at, at]] / 2, share[:, at + 1 :]], axis=-1)
        return (1 - self.noise) * share + self.noise / share.shape[-1]

    @property
    def names(self) -> tuple[str, ...]:
        shown = []
        for phase in self.phases:
            shown += [f"{phase}_positive", f"{phase}_negative"] if phase == self.coin_flip else [phase]
        return (*shown, "island") if self.island is not None else tuple(shown)

    @property
    def merge(self) -> dict[str, str]:
        flip = self.coin_flip
        return {} if flip is None else {f"{flip}_positive": flip, f"{flip}_negative": flip}

    def draw(self, x, y, rng):
        """One label for each place."""
        cumulative = self.probabilities(x, y).cumsum(axis=1)
        index = (rng.random(len(cumulative))[:, None] > cumulative[:, :-1]).sum(axis=1)
        return np.array(self.names, dtype=object)[index]

    def boundaries(self, y: float) -> list[tuple[str, str, float]]:
        """(lower phase, upper phase, x) at one y, read off the most probable phase (mirror labels as one)."""
        log_x = np.linspace(LOW, HIGH, 16001)
        share = self.probabilities(10.0**log_x, np.full_like(log_x, y))
        groups = [self.merge.get(name, name) for name in self.names]
        names = list(dict.fromkeys(groups))
        merged = np.stack([share[:, [g == name for g in groups]].sum(axis=1) for name in names], axis=1)
        best = merged.argmax(axis=1)
        return [
            (names[best[i]], names[best[i + 1]], float(10 ** ((log_x[i] + log_x[i + 1]) / 2)))
            for i in np.flatnonzero(np.diff(best))
        ]


def _power(at_6: float, exponent: float) -> Callable:
    """log10 of a power law in y with the given value (log10) at y = 6."""
    return lambda y: at_6 - exponent * np.log10(np.asarray(y, float) / 6)


def random_truth(name: str, rng: np.random.Generator) -> Truth:
    """A truth of the kind `name` at a random place, with a random crossover where the kind leaves it open."""
    shift = rng.uniform(-0.6, 0.6, size=3)
    slope = rng.uniform(-0.5, 0.5, size=3)
    scales = tuple(float(s) for s in 10 ** rng.uniform(-1.3, -0.5, size=3))  # 0.05 to 0.3 decades
    four = ("double_sided", "pudding", "convexity", "constant")
    curves = (
        _power(-6.7 + shift[0], slope[0]),
        _power(-3.6 + shift[1], 2 + slope[1]),
        _power(-1.8 + shift[2] / 2, slope[2]),
    )
    if name == "parallel":
        curves = tuple(_power(at, 0.0) for at in (-6.3 + shift[0], -4.0 + shift[1], -2.0 + shift[2] / 2))
    elif name == "slanted":
        pass
    elif name == "curved":
        bend = rng.uniform(0.6, 1.2)
        curves = tuple(
            (lambda y, at=at: at + bend * np.sin((np.asarray(y, float) - 4) / 12 * np.pi))
            for at in (-7.0 + shift[0] / 2, -4.6 + shift[1] / 2, -2.8 + shift[2] / 2)
        )
    elif name in ("sharp", "wide"):
        scales = (0.02 if name == "sharp" else 0.4,) * 3
    elif name == "label_noise":
        return Truth(name, four, curves, scales, noise=0.08)
    elif name == "coin_flip":
        return Truth(name, four, curves, scales, coin_flip="pudding")
    elif name == "triple_point":
        meet = rng.uniform(8, 12)  # at this y the second phase has run out
        first = -5.0 + shift[0]
        curves = (
            lambda y: first + 0.0 * np.asarray(y, float),
            lambda y: first + 2.4 * (meet - np.asarray(y, float)) / (meet - 4),
        )
        return Truth(name, ("pudding", "convexity", "constant"), curves, scales[:2])
    elif name == "island":
        return Truth(
            name,
            four[1:],
            curves[1:],
            tuple(min(s, 0.1) for s in scales[1:]),
            island=(-6.5 + shift[0], rng.uniform(8, 12), 0.8, 3.0),
        )
    else:
        raise ValueError(f"unknown kind of truth: {name}")
    return Truth(name, four, curves, scales)


KINDS = ("parallel", "slanted", "curved", "sharp", "wide", "label_noise", "coin_flip", "triple_point", "island")


def sweep_design(kind: str, rng: np.random.Generator):
    """Places as sweeps have them -> x, y. `quick`: 10 β × 3 dimensions × 8 seeds; `scattered`: 300 anywhere;
    `few`: 10 β × 3 dimensions once; `wide_grid`: 17 β × 13 dimensions once."""
    if kind == "scattered":
        return 10 ** rng.uniform(LOW, HIGH, 300), rng.integers(4, 17, 300).astype(float)
    betas, dimensions, seeds = {
        "quick": (10, (4, 6, 8), 8),
        "few": (10, (4, 8, 12), 1),
        "wide_grid": (17, DIMENSIONS, 1),
    }[kind]
    grid = np.meshgrid(np.logspace(LOW, HIGH, betas), np.array(dimensions, float), np.arange(seeds), indexing="ij")
    return grid[0].ravel(), grid[1].ravel()
