"""Replacing files atomically: a reader finds the old one or the new one, never a part."""

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


def replace_text(path: Path, text: str) -> None:
    """Writes a file so that a reader finds the old or the new one, never a part."""
    with replaced(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")  # names of files may be no UTF-8


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A temporary path that takes the place of `path` if all goes well. OSError if that is a device or a pipe."""
    if path.exists() and not (path.is_file() or path.is_dir()):  # root could make a file of /dev/null
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_csv(table: "pd.DataFrame", path: Path) -> None:
    """Writes a table, without its index, as `replaced` does. OSError as there."""
    with replaced(path) as temporary:
        table.to_csv(temporary, index=False)


@contextlib.contextmanager
def staged(folder: Path, *, stale: Callable[[str], bool], last: str) -> Iterator[Path]:
    """A temporary folder whose files move into `folder` if all goes well; else `folder` stays as it was.

    stale: which files of `folder`, by their paths in it, go if no new one replaces them; all others stay.
    last: the file that moves last, when all that it refers to is there.
    """
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        yield temporary
        new = sorted(path.relative_to(temporary) for path in temporary.rglob("*") if path.is_file())
        for path in sorted(new, key=lambda path: str(path) == last):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            os.replace(temporary / path, folder / path)
        for path in folder.rglob("*"):
            relative = path.relative_to(folder)
            if relative not in new and path.is_file() and stale(relative.as_posix()):
                path.unlink()
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_bytes(path: Path | str, *, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes.

    UserError for what is missing, a folder, too large, or without an end: a pipe, a device.
    """
    path = Path(path)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe that nobody writes to would be waited for
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    with open(handle, "rb") as file:
        about = os.fstat(handle)
        if stat.S_ISDIR(about.st_mode):
            raise UserError(f"{path}: is a folder, not a file")
        if not stat.S_ISREG(about.st_mode):
            raise UserError(f"{path}: is not a regular file")
        if about.st_size > most:
            raise UserError(f"{path}: {about.st_size:,} bytes are too many, at most {most:,} are read")
        try:
            return file.read(most)
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None
