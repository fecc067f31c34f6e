"""Pictures of phases at equilibrium (matplotlib): every algorithm's objective along x, beside what trainings found."""

import io
import math
from typing import TYPE_CHECKING

import numpy as np

from analysis.algorithms.names import colours, display_name, in_order
from analysis.literal_text import show_literally
from analysis.phases.arrays import Floats

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.phases.equilibrium import Equilibrium

INK = "#1d2229"
DPI = 160
COLUMNS, MAX_PANELS = 3, 9
MAX_DOTS = 400  # trainings that a panel shows one by one, drawn by lot
MAX_EXCESS = 12.0  # times the lowest objective: what is worse is not shown


def draw_equilibrium(
    found: "Equilibrium", figure: "Figure | None" = None, *, x_label: str = "", y_label: str = ""
) -> "Figure":
    """A panel a y: objectives relative to the ground state's with 90 % bands, trainings as dots, boundaries as lines.

    The upper strip is the ground state, the lower one what the trainings there ended in.
    """
    from matplotlib.figure import Figure

    ys = sorted(found.fronts)
    if len(ys) > MAX_PANELS:
        ys = [ys[k] for k in np.linspace(0, len(ys) - 1, MAX_PANELS).round().astype(int)]
    columns = min(COLUMNS, max(1, len(ys)))
    rows = math.ceil(max(1, len(ys)) / columns)
    figure = figure or Figure(figsize=(3.6 * max(columns, 2), 3.1 * rows), layout="constrained")
    colour = colours(sorted(set(found.rows["label"])))
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axes in grid[len(ys) :]:
        axes.set_visible(False)
    for axes, y in zip(grid, ys, strict=False):
        _panel(axes, found, y, colour)
        axes.set_title(f"{y_label or found.y_name} = {y:g}", loc="left", fontsize=9, y=1.17, pad=0)  # above the strips
        axes.set_xlabel(x_label or found.x_name)
        if axes.get_subplotspec().is_first_col():
            axes.set_ylabel("objective / lowest")
    _legend(figure, colour)
    show_literally(figure)
    return figure


def png(found: "Equilibrium") -> bytes:
    """The picture as a PNG file's content."""
    buffer = io.BytesIO()
    draw_equilibrium(found).savefig(buffer, dpi=110, format="png")
    return buffer.getvalue()


def _panel(axes: "Axes", found: "Equilibrium", y: float, colour: dict[str, str]) -> None:
    front = found.fronts[y]
    x = front.x
    states = found.ground_states[found.ground_states["y"] == y]
    middle = np.median(front.objective, axis=0)  # (labels, points)
    lowest = np.where(front.near, middle, np.inf).min(axis=0)
    lowest = np.where(np.isfinite(lowest), lowest, middle.min(axis=0))
    for k, label in enumerate(front.labels):
        near = front.near[k]
        low, high = np.quantile(front.objective[:, k], [0.05, 0.95], axis=0) / lowest
        axes.fill_between(x, low, high, where=near, color=colour[label], alpha=0.2, linewidth=0)
        axes.plot(x[near], (middle[k] / lowest)[near], color=colour[label], linewidth=1.6)
    rows = found.rows[found.rows["y"] == y]
    objective = (rows["energy"] + rows["x"] * rows["complexity"]).to_numpy()
    relative = objective / np.interp(rows["x"], x, lowest)
    shown = np.random.default_rng(0).permutation(len(rows))[:MAX_DOTS]
    paint = [colour[one] for one in rows["label"].iloc[shown]]
    axes.scatter(rows["x"].iloc[shown], relative[shown], s=7, color=paint, edgecolor="white", lw=0.2, zorder=3)
    for one in found.boundaries[found.boundaries["y"] == y].itertuples():
        axes.axvspan(one.x_low, one.x_high, color=INK, alpha=0.1, linewidth=0)
        axes.axvline(one.x, color=INK, linewidth=1.1)
    if found.log_x:
        if x[0] == x[-1]:  # trainings at one x alone
            axes.set_xlim(0.5 * x[0], 2 * x[0])
        axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(0.7, MAX_EXCESS)
    axes.set_yticks([1, 2, 5, 10], ["1", "2", "5", "10"])
    axes.set_yticks([], minor=True)
    axes.spines[["top", "right"]].set_visible(False)
    _strips(axes, states, rows, colour, found.log_x)


def _strips(axes: "Axes", states: "pd.DataFrame", rows: "pd.DataFrame", colour: dict[str, str], log_x: bool) -> None:
    """Above the panel: the ground state, and what the trainings at each x ended in."""
    from matplotlib.collections import PolyCollection

    places = states["x"].to_numpy()
    if not len(places):
        return
    edges = _edges(places, log_x)
    corners, paint = [], []
    for k, state in enumerate(states.itertuples()):
        left, right = edges[k : k + 2]
        here = rows.loc[rows["x"] == state.x, "label"].value_counts(normalize=True)
        for bottom, height, share in ((1.09, 0.05, {state.ground_state: 1.0}), (1.03, 0.05, here)):
            for label in in_order(share.keys()):
                top = bottom + height * share[label]
                corners.append([(left, bottom), (right, bottom), (right, top), (left, top)])
                paint.append(colour[label])
                bottom = top
    # one collection, which costs a hundredth of a patch each; in data along x, in shares of the axes along y
    strips = PolyCollection(
        corners, facecolors=paint, linewidths=0, antialiaseds=False, transform=axes.get_xaxis_transform(), clip_on=False
    )
    axes.add_collection(strips, autolim=False)


def _edges(places: Floats, log_x: bool) -> Floats:
    """Of cells around places that rise."""
    at = np.log(places) if log_x else places
    half = np.diff(at) / 2 if len(at) > 1 else np.array([0.5])
    edges = np.concatenate([[at[0] - half[0]], at[:-1] + half, [at[-1] + half[-1]]]) if len(at) > 1 else (
        np.array([at[0] - half[0], at[0] + half[0]])
    )  # fmt: skip
    return np.exp(edges) if log_x else edges


def _legend(figure: "Figure", colour: dict[str, str]) -> None:
    from matplotlib.patches import Patch

    figure.legend(
        handles=[Patch(color=colour[label], label=display_name(label)) for label in in_order(colour)],
        loc="outside upper left",
        ncols=6,
        frameon=False,
        handlelength=0.9,
        handleheight=0.9,
        fontsize=8.5,
    )
