"""A sweep's folder: what lies where, how it is told from other folders, and the lock that keeps two drivers apart."""

import contextlib
import fcntl
import json
import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import UserError
from analysis.files import replace_text
from analysis.formatting import quoted
from search.config.load import dump, load_stored
from search.config.schema import Config
from search.ledger import storage

MARK = ".hyperphase"  # the file by which a sweep's folder is known
# what a ledger holds; sweeps that are older than the mark are known by it
LEDGER_FILE = re.compile(r"[0-9a-f]{16}\.npz(\d*\.torn)?|\..*\.tmp")


class SweepError(UserError):
    """A sweep's folder that cannot be used as asked."""


@dataclass(frozen=True)
class SweepFolder:
    """Paths of a sweep. `ledger` is the truth; the tables, `networks` and `report` can be rebuilt from it."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.resolve().name

    @property
    def ledger(self) -> Path:
        """Every record of the sweep; a copy of them if workers write to a storage elsewhere."""
        return self.path / "ledger"

    @property
    def index(self) -> Path:
        """What the ledger's records say, hypernetworks apart (`search.ledger.index`)."""
        return self.path / "index"

    @property
    def trainings(self) -> Path:
        return self.path / "trainings.parquet"

    @property
    def snapshots(self) -> Path:
        return self.path / "snapshots.parquet"

    @property
    def relabelled(self) -> Path:
        """What trainings are named since `report --relabel`, if it was run: stands in for the ledger's labels."""
        return self.path / "relabelled.parquet"

    @property
    def annealing(self) -> Path:
        """Rows of the trainings that `hyperphase anneal` made of others."""
        return self.path / "annealing.parquet"

    @property
    def networks(self) -> Path:
        return self.path / "networks"

    @property
    def files(self) -> Path:
        """KEY/NAME: what trainings of a user's own experiment left."""
        return self.path / "files"

    @property
    def report(self) -> Path:
        return self.path / "report"

    @property
    def report_stamp(self) -> Path:
        """What the report was made of, to tell whether it is up to date."""
        return self.path / ".report.json"

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.json"

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def log(self) -> Path:
        """What Ray and MLflow have to say: kept off the terminal."""
        return self.path / "sweep.log"

    @property
    def tune(self) -> Path:
        """Ray Tune's own files: temporary."""
        return self.path / ".ray"

    @property
    def mlflow_store(self) -> Path:
        return self.path / "mlflow.db"

    @property
    def mlflow_artifacts(self) -> Path:
        return self.path / "mlartifacts"

    @property
    def links(self) -> Path:
        """key -> address of the training's page in MLflow, for the report."""
        return self.path / "links.json"

    @property
    def lock(self) -> Path:
        return self.path / ".lock"


def create(path: Path) -> SweepFolder:
    """The sweep's folder at `path`, made and marked if it is not there.

    UserError if it cannot be written, or is somebody else's: neither empty nor a sweep's.
    """
    path = Path(path)
    try:
        if path.is_dir() and (found := sorted(os.listdir(path))) and not is_sweep(path):
            raise SweepError(f"{path} is neither empty nor a sweep's folder (it holds {found[0]}): choose another one")
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
        folder = SweepFolder(path.resolve())
        mark(folder)
        folder.ledger.mkdir(exist_ok=True)
    except OSError as error:
        raise SweepError(f"cannot write to {path}: {error.strerror or error}") from None
    return folder


def existing(path: Path) -> SweepFolder:
    """The sweep in `path`. UserError if there is none."""
    path = Path(path)
    if not path.is_dir():
        raise SweepError(f"{path}: no such folder")
    if not (path / "config.toml").is_file():
        raise SweepError(f"{path}: not a sweep's folder (it has no config.toml)")
    if not is_sweep(path):
        raise SweepError(f"{path}: not a sweep's folder (its ledger is missing or holds files of others)")
    return SweepFolder(path.resolve())


def is_sweep(path: Path) -> bool:
    """Whether `path` is marked as a sweep's, or an older one's: with a config and a ledger of ours.

    UserError if all but the config says that it is an older one's.
    """
    if _read_mark(path):
        return True
    ledger, config = path / "ledger", path / "config.toml"
    if not (config.is_file() and ledger.is_dir() and all(map(LEDGER_FILE.fullmatch, os.listdir(ledger)))):
        return False
    load_stored(config)
    return True


def mark(folder: SweepFolder) -> str:
    """Marks the folder as a sweep's; its name in MLflow, which stays as it is when the folder is moved."""
    name = _read_mark(folder.path)
    if not name:
        plain = re.sub(r"[^\w.+-]", "_", folder.name)
        name = _name_in_manifest(folder) or f"{plain}-{uuid.uuid4().hex[:8]}"
        replace_text(folder.path / MARK, json.dumps({"sweep": name}) + "\n")
    return name


def _read_mark(path: Path) -> str | None:
    """The name in a mark; None if there is no mark of ours."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        name = json.loads((path / MARK).read_text(encoding="utf-8"))["sweep"]
        return name if isinstance(name, str) and name else None
    return None


def _name_in_manifest(folder: SweepFolder) -> str | None:
    """The name of a sweep that is older than the mark."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        name = json.loads(folder.manifest.read_text(encoding="utf-8"))["sweep"]
        return name if isinstance(name, str) and name else None
    return None


def read_config(folder: SweepFolder) -> Config:
    return load_stored(folder.config)


def write_config(folder: SweepFolder, config: Config) -> None:
    replace_text(folder.config, dump(config))


@contextlib.contextmanager
def locked(folder: SweepFolder) -> Iterator[None]:
    """Holds the sweep for this process. UserError if another one has it; the lock dies with its holder."""
    try:
        handle = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o644)
    except OSError as error:
        raise SweepError(f"cannot write to {folder.path}: {error.strerror or error}") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 100).decode(errors="replace").strip() or "unknown"
            raise SweepError(f"{folder.path}: another hyperphase (process {holder}) is at work on this sweep") from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(handle)


def holder(folder: SweepFolder) -> str | None:
    """Process id of the driver at work on the sweep, None if there is none."""
    with contextlib.suppress(OSError):
        handle = os.open(folder.lock, os.O_RDONLY | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return os.read(handle, 100).decode(errors="replace").strip() or "unknown"
        finally:
            os.close(handle)
    return None


def location(config: Config, folder: SweepFolder, name: str) -> str:
    """Where workers keep "ledger" or "checkpoints": on the config's storage, else in the sweep's folder."""
    return storage.join(config.ray.storage or folder.path, name)


def command_line(command: str, folder: SweepFolder) -> str:
    """The command as one would type it here."""
    with contextlib.suppress(ValueError, OSError):
        return f"hyperphase {command} {quoted(folder.path.relative_to(Path.cwd()))}"
    return f"hyperphase {command} {quoted(folder.path)}"
