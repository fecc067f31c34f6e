"""manifest.json: what made a sweep's results, for whoever wants to make them again. It holds no secrets."""

import hashlib
import itertools
import json
import os
import platform
import re
import shutil
import subprocess
import time
import warnings
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from analysis.files import read_bytes, replace_text
from search import objects
from search.config.schema import Config
from search.config.secrets import mask
from search.sweep.experiment import experiment_of, objects_of
from search.sweep.folder import SweepFolder, mark

LONGEST_DIFF = 1_000_000  # characters
MAX_BYTES = 2**28
DAMAGE = (OSError, ValueError, RecursionError)  # UserError and ValidationError are ValueErrors


class Run(BaseModel):
    """One run of the sweep's driver."""

    model_config = ConfigDict(extra="allow")
    command: str = ""
    started_at: float | None = None
    finished_at: float | None = None
    status: str | None = None


class ManifestFile(BaseModel):
    """What others rely on in manifest.json; there may be more."""

    model_config = ConfigDict(extra="allow")
    sweep: str | None = None
    config: dict | None = None
    git: dict | None = None
    runs: list[Run] = []


def read(folder: SweepFolder) -> dict:
    """The manifest; {} if there is none, or none that can be read, which a warning says."""
    try:
        manifest = _parsed(folder)
    except DAMAGE as error:
        warnings.warn(f"{folder.manifest.name} is damaged and ignored ({_short(error)})", stacklevel=2)
        return {}
    return manifest or {}


def set_aside_damaged(folder: SweepFolder) -> None:
    """Renames a manifest that cannot be read, out of the way of a new one. Only for whoever holds the sweep's lock."""
    try:
        _parsed(folder)
    except DAMAGE as error:
        names = (f"{folder.manifest.name}{number or ''}.torn" for number in itertools.count())
        aside = next(name for name in names if not (folder.path / name).exists())
        folder.manifest.rename(folder.path / aside)
        warnings.warn(f"damaged {folder.manifest.name} set aside as {aside} ({_short(error)})", stacklevel=2)


def _parsed(folder: SweepFolder) -> dict | None:
    """None if there is no manifest. DAMAGE if there is one that is none of ours."""
    if not os.path.lexists(folder.manifest):
        return None
    manifest = json.loads(read_bytes(folder.manifest, most=MAX_BYTES))
    ManifestFile.model_validate(manifest)
    return manifest


def _short(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return " ".join(str(error).split())[:100]


def begin(folder: SweepFolder, config: Config, command: list[str]) -> dict:
    """Writes the manifest of a run that starts now. Earlier runs of the sweep stay listed."""
    before = read(folder)
    manifest = {
        "sweep": mark(folder),  # its name in MLflow
        "config": config.model_dump(mode="json"),
        "seeds": list(config.grid.seeds),
        "experiment": experiment_of(config).describe(),
        "code": objects.digests(objects_of(config)),  # of the user's own files
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
    untracked = _names(source, "ls-files", "--others", "--exclude-standard")
    return {
        "commit": (_git(source, "rev-parse", "HEAD") or "").strip() or None,
        "dirty": bool(changes or untracked),
        "changed": _names(source, "diff", "--name-only", "HEAD"),
        "diff_sha256": hashlib.sha256(changes.encode()).hexdigest() if changes else None,
        "untracked": untracked,
    } | ({"diff": changes[:LONGEST_DIFF], "diff_cut": len(changes) > LONGEST_DIFF} if diff else {})


def package_versions() -> dict[str, str]:
    found = {dist.metadata["Name"]: dist.version for dist in metadata.distributions() if dist.metadata["Name"]}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def hardware() -> dict:
    facts: dict[str, object] = {
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


def _names(source: Path, *arguments: str) -> list[str]:
    """Files that git lists, as they are called, without what looks like a secret."""
    return [mask(name) for name in (_git(source, *arguments, "-z") or "").split("\0") if name]


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
