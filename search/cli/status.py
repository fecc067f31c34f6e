"""`hyperphase status`: what is done, what failed and why, and the command that continues."""

import time
from collections import Counter

from analysis.algorithms.names import title
from analysis.formatting import duration, printable, trainings
from search.config.schema import Config
from search.driver.sweep import command_line
from search.ledger.checkpoints import unfinished
from search.sweep import manifest
from search.sweep.folder import SweepFolder, holder, location
from search.sweep.state import State, read_state


def status(config: Config, folder: SweepFolder) -> str:
    """Lines for the terminal."""
    state = read_state(config, folder)
    total, missing = len(state.points), len(state.missing)
    counts = state.counts
    failed = counts.pop("failed", 0)
    lines = [
        f"{folder.name}: {total - missing} of {total} trainings done" + (f", {failed} of them failed" if failed else "")
    ]
    if counts:
        lines.append("  " + " · ".join(f"{title(name)} {number}" for name, number in counts.most_common()))
    keys = {point.key for point in state.points}
    reasons = Counter(row["reason"] for key, row in state.rows.items() if key in keys and row["status"] == "failed")
    lines += [f"  failed: {number} × {reason}" for reason, number in reasons.most_common()]
    beyond = len(state.rows.keys() - keys)
    if beyond:
        lines.append(f"  {beyond} more trainings with this recipe lie beyond the present grid")
    if state.others:
        lines.append(
            f"  {trainings(state.others.total())} of another recipe in the ledger, which count for nothing here:"
        )
        lines += [f"    {number} × {how}" for how, number in state.others.most_common()]
    driver = holder(folder)
    place = location(config, folder, "checkpoints")
    for pack in unfinished(place) if missing and "://" not in place else []:
        steps = f"step {pack.step} of {config.training.steps}"
        lines.append(f"  begun: {trainings(len(pack.keys))} at n = {pack.dimension}, kept at {steps}")
    if driver:
        lines.append(f"  running: process {driver}{_pace(state, folder)}")
    elif missing:
        last = (manifest.read(folder).get("runs") or [{}])[-1]
        how = last.get("status") or "ended without a word (killed?)"
        lines.append(f"  not running; the last run {'was ' if last.get('status') else ''}{how}")
        lines.append(f"  continue: {command_line('resume', folder)}")
    else:
        lines.append(f"  report: {folder.report / 'index.html'}")
    return "\n".join(map(printable, lines))


def _pace(state: State, folder: SweepFolder) -> str:
    """How long the present run has gone on, and how long the rest takes if it goes on like that."""
    started = (manifest.read(folder).get("runs") or [{}])[-1].get("started_at")
    if not started:
        return ""
    elapsed = max(time.time() - started, 0.0)
    text = f", for {duration(elapsed)}"
    since = sum(row.get("finished_at", 0) > started for row in state.rows.values())
    if since and state.missing:
        text += f"; about {duration(elapsed * len(state.missing) / since)} left"
    return text
