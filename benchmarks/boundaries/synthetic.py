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
LONG = tuple(range(3, 25))


@dataclass(frozen=True)
class Truth:
    name: str
    phases: tuple[str, ...]  # from low x to high x
    curves: tuple[Callable, ...]  # y -> log10 x of the boundary between phases[i] and phases[i + 1]
    scales: tuple[float, ...]  # crossover scale of each boundary, decades
    noise: float = 0.0  # share of labels drawn blindly
    coin_flip: str | None = None  # this phase shows as NAME_positive or NAME_negative, half each
    island: tuple[float, float, float, float] | None = None  # centre log10 x, y; half-widths in decades, in y
    dimensions: tuple[int, ...] = DIMENSIONS  # the values of y

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
    if name in LONG_KINDS:
        return _long_truth(name, rng)
    shift = rng.uniform(-0.6, 0.6, size=3)
    slope = rng.uniform(-0.5, 0.5, size=3)
    scales = tuple(float(s) for s in 10 ** rng.uniform(-1.3, -0.5, size=3))  # 0.05 to 0.3 decades
    four = ("double_sided", "pudding", "convexity", "constant")
    curves: tuple[Callable, ...] = (
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
LONG_KINDS = (
    "long_sharp", "long_mid", "long_wide", "long_noise", "long_wide_noise", "long_slanted", "long_curved",
    "long_triple_point", "long_island",
)  # fmt: skip
ALL_KINDS = KINDS + LONG_KINDS


def _long_truth(name: str, rng: np.random.Generator) -> Truth:
    """Three or four phases over n = 3 to 24, their boundaries straight in log n or in n, by a toss.

    Crossover scales are 0.04 (sharp), 0.2 (mid) and 0.5 decades (wide); of noisy ones 5 % of the labels are noise.
    """
    by_log = rng.random() < 0.5

    def along(y):  # from 0 at the lowest y to 1 at the highest
        y, low, high = np.asarray(y, float), LONG[0], LONG[-1]
        return np.log(y / low) / np.log(high / low) if by_log else (y - low) / (high - low)

    count = int(rng.integers(3, 5))
    middle = np.linspace(-8.0, -2.0, 2 * count - 1)[1::2] + rng.uniform(-0.5, 0.5, count - 1)
    lean, phases, island = rng.uniform(-0.6, 0.6, count - 1), ("a", "b", "c", "d")[:count], None
    scale = {"long_sharp": 0.04, "long_mid": 0.2, "long_wide": 0.5, "long_noise": 0.08, "long_wide_noise": 0.3}.get(
        name, float(10 ** rng.uniform(-1.3, -0.5))
    )
    bend = rng.uniform(0.6, 1.4) * rng.choice([-1, 1]) if name == "long_curved" else 0.0
    if name == "long_slanted":
        middle = np.linspace(-7.2, -2.8, count - 1) + rng.uniform(-0.4, 0.4, count - 1)
        lean = rng.uniform(1.5, 3.0) * rng.choice([-1, 1]) + rng.uniform(-0.3, 0.3, count - 1)
    elif name == "long_triple_point":
        meet, first = rng.uniform(0.35, 0.75), -5.0 + rng.uniform(-0.6, 0.6)  # there the second phase has run out
        middle, lean, phases = np.array([first, first + 2.6 * (1 - 0.5 / meet)]), np.array([0, -2.6 / meet]), phases[:3]
    elif name == "long_island":
        middle, lean = np.array([-3.8, -2.0]) + rng.uniform(-0.3, 0.3, 2), lean[:2]
        phases, scale = phases[:3], min(scale, 0.12)
        island = (-6.5 + rng.uniform(-0.6, 0.6), rng.uniform(8, 18), 0.9, rng.uniform(3.5, 5.0))
    curves = tuple(
        (lambda y, at=at, by=by: at + by * (along(y) - 0.5) + bend * (np.sin(np.pi * along(y)) - 0.5))
        for at, by in zip(middle, lean, strict=True)
    )
    noise = 0.05 if name.endswith("noise") else 0.0
    return Truth(name, phases, curves, (scale,) * len(curves), noise=noise, island=island, dimensions=LONG)


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
