"""From sections to the page: figures numbered and saved as PNG files, tables and texts as HTML."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from analysis.charts.chart import Chart, Tip, placed_tips, save_png, styled
from analysis.errors import UserError
from analysis.report import context
from analysis.report.section import Part, Picture, ReportData, Section


@dataclass(frozen=True)
class Figure:
    """One numbered picture of the page."""

    number: int
    file: str  # PNG beside the page
    caption: str
    png: bytes
    width: int  # pixels
    height: int
    live: dict[str, Any] | None  # its twin for Plotly, which says on hover what a mark is …
    tips: list[Tip]  # … as these do where there is none

    @property
    def name(self) -> str:
        return Path(self.file).stem


@dataclass(frozen=True)
class DrawnSection:
    """A section with something to show. parts: figures, tables ({"columns", "rows"}), HTML and texts."""

    name: str
    title: str
    menu: str
    parts: list[Any]

    @property
    def figures(self) -> list[Figure]:
        return [part for part in self.parts if isinstance(part, Figure)]


def draw_sections(sections: Sequence[Section], data: ReportData) -> list[DrawnSection]:
    """Draws the sections that the tables allow, in order.

    UserError if two sections or pictures have the same name, or one that isn't the report's own cannot be drawn.
    """
    from analysis.report.sections import SECTIONS

    names = [section.name for section in sections]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"two sections of the report have the same name: {', '.join(twice)}")
    drawn, files, numbers = [], set[str](), count(1)
    for section in sections:
        if not section.fits(data):
            continue
        try:
            parts = _parts(section, data)
            shown = [_shown(part, data, files, numbers) for part in parts]
        except Exception as error:
            if section in SECTIONS or isinstance(error, UserError):
                raise
            message = " ".join(str(error).split())
            raise UserError(f"section {section.name!r} cannot be drawn: {type(error).__name__}: {message}") from error
        if shown:
            heading = section.heading(data)
            drawn.append(DrawnSection(section.name, heading, section.menu or heading, shown))
    return drawn


def _parts(section: Section, data: ReportData) -> list[Part]:
    """What a section shows, bare charts with its caption."""
    with styled():
        drawn = section.draw(data)
        parts = list(drawn) if isinstance(drawn, list | tuple | Iterator) else [drawn]  # what is yielded is drawn here
    parts = [Picture(section.name, section.caption, part) if isinstance(part, Chart) else part for part in parts]
    return [part for part in parts if part is not None and not (isinstance(part, Picture) and part.chart is None)]


def _shown(part: Part, data: ReportData, files: set[str], numbers: count) -> Any:
    """A part as the template shows it."""
    import pandas as pd

    from analysis.charts.plotly import plotly_figure

    if isinstance(part, Picture) and part.chart is not None:  # `_parts` drops those without
        file = f"{part.name}.png"
        if file in files:
            raise UserError(f"two pictures of the report have the same name: {part.name}")
        files.add(file)
        save_png(part.chart, data.folder / file)
        live = plotly_figure(part.chart, data.shown)
        width, height = (round(length) for length in part.chart.figure.bbox.size)
        tips = [] if live else placed_tips(part.chart)
        png = (data.folder / file).read_bytes()
        return Figure(next(numbers), file, part.caption, png, width, height, live, tips)
    if isinstance(part, pd.DataFrame):
        return context.table(part, data.colours, data.experiment)
    if isinstance(part, str):  # HTML (Markup) too
        return part
    raise UserError(f"a section shows charts, pictures, tables and texts, not {type(part).__name__}")
