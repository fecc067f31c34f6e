"""What a config names of a user's own: algorithms and sections of the report, and the files that all of it is in."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from analysis.errors import UserError
from analysis.files import replace_text
from trainables.errors import TrainableError
from trainables.objects import CODE, copy_name, files_of, is_spec, load_object

if TYPE_CHECKING:
    from analysis.algorithms.algorithm import Algorithm
    from analysis.report.section import Section
    from search.config.schema import Config
    from search.sweep.folder import SweepFolder
    from trainables.tasks.task import Task


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


def files(config: "Config") -> dict[str, str]:
    """Path as the config gives it -> text, of every file that it names an object in: what workers must be given."""
    from trainables.tasks.registry import get_task

    specs = [config.training.task, config.training.trainable, *config.analysis.algorithms, *config.analysis.sections]
    specs += [one for one in get_task(config.training.task).algorithms if isinstance(one, str)]
    return {place: text for spec in specs for place, text in files_of(spec).items()}


def digests(config: "Config") -> dict[str, str]:
    """Path as the config gives it -> SHA-256 of the file, for the manifest."""
    return {place: hashlib.sha256(text.encode()).hexdigest() for place, text in files(config).items()}


def keep_copies(config: "Config", folder: "SweepFolder") -> list[str]:
    """Copies these files into the sweep's folder, which needs nothing outside it. Returns those that changed since."""
    changed = []
    for place, text in files(config).items():
        copy = folder.path / CODE / copy_name(place)
        if copy.is_file():
            if copy.read_text(encoding="utf-8") == text:
                continue
            changed.append(place)
        copy.parent.mkdir(exist_ok=True)
        replace_text(copy, text)
    return changed


def _load(spec: str, kind: type) -> Any:
    try:
        return load_object(spec, kind)
    except TrainableError as error:
        raise UserError(str(error)) from None
