"""manifest.json: what made a sweep's results, for whoever wants to make them again. It holds no secrets."""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import time
from importlib import metadata
from pathlib import Path

from analysis.files import replace_text
from search.config.schema import Config
from search.config.secrets import mask
from search.sweep.folder import SweepFolder, mark

LONGEST_DIFF = 1_000_000  # characters


def read(folder: SweepFolder) -> dict:
    """The manifest; {} if there is none, or none that can be read."""
    try:
        manifest = json.loads(folder.manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def begin(folder: SweepFolder, config: Config, command: list[str]) -> dict:
    """Writes the manifest of a run that starts now. Earlier runs of the sweep stay listed."""
    before = read(folder)
    manifest = {
        "sweep": mark(folder),  # its name in MLflow
        "config": config.model_dump(mode="json"),
        "seeds": list(config.grid.seeds),
        "git": git_state(Path(__file__).resolve().parents[2], diff=config.manifest.diff),
        "python": platform.python_version(),
        "packages": package_versions(),
        "hardware": hardware(),
        "runs": [*before.get("runs", []), {"command": mask(" ".join(command)), "started_at": time.time()}],
    }
    _write(folder, manifest)
    return manifest


def end(folder: SweepFolder, manifest: dict, **facts) -> None:
    """Completes the present run's entry with how it ended."""
    manifest["runs"][-1] |= {"finished_at": time.time(), **facts}
    _write(folder, manifest)


def shareable(manifest: dict) -> dict:
    """What of a manifest may go to reports and tracking servers: all but the changes' own text."""
    git = manifest.get("git")
    if not isinstance(git, dict):
        return manifest
    return manifest | {"git": {name: value for name, value in git.items() if name not in ("diff", "diff_cut")}}


def git_state(source: Path, *, diff: bool = False) -> dict | None:
    """Commit and uncommitted changes of the checkout that runs; None if it is none.

    The changes' text may hold passwords of tracked files: only its hash is kept, and the text itself if `diff`.
    """
    if _git(source, "ls-files", "--error-unmatch", "search/sweep/manifest.py") is None:
        return None  # installed, perhaps inside somebody else's repository
    changes = _git(source, "diff", "HEAD") or ""
    untracked = (_git(source, "ls-files", "--others", "--exclude-standard") or "").splitlines()
    return {
        "commit": (_git(source, "rev-parse", "HEAD") or "").strip() or None,
        "dirty": bool(changes or untracked),
        "changed": (_git(source, "diff", "--name-only", "HEAD") or "").splitlines(),
        "diff_sha256": hashlib.sha256(changes.encode()).hexdigest() if changes else None,
        "untracked": untracked,
    } | ({"diff": changes[:LONGEST_DIFF], "diff_cut": len(changes) > LONGEST_DIFF} if diff else {})


def package_versions() -> dict[str, str]:
    found = {dist.metadata["Name"]: dist.version for dist in metadata.distributions() if dist.metadata["Name"]}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def hardware() -> dict:
    facts = {
        "machine": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _first_match("/proc/cpuinfo", r"model name\s*:\s*(.+)"),
        "gpus": [],
    }
    memory = _first_match("/proc/meminfo", r"MemTotal:\s*(\d+) kB")
    facts["memory_gib"] = round(int(memory) / 2**20, 1) if memory else None
    if shutil.which("nvidia-smi"):
        facts["gpus"] = (_run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]) or "").splitlines()
    return facts


def _write(folder: SweepFolder, manifest: dict) -> None:
    replace_text(folder.manifest, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


def _git(source: Path, *arguments: str) -> str | None:
    return _run(["git", "-C", str(source), *arguments])


def _run(command: list[str]) -> str | None:
    """What a command prints; None if it is not there, fails or hangs."""
    try:
        shown = subprocess.run(command, capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return shown.stdout.decode(errors="replace") if shown.returncode == 0 else None


def _first_match(path: str, pattern: str) -> str | None:
    try:
        found = re.search(pattern, Path(path).read_text(errors="replace"))
    except OSError:
        return None
    return found.group(1).strip() if found else None
