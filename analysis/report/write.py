"""The report: one page about a sweep that opens from disk, and its pictures as PNG files beside it."""

import datetime
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from analysis.errors import UserError
from analysis.files import read_bytes, staged
from analysis.report import context
from analysis.report.environment import TEMPLATES, environment
from analysis.report.page import draw_sections
from analysis.report.section import ReportData, Section
from analysis.report.sections import SECTIONS
from analysis.sweeps.load import Sweep, load_sweep

MAX_LINKS_BYTES = 2**28
LINKS, PAGE = "links.json", "index.html"
WRITTEN = re.compile(r"(boundaries|ground_states)\.csv|drawings/[0-9A-Za-z_-]+\.svg")


def write_report(sweep: Sweep | Path | str, sections: Sequence[Section] = SECTIONS) -> Path:
    """Write SWEEP/report/index.html, its pictures and boundaries.csv, and SWEEP/equilibrium.csv from its
    tables -> path of the page.

    sweep: its folder, or what `load_sweep` read of it.
    sections: what the page shows, in this order; a section whose columns the tables lack is left out.
    Works on an interrupted sweep too: the page says how much is missing. Overwrites an earlier report.
    Raises UserError if the folder holds no sweep, cannot be written, or a section of the user's cannot be drawn.
    """
    sweep = sweep if isinstance(sweep, Sweep) else load_sweep(sweep)
    folder = sweep.folder / "report"
    try:
        with staged(folder, stale=_written_before(folder), last=PAGE) as temporary:
            data = ReportData(sweep, read_links(sweep.folder), temporary)
            (temporary / PAGE).write_text(_render(data, sections), encoding="utf-8")
        _write_equilibrium(data)
    except OSError as error:
        raise UserError(f"{folder}: cannot write the report ({error.strerror or error})") from error
    return folder / PAGE


def _write_equilibrium(data: ReportData) -> None:
    """SWEEP/equilibrium.csv, or none where trainings have no error and complexity."""
    from analysis.sweeps.equilibrium import FILE, NEEDED, write_equilibrium

    if data.has(NEEDED):
        write_equilibrium(data.sweep.folder, data.equilibrium)
    else:
        (data.sweep.folder / FILE).unlink(missing_ok=True)


def _written_before(folder: Path) -> Callable[[str], bool]:
    """Which files of the folder an earlier report wrote: the pictures that its page shows, drawings and the table."""
    try:
        page = (folder / PAGE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        page = ""
    return lambda name: bool(WRITTEN.fullmatch(name)) or (name.endswith(".png") and f'href="{name}"' in page)


def read_links(folder: Path) -> dict[str, str]:
    """key -> address of the training's page where trainings are tracked, from SWEEP/links.json; {} without it."""
    try:
        links = TypeAdapter(dict[str, str]).validate_json(read_bytes(folder / LINKS, most=MAX_LINKS_BYTES))
    except ValueError:  # UserError and ValidationError among them
        return {}
    return {key: link for key, link in links.items() if link.startswith(("http://", "https://"))}


def _render(data: ReportData, sections: Sequence[Section]) -> str:
    from analysis.report.scripts import page_data

    if len(data.done):
        data.boundaries.to_csv(data.folder / "boundaries.csv", index=False)
    drawn = draw_sections(sections, data)
    figures = [figure for each in drawn for figure in each.figures]
    page = environment(data.colours).get_template("report.html.j2")
    return page.render(
        css=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        js=(TEMPLATES / "report.js").read_text(encoding="utf-8"),
        sections=drawn,
        snapshots=len(data.sweep.snapshots),
        written=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=context.version(),
        **context.opening(data.sweep),
        **page_data(data.shown, data.gallery, data.links, figures, data.experiment),
    )
