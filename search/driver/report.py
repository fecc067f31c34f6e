"""The report of a sweep's folder, and the summary on stdout. Needs no training software, so that it starts at once."""

import contextlib
import hashlib
import json
from pathlib import Path

import analysis
from analysis.errors import UserError
from analysis.files import replace_text
from search import objects
from search.driver.messages import log_traceback, say
from search.error_text import one_line
from search.sweep import folder as folders
from search.sweep.folder import SweepFolder, command_line

SOURCES = ("*.parquet", "*.csv", "*.json", f"{objects.CODE}/*")  # in a sweep's folder
NOT_SOURCES = ("manifest.json", "equilibrium.csv")  # every run changes the one, the report itself writes the other


def write_report(folder: SweepFolder, *, again: bool = True) -> bool:
    """The report and, on stdout, the summary. False, with one line on stderr, if they cannot be made.

    again: False leaves a report alone that today's code made of the same tables.
    """
    try:
        sources = _digest(folder)
        text = None if again else _summary_of(folder, sources)
        if text is None:
            text = _write(folder)
            pictures = {path.name: path.stat().st_size for path in folder.report.iterdir() if path.is_file()}
            stamp = {"sources": sources, "files": pictures, "summary": text}
            replace_text(folder.report_stamp, json.dumps(stamp))
    except Exception as error:
        if not isinstance(error, UserError):
            log_traceback(folder)
        say(f"no report: {one_line(error)} (`{command_line('report', folder)}` tries again)")
        return False
    with contextlib.suppress(BrokenPipeError):  # whoever read our output has enough: the report is there
        print(text, flush=True)
    return True


def _write(folder: SweepFolder) -> str:
    """Writes the report. Returns the summary."""
    import pandas as pd

    from analysis.report.summary import summary
    from analysis.report.write import write_report as write
    from analysis.sweeps.load import load_sweep

    sweep = load_sweep(folder.path)
    write(sweep, objects.sections(folders.read_config(folder).analysis.sections))
    boundaries = folder.report / "boundaries.csv"
    return summary(sweep, pd.read_csv(boundaries) if boundaries.is_file() else None)


def _summary_of(folder: SweepFolder, sources: str) -> str | None:
    """The summary of the report that is there; None if it is not whole, or made of other sources."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        stamp = json.loads(folder.report_stamp.read_text(encoding="utf-8"))
        whole = all((folder.report / name).stat().st_size == size for name, size in stamp["files"].items())
        if stamp["sources"] == sources and whole and "index.html" in stamp["files"]:
            return str(stamp["summary"])
    return None


def _digest(folder: SweepFolder) -> str:
    """Stands for all that a report is made of: the folder's tables and settings, and the code that reads them."""
    code = Path(analysis.__path__[0]).rglob("*")
    found = [path for pattern in SOURCES for path in folder.path.glob(pattern) if path.name[0] != "."]
    digest = hashlib.sha256(folders.read_config(folder).analysis.model_dump_json().encode())
    for path in (*sorted(code), *sorted(found)):
        if path.is_file() and path.name not in NOT_SOURCES and path.suffix != ".pyc":
            with open(path, "rb") as file:
                digest.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()
