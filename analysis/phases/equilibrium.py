"""Phases at equilibrium: which algorithm has the lowest objective energy + x · complexity, and where that changes.

What trainings end in says where training stops; the objective says what it should have found. Two algorithms are
equally good where x* = -(difference in energy) / (difference in complexity); the lowest objective of all, which is the
lower convex hull in the plane of complexity and energy, gives the order of phases along x. `analysis.phases.fronts`
makes each algorithm's objective of its trainings.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from analysis.errors import UserError
from analysis.phases.arrays import Floats
from analysis.phases.fronts import Fronts, fit_fronts

if TYPE_CHECKING:
    import pandas as pd

MIN_TRAININGS = 3  # of an algorithm at one y; fewer say nothing of their scatter
MIN_PROBABILITY = 0.75  # that a phase must have somewhere to count as one
COLUMNS = ["lower_phase", "upper_phase", "y", "x", "x_low", "x_high", "energy_jump", "complexity_jump"]


@dataclass(frozen=True)
class Equilibrium:
    """Ground states and equilibrium boundaries of a table.

    boundaries: columns `COLUMNS`, a row a boundary and y, in order of y and x. lower_phase has the lower x; x_low to
    x_high is the 90 % band. energy_jump and complexity_jump are the upper phase's less the lower one's there (a
    first-order transition's latent heat), so that x = -energy_jump / complexity_jump.
    ground_states: a row a y and x of the table: y, x, ground_state, probability (share of draws in which it is
    lowest), objective, objective_low, objective_high, energy, complexity (of the ground state), trainings, found
    (share of the trainings there that ended in it).
    fronts: y -> every algorithm's objective and complexity along x.
    """

    boundaries: "pd.DataFrame"
    ground_states: "pd.DataFrame"
    fronts: dict[float, Fronts]
    rows: "pd.DataFrame"  # x, y, label (merged), energy, complexity, seed
    log_x: bool
    x_name: str = "x"
    y_name: str = "y"

    def __repr__(self) -> str:
        return f"Equilibrium({len(self.boundaries)} boundaries at {len(self.fronts)} values of {self.y_name})"

    def _repr_png_(self) -> bytes:
        """What a notebook shows: the objectives along x."""
        from analysis.phases.equilibrium_plot import png

        return png(self)


def equilibrium(
    x: ArrayLike,
    y: ArrayLike,
    labels: Iterable[object],
    energy: ArrayLike,
    complexity: ArrayLike,
    *,
    seeds: ArrayLike | None = None,
    log_x: bool = False,
    merge: Mapping[str, str] | None = None,
    x_name: str = "x",
    y_name: str = "y",
    level: float = 0.9,
    draws: int = 400,
    rng_seed: int = 0,
) -> Equilibrium:
    """Reads a table's columns, each (rows,), for every y by itself.

    x: the price of complexity, so that a training minimises energy + x · complexity.
    seeds: rows with one seed share their noise; without it every row is on its own.
    merge: new name for each label that is to count as another (mirror phases).
    UserError for columns of different lengths and values that are not finite.
    """
    import pandas as pd

    rows = _rows(x, y, labels, energy, complexity, seeds, merge or {}, log_x)
    fronts, bounds, states = {}, [], []
    for value, group in rows.groupby("y"):
        counts = group["label"].value_counts()
        known = group[group["label"].isin(counts.index[counts >= MIN_TRAININGS])]
        if known.empty:
            continue
        columns = (known[name].to_numpy() for name in ("x", "label", "energy", "complexity", "seed"))
        front = fit_fronts(*columns, log_x=log_x, draws=draws, rng_seed=rng_seed)
        phases = ground_states(front)
        fronts[float(value)] = front
        bounds += [{"y": float(value)} | row for row in _boundaries(front, phases, level)]
        states += [{"y": float(value)} | row for row in _states(front, phases, group, level)]
    return Equilibrium(
        pd.DataFrame(bounds, columns=COLUMNS),
        pd.DataFrame(states, columns=list(_STATE_COLUMNS)),
        fronts,
        rows,
        log_x,
        x_name,
        y_name,
    )


_STATE_COLUMNS = (
    "y",
    "x",
    "ground_state",
    "probability",
    "objective",
    "objective_low",
    "objective_high",
    "energy",
    "complexity",
    "trainings",
    "found",
)


def _rows(
    x: ArrayLike,
    y: ArrayLike,
    labels: Iterable[object],
    energy: ArrayLike,
    complexity: ArrayLike,
    seeds: ArrayLike | None,
    merge: Mapping[str, str],
    log_x: bool,
) -> "pd.DataFrame":
    """The columns, checked, as a DataFrame: x, y, energy, complexity, label (merged), seed."""
    import pandas as pd

    given = {"x": x, "y": y, "energy": energy, "complexity": complexity}
    columns = {name: np.asarray(values, dtype=float) for name, values in given.items()}
    merged = np.array([merge.get(str(label), str(label)) for label in labels], dtype=object)
    seed: np.ndarray = np.arange(len(merged)) if seeds is None else np.asarray(seeds)
    lengths = {name: len(values) for name, values in (columns | {"label": merged, "seed": seed}).items()}
    if len(set(lengths.values())) > 1:
        raise UserError(f"columns differ in length: {', '.join(f'{name} {n}' for name, n in lengths.items())}")
    for name, values in columns.items():
        wrong = np.flatnonzero(~np.isfinite(values))
        if len(wrong):
            raise UserError(f"{name} is not a finite number in row {wrong[0] + 1}")
    if log_x and (columns["x"] <= 0).any():
        raise UserError(f"a logarithmic x must be positive; row {np.flatnonzero(columns['x'] <= 0)[0] + 1} is not")
    return pd.DataFrame(columns | {"label": merged, "seed": seed})


def ground_states(front: Fronts) -> np.ndarray:
    """(points,) the index of the label with the lowest objective, by the median draw, of those that are near.

    A label that is nowhere the lowest with `MIN_PROBABILITY` is left out, the least certain one first: where two are
    as good as equal, one stretch is one phase.
    """
    middle = np.median(front.objective, axis=0)  # (labels, points)
    lowest: np.ndarray
    kept = np.ones(len(front.labels), bool)
    while True:
        rivals = _rivals(front, kept)
        lowest = np.where(rivals, middle, np.inf).argmin(axis=0)
        best = np.where(rivals, front.objective, np.inf).argmin(axis=1)  # (draws, points)
        certain = {k: float((best == k).mean(axis=0)[lowest == k].max()) for k in np.unique(lowest)}
        least = min(certain, key=lambda k: (certain[k], k))
        if certain[least] >= MIN_PROBABILITY or len(certain) == 1:
            return lowest
        kept[least] = False


def _rivals(front: Fronts, kept: np.ndarray) -> np.ndarray:
    """(labels, points) which of the kept labels may be the ground state; all of them where none is near."""
    near: np.ndarray = front.near & kept[:, None]
    rivals: np.ndarray = np.where(near.any(axis=0), near, kept[:, None])
    return rivals


def _boundaries(front: Fronts, phases: np.ndarray, level: float) -> Iterator[dict[str, Any]]:
    """One row for every change of the ground state along x."""
    tails = [0.5, (1 - level) / 2, (1 + level) / 2]
    changes = np.flatnonzero(np.diff(phases))
    for at in changes:
        lower, upper = int(phases[at]), int(phases[at + 1])
        place = crossings(front, lower, upper, int(at))  # (draws,) in points, from 0 to points - 1
        middle, low, high = np.quantile(place, tails)
        if not 0 < middle < len(front.x) - 1:
            continue
        x = float(_interpolate(front.x, middle))
        jump = float(np.median(_interpolate(front.complexity[:, upper] - front.complexity[:, lower], place)))
        yield {
            "lower_phase": front.labels[lower],
            "upper_phase": front.labels[upper],
            "x": x,
            "x_low": float(_interpolate(front.x, low)),
            "x_high": float(_interpolate(front.x, high)),
            "energy_jump": -x * jump,
            "complexity_jump": jump,
        }


def crossings(front: Fronts, lower: int, upper: int, near: int) -> np.ndarray:
    """(draws,) where the upper label becomes better than the lower one, in points along x: the crossing next to `near`.

    It does not lie where trainings refute one of them. A draw without one has it at the end to which it points.
    """
    apart = np.flatnonzero(front.refuted[lower] | front.refuted[upper])
    first, last = max(apart[apart < near], default=-1) + 1, min(apart[apart > near], default=len(front.x)) - 1
    lead = front.objective[:, lower] - front.objective[:, upper]  # (draws, points), above 0 where upper is better
    lead, near = lead[:, first : last + 1], near - first
    places = np.empty(len(lead))
    for k, one in enumerate(lead):
        rises = np.flatnonzero((one[:-1] <= 0) & (one[1:] > 0))
        if len(rises):
            at = rises[np.abs(rises - near).argmin()]
            places[k] = at + one[at] / (one[at] - one[at + 1])
        else:
            places[k] = 0 if one[near] > 0 else len(one) - 1
    return places + first


def _interpolate(values: Floats, place: ArrayLike) -> Floats:
    """values (..., points) at fractional indices, one or (...); the axis is even in u, so in log x if x is."""
    at = np.broadcast_to(np.asarray(place, dtype=float), values.shape[:-1])
    below = np.minimum(at.astype(int), values.shape[-1] - 2)
    low, high = (np.take_along_axis(values, one[..., None], -1)[..., 0] for one in (below, below + 1))
    part, positive = at - below, (low > 0) & (high > 0)
    growth = np.divide(high, low, out=np.ones_like(low), where=positive)
    between: Floats = np.where(positive, low * growth**part, low + part * (high - low))
    return between


def _place(values: Floats, x: float) -> float:
    """The fractional index at which `_interpolate` gives x; values ascend."""
    below = int(np.clip(np.searchsorted(values, x) - 1, 0, len(values) - 2))
    low, high = values[below], values[below + 1]
    if low == high:  # trainings at one x alone
        return float(below)
    logarithmic = low > 0 and high > 0
    part = np.log(x / low) / np.log(high / low) if logarithmic else (x - low) / (high - low)
    return float(below + np.clip(part, 0, 1))


def _states(front: Fronts, phases: np.ndarray, group: "pd.DataFrame", level: float) -> Iterator[dict[str, Any]]:
    """One row for every x at which there are trainings: what is best there, and how many found it."""
    rivals = _rivals(front, np.ones(len(front.labels), bool))  # those too that are nowhere certain enough to be a phase
    best = np.where(rivals, front.objective, np.inf).argmin(axis=1)  # (draws, points)
    tails = [0.5, (1 - level) / 2, (1 + level) / 2]
    for x, here in group.groupby("x"):
        if not front.x[0] * (1 - 1e-9) <= x <= front.x[-1] * (1 + 1e-9):
            continue
        at, place = int(np.abs(front.x - x).argmin()), _place(front.x, float(x))
        phase = phases[at]
        objective, low, high = np.quantile(_interpolate(front.objective[:, phase], place), tails)
        nats = float(np.median(_interpolate(front.complexity[:, phase], place)))
        yield {
            "x": float(x),
            "ground_state": front.labels[phase],
            "probability": float((best[:, at] == phase).mean()),
            "objective": float(objective),
            "objective_low": float(low),
            "objective_high": float(high),
            "energy": float(objective - x * nats),
            "complexity": nats,
            "trainings": len(here),
            "found": float((here["label"] == front.labels[phase]).mean()),
        }
