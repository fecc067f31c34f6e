"""From a matplotlib figure to files: a PNG to send around, and an SVG that tells on hover what each mark is.

The SVG goes into the report's page as it is: its text stays text (the page's fonts apply) and every mark with a tip
carries an SVG <title>, which any browser shows without scripts.
"""

import io
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analysis.literal_text import show_literally

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.artist import Artist
    from matplotlib.figure import Figure


SVG = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
DPI = 144
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
    "svg.fonttype": "none",
    "figure.facecolor": "white",
    "axes.axisbelow": True,
}


@dataclass
class Chart:
    """A figure and what its marks say on hover."""

    figure: "Figure"
    tips: dict[str, list[str]] = field(default_factory=dict)  # SVG id -> a text for each mark of that artist
    trainings: dict[str, list[str]] = field(default_factory=dict)  # SVG id -> keys, where each mark is a training
    markers: dict[str, str] = field(default_factory=dict)  # SVG id -> matplotlib's marker, where it is not a disc

    def tip(self, artist: "Artist", *texts: str) -> None:
        """Say what the marks of one artist are, in the order in which they are drawn."""
        name = f"tip{len(self.tips)}"
        artist.set_gid(name)
        self.tips[name] = list(texts)


def new_chart(width: float, height: float) -> Chart:
    """An empty chart, sizes in inches. A Figure of its own: no pyplot, so nothing global is kept alive."""
    from matplotlib.figure import Figure

    return Chart(Figure(figsize=(width, height), layout="constrained"))


def styled():
    """Context in which the report's charts are drawn."""
    import matplotlib

    return matplotlib.rc_context(STYLE)


def save_png(chart: Chart, path: "Path") -> None:
    """Also settles the layout, so that the same chart as SVG need not compute it again."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with styled():
        show_literally(chart.figure)
        chart.figure.set_dpi(DPI)
        FigureCanvasAgg(chart.figure).print_png(path)  # unlike Figure.savefig, draws once and not twice
        chart.figure.set_layout_engine("none")


def svg_text(chart: Chart, name: str) -> str:
    """The chart as inline SVG. `name` keeps the ids of several charts on one page apart."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.BytesIO()
    show_literally(chart.figure)
    with styled(), matplotlib.rc_context({"svg.hashsalt": name}):
        FigureCanvasSVG(chart.figure).print_svg(buffer, metadata={"Date": None})
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    root = ET.fromstring(buffer.getvalue())
    for element in root.findall(f"{{{SVG}}}metadata"):
        root.remove(element)
    for group in root.iter(f"{{{SVG}}}g"):
        tips = chart.tips.get(group.attrib.pop("id", ""))  # ids of groups are never referred to: drop them
        if tips:
            _add_titles(group, tips)
    _prefix_ids(root, name)
    root.attrib.pop("width"), root.attrib.pop("height")
    return ET.tostring(root, encoding="unicode")


def _add_titles(group: ET.Element, tips: list[str]) -> None:
    hidden = {mark for defs in group.iter(f"{{{SVG}}}defs") for mark in defs.iter()}
    marks = [mark for mark in group.iter() if mark.tag in (f"{{{SVG}}}path", f"{{{SVG}}}use") and mark not in hidden]
    for mark, tip in zip(marks, tips, strict=False):
        title = ET.SubElement(mark, f"{{{SVG}}}title")
        title.text = tip


def _prefix_ids(root: ET.Element, name: str) -> None:
    """Ids are unique on the page, whatever matplotlib's hashes do."""
    href = f"{{{XLINK}}}href"
    for element in root.iter():
        if "id" in element.attrib:
            element.set("id", f"{name}-{element.get('id')}")
        target = element.get(href, "")
        if target.startswith("#"):
            element.set(href, f"#{name}-{target[1:]}")
        clip = element.get("clip-path", "")
        if clip.startswith("url(#"):
            element.set("clip-path", f"url(#{name}-{clip[5:]}")
