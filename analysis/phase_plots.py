"""Pictures of the phase map (matplotlib): regions, trainings as points, boundaries with their bands."""

import numpy as np

from analysis.boundaries import boundaries as read_boundaries
from analysis.palette import colours, title
from analysis.phase_map import PhaseMap

CELLS = (140, 40)  # cells along x and y where the map is evaluated
FINER = 4  # each of them is drawn as FINER by FINER interpolated ones
STRENGTH = 0.42  # of the regions' colours; the points have theirs in full
CURVE = 49  # values of y along a drawn boundary
DPI = 160


def draw_phase_map(phase_map: PhaseMap, path=None, *, table=None, axes=None, x_label=None, y_label=None, heading=None):
    """Regions shaded by certainty, points by label, boundaries as lines with their 90 % bands.

    table: `boundaries.boundaries(...)` if at hand. axes: draw into these; path: also save there (suffix = format).
    """
    from matplotlib.figure import Figure

    figure = axes.figure if axes is not None else Figure(figsize=(7.2, 4.4), layout="constrained")
    axes = axes if axes is not None else figure.add_subplot()
    colour = colours(phase_map.labels)
    flat = phase_map.y_axis.span == 0
    _regions(axes, phase_map, colour, flat)
    if not flat:
        _bands(axes, phase_map, table)
    elif table is None or len(table):
        _flat_bands(axes, read_boundaries(phase_map) if table is None else table)
    _points(axes, phase_map, colour, flat)
    _frame(axes, phase_map, flat, x_label, y_label, heading)
    if path is not None:
        figure.savefig(path, dpi=DPI)
    return axes


def _limits(axis, pad):
    low, high = (float(value) for value in axis.forward([axis.low, axis.high]))
    extra = pad * (high - low)
    return axis.backward(np.array([low - extra, high + extra]))


def _regions(axes, phase_map, colour, flat):
    """Each cell in the mix of its phases' colours, in proportion to their probabilities."""
    from matplotlib.colors import to_rgb
    from scipy.ndimage import zoom

    x_low, x_high = phase_map.x_axis.forward(_limits(phase_map.x_axis, 0.03))
    y_low, y_high = (-1.0, 1.0) if flat else phase_map.y_axis.forward(_limits(phase_map.y_axis, 0.06))
    cells_y = 1 if flat else CELLS[1]
    xs = phase_map.x_axis.backward(_centres(x_low, x_high, CELLS[0]))
    ys = [phase_map.y_axis.low] if flat else phase_map.y_axis.backward(_centres(y_low, y_high, cells_y))
    grid_x, grid_y = np.meshgrid(xs, ys)
    share = phase_map.probability_draws(grid_x.ravel(), grid_y.ravel(), draws=60).mean(axis=0)
    share = share.reshape(cells_y, CELLS[0], -1)
    share = zoom(share, (1 if flat else FINER, FINER, 1), order=1, mode="nearest", grid_mode=True)
    palette = np.array([to_rgb(colour[label]) for label in phase_map.labels])
    picture = 1 - STRENGTH * (1 - share @ palette)
    x_edges = phase_map.x_axis.backward(np.linspace(x_low, x_high, picture.shape[1] + 1))
    y_edges = np.linspace(y_low, y_high, picture.shape[0] + 1)
    y_edges = y_edges if flat else phase_map.y_axis.backward(y_edges)
    axes.pcolormesh(x_edges, y_edges, picture, rasterized=True, zorder=0)


def _centres(low, high, cells):
    edges = np.linspace(low, high, cells + 1)
    return (edges[1:] + edges[:-1]) / 2


def _bands(axes, phase_map, table):
    """Smooth curves on a fine grid of y; each boundary in one piece where it is unbroken."""
    fine = read_boundaries(phase_map, phase_map.y_axis.grid(CURVE))
    for _, piece in fine.groupby(["lower_phase", "upper_phase"]):
        for run in _runs(piece, phase_map.y_axis.grid(CURVE)):
            axes.fill_betweenx(run["y"], run["x_low"], run["x_high"], color="black", alpha=0.16, linewidth=0, zorder=2)
            axes.plot(run["x"], run["y"], color="black", linewidth=1.4, zorder=3, solid_capstyle="round")


def _runs(piece, ys):
    """Split one boundary's rows where a y is missing or doubled."""
    piece = piece.sort_values(["y", "x"])
    piece = piece.assign(branch=piece.groupby("y").cumcount())
    for _, branch in piece.groupby("branch"):
        index = np.searchsorted(ys, branch["y"].to_numpy() - 1e-9)
        for _, run in branch.groupby(index - np.arange(len(branch))):
            yield run


def _flat_bands(axes, table):
    for row in table.itertuples():
        axes.axvspan(row.x_low, row.x_high, color="black", alpha=0.16, linewidth=0, zorder=2)
        axes.axvline(row.x, color="black", linewidth=1.4, zorder=3)


def _points(axes, phase_map, colour, flat):
    """Repeated places fan out vertically, so that every training is seen."""
    x, y = phase_map.x, phase_map.y
    offset = _fan(phase_map)
    place = offset * 1.6 if flat else phase_map.y_axis.backward(phase_map.y_axis.forward(y) + offset * _gap(phase_map))
    size = float(np.clip(2600 / len(x), 7, 26))
    for label in phase_map.labels:
        mine = phase_map.row_labels == label
        axes.scatter(x[mine], place[mine], s=size, color=colour[label], edgecolor="white", linewidth=0.4,
                     label=f"{title(label)} ({mine.sum()})", zorder=4)


def _fan(phase_map):
    """(rows,) in [-0.5, 0.5]: evenly spaced among the rows of one place, ordered by label."""
    order = np.lexsort([phase_map.row_labels.astype(str), phase_map.x, phase_map.y])
    offset = np.zeros(len(order))
    _, place = np.unique(np.stack([phase_map.x, phase_map.y], axis=1), axis=0, return_inverse=True)
    place = place.ravel()
    for index in np.unique(place):
        rows = order[place[order] == index]
        offset[rows] = (np.arange(len(rows)) - (len(rows) - 1) / 2) / max(len(rows), 8)
    return offset


def _gap(phase_map):
    values = np.unique(phase_map.y_axis.forward(phase_map.y))
    least = float(np.diff(values).min()) if len(values) > 1 else 1.0
    return min(0.7 * least, 0.12 * phase_map.y_axis.span)


def _frame(axes, phase_map, flat, x_label, y_label, heading):
    if phase_map.x_axis.log:
        axes.set_xscale("log")
    axes.set_xlim(*_limits(phase_map.x_axis, 0.03))
    axes.set_xlabel(x_label or phase_map.x_axis.name)
    if flat:
        axes.set_ylim(-1, 1)
        axes.set_yticks([0], [f"{phase_map.y_axis.low:g}"])
    else:
        if phase_map.y_axis.log:
            axes.set_yscale("log")
        axes.set_ylim(*_limits(phase_map.y_axis, 0.06))
        values = np.unique(phase_map.y)
        if len(values) <= 14:
            axes.set_yticks(values, [f"{value:g}" for value in values])
            axes.set_yticks([], minor=True)
    axes.set_ylabel(y_label or phase_map.y_axis.name)
    if heading:
        axes.set_title(heading, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False, fontsize=8.5, handletextpad=0.3)
