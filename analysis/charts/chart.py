"""From a matplotlib figure to a PNG file, and to where on it each mark lies: a page says on hover what it is."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from analysis.literal_text import show_literally

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.artist import Artist
    from matplotlib.figure import Figure


DPI = 144
REACH = 5  # pixels around a mark that count as the mark
INK, FAINT, RULE = "#1d2229", "#6b7280", "#d5d9df"
STYLE = {
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "axes.axisbelow": True,
}


@dataclass
class Chart:
    """A figure and what its marks say on hover."""

    figure: "Figure"
    tips: "dict[Artist, list[str]]" = field(default_factory=dict)  # a text for each mark of the artist
    trainings: "dict[Artist, list[str]]" = field(default_factory=dict)  # keys, where each mark is a training
    markers: "dict[Artist, str]" = field(default_factory=dict)  # matplotlib's marker, where it is not a disc

    def tip(self, artist: "Artist", *texts: str) -> None:
        """Say what the marks of one artist are, in the order in which they are drawn."""
        self.tips[artist] = list(texts)


@dataclass(frozen=True)
class Tip:
    """A text, and where on the picture it belongs: shares of the width and height, from the upper left corner."""

    left: float
    top: float
    width: float
    height: float
    text: str


def new_chart(width: float, height: float) -> Chart:
    """An empty chart, sizes in inches. A Figure of its own: no pyplot, so nothing global is kept alive."""
    from matplotlib.figure import Figure

    return Chart(Figure(figsize=(width, height), layout="constrained"))


def styled():
    """Context in which the report's charts are drawn."""
    import matplotlib

    return matplotlib.rc_context(STYLE)


def save_png(chart: Chart, path: "Path") -> None:
    """Draws the chart; from then on its layout is settled."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    with styled():
        show_literally(chart.figure)
        chart.figure.set_dpi(DPI)
        canvas = FigureCanvasAgg(chart.figure)
        canvas.draw()
        chart.figure.set_layout_engine("none")
    pixels = Image.fromarray(np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3]))
    if not any(axes.images for axes in chart.figure.axes):  # without gradients, a palette is enough for a third of it
        pixels = pixels.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    pixels.save(path, "png", dpi=(DPI, DPI))


def placed_tips(chart: Chart) -> list[Tip]:
    """Every tip of a chart that has been saved, those of later marks last."""
    width, height = chart.figure.bbox.size
    found = []
    for artist, texts in chart.tips.items():
        left, bottom, right, top = np.clip(_boxes(artist).T / np.array([[width], [height]] * 2), 0, 1)
        for x, y, w, h, text in zip(left, 1 - top, right - left, top - bottom, texts, strict=False):
            found.append(Tip(float(x), float(y), float(w), float(h), text))
    return found


def _boxes(artist: "Artist") -> np.ndarray:
    """(marks, 4) left, bottom, right, top of an artist's marks in pixels; dots and lines are given some room."""
    from matplotlib.collections import Collection, LineCollection, PathCollection

    if isinstance(artist, PathCollection):
        middle = artist.get_offset_transform().transform(np.ma.filled(artist.get_offsets(), np.nan))
        half = np.sqrt(artist.get_sizes())[:, None] / 2 * artist.figure.dpi / 72
        corners = np.stack([middle - half, middle + half], axis=1)  # (marks, 2, 2)
    elif isinstance(artist, Collection):
        paths = [artist.get_transform().transform(path.vertices) for path in artist.get_paths()]
        corners = np.array([[path.min(0), path.max(0)] for path in paths]).reshape(-1, 2, 2)
    else:
        corners = artist.get_window_extent().get_points()[None]
    thin = isinstance(artist, PathCollection | LineCollection)
    return (corners + thin * np.array([[-REACH], [REACH]])).reshape(-1, 4)
