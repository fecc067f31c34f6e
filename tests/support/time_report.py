"""How long the report takes to write and to open: python -m tests.support.time_report [TRAININGS] [REPEATS].

Prints the page's size and, for every visit with a fresh Chromium, the seconds from opening the file until text is on
the screen, until the first live chart is drawn, and the processor's time that the page itself used until then.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from analysis.report.write import write_report
from tests.support.browser import browser
from tests.support.fake_sweep import BETAS, write_fake_sweep


def main(trainings: int = 1000, repeats: int = 5) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sweep = write_fake_sweep(Path(folder) / "sweep", betas=BETAS[::2], seeds=round(trainings / 27))
        started = time.perf_counter()
        page = write_report(sweep)
        seconds, size = time.perf_counter() - started, page.stat().st_size / 1e6
        print(f"{trainings} trainings: written in {seconds:.1f} s, {size:.1f} MB")
        for number in range(repeats):
            with browser(Path(folder) / f"visit{number}") as tab:
                tab.call("Performance.enable", timeDomain="threadTicks")
                drawn = tab.visit(page.as_uri(), until="document.querySelector('figure.drawn') !== null")
                metrics = {one["name"]: one["value"] for one in tab.call("Performance.getMetrics")["metrics"]}
                paint = json.loads(tab.run("JSON.stringify(performance.getEntriesByType('paint'))"))
                print(
                    f"text after {paint[0]['startTime'] / 1000:.2f} s, first live chart after {drawn:.2f} s, "
                    f"processor {metrics['TaskDuration']:.2f} s"
                )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
