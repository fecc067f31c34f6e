"""Boundaries between phases, read off a phase map: x*(y) with a credible band, adjacency, crossover widths.

A boundary is where the most probable label changes. Its band comes from posterior draws of the whole map: each
draw has its own boundary, the band holds the middle 90 % of them. A boundary that too few draws have, that lies
outside the data, or across which nothing changes hands (a coin flip) is not reported.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from analysis.phases.arrays import Floats
from analysis.phases.phase_map import PhaseMap

if TYPE_CHECKING:
    import networkx
    import pandas as pd

POINTS = 400  # points along x at which a draw's labels are compared
MARGIN = 0.15  # share of the x range by which draws may look beyond the data, so that a band can say "or outside"
MIN_PROBABILITY = 0.5  # of the draws must have the boundary
MIN_CONTRAST = 0.75  # share that each phase must reach on its own side, of the two phases' sum
NINE = 2 * np.log(9)  # log odds between p = 0.9 and p = 0.1
COLUMNS = [
    "lower_phase",
    "upper_phase",
    "y",
    "x",
    "x_low",
    "x_high",
    "probability",
    "width",
    "width_low",
    "width_high",
    "low_is_open",
    "high_is_open",
]


@dataclass(frozen=True)
class Crossings:
    """One boundary at one y in every posterior draw that has it."""

    lower_phase: str
    upper_phase: str
    y: float
    draw: np.ndarray  # (found,) index of the draw
    scaled_x: np.ndarray  # (found,) position in scaled x
    slope: np.ndarray  # (found,) of the log odds upper:lower, per unit of scaled x
    probability: float  # found / draws
    contrast: float


def boundaries(
    phase_map: PhaseMap,
    ys: ArrayLike | None = None,
    *,
    level: float = 0.9,
    draws: int | None = None,
    points: int = POINTS,
) -> "pd.DataFrame":
    """Every boundary at every y -> DataFrame, a row a boundary and y, ordered along x.

    lower_phase is the phase on the lower-x side; x_low..x_high is the `level` band; probability is the share of
    posterior draws that have this boundary; width is the distance in which the upper phase's share of the two
    goes from 0.1 to 0.9 (decades if x is logarithmic) with its own band; low_is_open / high_is_open: the band
    reaches the end of the data, the boundary may lie beyond. A y outside the data has no rows.
    """
    import pandas as pd

    axis = phase_map.x_axis
    to_units = axis.span / 2  # a unit of scaled x in decades, or in x
    tails = [0.5, (1 - level) / 2, (1 + level) / 2]
    rows = []
    for crossing in crossings(phase_map, ys, draws=draws, points=points):
        middle, low, high = np.quantile(crossing.scaled_x, tails)
        if crossing.probability < MIN_PROBABILITY or crossing.contrast < MIN_CONTRAST or abs(middle) >= 1:
            continue
        width, narrow, broad = np.quantile(NINE / np.maximum(crossing.slope, 1e-9), tails) * to_units
        x, x_low, x_high = (float(value) for value in axis.unscale(np.clip([middle, low, high], -1, 1)))
        rows.append(
            [
                crossing.lower_phase,
                crossing.upper_phase,
                crossing.y,
                x,
                x_low,
                x_high,
                crossing.probability,
                width,
                narrow,
                broad,
                bool(low <= -1),
                bool(high >= 1),
            ]
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def default_ys(phase_map: PhaseMap, *, most: int = 33) -> np.ndarray:
    """(ys,) the data's own y values if there are few, else an even grid over their range."""
    values = np.unique(phase_map.y)
    return values if len(values) <= most else phase_map.y_axis.grid(most)


def crossings(
    phase_map: PhaseMap, ys: ArrayLike | None = None, *, draws: int | None = None, points: int = POINTS
) -> list[Crossings]:
    """All boundaries of the mean map at each y (the data's own by default), found again in every draw.

    points: along x at which a draw's labels are compared; between two, the log odds are taken as straight.
    """
    found: list[Crossings] = []
    if phase_map.x_axis.span == 0 or len(phase_map.labels) < 2:
        return found
    places = default_ys(phase_map) if ys is None else np.atleast_1d(np.asarray(ys, float))
    for y in places:
        if phase_map.y_axis.low <= y <= phase_map.y_axis.high:
            found += _crossings_at(phase_map, float(y), draws, points)
    return found


def _crossings_at(phase_map: PhaseMap, y: float, draws: int | None, points: int) -> list[Crossings]:
    scaled = np.linspace(-1 - 2 * MARGIN, 1 + 2 * MARGIN, points)
    fields = phase_map.fields(phase_map.x_axis.unscale(scaled), y, draws=draws)  # (draws, points, labels)
    best = fields.argmax(axis=2)  # (draws, points)
    draw, place = np.nonzero(best[:, 1:] != best[:, :-1])
    lower, upper = best[draw, place], best[draw, place + 1]
    before = fields[draw, place, upper] - fields[draw, place, lower]  # log odds, <= 0
    after = fields[draw, place + 1, upper] - fields[draw, place + 1, lower]  # >= 0
    step = scaled[1] - scaled[0]
    rise = np.maximum(after - before, 1e-12)
    position = scaled[place] - before / rise * step
    slope = rise / step

    share = _mean_share(fields)  # (points, labels)
    mean_best = share.argmax(axis=1)
    changes = np.flatnonzero(np.diff(mean_best))
    changes = changes[np.abs(scaled[changes] + step / 2) < 1]
    pairs = [(mean_best[at], mean_best[at + 1]) for at in changes]
    found = []
    for number, (at, pair) in enumerate(zip(changes, pairs, strict=True)):
        mine = np.flatnonzero((lower == pair[0]) & (upper == pair[1]))
        rivals = np.array([scaled[other] for other, its in zip(changes, pairs, strict=True) if its == pair])
        nearest = np.abs(position[mine][:, None] - rivals).argmin(axis=1)
        mine = mine[rivals[nearest] == scaled[at]]
        # one crossing a draw: the nearest to the mean's
        mine = mine[np.argsort(np.abs(position[mine] - scaled[at]), kind="stable")]
        _, first = np.unique(draw[mine], return_index=True)
        mine = mine[first]
        if len(mine) == 0:
            continue
        left = changes[number - 1] if number > 0 else 0
        right = changes[number + 1] if number + 1 < len(changes) else points - 1
        odds = share[:, pair[1]] / np.maximum(share[:, pair[0]] + share[:, pair[1]], 1e-300)
        contrast = min(1 - odds[left : at + 1].min(), odds[at + 1 : right + 1].max())
        found.append(
            Crossings(
                phase_map.labels[pair[0]],
                phase_map.labels[pair[1]],
                y,
                draw[mine],
                position[mine],
                slope[mine],
                len(mine) / len(fields),
                float(contrast),
            )
        )
    return found


def _mean_share(fields: Floats) -> Floats:
    """(draws, points, labels) logits -> (points, labels)."""
    from analysis.phases.softmax_gp import softmax

    share: Floats = softmax(fields).mean(axis=0)
    return share


def adjacency(phase_map: PhaseMap, *, points: int = 60, least: float = MIN_PROBABILITY) -> "networkx.Graph":
    """Which phases touch -> networkx.Graph.

    Nodes: phases, with `area` (share of the map, as drawn, where the phase is most probable; posterior mean).
    Edges: `probability` (share of posterior draws in which the two touch) and `length` (mean share of all contacts).
    """
    import networkx

    xs, ys = phase_map.x_axis.grid(points), phase_map.y_axis.grid(points)
    grid_x, grid_y = np.meshgrid(xs, ys)
    best = phase_map.fields(grid_x.ravel(), grid_y.ravel(), draws=200).argmax(axis=2)
    best = best.reshape(len(best), len(ys), len(xs))
    count = len(phase_map.labels)
    contacts = np.zeros((len(best), count, count))
    for first, second in ((best[:, :, 1:], best[:, :, :-1]), (best[:, 1:], best[:, :-1])):
        draw = np.broadcast_to(np.arange(len(best))[:, None, None], first.shape)
        differ = first != second
        np.add.at(contacts, (draw[differ], first[differ], second[differ]), 1)
    contacts = contacts + contacts.swapaxes(1, 2)
    total = max(1.0, float(contacts.sum() / 2 / len(best)))
    graph = networkx.Graph()
    for index, label in enumerate(phase_map.labels):
        graph.add_node(label, area=float((best == index).mean()))
    for a in range(count):
        for b in range(a):
            probability = float((contacts[:, a, b] > 0).mean())
            length = float(contacts[:, a, b].mean() / total)
            if probability >= least:
                graph.add_edge(phase_map.labels[b], phase_map.labels[a], probability=probability, length=length)
    return graph


def mirror_splits(phase_map: PhaseMap, *, level: float = 0.9) -> "pd.DataFrame":
    """How the merged labels divide -> DataFrame: phase, label, count, total, share, share_low, share_high, fair.

    The interval is Clopper and Pearson's for a binomial share; `fair` says that it holds 1 / (labels merged).
    """
    import pandas as pd
    from scipy.stats import beta

    rows = []
    for phase in sorted(set(phase_map.merge.values())):
        members = sorted(
            {raw for raw, merged in zip(phase_map.raw_labels, phase_map.row_labels, strict=True) if merged == phase}
            | {raw for raw, merged in phase_map.merge.items() if merged == phase}
        )
        total = int((phase_map.row_labels == phase).sum())
        for label in members:
            count = int((phase_map.raw_labels == label).sum())
            tail = (1 - level) / 2
            low = float(beta.ppf(tail, count, total - count + 1)) if count > 0 else 0.0
            high = float(beta.ppf(1 - tail, count + 1, total - count)) if count < total else 1.0
            rows.append(
                [
                    phase,
                    label,
                    count,
                    total,
                    count / total if total else np.nan,
                    low,
                    high,
                    low <= 1 / len(members) <= high,
                ]
            )
    return pd.DataFrame(rows, columns=["phase", "label", "count", "total", "share", "share_low", "share_high", "fair"])
