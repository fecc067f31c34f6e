"""From a chart to its live twin: the same axes, marks and colours for Plotly, which adds hover, zoom and a legend
that hides and shows algorithms.

Whatever the static chart draws is read off it, so the two cannot disagree: points of trainings, lines, filled
bands, and images. The page draws the twin in place of the static one where scripts run;
paper and readers without scripts keep the static one.
"""

import base64
import io
from html import escape as escape_html
from typing import TYPE_CHECKING

import numpy as np

from analysis.algorithms.names import colours, display_name, in_order
from analysis.charts.chart import FAINT, RULE, Chart

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


SYMBOLS = {"o": "circle", "s": "square", "D": "diamond", "^": "triangle-up", "v": "triangle-down", "P": "cross"}
GLYPHS = dict(zip(SYMBOLS, "●■◆▲▼✚", strict=True))
PIXELS_A_POINT = 4 / 3
HEIGHT = 96  # pixels an inch of the static chart
MAX_TICKS = 10  # of a logarithmic axis


def plotly_figure(chart: Chart, shown: "pd.DataFrame") -> dict | None:
    """{"data": traces, "layout": …, "height": pixels} for Plotly; None for a chart that shows no single trainings.

    A point's `customdata` is its training's place in `shown`; what it says on hover is the page's to compose.
    """
    if not chart.trainings:
        return None
    place = {key: index for index, key in enumerate(shown["key"])}
    labels = shown["algorithm"].tolist()
    data: list[dict] = []
    layout: dict = {"images": [], "shapes": [], "annotations": []}
    named: set[str] = set()
    every = [axes for axes in chart.figure.axes if axes.get_visible()]
    for number, axes in enumerate(every, start=1):
        suffix = "" if number == 1 else str(number)
        layout |= {f"{which}axis{suffix}": _axis(axes, which, suffix, every) for which in "xy"}
        refers = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
        data += [trace | refers for trace in _bands(axes) + _lines(axes)]
        layout["images"] += [image | {"xref": f"x{suffix}", "yref": f"y{suffix}"} for image in _images(axes)]
        layout["annotations"] += [words | {"xref": f"x{suffix}", "yref": f"y{suffix}"} for words in _words(axes)]
        layout["annotations"] += _marks(axes, suffix)
        layout["shapes"] += [shape | {"xref": f"x{suffix}", "yref": f"y{suffix} domain"} for shape in _spans(axes)]
        for points in axes.collections:
            keys = chart.trainings.get(points)
            if keys:
                rows = [place[key] for key in keys]
                data += [trace | refers for trace in _points(points, rows, labels, chart, named)]
        if axes.get_title(loc="left"):
            layout["annotations"].append(_heading(axes, suffix))
    return {"data": data, "layout": layout, "height": round(chart.figure.get_figheight() * HEIGHT)}


def _escaped(text: str) -> str:
    """Plotly reads texts as a kind of HTML."""
    return escape_html(text, quote=False)


def _points(points, rows: list[int], labels: list[str], chart: Chart, named: set[str]) -> list[dict]:
    """A trace an algorithm, the rarest on top. The legend names each algorithm once, in the usual order."""
    offsets = np.asarray(points.get_offsets())
    colour = colours({labels[row] for row in rows})
    usual, traces = list(in_order({label for label in labels if isinstance(label, str)})), []
    for label in sorted(colour, key=lambda label: -sum(labels[row] == label for row in rows)):
        mine = [i for i, row in enumerate(rows) if labels[row] == label]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": _escaped(display_name(label)),
                "legendgroup": label,
                "showlegend": label not in named,
                "legendrank": usual.index(label) + 1,
                "x": _short(offsets[mine, 0]),
                "y": _short(offsets[mine, 1]),
                "customdata": [rows[i] for i in mine],
                "hovertemplate": "%{text}<extra></extra>",
                "marker": {
                    "color": colour[label],
                    "size": round(float(points.get_sizes()[0]) ** 0.5 * PIXELS_A_POINT, 1),
                    "symbol": SYMBOLS[chart.markers.get(points, "o")],
                    "opacity": 0.85,
                    "line": {"color": "white", "width": 0.5},
                },
                "cliponaxis": False,
            }
        )
        named.add(label)
    return traces


def _lines(axes: "Axes") -> list[dict]:
    from matplotlib.colors import to_hex

    return [
        {
            "type": "scatter",
            "mode": "lines",
            "x": _short(line.get_xdata()),
            "y": _short(line.get_ydata()),
            "line": {
                "color": to_hex(line.get_color()),
                "width": line.get_linewidth() * PIXELS_A_POINT,
                "dash": "solid" if line.get_linestyle() == "-" else "dot",
                "shape": "hv" if line.get_drawstyle() == "steps-post" else "linear",
            },
            "name": _escaped(str(line.get_label())),
            "hoverinfo": "skip",
            "showlegend": False,
        }
        for line in axes.lines
        if line.get_transform() == axes.transData and len(line.get_xdata())
    ]


def _bands(axes: "Axes") -> list[dict]:
    """Filled areas between two curves."""
    from matplotlib.collections import PathCollection, PolyCollection

    return [
        {
            "type": "scatter",
            "mode": "none",
            "x": _short(path.vertices[:, 0]),
            "y": _short(path.vertices[:, 1]),
            "fill": "toself",
            "fillcolor": _rgba(area.get_facecolor()[0]),
            "hoverinfo": "skip",
            "showlegend": False,
        }
        for area in axes.collections
        if isinstance(area, PolyCollection) and not isinstance(area, PathCollection)
        for path in area.get_paths()
    ]


def _spans(axes: "Axes") -> list[dict]:
    """Upright lines and stripes through the whole height of the axes."""
    stripes = [
        {"x0": float(patch.get_x()), "x1": float(patch.get_x() + patch.get_width()),
         "fillcolor": _rgba(patch.get_facecolor()), "line": {"width": 0}, "type": "rect"}
        for patch in axes.patches
    ]  # fmt: skip
    lines = [
        {"x0": float(line.get_xdata()[0]), "x1": float(line.get_xdata()[0]), "type": "line",
         "line": {"color": _rgba((*_rgb(line.get_color()), 1.0)), "width": 1.5}}
        for line in axes.lines
        if line.get_transform() != axes.transData
    ]  # fmt: skip
    return [shape | {"y0": 0, "y1": 1, "layer": "below"} for shape in stripes + lines]


def _images(axes: "Axes") -> list[dict]:
    """Pictures that fill their axes, behind everything."""
    from matplotlib.image import imsave

    found = []
    for image in axes.images:
        buffer = io.BytesIO()
        imsave(buffer, np.asarray(image.get_array()), format="png", origin="lower")
        (left, right), (low, high) = (_range(axes, which) for which in "xy")
        source = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
        found.append({"source": source, "x": left, "y": high, "sizex": right - left, "sizey": high - low,
                      "sizing": "stretch", "layer": "below"})  # fmt: skip
    return found


def _domain(axes: "Axes", which: str, every: "list[Axes]") -> list[float]:
    """The axes' share of the picture. Room at its edge is for the static chart's legend, which is not drawn here."""
    ends = {one: one.get_position().intervalx if which == "x" else one.get_position().intervaly for one in every}
    first, last = min(low for low, _ in ends.values()), max(high for _, high in ends.values())
    if which == "y" and any(one.get_title(loc="left") for one in every):
        last = 1.0  # the room is for headings
    return [round(first + (end - first) * (1 - first) / (last - first), 4) for end in ends[axes]]


def _axis(axes: "Axes", which: str, suffix: str, every: "list[Axes]") -> dict:
    axis = axes.xaxis if which == "x" else axes.yaxis
    spec = {
        "type": axis.get_scale(),
        "range": _range(axes, which),
        "domain": _domain(axes, which, every),
        "anchor": f"{'y' if which == 'x' else 'x'}{suffix}",
        "title": {"text": _escaped(axis.get_label_text()), "standoff": 6},
        "gridcolor": RULE,
        "linecolor": FAINT,
        "zeroline": False,
        "ticks": "outside",
        "ticklen": 3,
    }
    if type(axis.get_major_locator()).__name__ == "FixedLocator":
        ticks = axis.get_majorticklocs()
        spec |= {
            "tickvals": ticks.tolist(),
            "ticktext": [_escaped(text) for text in axis.get_major_formatter().format_ticks(ticks)],
        }
    elif axis.get_scale() == "log":
        spec |= {"exponentformat": "power", "nticks": MAX_TICKS}  # no fixed ones: a reader may zoom into a decade
    return spec


def _words(axes: "Axes") -> list[dict]:
    """Texts that stand at a place of the data."""
    from matplotlib.text import Annotation

    place = {"showarrow": False, "xanchor": "left", "yanchor": "top", "xshift": 3, "font": {"size": 11}}
    return [
        place
        | {
            "text": _escaped(text.get_text()),
            "x": _forward(axes.xaxis, text.xy[0]),
            "y": _forward(axes.yaxis, text.xy[1]),
        }
        for text in axes.texts
        if isinstance(text, Annotation) and text.xycoords == "data"
    ]


def _marks(axes: "Axes", suffix: str) -> list[dict]:
    """What the shapes of marks mean, if the static chart has a legend of them."""
    handles = axes.get_legend().legend_handles if axes.get_legend() else []
    shown = [
        f"{GLYPHS[one.get_marker()]} {_escaped(one.get_label())}" for one in handles if getattr(one, "get_marker", None)
    ]
    if not shown:
        return []
    corner = {"x": 1, "y": 1, "xref": f"x{suffix} domain", "yref": f"y{suffix} domain", "xanchor": "right"}
    text = {"text": "<br>".join(shown), "align": "left", "font": {"size": 11}}
    return [corner | text | {"yanchor": "top", "showarrow": False}]


def _heading(axes: "Axes", suffix: str) -> dict:
    return {"text": f"<b>{_escaped(axes.get_title(loc='left'))}</b>", "x": 0, "y": 1, "xref": f"x{suffix} domain",
            "yref": f"y{suffix} domain", "xanchor": "left", "yanchor": "bottom", "showarrow": False}  # fmt: skip


def _range(axes: "Axes", which: str) -> list[float]:
    """Limits as Plotly counts them: exponents on a log axis."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    return [_forward(axis, value) for value in (axes.get_xlim() if which == "x" else axes.get_ylim())]


def _forward(axis, value) -> float:
    return float(np.log10(value) if axis.get_scale() == "log" else value)


def _short(values) -> list[float]:
    """Five digits: more than a screen can show."""
    return [float(f"{value:.5g}") for value in np.asarray(values, dtype=float)]


def _rgb(colour) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


def _rgba(colour) -> str:
    r, g, b, a = colour
    return f"rgba({255 * r:.0f},{255 * g:.0f},{255 * b:.0f},{a:.2f})"
