"""Pictures of the phase map (matplotlib): regions, trainings as points, boundaries with their bands."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from analysis.algorithms.names import colours, display_name
from analysis.literal_text import show_literally
from analysis.phases.arrays import Floats
from analysis.phases.boundaries import boundaries as read_boundaries
from analysis.phases.phase_map import Axis, PhaseMap
from analysis.phases.scaling_laws import ScalingLaw

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CELLS = (90, 26)  # cells along x and y where the map is evaluated; the picture interpolates between them
STRENGTH = 0.42  # of the regions' colours; the points have theirs in full
CURVE, ALONG, DRAWS = 33, 160, 120  # values of y and x, and posterior draws, by which a boundary is drawn
INK = "#1c2128"
DPI = 160


def draw_phase_map(
    phase_map: PhaseMap,
    path: str | Path | None = None,
    *,
    table: "pd.DataFrame | None" = None,
    axes: "Axes | None" = None,
    x_label: str | None = None,
    y_label: str | None = None,
    heading: str | None = None,
    shown: np.ndarray | None = None,
) -> "Axes":
    """Regions in their phases' colours, rows as points, boundaries as lines with their 90 % bands.

    With one y only: the probability of each label against x with its 90 % band.
    table: its `boundaries.boundaries(...)` if at hand. axes: draw into these, of a figure that the caller finishes.
    shown: (rows,) which rows are drawn as points, all by default; the legend counts all.
    path: also save there; the suffix is the format.
    """
    from matplotlib.figure import Figure

    whole = axes is None
    if axes is None:
        axes = Figure(figsize=(7.2, 4.4), layout="constrained").add_subplot()
    figure = cast("Figure", axes.figure)  # not part of another: only a whole one can be saved
    colour = colours(phase_map.labels)
    fan = _fan(phase_map, np.ones(len(phase_map.x), bool) if shown is None else shown)
    if phase_map.y_axis.span == 0:
        _curves(axes, phase_map, colour, table, fan)
        y_label = y_label or f"probability at {phase_map.y_axis.name} = {phase_map.y_axis.low:g}"
    else:
        _regions(axes, phase_map, colour, fan)
        _bands(axes, phase_map)
        _points(axes, phase_map, colour, fan)
    _frame(axes, phase_map, x_label, y_label, heading, fan)
    if whole or path is not None:
        show_literally(figure)
    if path is not None:
        figure.savefig(path, dpi=DPI)
    return axes


def _curves(
    axes: "Axes", phase_map: PhaseMap, colour: dict[str, str], table: "pd.DataFrame | None", fan: Floats
) -> None:
    x = phase_map.x_axis.grid(CELLS[0])
    y = phase_map.y_axis.low
    mean, (low, high) = phase_map.probabilities(x, y), phase_map.probability_band(x, y)
    for row in (read_boundaries(phase_map) if table is None else table).itertuples():
        axes.axvspan(row.x_low, row.x_high, color=INK, alpha=0.10, linewidth=0, zorder=1)
        axes.axvline(row.x, color=INK, linewidth=1.3, zorder=2)
    for label in _by_place(phase_map):
        at = phase_map.labels.index(label)
        mine = phase_map.row_labels == label
        shown = mine & np.isfinite(fan)
        axes.fill_between(x, low[:, at], high[:, at], color=colour[label], alpha=0.22, linewidth=0, zorder=3)
        axes.plot(x, mean[:, at], color=colour[label], linewidth=1.8, zorder=4)
        axes.scatter(
            phase_map.x[shown],
            1.05 + 0.12 * (0.5 + fan[shown]),
            s=14,
            color=colour[label],
            edgecolor="white",
            linewidth=0.4,
            zorder=5,
            label=f"{display_name(label)} ({mine.sum()})",
        )


def _by_place(phase_map: PhaseMap) -> list[str]:
    """Labels in the order in which they come along x."""

    def place(label: str) -> float:
        return float(np.median(phase_map.x_axis.scale(phase_map.x[phase_map.row_labels == label])))

    return sorted(phase_map.labels, key=place)


def _limits(axis: Axis, pad: float) -> Floats:
    low, high = (float(value) for value in axis.forward([axis.low, axis.high]))
    extra = pad * (high - low) or 0.5 * (abs(low) if low and not axis.log else 1.0)  # a one-valued axis has width too
    return axis.backward(np.array([low - extra, high + extra]))


def _y_limits(phase_map: PhaseMap, fan: Floats) -> Floats:
    """Room for the points that fan out above and below."""
    reach = np.nanmax(np.abs(fan)) * _gap(phase_map) / phase_map.y_axis.span
    return _limits(phase_map.y_axis, max(0.05, reach + 0.025))


def _regions(axes: "Axes", phase_map: PhaseMap, colour: dict[str, str], fan: Floats) -> None:
    """Each cell in the mix of its phases' colours, in proportion to their probabilities."""
    from matplotlib.colors import to_rgb
    from matplotlib.image import AxesImage

    x_low, x_high = phase_map.x_axis.forward(_limits(phase_map.x_axis, 0.03))
    y_low, y_high = phase_map.y_axis.forward(_y_limits(phase_map, fan))
    xs = phase_map.x_axis.backward(_centres(x_low, x_high, CELLS[0]))
    ys = phase_map.y_axis.backward(_centres(y_low, y_high, CELLS[1]))
    grid_x, grid_y = np.meshgrid(xs, ys)
    share = phase_map.probability_draws(grid_x.ravel(), grid_y.ravel(), draws=60).mean(axis=0)
    palette = np.array([to_rgb(colour[label]) for label in phase_map.labels])
    picture = np.clip(1 - STRENGTH * (1 - share @ palette), 0, 1).reshape(CELLS[1], CELLS[0], 3)
    # in shares of the axes, which it fills: images know no logarithmic axes
    image = AxesImage(axes, interpolation="bilinear", origin="lower", extent=(0, 1, 0, 1), zorder=0)
    image.set_data(picture)
    image.set_transform(axes.transAxes)
    axes.add_image(image)


def _centres(low: float, high: float, cells: int) -> Floats:
    edges = np.linspace(low, high, cells + 1)
    return (edges[1:] + edges[:-1]) / 2


def _bands(axes: "Axes", phase_map: PhaseMap) -> None:
    """Smooth curves on a fine grid of y; each boundary in one piece where it is unbroken."""
    ys = phase_map.y_axis.grid(CURVE)
    fine = read_boundaries(phase_map, ys, draws=DRAWS, points=ALONG)
    for _, piece in fine.groupby(["lower_phase", "upper_phase"]):
        for run in _runs(piece, ys):
            axes.fill_betweenx(run["y"], run["x_low"], run["x_high"], color=INK, alpha=0.17, linewidth=0, zorder=2)
            axes.plot(run["x"], run["y"], color=INK, linewidth=1.3, zorder=3, solid_capstyle="round")


def _runs(piece: "pd.DataFrame", ys: Floats) -> Iterator["pd.DataFrame"]:
    """Split one boundary's rows where a y is missing or doubled."""
    piece = piece.sort_values(["y", "x"])
    piece = piece.assign(branch=piece.groupby("y").cumcount())
    for _, branch in piece.groupby("branch"):
        index = np.searchsorted(ys, branch["y"].to_numpy() - 1e-9 * np.ptp(ys))
        for _, run in branch.groupby(index - np.arange(len(branch))):
            yield run


def _points(axes: "Axes", phase_map: PhaseMap, colour: dict[str, str], fan: Floats) -> None:
    """Repeated places fan out vertically, so that every row is seen."""
    x, y = phase_map.x, phase_map.y
    place = phase_map.y_axis.backward(phase_map.y_axis.forward(y) + fan * _gap(phase_map))
    size = float(np.clip(2600 / np.isfinite(fan).sum(), 7, 26))
    for label in _by_place(phase_map):
        mine = phase_map.row_labels == label
        shown = mine & np.isfinite(fan)
        axes.scatter(
            x[shown],
            place[shown],
            s=size,
            color=colour[label],
            edgecolor="white",
            linewidth=0.4,
            label=f"{display_name(label)} ({mine.sum()})",
            zorder=4,
            clip_on=False,
        )


def _fan(phase_map: PhaseMap, shown: np.ndarray) -> Floats:
    """(rows,) in [-0.5, 0.5]: evenly spaced among the rows of one place, ordered by label; nan where not shown."""
    rows = np.stack([phase_map.x, phase_map.y], axis=1)[shown]
    place = np.unique(rows, axis=0, return_inverse=True)[1].ravel()
    order = np.lexsort([phase_map.row_labels[shown].astype(str), place])
    count = np.bincount(place)
    rank = np.empty(len(order))
    rank[order] = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)  # from 0 at each place
    fan = np.full(len(phase_map.x), np.nan)
    fan[shown] = (rank - (count[place] - 1) / 2) / np.maximum(count[place], 8)
    return fan


def _gap(phase_map: PhaseMap) -> float:
    values = np.unique(phase_map.y_axis.forward(phase_map.y))
    least = float(np.diff(values).min()) if len(values) > 1 else 1.0
    return min(0.7 * least, 0.12 * phase_map.y_axis.span)


def _frame(
    axes: "Axes", phase_map: PhaseMap, x_label: str | None, y_label: str | None, heading: str | None, fan: Floats
) -> None:
    if phase_map.x_axis.log:
        axes.set_xscale("log")
    axes.set_xlim(*_limits(phase_map.x_axis, 0.03))
    axes.set_xlabel(x_label or phase_map.x_axis.name)
    if phase_map.y_axis.span > 0:
        if phase_map.y_axis.log:
            axes.set_yscale("log")
        axes.set_ylim(*_y_limits(phase_map, fan))
        values = np.unique(phase_map.y)
        if len(values) <= 14:
            axes.set_yticks(values, [f"{value:g}" for value in values])
            axes.set_yticks([], minor=True)
    else:
        axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_ylabel(y_label or phase_map.y_axis.name)
    if heading:
        axes.set_title(heading, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    legend = axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8.5, handletextpad=0.4)
    for handle in legend.legend_handles:
        if handle is not None and hasattr(handle, "set_sizes"):
            handle.set_sizes([26])


def draw_scaling_laws(
    laws: Sequence[ScalingLaw],
    path: str | Path | None = None,
    *,
    figure: "Figure | None" = None,
    x_label: str = "x",
    y_label: str = "y",
) -> "Figure":
    """Boundaries against y on log axes with the laws that hold, and their residuals in decades below."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 5.2), layout="constrained") if figure is None else figure
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    shown = [law for law in laws if law.y is not None]
    colour = colours({law.upper_phase for law in shown})
    for law in shown:
        y, x, x_low, x_high = law.y, law.x, law.x_low, law.x_high
        if y is None or x is None or x_low is None or x_high is None:
            continue
        paint = colour[law.upper_phase]
        name = f"{display_name(law.lower_phase)} | {display_name(law.upper_phase)}"
        text = (
            f"{name}: no power law"
            if law.refused
            else (f"{name}: γ = {law.exponent:.2f} [{law.exponent_low:.2f}, {law.exponent_high:.2f}]")
        )
        errors = np.stack([x - x_low, x_high - x])
        upper.errorbar(y, x, yerr=errors, fmt="o", color=paint, markersize=4.5, capsize=2.5, linewidth=1.2, label=text)
        if not law.refused:
            ys = np.geomspace(y.min(), y.max(), 50)
            upper.plot(ys, law.predict(ys), color=paint, linewidth=1.6)
        spread = np.log10([x_low, x_high]) - np.log10(x)
        lower.errorbar(y, law.residual, yerr=np.abs(spread), fmt="o", color=paint, markersize=4, capsize=2, linewidth=1)
    upper.set(xscale="log", yscale="log", ylabel=f"boundary in {x_label}")
    lower.axhline(0, color=INK, linewidth=0.8)
    lower.set(xlabel=y_label, ylabel="residual\n(decades)")
    values = np.unique(np.concatenate([law.y for law in laws if law.y is not None])) if shown else np.array([])
    if 0 < len(values) <= 14:
        lower.set_xticks(values, [f"{value:g}" for value in values])
        lower.set_xticks([], minor=True)
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    if shown:
        upper.legend(loc="lower left", bbox_to_anchor=(0, 1.0), frameon=False, fontsize=8.5)
    show_literally(figure)
    if path is not None:
        figure.savefig(path, dpi=DPI)
    return figure
