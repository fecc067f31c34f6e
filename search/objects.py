"""What a config names of a user's own: algorithms and sections of the report, and the files that all of it is in."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.errors import UserError
from analysis.files import replace_text
from trainables.errors import TrainableError
from trainables.objects import (
    CODE,
    ORIGINS,
    copy_name,
    files_of,
    is_spec,
    load_object,
    origin,
    package_of,
    real_path,
    source_of,
)

if TYPE_CHECKING:
    from analysis.algorithms.algorithm import Algorithm
    from analysis.report.section import Section
    from search.sweep.folder import SweepFolder
    from trainables.tasks.task import Task

OURS = ("analysis", "search", "trainables")


def algorithms(task: "Task", more: Iterable[str] = ()) -> "tuple[Algorithm, ...]":
    """The algorithms that networks for this task may be named after: its own and `more`, registered.

    Each by name, `package.module:NAME` or `path/file.py:NAME`. UserError, in one line, for one that is not there.
    """
    from analysis.algorithms.algorithm import Algorithm
    from analysis.algorithms.names import resolve

    given = [*task.algorithms, *more]
    return resolve([_load(one, Algorithm) if isinstance(one, str) and is_spec(one) else one for one in given])


def sections(specs: Sequence[str]) -> "list[Section]":
    """The report's own sections, then those at `package.module:NAME` or `path/file.py:NAME`. UserError as above."""
    from analysis.report.section import Section
    from analysis.report.sections import SECTIONS

    return [*SECTIONS, *(_load(spec, Section) for spec in specs)]


def files(specs: Iterable[str]) -> dict[str, str]:
    """Path as specs give it -> text, of every file that they name an object in and of what these import from beside
    them: what workers must be given.
    """
    return {place: text for spec in specs for place, text in files_of(spec).items()}


def real_paths(specs: Iterable[str]) -> dict[str, str]:
    """Path as specs give it -> absolute path, of the same files on this machine."""
    return {place: real_path(place) for spec in specs for place in files_of(spec)}


def packages(specs: Iterable[str]) -> list[Path]:
    """The folders of packages that specs name an object in, but for our own: what other machines must be given."""
    found = {folder for spec in specs if is_spec(spec) and (folder := package_of(spec))}
    return sorted(folder for folder in found if folder.name not in OURS)


def digests(specs: Iterable[str]) -> dict[str, str]:
    """Path or module as specs give it -> SHA-256 of its text, for the manifest."""
    texts: dict[str, str] = {}
    for spec in filter(is_spec, specs):
        texts |= files_of(spec) or {spec.rpartition(":")[0]: source_of(spec)}
    return {place: hashlib.sha256(text.encode()).hexdigest() for place, text in texts.items()}


def keep_copies(specs: Sequence[str], folder: "SweepFolder") -> list[str]:
    """Copies these files into the sweep's folder, which needs nothing outside it. Returns those that changed since.

    Where they come from is written down: as long as they are there, later commands take them from there, wherever they
    are called.
    """
    changed = []
    for place, text in files(specs).items():
        copy = folder.path / CODE / copy_name(place)
        if copy.is_file():
            if copy.read_text(encoding="utf-8") == text:
                continue
            changed.append(place)
        copy.parent.mkdir(exist_ok=True)
        replace_text(copy, text)
    homes = "".join(sorted({f"{home}\n" for place in files(specs) if (home := origin(place))}))
    if homes:
        replace_text(folder.path / CODE / ORIGINS, homes)
    return changed


def _load(spec: str, kind: type) -> Any:
    try:
        return load_object(spec, kind)
    except TrainableError as error:
        raise UserError(str(error)) from None
