"""Drawings of a network: inputs on a circle, the output in the middle, hidden neurons where the forces put them.

Line width says how strong a connection is, its colour the sign of the weight; connections that carry little fade
out. A hidden neuron that reads one input is marked + or − after the side on which it fires, one that passes its
inputs through is marked ∕, one that bends a mixture of inputs is a plain disc. The same network always looks the
same, with its hidden neurons in another order too.
"""

import functools
import io
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from analysis.errors import UserError
from analysis.layout import Scene, scene
from analysis.network import Network

PIXELS = 800  # width of a PNG
FILLS = {"input": "#f5b83d", "hidden": "#e3e9f0", "output": "#1f7a6d"}
OUTLINE, INK, PAPER = "#4a5663", "#22292f", "#ffffff"
POSITIVE, NEGATIVE = "#2b6cb0", "#d1495b"
HALF = 1.14  # half the width of the picture, in radii of the disc that holds the network
HEADER, FOOTER = 0.14, 0.24  # heights of title and legend, likewise
WIDEST = 0.026  # line of the strongest connection, likewise
PNG_COLOURS = 128  # in the PNG's palette: smooth lines at a third of the bytes


@dataclass(frozen=True)
class Line:
    x1: float
    y1: float
    x2: float
    y2: float
    width: float
    colour: str
    opacity: float = 1.0


@dataclass(frozen=True)
class Disc:
    x: float
    y: float
    radius: float
    fill: str


@dataclass(frozen=True)
class Words:
    x: float
    y: float  # of the baseline
    text: str
    size: float
    colour: str
    anchor: str = "middle"  # or "start", "end"


@dataclass
class Picture:
    """Primitives in the units of the disc (y upwards), bottom layer first; what both file formats draw."""

    top: float
    bottom: float
    connections: list[Line] = field(default_factory=list)
    discs: list[Disc] = field(default_factory=list)
    marks: list[Line] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)


def draw(
    network: Network,
    path: str | os.PathLike,
    *,
    title: str | None = None,
    legend: bool = True,
    pixels: int = PIXELS,
) -> None:
    """Draw one network into a .png or .svg file, by the path's suffix."""
    renderers = {".svg": draw_svg, ".png": draw_png}
    suffix = Path(path).suffix.lower()
    if suffix not in renderers:
        raise UserError(f"{path}: a drawing is a .png or an .svg file")
    content = renderers[suffix](network, title=title, legend=legend, pixels=pixels)
    try:
        Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None


def draw_svg(network: Network, *, title: str | None = None, legend: bool = True, pixels: int = PIXELS) -> str:
    """The drawing as SVG text, ready to stand in a page."""
    picture = _picture(network, title, legend)
    height = picture.top - picture.bottom
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{pixels}" height="{pixels * height / (2 * HALF):.0f}" '
        f'viewBox="{-HALF:g} {-picture.top:g} {2 * HALF:g} {height:g}" stroke-linecap="round" '
        'font-family="DejaVu Sans, Verdana, sans-serif">'
    )
    parts = [
        opening,
        f'<rect x="{-HALF:g}" y="{-picture.top:g}" width="{2 * HALF:g}" height="{height:g}" fill="{PAPER}"/>',
        *map(_svg_line, picture.connections),
        *(
            f'<circle cx="{disc.x:.3f}" cy="{-disc.y:.3f}" r="{disc.radius:.4f}" fill="{disc.fill}" '
            f'stroke="{OUTLINE}" stroke-width="0.006"/>'
            for disc in picture.discs
        ),
        *map(_svg_line, picture.marks),
        *(
            f'<text x="{words.x:.3f}" y="{-words.y:.3f}" font-size="{words.size:.4f}" fill="{words.colour}" '
            f'text-anchor="{words.anchor}">{escape(words.text)}</text>'
            for words in picture.words
        ),
        "</svg>",
    ]
    return "\n".join(parts)


def draw_png(network: Network, *, title: str | None = None, legend: bool = True, pixels: int = PIXELS) -> bytes:
    """The drawing as the bytes of a PNG, laid out like the SVG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.collections import CircleCollection, PathCollection
    from matplotlib.figure import Figure
    from matplotlib.transforms import Affine2D
    from PIL import Image

    picture = _picture(network, title, legend)
    inches, height = 8.0, 8.0 * (picture.top - picture.bottom) / (2 * HALF)
    figure = Figure((inches, height), dpi=pixels / inches, facecolor=PAPER)
    canvas = FigureCanvasAgg(figure)
    points = inches * 72 / (2 * HALF)  # of one unit of the picture
    place = Affine2D().translate(HALF, -picture.bottom).scale(pixels / (2 * HALF))  # to the figure's pixels
    # Straight onto the figure: axes would take as long as everything else.
    _png_lines(figure, picture.connections, points, place, layer=1)
    figure.add_artist(CircleCollection(
        [math.pi * (disc.radius * points) ** 2 for disc in picture.discs],
        offsets=[(disc.x, disc.y) for disc in picture.discs], offset_transform=place,
        facecolors=[disc.fill for disc in picture.discs], edgecolors=OUTLINE, linewidths=0.006 * points,
        zorder=2))  # fmt: skip
    _png_lines(figure, picture.marks, points, place, layer=3)
    texts = [words for words in picture.words if words.text]
    figure.add_artist(PathCollection([_outline(words) for words in texts], transform=place, linewidths=0,
                                     facecolors=[words.colour for words in texts], zorder=4))  # fmt: skip
    canvas.draw()
    image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("RGB")
    buffer = io.BytesIO()
    image = image.quantize(PNG_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    image.save(buffer, "PNG", compress_level=4)
    return buffer.getvalue()


def _picture(network: Network, title: str | None, legend: bool) -> Picture:
    layout = scene(network)
    picture = Picture(HALF + HEADER * bool(title), -HALF - FOOTER * legend)
    # Dense networks get thinner and fainter lines, or there would be nothing but ink.
    crowd = min(1.0, (5 * network.dimension / max(len(layout.edges), 1)) ** 0.4)
    for edge in layout.edges:
        a, b = layout.nodes[edge.start], layout.nodes[edge.end]
        width = WIDEST * max(edge.strength, 0.1) * crowd
        colour = POSITIVE if edge.positive else NEGATIVE
        picture.connections.append(Line(a.x, a.y, b.x, b.y, width, colour, 0.9 * crowd * edge.opacity))
    for node in layout.nodes:
        _add_node(picture, layout, node.x, node.y, node.kind, node.label)
    if title:
        picture.words.append(Words(0, HALF + 0.02, title, min(0.085, 3.4 / len(title)), INK))
    if legend:
        _add_legend(picture, layout, network)
    return picture


def _add_node(picture: Picture, layout: Scene, x: float, y: float, kind: str, label: str) -> None:
    radius = layout.radius * {"input": 1.25, "hidden": 1.0 if label else 0.6, "output": 1.4}[kind]
    picture.discs.append(Disc(x, y, radius, FILLS[kind]))
    if kind == "hidden":
        reach, width = 0.5 * radius, 0.2 * radius
        strokes = {"+": [(1, 0), (0, 1)], "−": [(1, 0)], "∕": [(0.7, 0.7)], "": []}[label]
        picture.marks += [
            Line(x - dx * reach, y - dy * reach, x + dx * reach, y + dy * reach, width, INK) for dx, dy in strokes
        ]
    else:
        size = radius * (1.05 if len(label) < 3 else 0.85)
        picture.words.append(Words(x, y - 0.36 * size, label, size, PAPER if kind == "output" else INK))


def _add_legend(picture: Picture, layout: Scene, network: Network) -> None:
    """Two rows below the network: what the marks mean, and how many neurons are not drawn."""
    size, first, second = 0.047, -HALF - 0.06, -HALF - 0.16
    disc = 0.028
    entries = [("input", "", "input"), ("hidden", "+", "fires on x > 0"), ("hidden", "−", "fires on x < 0"),
               ("hidden", "∕", "passes through"), ("output", "", "output")]  # fmt: skip
    scale = Scene((), (), 0, disc)
    for x, (kind, mark, words) in zip((-1.07, -0.79, -0.29, 0.22, 0.8), entries, strict=True):
        _add_node(picture, scale, x, first + 0.36 * size, kind, mark)
        picture.words.append(Words(x + 0.055, first, words, size, OUTLINE, "start"))
    for x, colour, words in ((-1.1, POSITIVE, "positive weight"), (-0.5, NEGATIVE, "negative weight")):
        picture.marks.append(Line(x, second + 0.36 * size, x + 0.09, second + 0.36 * size, 0.02, colour))
        picture.words.append(Words(x + 0.125, second, words, size, OUTLINE, "start"))
    idle = f", {layout.idle} idle ones left out" if layout.idle else ""
    picture.words.append(
        Words(1.1, second, f"{network.hidden - layout.idle} hidden neurons{idle}", size, OUTLINE, "end")
    )


def _svg_line(line: Line) -> str:
    faint = f' opacity="{line.opacity:.2f}"' if line.opacity < 1 else ""
    return (
        f'<path d="M{line.x1:.3f} {-line.y1:.3f}L{line.x2:.3f} {-line.y2:.3f}" stroke="{line.colour}" '
        f'stroke-width="{line.width:.4f}"{faint}/>'
    )


def _outline(words: Words):
    """The words as one path in the picture's units. Text artists would take as long as all the rest of a drawing."""
    from matplotlib.path import Path as Outline

    letters = _letters(words.text)
    left, right = letters.vertices[:, 0].min(), letters.vertices[:, 0].max()
    start = {"start": 0.0, "middle": (left + right) / 2, "end": right}[words.anchor]
    return Outline((letters.vertices - (start, 0)) * words.size + (words.x, words.y), letters.codes)


@functools.lru_cache(maxsize=256)
def _letters(text: str):
    """The text's outline in letters of size 1, beginning at the origin."""
    from matplotlib.textpath import TextPath

    return TextPath((0, 0), text.replace("$", r"\$"), size=1)


def _png_lines(figure, lines: list[Line], points: float, place, layer: int) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgb

    if lines:
        rgb = {colour: to_rgb(colour) for colour in {line.colour for line in lines}}
        figure.add_artist(LineCollection(
            np.array([((line.x1, line.y1), (line.x2, line.y2)) for line in lines]),
            linewidths=[line.width * points for line in lines],
            colors=np.array([(*rgb[line.colour], line.opacity) for line in lines]),
            capstyle="round", transform=place, zorder=layer))  # fmt: skip
