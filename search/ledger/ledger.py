"""The ledger: one atomic .npz record per finished training, the one truth about what is done.

A record's name exists with all of its bytes or not at all; of two writers the first one wins (`search.ledger.storage`).
Everything else in a sweep's folder is derived from it. Workers may write to a ledger elsewhere, such as a bucket: then
the driver copies its records into the one in the sweep's folder, which is what everything else reads.

Members of a record: "row" and "snapshots" (JSON as bytes), "draws/<array>" (the networks drawn at the end, leading
axis k), "hypernetwork/numbers" and "hypernetwork/shapes" (`trainables.named_arrays`). No pickles.
"""

import io
import itertools
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from search.ledger import storage
from search.ledger.record import Record, TornRecord, parse, to_arrays
from search.ledger.schema import missing_fields


def record_path(folder: Path, key: str) -> Path:
    return Path(folder) / f"{key}.npz"


def write(place: str | Path, record: Record) -> bool:
    """Stores `record` under its key. False: somebody already had, and theirs stays."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **to_arrays(record))
    return storage.open_storage(place).create(f"{record.row['key']}.npz", content.getvalue())


def read(path: Path, *, hypernetwork: bool = True) -> Record:
    """The record in `path`, every checksum verified. Raises TornRecord if it is not whole."""
    path = Path(path)
    content = storage.open_storage(path.parent).read(path.name)
    if content is None:
        raise FileNotFoundError(path)
    return parse(path.stem, content, hypernetwork=hypernetwork)


def hypernetwork(place: str | Path, key: str) -> dict[str, np.ndarray]:
    """The hypernetwork of a training, from a ledger anywhere. Raises ValueError if there is none."""
    content = storage.open_storage(place).read(f"{key}.npz")
    found = parse(key, content).hypernetwork if content is not None else {}
    if not found:
        raise ValueError(f"{place} has no hypernetwork of training {key} to go on from")
    return found


def set_aside(path: Path) -> Path:
    """Renames a torn record to *.torn, out of the way of a new one, without losing an older *.torn."""
    path = Path(path)
    aside = next(name for i in itertools.count() if not (name := path.with_suffix(f".npz{i or ''}.torn")).exists())
    path.rename(aside)
    return aside


def read_or_set_aside(path: Path, *, hypernetwork: bool = True, whole_row: bool = False) -> Record | None:
    """The record, or None after setting a torn one aside with a warning; None also if the file is gone.

    whole_row: a record whose row lacks what a sweep needs counts as torn.
    A folder that cannot be written keeps its torn records; they are ignored.
    """
    path = Path(path)
    content = storage.open_storage(path.parent).read(path.name)
    return whole_or_set_aside(path, content, hypernetwork=hypernetwork, whole_row=whole_row)


def whole_or_set_aside(
    path: Path, content: bytes | None, *, hypernetwork: bool = True, whole_row: bool = False
) -> Record | None:
    """The same of a file in `path` that was read: `content`, None if it was gone."""
    if content is None:
        return None
    try:
        record = parse(path.stem, content, hypernetwork=hypernetwork)
        missing = missing_fields(record.row) if whole_row else []
        if missing:
            raise TornRecord(f"its row lacks {', '.join(missing)}")
        return record
    except TornRecord as torn:
        try:
            text = _torn(set_aside(path).name, torn)
        except OSError:
            text = f"torn record {path.name} is ignored ({torn})"
        warnings.warn(text, stacklevel=2)
        return None


def _torn(aside: str, torn: TornRecord) -> str:
    return f"torn record set aside as {aside}; its training will be done again ({torn})"


def keys(place: str | Path) -> set[str]:
    """Keys that have a file, unread: cheap enough to poll."""
    return {name[:-4] for name in storage.open_storage(place).names() if name.endswith(".npz")}


def copy(source: str | Path, folder: Path, wanted: set[str] | None = None) -> None:
    """Copies the records that `folder` lacks (of the `wanted` keys only) from another ledger.

    A torn one is renamed there, with a warning, so that its training is done again.
    """
    if str(source) == str(folder):
        return
    missing = keys(source) - keys(folder)
    there, here = storage.open_storage(source), storage.open_storage(folder)
    wanted = missing if wanted is None else missing & wanted
    for name, content in storage.read_many(there, [f"{key}.npz" for key in sorted(wanted)]):
        if content is None:
            continue
        try:
            parse(name.removesuffix(".npz"), content)
        except TornRecord as torn:
            aside = next(other for i in itertools.count() if (other := f"{name}{i or ''}.torn") not in there.names())
            there.replace(aside, content)
            there.remove(name)
            warnings.warn(_torn(aside, torn), stacklevel=2)
        else:
            here.create(name, content)


def read_all(
    folder: Path,
    visit: Callable[[Record], None] | None = None,
    *,
    hypernetwork: bool = False,
    whole_row: bool = False,
) -> set[str]:
    """Keys whose record is whole; torn ones are set aside. `visit` gets every record in turn (one in memory).

    hypernetwork: whether the records that it gets hold theirs. whole_row: see `read_or_set_aside`.
    """
    whole = set()
    for key in sorted(keys(folder)):
        record = read_or_set_aside(record_path(folder, key), hypernetwork=hypernetwork, whole_row=whole_row)
        if record is not None:
            whole.add(key)
            if visit:
                visit(record)
    return whole


def clear_the_way(folder: Path) -> None:
    """Sets aside what stands in the place of a record and is no file. Only for whoever holds the sweep's lock."""
    for path in Path(folder).glob("*.npz"):
        if not path.is_file():
            warnings.warn(f"{path.name} in the ledger is no file: set aside as {set_aside(path).name}", stacklevel=2)


def set_failed_aside(place: str | Path, keys: set[str]) -> None:
    """Renames the records of failed trainings to *.failed, out of the way of new ones; an older *.failed gives way."""
    there = storage.open_storage(place)
    for name in sorted(f"{key}.npz" for key in keys):
        content = there.read(name)
        if content is not None:
            there.replace(f"{name}.failed", content)
            there.remove(name)


def remove_leftovers(folder: Path) -> int:
    """Removes temporary files that killed writers left. Only for whoever holds the sweep's lock, workers gone."""
    left = [path for path in Path(folder).glob(".*.tmp") if storage.TEMPORARY.fullmatch(path.name) and path.is_file()]
    for path in left:
        path.unlink(missing_ok=True)
    return len(left)
