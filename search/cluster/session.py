"""Ray: an embedded one or a cluster's, and Tune over the packs. Everything it prints goes to the sweep's log."""

import contextlib
import fcntl
import gc
import logging
import os
import re
import secrets
import shutil
import signal
import socket
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import UserError
from search import objects
from search.cluster import preflight
from search.config.load import ray_address
from search.config.schema import Config
from search.config.secrets import MaskingFormatter, mask
from search.sweep.experiment import experiment_of, objects_of
from search.sweep.folder import SweepFolder, location

# Set before Ray is imported; what the user has set stays.
ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # no telemetry
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # about five files a trial
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is the driver's to handle
    "TUNE_GLOBAL_CHECKPOINT_S": "60",  # Tune's own state is never used: the ledger is
    "RAY_AIR_NEW_OUTPUT": "0",  # the new one prints tables even when told to be quiet
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_SCHEDULER_EVENTS": "0",  # no coloured lines about requests that wait for a moment
    "RAY_DISABLE_IMPORT_WARNING": "1",
}
# Of workers: a pack trains in a thread, whose memory glibc would give back to the system and fetch again at every step.
# That is a tenth of the processor time.
MEMORY = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": str(2**30), "MALLOC_MMAP_THRESHOLD_": str(2**25)}
OBJECT_STORE_BYTES = 128 * 2**20  # packs and reports are small
PROBE_SECONDS = 5.0
RETRY_SECONDS = 3.0
TRIES = 3  # to start or join a Ray
# Ray speaks gRPC, over HTTP/2: to its greeting and an empty SETTINGS frame a server answers with its own (RFC 9113).
HTTP2_GREETING, HTTP2_SETTINGS = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]), 4
SESSION, OWNER = "hyperphase-", "driver.lock"  # a session's folder, and the file that its driver holds
LONGEST_SOCKET_FOLDER = 40  # characters: Ray puts Unix sockets, whose paths end at 107, some 60 below it


class ClusterError(UserError):
    """A Ray that cannot be started or reached."""


@dataclass(frozen=True)
class Cluster:
    """A connected Ray. workers: packs that run at once; device and gpus: of a pack."""

    workers: int
    device: str
    gpus: float


@contextlib.contextmanager
def connected(config: Config, folder: SweepFolder) -> Iterator[Cluster]:
    """Connects to the cluster of the config or starts an embedded Ray, which ends with the block."""
    address = ray_address(config)
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    with contextlib.ExitStack() as stack:
        if address is None:
            stack.enter_context(_embedded_environment())
        else:
            _probe_address(address)
        import ray

        _log_to(folder.log)  # importing Ray sets its loggers up anew
        if ray.is_initialized():
            raise ClusterError("this process is connected to a Ray already")
        if address is None:
            arguments = _embedded(config, stack.enter_context(_socket_folder(folder)))
        else:
            arguments = _join_options(address, objects.packages(objects_of(config)))
        stack.callback(_shut_down)
        with native_stderr(folder.log) as said:
            try:
                _init(arguments)
            except Exception as error:
                raise ClusterError(_connection_error(address, error, said.read_text(errors="replace"))) from error
        _log_to(folder.log)  # ray.init takes the handlers off again
        if address is not None:
            preflight.check_nodes(location(config, folder, "ledger"))
        yield _describe(config, ray.cluster_resources())


def _init(arguments: dict) -> None:
    """ray.init, which gives up too early in two ways, and takes SIGTERM for a crash."""
    import ray

    terminate = signal.getsignal(signal.SIGTERM)
    for left in reversed(range(TRIES)):
        try:
            ray.init(**arguments)
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, terminate)
            return
        except Exception as error:
            # Ray Client's server forks, and now and then its child does not survive that; a node of our own gets 30 s,
            # which a very busy machine may not spare it
            passing = isinstance(error, ConnectionAbortedError) or "timed out during startup" in str(error)
            if not passing or not left:
                raise
            time.sleep(RETRY_SECONDS)


def _shut_down() -> None:
    """ray.shutdown, with no reference to Ray's objects left that a collection in another thread would drop meanwhile.

    Ray ends the whole process, without a traceback, if one is dropped while its core worker is going down.
    """
    import ray

    gc.collect()
    gc.disable()
    try:
        ray.shutdown()
    finally:
        gc.enable()


def _embedded(config: Config, temporary: Path) -> dict:
    return {
        "address": "local",
        "num_cpus": config.ray.cpus,
        "include_dashboard": False,
        "log_to_driver": False,
        "configure_logging": False,
        "object_store_memory": OBJECT_STORE_BYTES,
        "_temp_dir": str(temporary),
    }


def _join_options(address: str, packages: Sequence[Path] = ()) -> dict:
    """Workers get the driver's own code: they need the packages of constraints.txt, but no copy of ours to go stale.

    packages: of the user's own, which travel too.
    """
    ours = [Path(__file__).resolve().parents[2] / name for name in objects.OURS]
    code = {
        "py_modules": [str(folder) for folder in (*ours, *packages)],
        "excludes": ["**/__pycache__/"],
        "env_vars": MEMORY,
    }
    return {"address": address, "runtime_env": code, "log_to_driver": False, "configure_logging": False}


def _connection_error(address: str | None, error: Exception, said: str) -> str:
    """One line on why there is no Ray; said: what its native code wrote to stderr."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if address is None:
        return f"cannot start Ray: {reason[:300]}"
    if "InvalidAuthToken" in said or "nauthenticated" in reason:
        reason = "it refuses our token; set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH to the cluster's"
    elif "Failed to connect" in reason:
        reason = "it does not answer this version of Ray"
    return f"cannot join the Ray at {address}: {reason[:300]}"


def _probe_address(address: str) -> None:
    """ClusterError in seconds if nobody listens at host:port, or no Ray does; Ray itself tries for many minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return  # "auto" and the like: Ray's to find
    if not port.isdigit():
        raise ClusterError(f"{address}: expected host:port")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=PROBE_SECONDS) as connection:
            if os.environ.get("RAY_USE_TLS") == "1":
                return
            connection.sendall(HTTP2_GREETING)
            answer = connection.recv(9)  # a frame's header; its fourth byte is the frame's type
    except OSError as error:
        raise ClusterError(f"cannot reach the Ray at {address}: {error.strerror or error}") from None
    if len(answer) < 4 or answer[3] != HTTP2_SETTINGS:
        raise ClusterError(f"cannot reach the Ray at {address}: something else listens there")


def _describe(config: Config, resources: dict) -> Cluster:
    cpus, gpus = resources.get("CPU", 0), resources.get("GPU", 0)
    device = experiment_of(config).device
    if device == "cuda" and not gpus:
        raise ClusterError("a GPU is asked for (training.device or ray.gpus_per_pack), but Ray has no GPU")
    if device == "auto":
        device = "cuda" if gpus else "cpu"
    share = (config.ray.gpus_per_pack or 1) if device == "cuda" else 0
    workers = int(cpus // config.ray.cpus_per_pack)
    if share:
        workers = min(workers, int(gpus // share) if share >= 1 else int(gpus) * int(1 / share))
    if workers < 1:
        raise ClusterError(
            f"no room for a pack: it wants {config.ray.cpus_per_pack:g} cores and {share:g} GPUs, "
            f"Ray has {cpus:g} and {gpus:g}"
        )
    return Cluster(workers, device, share)


def _log_to(path: Path) -> None:
    """Sends the loggers of Ray to a file instead of the terminal."""
    for name in ("ray", "ray.tune", "ray.data", "ray.train"):
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
        logger.propagate = name != "ray"
    handler = logging.FileHandler(path, delay=True, encoding="utf-8")
    handler.setFormatter(MaskingFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger("ray").addHandler(handler)


@contextlib.contextmanager
def _embedded_environment() -> Iterator[None]:
    """Variables of an embedded Ray, for the length of the block: it listens on loopback only, with its own token.

    Without a token of ours Ray would leave one behind in the home folder, and later clusters would pick it up.
    """
    values = {name: value for name, value in MEMORY.items() if name not in os.environ}
    values["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # despite its name: on any system, loopback instead of all
    values["RAY_enable_autoscaler_v2"] = "1"  # the old one hangs for a second at the end, every time
    if not any(name.startswith("RAY_AUTH_") for name in os.environ):
        values |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextlib.contextmanager
def _socket_folder(folder: SweepFolder) -> Iterator[Path]:
    """A short temporary folder for Ray's session; gone at the end. One that a killed driver left goes first."""
    note, base = folder.tune / "session", _socket_base()
    with contextlib.suppress(OSError, ValueError):
        _remove_left_over(Path(note.read_text()), base)
    path = Path(tempfile.mkdtemp(prefix=SESSION, dir=base))
    lock = os.open(path / OWNER, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder.tune.mkdir(exist_ok=True)
        note.write_text(str(path))
        yield path
    finally:
        os.close(lock)
        shutil.rmtree(path, ignore_errors=True)


def _socket_base() -> Path:
    base = tempfile.gettempdir()
    return Path(base if len(base) <= LONGEST_SOCKET_FOLDER else "/tmp")


def _remove_left_over(path: Path, base: Path) -> None:
    """Removes the session's folder of a driver that is gone; nothing else, whatever the note in a sweep's folder says.

    OSError if it is not there or in use: the sweep's folder may be a copy of one that runs.
    """
    about = path.lstat()
    if path.parent != base or not re.fullmatch(rf"{SESSION}\w+", path.name):
        return
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
        return
    lock = os.open(path / OWNER, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    finally:
        os.close(lock)


@contextlib.contextmanager
def native_stderr(log: Path) -> Iterator[Path]:
    """What native code writes to stderr meanwhile goes to a file, which is given, and from there to the log."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.NamedTemporaryFile(prefix="hyperphase-") as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield Path(caught.name)
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            with contextlib.suppress(OSError), open(log, "ab") as file:
                file.write(mask(Path(caught.name).read_text(errors="replace")).encode())
