"""Drawings of a network: inputs on a circle, the output in the middle, hidden neurons where the forces put them.

Line width says how strong a connection is, its colour the sign of the weight; connections that carry little fade
out. A hidden neuron that reads one input is marked + or − after the side on which it fires, one that passes its
inputs through is marked ∕, one that bends a mixture of inputs is a plain disc. The same network always looks the
same, with its hidden neurons in another order too.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.drawing.picture import PIXELS, Marking
from analysis.drawing.png import draw_png
from analysis.drawing.svg import draw_svg
from analysis.errors import UserError
from analysis.files import replaced
from analysis.network import Network


@dataclass(frozen=True)
class Drawing:
    """A drawn network, which a notebook shows."""

    svg: str

    def __repr__(self) -> str:
        return f"Drawing({len(self.svg):,} characters of SVG)"

    def _repr_svg_(self) -> str:
        return self.svg


def draw(
    network: Network,
    path: str | os.PathLike | None = None,
    *,
    title: str | None = None,
    legend: bool = True,
    pixels: int = PIXELS,
    markings: Sequence[Marking] = (),
) -> Drawing:
    """Draw one network, and write a .png or .svg file if there is a `path`, by its suffix.

    pixels: the drawing's width. markings: hidden neurons to draw in colours of their own, which the legend explains.
    Raises UserError for another suffix or a file that cannot be written.
    """
    settings: dict[str, Any] = {"title": title, "legend": legend, "pixels": pixels, "markings": markings}
    svg = draw_svg(network, **settings)
    if path is None:
        return Drawing(svg)
    suffix = Path(path).suffix.lower()
    if suffix not in (".png", ".svg"):
        raise UserError(f"{path}: a drawing is a .png or an .svg file")
    content = svg.encode() if suffix == ".svg" else draw_png(network, **settings)
    try:
        with replaced(Path(path)) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    return Drawing(svg)
