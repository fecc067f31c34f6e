"""The picture as a PNG."""

import functools
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analysis.drawing.picture import HALF, OUTLINE, PAPER, PIXELS, Line, Marking, Words, compose
from analysis.network import Network

MARK_WITHIN = 300  # bytes of a file that have the mark of a drawing of ours, if it is one
PNG_COLOURS = 128  # in the PNG's palette: smooth lines at a third of the bytes


def draw_png(
    network: Network,
    *,
    title: str | None = None,
    legend: bool = True,
    pixels: int = PIXELS,
    markings: Sequence[Marking] = (),
) -> bytes:
    """The drawing as the bytes of a PNG, laid out like the SVG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import
    from matplotlib.collections import CircleCollection, PathCollection
    from matplotlib.figure import Figure
    from matplotlib.transforms import Affine2D
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    picture = compose(network, title, legend, markings)
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
    about = PngInfo()
    about.add_text("Software", "hyperphase")
    image.save(buffer, "PNG", compress_level=4, pnginfo=about)
    return buffer.getvalue()


def is_drawing(path: Path) -> bool:
    """Whether what is at a path is a PNG that `draw_png` made."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return b"tEXtSoftware\0hyperphase" in file.read(MARK_WITHIN)


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
