"""How long the report takes to write and to open: python -m tests.support.time_report [TRAININGS | PAGE] [REPEATS].

Prints what writing costs and the page's size and, for every visit with a fresh Chromium, the seconds from opening the
file until text is on the screen and until the table and the first live chart are drawn, the processor's time that the
page itself used until then, and the memory of all of the browser's processes (each shared page counted once): of a
blank page, of this one, and once all of it has been scrolled through. PAGE: an index.html that is there.
"""

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from analysis.report.write import write_report
from tests.support.browser import Tab, browser
from tests.support.fake_sweep import BETAS, write_fake_sweep

READY = "document.querySelector('figure.drawn') !== null && document.querySelector('#trainings tbody td') !== null"


def main(what: str = "1000", repeats: str = "5") -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if what.isdigit():
            sweep = write_fake_sweep(Path(folder) / "sweep", betas=BETAS[::2], seeds=round(int(what) / 27))
            started = time.process_time()
            page = write_report(sweep)
            most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{what} trainings: written in {time.process_time() - started:.1f} s, at most {most:.0f} MiB")
        else:
            page = Path(what).absolute()
        print(f"{page.stat().st_size / 1e6:.1f} MB")
        for number in range(int(repeats)):
            with browser(Path(folder) / f"visit{number}") as tab:
                print(visit(tab, page))


def visit(tab: Tab, page: Path) -> str:
    blank = memory()
    tab.call("Performance.enable", timeDomain="threadTicks")
    drawn = tab.visit(page.as_uri(), until=READY)
    metrics = {one["name"]: one["value"] for one in tab.call("Performance.getMetrics")["metrics"]}
    paint = json.loads(tab.run("JSON.stringify(performance.getEntriesByType('paint'))"))
    opened = memory()
    height = tab.run("document.body.scrollHeight")
    for place in range(0, height, 800):
        tab.run(f"window.scrollTo(0, {place})")
        time.sleep(0.3)
    return (
        f"text after {paint[0]['startTime'] / 1000:.2f} s, table and first live chart after {drawn:.2f} s, processor "
        f"{metrics['TaskDuration']:.2f} s; {opened:.0f} MiB (blank {blank:.0f}, scrolled through {memory():.0f})"
    )


def memory() -> float:
    """MiB of the processes that this one has started, and theirs."""
    parents = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                parents[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # gone by now
                continue
    mine = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in mine} - mine:
        mine |= more
    total = 0
    for pid in mine - {os.getpid()}:
        try:
            total += int(Path(f"/proc/{pid}/smaps_rollup").read_text().split("\nPss:")[1].split()[0])
        except (OSError, IndexError):
            continue
    return total / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
