"""The report: one page about a sweep that opens from disk, and its pictures as PNG files beside it."""

import datetime
import json
import os
from collections.abc import Sequence
from pathlib import Path

from analysis.errors import UserError
from analysis.report import context
from analysis.report.page import TEMPLATES, draw_sections
from analysis.report.section import ReportData, Section
from analysis.report.sections import SECTIONS
from analysis.sweeps.load import load_sweep

LINKS = "links.json"


def write_report(sweep_folder: Path | str, sections: Sequence[Section] = SECTIONS) -> Path:
    """Write SWEEP/report/index.html, its pictures and boundaries.csv from the sweep's tables -> path of the page.

    sections: what the page shows, in this order; a section whose columns the tables lack is left out.
    Works on an interrupted sweep too: the page says how much is missing. Overwrites an earlier report.
    Raises UserError if the folder holds no sweep, cannot be written, or a section of the user's cannot be drawn.
    """
    sweep = load_sweep(sweep_folder)
    data = ReportData(sweep, read_links(sweep.folder))
    try:
        data.folder.mkdir(exist_ok=True)
        page = _render(data, sections)
        temporary = data.folder / f".index.{os.getpid()}.html"
        temporary.write_text(page, encoding="utf-8")
        temporary.replace(data.folder / "index.html")  # a reader never sees half a page
    except OSError as error:
        raise UserError(f"{data.folder}: cannot write the report ({error.strerror or error})") from error
    return data.folder / "index.html"


def read_links(folder: Path) -> dict[str, str]:
    """key -> address of the training's page where trainings are tracked, from SWEEP/links.json; {} without it."""
    try:
        links = json.loads((folder / LINKS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(link) for key, link in links.items() if str(link).startswith(("http://", "https://"))}


def _render(data: ReportData, sections: Sequence[Section]) -> str:
    from analysis.report.page import environment
    from analysis.report.scripts import page_data

    if len(data.done):
        data.phases.boundaries.to_csv(data.folder / "boundaries.csv", index=False)
    else:
        (data.folder / "boundaries.csv").unlink(missing_ok=True)
    drawn = draw_sections(sections, data)
    live = {Path(figure.file).stem: figure.live for each in drawn for figure in each.figures if figure.live}
    page = environment(data.colours).get_template("report.html.j2")
    return page.render(
        css=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        js=(TEMPLATES / "report.js").read_text(encoding="utf-8"),
        sections=drawn,
        snapshots=len(data.sweep.snapshots),
        written=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=context.version(),
        **context.opening(data.sweep),
        **page_data(data.done, data.gallery, data.links, live),
    )
