"""`hyperphase status`: what is done, what failed and why, and the command that continues."""

from collections import Counter

from search import manifest
from search.config import Config
from search.folder import SweepFolder, holder
from search.sweep import command_line, read_state


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
        lines.append("  " + " · ".join(f"{name} {number}" for name, number in counts.most_common()))
    keys = {point.key for point in state.points}
    reasons = Counter(row["reason"] for key, row in state.rows.items() if key in keys and row["status"] == "failed")
    lines += [f"  failed: {number} × {reason}" for reason, number in reasons.most_common()]
    beyond = len(state.rows.keys() - keys)
    if beyond:
        lines.append(f"  {beyond} more trainings with this recipe lie beyond the present grid")
    driver = holder(folder)
    if driver:
        lines.append(f"  running: process {driver}")
    elif missing:
        last = (manifest.read(folder).get("runs") or [{}])[-1]
        how = last.get("status") or "ended without a word (killed?)"
        lines.append(f"  not running; the last run {'was ' if last.get('status') else ''}{how}")
        lines.append(f"  continue: {command_line('resume', folder)}")
    else:
        lines.append(f"  report: {folder.report / 'index.html'}")
    return "\n".join(lines)
