"""What is looked at before work starts, so that trouble is one clear line and not an hour of failing packs."""

import contextlib
import os
import platform
import re
import sys
import tempfile
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from analysis.errors import UserError
from search import storage
from trainables.native import compiler

PACKAGES = ("ray", "torch", "numpy", "pyarrow")  # what workers compute and write with
ANSWER_SECONDS = 5.0  # in which a tracking server must answer
NODE_SECONDS = 120.0  # in which a node must: its first task unpacks our code there and imports torch
PROBE = "probe-"


def versions() -> dict[str, str]:
    """Python and the packages that matter, as installed here."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found | {"a C++ compiler": "yes" if compiler() else "no"}  # without one, results differ in the last bits


def check_nodes(place: str) -> None:
    """Every node with cores must have our versions and see the storage `place`. UserError for the first that does not.

    Call when connected to a cluster.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    with _probe(place) as probe:
        look = ray.remote(num_cpus=0, max_retries=1)(_look)
        asked = {
            node["NodeManagerAddress"]: look.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(place, probe)
            for node in nodes
        }
        for address, answer in asked.items():
            try:
                seen = ray.get(answer, timeout=NODE_SECONDS)
            except Exception as error:
                if address not in {node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}:
                    continue  # it has just left the cluster
                raise UserError(f"node {address}: {last_line(error)}") from error
            _judge(address, seen, place)


def _look(place: str, probe: str) -> dict:
    """What a node sees."""
    try:
        problem = "" if storage.at(place).read(probe) is not None else "it does not see what is written here"
    except Exception as error:
        problem = last_line(error)
    return {"versions": versions(), "storage": problem}


def _judge(address: str, seen: dict, place: str) -> None:
    here, there = versions(), seen["versions"]
    different = [
        f"{name} {there.get(name, 'missing')} (here {here[name]})" for name in here if there.get(name) != here[name]
    ]
    if different:
        raise UserError(f"node {address} has other versions: {', '.join(different)}")
    if seen["storage"]:
        raise UserError(
            f"node {address} does not share the storage {place}: {seen['storage']}; put the sweep's folder or "
            "ray.storage where every node can write (NFS, s3://…)"
        )


@contextlib.contextmanager
def _probe(place: str) -> Iterator[str]:
    """A small file on the storage, for as long as the block. UserError if none can be written."""
    name = f"{PROBE}{uuid.uuid4().hex}"
    try:
        there = storage.at(place)
        if not there.create(name, b"probe"):
            raise OSError("a new name exists already")
        if there.create(name, b"again"):
            raise OSError("it lets two writers store under one name")
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"storage {place}: {last_line(error)}") from error
    try:
        yield name
    finally:
        with contextlib.suppress(Exception):
            there.remove(name)


def check_tracking(uri: str) -> None:
    """UserError, in seconds, if the tracking server at `uri` does not answer or refuses us; other stores pass."""
    if not re.match(r"https?://", uri):
        return
    address = re.sub(r"(?<=://)[^/@]*@", "", uri.rstrip("/"))
    host = address.split("/")[2]
    request = urllib.request.Request(f"{address}/api/2.0/mlflow/experiments/search?max_results=1")
    try:
        urllib.request.urlopen(request, timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError as error:
        text = error.read(500).decode(errors="replace")
        if error.code == 403 and "host" in text.lower():
            raise UserError(
                f"the tracking server refuses the name {host}: start it with --allowed-hosts {host}"
            ) from None
        if error.code not in (401, 403):  # credentials are MLflow's own affair: it knows where they are
            raise UserError(f"the tracking server at {host} answers {error.code} {error.reason}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise UserError(f"no tracking server at {host}: {getattr(reason, 'strerror', None) or reason}") from None


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
                file.write(Path(caught.name).read_bytes())


def last_line(error: BaseException) -> str:
    """The last line of an error's message, where Ray's and boto's tracebacks say what happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
