"""Where records and checkpoints are kept: a folder that all nodes share, or a bucket.

Both kinds promise the two things on which the ledger rests. `create`: a name appears with all of its bytes or not at
all, and of several writers exactly one, the first, is told True. `replace`: a reader finds the old bytes or the new.
"""

import collections
import contextlib
import os
import platform
import re
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from analysis.errors import UserError

# Kinds whose servers refuse to create what exists (S3: If-None-Match, GCS: ifGenerationMatch, Azure: no overwrite),
# and the package that speaks to them.
BUCKETS = {"s3": "s3fs", "gs": "gcsfs", "abfs": "adlfs"}

AT_ONCE = 16  # fetches at the same time
CHUNK = 16  # files of a folder that one of them reads: a task costs as much as a read from a disk
MARK = ".storage"
TEMPORARY = re.compile(r"\..+\.[0-9a-f]{32}\.tmp")


class LocalStorage:
    """A local or mounted folder; first writer wins by hard link, which is atomic on NFS too."""

    def __init__(self, path: Path):
        self.path = Path(path)

    def names(self) -> set[str]:
        """Names that exist, without temporary files."""
        try:
            with os.scandir(self.path) as entries:
                return {entry.name for entry in entries if entry.name[0] != "." and entry.is_file()}
        except FileNotFoundError:
            return set()

    def stamps(self, ending: str) -> dict[str, tuple[int, int]]:
        """Name without `ending` -> size in bytes and time of change in ns, of the files whose names end so."""
        found = {}
        with contextlib.suppress(FileNotFoundError), os.scandir(self.path) as entries:
            for entry in entries:
                if entry.name.endswith(ending) and entry.name[0] != "." and entry.is_file():
                    with contextlib.suppress(FileNotFoundError):
                        about = entry.stat()
                        found[entry.name.removesuffix(ending)] = (about.st_size, about.st_mtime_ns)
        return found

    def stamp(self, name: str) -> tuple[int, int] | None:
        """Size and time of a file, None if it is gone."""
        with contextlib.suppress(FileNotFoundError):
            about = os.stat(self.path / name)
            return about.st_size, about.st_mtime_ns
        return None

    def create(self, name: str, content: bytes) -> bool:
        """Stores `content`, on the disk when this returns. False: the name exists, and what it holds stays."""
        path = self.path / name
        if path.exists():
            if not path.is_file():
                raise OSError(f"{path} is in the way: not a regular file")
            return False
        with self._temporary(name, content) as temporary:
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
        self._sync()
        return True

    def replace(self, name: str, content: bytes) -> None:
        with self._temporary(name, content, lasting=False) as temporary:
            os.replace(temporary, self.path / name)

    def read(self, name: str) -> bytes | None:
        """The content; None if the name does not exist."""
        path = self.path / name
        if not path.is_file():  # a pipe in its place would be waited for
            return None
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _temporary(self, name: str, content: bytes, *, lasting: bool = True) -> Iterator[Path]:
        self.path.mkdir(parents=True, exist_ok=True)
        temporary = self.path / f".{Path(name).stem}.{uuid.uuid4().hex}.tmp"
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                if lasting:
                    file.flush()
                    os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _sync(self) -> None:
        """Makes the new name itself survive a power cut."""
        handle = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class ObjectStorage:
    """A prefix in an object store. Credentials come from the environment or the store's own files, on every node."""

    def __init__(self, url: str):
        import fsspec

        self.url = url.rstrip("/")
        protocol = url.partition("://")[0]
        try:
            # listings must be fresh: they are what tells a driver about the records of its workers
            self.store, self.prefix = fsspec.core.url_to_fs(self.url, use_listings_cache=False)
        except ImportError:
            raise UserError(f"{self.url}: needs the package {BUCKETS[protocol]}") from None

    def names(self) -> set[str]:
        try:
            return {path.rpartition("/")[2] for path in self.store.ls(self.prefix, detail=False)} - {""}
        except FileNotFoundError:
            return set()

    def create(self, name: str, content: bytes) -> bool:
        try:
            self.store.pipe_file(f"{self.prefix}/{name}", content, mode="create")
            return True
        except Exception:  # each store has its own for a name that exists
            if name in self.names():
                return False
            raise

    def replace(self, name: str, content: bytes) -> None:
        self.store.pipe_file(f"{self.prefix}/{name}", content)

    def read(self, name: str) -> bytes | None:
        try:
            content: bytes = self.store.cat_file(f"{self.prefix}/{name}")
            return content
        except FileNotFoundError:
            return None

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self.store.rm_file(f"{self.prefix}/{name}")


Storage = LocalStorage | ObjectStorage


def open_storage(place: str | Path) -> Storage:
    """The storage at a path or an address such as s3://bucket/prefix. UserError for a kind that promises too little."""
    protocol, colon, rest = str(place).partition("://")
    if not colon:
        return LocalStorage(Path(place))
    if protocol == "file":
        return LocalStorage(Path(rest))
    if protocol not in BUCKETS or not re.match(r"[^/@:]+(@|/|$)", rest):
        known = ", ".join(f"{name}://bucket/prefix" for name in BUCKETS)
        raise UserError(f"storage {place!r}: expected a folder or one of {known}")
    return ObjectStorage(str(place))


def read_many(there: Storage, names: Sequence[str]) -> Iterator[tuple[str, bytes | None]]:
    """(name, content) of many files in the order given, fetched some at a time: each waits for a network, or may."""
    size = CHUNK if isinstance(there, LocalStorage) else 1
    chunks = [names[at : at + size] for at in range(0, len(names), size)]
    if len(chunks) < 2:
        yield from ((name, there.read(name)) for name in names)
        return

    def read(chunk: Sequence[str]) -> list[tuple[str, bytes | None]]:
        return [(name, there.read(name)) for name in chunk]

    with ThreadPoolExecutor(AT_ONCE, "ledger") as pool:
        ahead: collections.deque[Future[list[tuple[str, bytes | None]]]] = collections.deque()
        try:
            for chunk in chunks:
                ahead.append(pool.submit(read, chunk))
                if len(ahead) > AT_ONCE:
                    yield from ahead.popleft().result()
            while ahead:
                yield from ahead.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def check_free(place: str | Path) -> None:
    """UserError if the storage holds other things than ours."""
    there = open_storage(place)
    found = sorted(there.names())
    if found and there.read(MARK) is None:
        raise UserError(f"storage {place} is neither empty nor ours (it holds {found[0]}): choose another one")


def mark(place: str | Path) -> None:
    """Leaves a sign on the storage by which nodes know that they see it, and drivers that it is ours."""
    open_storage(place).create(MARK, b"")


def check_mark(place: str | Path) -> None:
    """Raises where the storage that was marked is not to be seen: what is written there would be lost."""
    if open_storage(place).read(MARK) is None:
        raise RuntimeError(f"node {platform.node()} does not share the storage {place}")


def join(place: str | Path, name: str) -> str:
    """The place called `name` in `place`."""
    return f"{str(place).rstrip('/')}/{name}"
