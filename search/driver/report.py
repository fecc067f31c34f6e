"""The report of a sweep's folder, and the summary on stdout. Needs no training software, so that it starts at once."""

import contextlib

from analysis.errors import UserError
from search import objects
from search.driver.messages import log_traceback, say
from search.error_text import one_line
from search.sweep import folder as folders
from search.sweep.folder import SweepFolder, command_line


def write_report(folder: SweepFolder) -> bool:
    """The report and, on stdout, the summary. False, with one line on stderr, if they cannot be made."""
    try:
        import pandas as pd

        from analysis.report.summary import summary
        from analysis.report.write import write_report as write
        from analysis.sweeps.load import load_sweep

        write(folder.path, objects.sections(folders.read_config(folder).analysis.sections))
        boundaries = folder.report / "boundaries.csv"
        text = summary(load_sweep(folder.path), pd.read_csv(boundaries) if boundaries.is_file() else None)
    except Exception as error:
        if not isinstance(error, UserError):
            log_traceback(folder)
        say(f"no report: {one_line(error)} (`{command_line('report', folder)}` tries again)")
        return False
    with contextlib.suppress(BrokenPipeError):  # whoever read our output has enough: the report is there
        print(text, flush=True)
    return True
