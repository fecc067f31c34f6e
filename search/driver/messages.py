"""What a driver says on stderr and writes to its log; secrets are masked."""

import contextlib
import sys

from analysis.formatting import printable
from search.config.secrets import mask
from search.sweep.folder import SweepFolder


def say(text: str) -> None:
    print(printable(mask(text)), file=sys.stderr, flush=True)


def log_traceback(folder: SweepFolder) -> None:
    import traceback

    with contextlib.suppress(OSError), open(folder.log, "a", encoding="utf-8") as file:
        file.write(mask(traceback.format_exc()))
