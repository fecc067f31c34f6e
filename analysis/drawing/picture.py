"""A network's picture as lines, discs and words, from which both file formats are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from analysis.drawing.layout import Scene, scene
from analysis.network import Network

PIXELS = 800  # width of a PNG
FILLS = {"input": "#f5b83d", "hidden": "#e3e9f0", "output": "#1f7a6d"}
OUTLINE, INK, PAPER = "#4a5663", "#22292f", "#ffffff"
POSITIVE, NEGATIVE = "#2b6cb0", "#d1495b"
HALF = 1.14  # half the width of the picture, in radii of the disc that holds the network
HEADER, FOOTER, MARKING = 0.14, 0.24, 0.1  # heights of title, legend and each marking's row in it, likewise
WIDEST = 0.026  # line of the strongest connection, likewise


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


@dataclass(frozen=True)
class Marking:
    """Hidden neurons that are drawn in a colour of their own, and what the legend says about them."""

    neurons: tuple[int, ...]
    colour: str
    text: str


@dataclass
class Picture:
    """Primitives in the units of the disc (y upwards), bottom layer first; what both file formats draw."""

    top: float
    bottom: float
    connections: list[Line] = field(default_factory=list)
    discs: list[Disc] = field(default_factory=list)
    marks: list[Line] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)


def compose(network: Network, title: str | None, legend: bool, markings: Sequence[Marking] = ()) -> Picture:
    layout = scene(network)
    bottom = -HALF - (FOOTER + MARKING * len(markings)) * legend
    picture = Picture(HALF + HEADER * bool(title), bottom)
    fills = {neuron: marking.colour for marking in markings for neuron in marking.neurons}
    fill_of_node = [FILLS["input"]] * network.dimension
    fill_of_node += [fills.get(neuron, FILLS["hidden"]) for neuron in layout.neurons] + [FILLS["output"]]
    # Dense networks get thinner and fainter lines, or there would be nothing but ink.
    crowd = min(1.0, (5 * network.dimension / max(len(layout.edges), 1)) ** 0.4)
    for edge in layout.edges:
        a, b = layout.nodes[edge.start], layout.nodes[edge.end]
        width = WIDEST * max(edge.strength, 0.1) * crowd
        colour = POSITIVE if edge.positive else NEGATIVE
        picture.connections.append(Line(a.x, a.y, b.x, b.y, width, colour, 0.9 * crowd * edge.opacity))
    for node, fill in zip(layout.nodes, fill_of_node, strict=True):
        _add_node(picture, layout, node.x, node.y, node.kind, node.label, fill)
    if title:
        picture.words.append(Words(0, HALF + 0.02, title, min(0.085, 3.4 / len(title)), INK))
    if legend:
        _add_legend(picture, layout, network)
        for row, marking in enumerate(markings):
            _add_marking(picture, marking, -HALF - FOOTER - MARKING * (row + 0.4))
    return picture


# What marks a hidden neuron: directions of strokes through its middle.
STROKES: dict[str, list[tuple[float, float]]] = {"+": [(1, 0), (0, 1)], "−": [(1, 0)], "∕": [(0.7, 0.7)], "": []}


def _add_marking(picture: Picture, marking: Marking, y: float) -> None:
    size = 0.047
    picture.discs.append(Disc(-1.07, y + 0.36 * size, 0.028, marking.colour))
    size = min(size, 3.4 / max(len(marking.text), 1))  # the whole row, however long
    picture.words.append(Words(-1.015, y, marking.text, size, OUTLINE, "start"))


def _add_node(picture: Picture, layout: Scene, x: float, y: float, kind: str, label: str, fill: str) -> None:
    radius = layout.radius * {"input": 1.25, "hidden": 1.0 if label else 0.6, "output": 1.4}[kind]
    picture.discs.append(Disc(x, y, radius, fill))
    if kind == "hidden":
        reach, width = 0.5 * radius, 0.2 * radius
        strokes = STROKES[label]
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
        _add_node(picture, scale, x, first + 0.36 * size, kind, mark, FILLS[kind])
        picture.words.append(Words(x + 0.055, first, words, size, OUTLINE, "start"))
    for x, colour, words in ((-1.1, POSITIVE, "positive weight"), (-0.5, NEGATIVE, "negative weight")):
        picture.marks.append(Line(x, second + 0.36 * size, x + 0.09, second + 0.36 * size, 0.02, colour))
        picture.words.append(Words(x + 0.125, second, words, size, OUTLINE, "start"))
    idle = f", {layout.idle} idle ones left out" if layout.idle else ""
    picture.words.append(
        Words(1.1, second, f"{network.hidden - layout.idle} hidden neurons{idle}", size, OUTLINE, "end")
    )
