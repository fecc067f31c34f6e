"""States of unfinished packs, so that whatever is killed goes on where it was. One file a pack, gone when it is done.

They lie beside the ledger, on the same storage. A checkpoint is a convenience, never the truth: one that is torn, or
was made by other code or on another device, is as good as none.
"""

import contextlib
import hashlib
import io
import json
import re
import struct
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import trainables
from search.ledger import storage
from search.ledger.schema import About

ABOUT = "about"  # the array that describes the file, as JSON
# what a file that is gone, torn or something else raises when it is read
DAMAGE = (OSError, EOFError, ValueError, LookupError, TypeError, RuntimeError, SyntaxError, struct.error, zlib.error,
          zipfile.BadZipFile)  # fmt: skip
NAME = re.compile(r"[0-9a-f]{16}\.npz")  # of a pack's checkpoint, torn ones included
MAX_OVERHEAD = 0.02  # at most this share of a pack's time goes into its checkpoints


@dataclass(frozen=True)
class CheckpointInfo:
    """What a checkpoint says about itself. keys: of the pack's members; step: how far they are."""

    name: str
    dimension: int
    keys: tuple[str, ...]
    step: int


class PackCheckpoint:
    """The checkpoint of one pack (a trainables.training.checkpoint.Checkpoint), at most every `seconds`; 0: never."""

    def __init__(self, place: str | Path, name: str, *, dimension: int, keys: list[str], device: str, seconds: float):
        self._storage, self._name = storage.open_storage(place), f"{name}.npz"
        self._keys, self._seconds = keys, seconds
        self._about = {"code": code_digest(), "device": device, "dimension": dimension, "keys": keys}
        self._next = time.monotonic() + seconds
        self._proven = True  # that a loaded state can be gone on from

    def load(self) -> dict[str, np.ndarray] | None:
        """The rows of this pack's members from what was kept of them and perhaps others."""
        content = self._storage.read(self._name) or b""
        about = _about(content)
        if any(about.get(name) != self._about[name] for name in ("code", "device", "dimension")):
            return None
        if not set(self._keys) <= set(about["keys"]):
            return None
        rows = [about["keys"].index(key) for key in self._keys]
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files if name != ABOUT}
                if any(array.shape[:1] != (len(about["keys"]),) for array in arrays.values()):
                    return None
                self._proven = False
                return {name: array[rows] for name, array in arrays.items()}
        except DAMAGE:
            return None

    def failed(self) -> None:
        """Training raised. A state from which not one step could be made is not tried again."""
        if not self._proven:
            self.remove()

    def offer(self, state: Callable[[], dict[str, np.ndarray]]) -> None:
        """Writes the state if it is time."""
        self._proven = True
        started = time.monotonic()
        if not self._seconds or started < self._next:
            return
        try:
            self._write(state())
        except OSError as error:  # a full disk, a server that is away: training is worth more than its checkpoint
            warnings.warn(f"no checkpoint of pack {self._name}: {error}", stacklevel=2)
        ended = time.monotonic()
        self._next = ended + max(self._seconds, (ended - started) / MAX_OVERHEAD)

    def _write(self, arrays: dict[str, np.ndarray]) -> None:
        about = json.dumps(self._about | {"step": int(arrays["step"][0])}).encode()
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **{ABOUT: np.frombuffer(about, dtype=np.uint8)}, **arrays)
        self._storage.replace(self._name, content.getvalue())

    def remove(self) -> None:
        """The pack is done."""
        self._storage.remove(self._name)


def pack_name(keys: list[str]) -> str:
    """A name for the pack of these members."""
    return hashlib.sha256(" ".join(keys).encode()).hexdigest()[:16]


def unfinished(place: str | Path) -> list[CheckpointInfo]:
    """What the checkpoints that this code could use say about themselves, the furthest first."""
    there = storage.open_storage(place)
    found = []
    for name in there.names():
        about = _about(there.read(name))
        if about.get("code") == code_digest():
            found.append(
                CheckpointInfo(name.removesuffix(".npz"), about["dimension"], tuple(about["keys"]), about["step"])
            )
    return sorted(found, key=lambda one: (-one.step, one.name))


def resumable(place: str | Path, missing: set[str]) -> list[CheckpointInfo]:
    """Checkpoints of packs with `missing` trainings, the furthest first. The others are removed: they are of no use.

    Only for whoever holds the sweep's lock, workers gone. Files that are no checkpoints of ours stay.
    """
    found = [one for one in unfinished(place) if missing & set(one.keys)]
    _remove(place, keep={f"{one.name}.npz" for one in found})
    return found


def remove_all(folder: Path) -> None:
    """Removes the checkpoints in a folder, and the folder if nothing else is in it."""
    _remove(folder, keep=set())
    with contextlib.suppress(OSError):
        Path(folder).rmdir()


def _remove(place: str | Path, keep: set[str]) -> None:
    there = storage.open_storage(place)
    for name in there.names() - keep:
        if NAME.fullmatch(name) or _about(there.read(name)):
            there.remove(name)


@cache
def code_digest() -> str:
    """Stands for the code that trains: another code's state may mean something else."""
    folder = Path(trainables.__path__[0])
    files = [path for path in sorted(folder.rglob("*")) if path.suffix in (".py", ".h", ".cpp")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _about(content: bytes | None) -> dict[str, Any]:
    """What a file says about itself; {} if it is no checkpoint."""
    try:
        with np.load(io.BytesIO(content or b""), allow_pickle=False) as archive:
            return About.model_validate_json(archive[ABOUT].tobytes()).model_dump()
    except DAMAGE:
        return {}
