"""Preflight checks: report a problem in one line before work starts."""

import contextlib
import platform
import uuid
from collections.abc import Iterator
from importlib import metadata

from analysis.errors import UserError
from search.error_text import last_line
from search.ledger import storage
from trainables.kernels.compile import compiler

PACKAGES = ("ray", "torch", "numpy", "pyarrow")  # what workers compute and write with
NODE_SECONDS = 120.0  # in which a node must: its first task unpacks our code there and imports torch
PROBE = "probe-"


def versions() -> dict[str, str]:
    """Python and the packages that matter, as installed here."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found | {"a C++ compiler": "yes" if compiler() else "no"}  # without one, results differ in the last bits


def check_nodes(location: str) -> None:
    """Every node with cores must have our versions and see the storage `location`; UserError for one that does not.

    Call when connected to a cluster.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    with _probe(location) as probe:
        evaluate = ray.remote(num_cpus=0, max_retries=1)(_look)
        asked = {
            node["NodeManagerAddress"]: evaluate.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(location, probe)
            for node in nodes
        }
        for address, answer in asked.items():
            try:
                seen = ray.get(answer, timeout=NODE_SECONDS)
            except Exception as error:
                if address not in {node["NodeManagerAddress"] for node in ray.nodes() if node["Alive"]}:
                    continue  # it has just left the cluster
                raise UserError(f"node {address}: {last_line(error)}") from error
            _judge(address, seen, location)


def _look(location: str, probe: str) -> dict:
    """What a node sees."""
    try:
        problem = (
            "" if storage.open_storage(location).read(probe) is not None else "it does not see what is written here"
        )
    except Exception as error:
        problem = last_line(error)
    return {"versions": versions(), "storage": problem}


def _judge(address: str, seen: dict, location: str) -> None:
    here, there = versions(), seen["versions"]
    different = [
        f"{name} {there.get(name, 'missing')} (here {here[name]})" for name in here if there.get(name) != here[name]
    ]
    if different:
        raise UserError(f"node {address} has other versions: {', '.join(different)}")
    if seen["storage"]:
        raise UserError(
            f"node {address} does not share the storage {location}: {seen['storage']}; put the sweep's folder or "
            "ray.storage where every node can write (NFS, s3://…)"
        )


@contextlib.contextmanager
def _probe(location: str) -> Iterator[str]:
    """A small file on the storage, for as long as the block. UserError if none can be written."""
    name = f"{PROBE}{uuid.uuid4().hex}"
    try:
        there = storage.open_storage(location)
        if not there.create(name, b"probe"):
            raise OSError("a new name exists already")
        if there.create(name, b"again"):
            raise OSError("it lets two writers store under one name")
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"storage {location}: {last_line(error)}") from error
    try:
        yield name
    finally:
        with contextlib.suppress(Exception):
            there.remove(name)
