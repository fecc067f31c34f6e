"""Objects of a user's own, by where they are: `package.module:NAME` or `path/file.py:NAME`.

A relative path starts at the current folder or, failing that, at one of the folders given to `also_look_in` (a config's
own, say), or where it started when a copy was made. Where none has the file, as on a machine to which only the text
travelled, a copy is taken: from `provide`, or from the folder CODE of one of these folders. What a file imports from
beside itself is found in the same ways, and travels with it.
"""

import ast
import hashlib
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import linecache
import os
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TypeVar, cast

from trainables.errors import TrainableError

T = TypeVar("T")

MAX_LINE = 500  # characters of what is said of an error
MAX_BYTES = 2**24  # of a file
CODE = "code"  # a folder's own copies of files, which are named by `copy_name`
ORIGINS = "origins"  # beside them: folders, a line each, at which the files' paths started

_folders: list[Path] = []
_provided: dict[str, str] = {}  # path as it is written in a spec -> text of the file
_real: dict[str, str] = {}  # likewise -> absolute path where it was read, for `__file__`
_modules: dict[tuple[str, str], ModuleType] = {}  # (place, text) -> the module; a file that changed is loaded anew


def is_spec(name: str) -> bool:
    """Whether `name` says where an object is, and is not just its name."""
    return ":" in name


def load_object(spec: str, kind: type[T] | tuple[type, ...]) -> T:
    """The object at `package.module:NAME` or `path/file.py:NAME`.

    Raises TrainableError with one line: no such file, module or name, an error in it (with its line), or an object
    that is not of this kind.
    """
    place, _, name = spec.rpartition(":")
    if re.search("[\ud800-\udfff]", place):  # no file that keeps a spec could hold it
        raise TrainableError(f"the path {place!r} is not UTF-8")
    if not place or not name.isidentifier():
        raise TrainableError(f"{spec!r} must be package.module:NAME or path/file.py:NAME")
    module = _load_file(place) if place.endswith(".py") else _import(place)
    if not hasattr(module, name):
        there = [other for other, value in vars(module).items() if isinstance(value, kind)]
        raise TrainableError(f"{place} has no {name!r}; its {_plural(kind)}: {', '.join(sorted(there)) or 'none'}")
    found = getattr(module, name)
    if not isinstance(found, kind):
        raise TrainableError(f"{spec} must be {_a(kind)}, but is of type {type(found).__name__}")
    return cast(T, found)


def also_look_in(folder: Path) -> None:
    """Files that the current folder lacks are looked for in this one, before those given earlier."""
    folder = folder.resolve()
    _folders[:] = [folder, *(other for other in _folders if other != folder)]


def provide(files: dict[str, str], real: dict[str, str] | None = None) -> None:
    """The text of files by their path as specs give it: this process takes these, whatever lies there.

    real: the absolute paths where they were read, which they know as `__file__`.
    """
    _provided.update(files)
    _real.update(real or {})


def real_path(place: str) -> str:
    """The absolute path at which a file was found."""
    return _real.get(place) or str(Path(_text(place)[0]).expanduser().resolve())


def origin(place: str) -> Path | None:
    """The folder at which the path of a file starts; None for an absolute one and for a copy."""
    path, where = Path(place).expanduser(), real_path(place)
    if path.is_absolute() or place in _provided:
        return None
    homes = [Path.cwd(), *_folders, *(home for folder in _folders for home in _origins(folder))]
    return next((home.resolve() for home in homes if str((home / path).resolve()) == where), None)


def file_of(spec: str) -> tuple[str, str] | None:
    """(path as the spec gives it, text) of the file of an object; None for names and modules."""
    place = spec.rpartition(":")[0]
    return (place, _text(place)[1]) if place.endswith(".py") else None


def files_of(spec: str) -> dict[str, str]:
    """Path -> text of an object's file and of all files beside it that it imports; nothing for names and modules."""
    found = file_of(spec)
    files, left = {}, [found] if found else []
    while left:
        place, text = left.pop()
        files[place] = text
        neighbours = {_beside(place, name) for name in _imported(text)} - files.keys()
        left += [(path, _text(path)[1]) for path in sorted(neighbours) if _is_there(path)]
    return files


def source_of(spec: str) -> str:
    """The text of the file that an object is in, with what it imports from beside itself; of a module, its text; of
    a package's module, the text of all of the package's files.
    """
    found = files_of(spec)
    if found:
        return "\n".join(found[place] for place in sorted(found))
    folder = package_of(spec)
    if folder is None:
        return inspect.getsource(_import(spec.rpartition(":")[0]))
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))


def package_of(spec: str) -> Path | None:
    """The folder of the top-level package that an object is in; None for files, names and modules of no package."""
    place = spec.rpartition(":")[0]
    if not place or place.endswith(".py"):
        return None
    module = _import(place.partition(".")[0])
    return Path(module.__path__[0]) if hasattr(module, "__path__") else None


def copy_name(place: str) -> str:
    """What a copy of the file at `place` is called in CODE: two files of one name stay apart."""
    return f"{Path(place).stem}-{hashlib.sha256(place.encode()).hexdigest()[:8]}.py"


def _text(place: str) -> tuple[str, str]:
    """(where it was found, text) of a file."""
    if place in _provided:
        return place, _provided[place]
    path = Path(place).expanduser()
    homes = [*_folders, *(home for folder in _folders for home in _origins(folder))]
    copies = [folder / CODE / copy_name(place) for folder in _folders]
    for candidate in [path, *(home / path for home in homes), *copies]:
        try:
            if candidate.exists() and not candidate.is_file():  # a pipe has no end
                raise TrainableError(f"{candidate} is not a file")
            if candidate.stat().st_size > MAX_BYTES:
                raise TrainableError(f"{candidate}: has more than {MAX_BYTES:,} bytes")
            return str(candidate), candidate.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise TrainableError(f"{candidate}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    raise TrainableError(f"{place}: no such file")


def _origins(folder: Path) -> list[Path]:
    try:
        lines = (folder / CODE / ORIGINS).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
    return [Path(line) for line in lines if Path(line).is_absolute()]


def _load_file(place: str) -> ModuleType:
    where, text = _text(place)
    if (where, text) not in _modules:
        digest = hashlib.sha256(f"{where}\n{text}".encode()).hexdigest()[:12]
        module = ModuleType(f"{Path(where).stem}_{digest}")
        module.__file__ = real_path(place)
        linecache.cache[where] = (len(text), None, text.splitlines(keepends=True), where)  # for tracebacks
        sys.modules[module.__name__] = module  # where dataclasses look it up
        finder = _Neighbours(place)
        sys.meta_path.append(finder)  # last: what is installed comes first
        try:
            exec(compile(text, where, "exec"), module.__dict__)
        except (Exception, SystemExit) as error:
            del sys.modules[module.__name__]
            raise TrainableError(_told(where, error)) from error
        finally:
            sys.meta_path.remove(finder)
        _modules[where, text] = module
    return _modules[where, text]


class _Neighbours(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports from beside the file at `place`: from there, or from where copies are."""

    def __init__(self, place: str):
        self.place = place

    def find_spec(self, name, path=None, target=None):
        if path is not None or not _is_there(_beside(self.place, name)):
            folder = str(Path(_text(self.place)[0]).resolve().parent)  # a package beside the file does not travel
            return None if path is not None else importlib.machinery.PathFinder.find_spec(name, [folder])
        where = _text(_beside(self.place, name))[0]
        return importlib.util.spec_from_loader(name, self, origin=where)

    def exec_module(self, module):
        place = _beside(self.place, module.__name__)
        where, text = _text(place)
        module.__file__ = real_path(place)
        linecache.cache[where] = (len(text), None, text.splitlines(keepends=True), where)
        exec(compile(text, where, "exec"), module.__dict__)


def _beside(place: str, name: str) -> str:
    """The path of the module called `name` beside the file at `place`."""
    return str(Path(place).with_name(f"{name}.py"))


def _is_there(place: str) -> bool:
    try:
        _text(place)
    except TrainableError:
        return False
    return True


def _imported(text: str) -> set[str]:
    """Top-level names of all modules that a file imports anywhere; none of a file that cannot be parsed."""
    try:
        nodes = list(ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # brackets nested too deep
        return set()
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level]
    return {name.partition(".")[0] for name in names}


def _import(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise TrainableError(f"{name}: no such module; a path ends in .py")
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name and name.startswith(error.name):
            raise TrainableError(f"{name}: no such module; is it installed, or on PYTHONPATH?") from None
        raise TrainableError(_told(name, error)) from error


def explain(spec: str, error: BaseException) -> str:
    """One line on what an object's code raised when it was called: the user's file and line, and what."""
    place = spec.rpartition(":")[0]
    folder = package_of(spec)
    if place.endswith(".py"):
        where = _text(place)[0]
    else:
        where = f"{folder}{os.sep}" if folder else str(getattr(_import(place), "__file__", place))
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(where)]
    shown = place if place.endswith(".py") or not frames else frames[-1].filename
    message = " ".join(str(error).split())
    kind = "" if isinstance(error, TrainableError) else type(error).__name__ + (": " if message else "")
    return f"{shown}{f', line {frames[-1].lineno}' if frames else ''}: {kind}{message}"[:MAX_LINE]


def _told(place: str, error: BaseException) -> str:
    """One line on an error in a user's file: where, and what."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == place]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    message = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "  # ours, too, are ValueErrors
    return f"{place}{f', line {line}' if line else ''}: {kind}{message}"


def _names(kind: type | tuple[type, ...]) -> list[str]:
    return [one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,))]


def _a(kind: type | tuple[type, ...]) -> str:
    return " or ".join(f"{'an' if name[0] in 'AEIOU' else 'a'} {name}" for name in _names(kind))


def _plural(kind: type | tuple[type, ...]) -> str:
    return " or ".join(f"{name}s" for name in _names(kind))
