"""Headless Chromium for tests: what a page looks like after its scripts have run, and what they complained about."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
HARMLESS = ("ResizeObserver loop", "AG Grid: since", "preload")  # MLflow's own pages'


def browser() -> str:
    """Path of a Chromium; skips the test where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")
    return found


def visit(address: str, folder: Path, *, milliseconds: int = 15000, options: tuple[str, ...] = ()) -> tuple[str, list]:
    """(the page's HTML after so many milliseconds of its own time, its console messages that are not harmless)."""
    command = [
        browser(), "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1400,1000",
        f"--user-data-dir={folder / 'browser'}", f"--virtual-time-budget={milliseconds}", "--enable-logging=stderr",
        *(options or ("--dump-dom",)), address,
    ]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, timeout=180, check=True)
    said = re.findall(r"CONSOLE:\d+\] (.*)", shown.stderr)
    return shown.stdout, [line for line in said if not any(words in line for words in HARMLESS)]
