"""The picture as SVG."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from analysis.drawing.picture import HALF, OUTLINE, PAPER, PIXELS, Line, Marking, compose
from analysis.network import Network


def draw_svg(
    network: Network,
    *,
    title: str | None = None,
    legend: bool = True,
    pixels: int = PIXELS,
    markings: Sequence[Marking] = (),
) -> str:
    """The drawing as SVG text, ready to stand in a page."""
    picture = compose(network, title, legend, markings)
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


def _svg_line(line: Line) -> str:
    faint = f' opacity="{line.opacity:.2f}"' if line.opacity < 1 else ""
    return (
        f'<path d="M{line.x1:.3f} {-line.y1:.3f}L{line.x2:.3f} {-line.y2:.3f}" stroke="{line.colour}" '
        f'stroke-width="{line.width:.4f}"{faint}/>'
    )
