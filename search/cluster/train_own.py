"""Trainings of a user's own experiment, in a process of their own (`search.cluster.own_process`), watched from here.

A training that takes too long is ended with its process. One whose process dies is tried again, in case that it was
not its own doing. Either way the others go on, and the ledger says what became of it.
"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

from search.config.secrets import mask
from search.ledger import ledger
from search.ledger.own_record import to_failed_record
from search.ledger.record import Record

Members = list[dict[str, Any]]  # {"key", "place", "seed"}
OnProgress = Callable[[float], None]  # share of the work that is done

GRACE_SECONDS = 5.0  # in which a process that has said its last word must end


class OwnCodeError(RuntimeError):
    """The user's code cannot be run at all."""


@dataclass(frozen=True)
class Failure:
    """Why a training failed. raised: by an exception, or its process's end, rather than by its own word; late: it took
    too long.
    """

    reason: str
    traceback: str = ""
    raised: bool = True
    late: bool = False


def train_own(config: dict[str, Any], missing: Members, on_progress: OnProgress) -> None:
    """config: of `search.cluster.worker.run_pack`, with what `OwnExperiment.told_all` says."""
    import ray

    config = config | {"host": ray.util.get_node_ip_address()}
    done = 0

    def on_share(share: float) -> None:
        on_progress((done + share) / len(missing))

    for member, failure in trainings(config, missing, on_share):
        done += 1
        if failure:
            keep_failure(config, member, failure)
        on_progress(done / len(missing))


def keep_failure(config: dict[str, Any], member: dict[str, Any], failure: Failure) -> Record:
    """Puts a failed training into the ledger. What the user's code says may hold an address with its password."""
    files = {"traceback.txt": mask(failure.traceback).encode()} if failure.traceback else {}
    record = to_failed_record(config["recipe"], member, mask(failure.reason), files=files, host=config.get("host", ""))
    ledger.write(config["ledger"], record)
    return record


def trainings(
    config: dict[str, Any], members: Members, on_progress: OnProgress, *, output: IO | None = None
) -> Iterator[tuple[dict[str, Any], Failure | None]]:
    """(member, None or why it failed) of each that is through; those that did not fail are in the ledger then.

    on_progress: of what is trained at the moment. output: what the user's code prints goes there.
    Raises OwnCodeError if the code cannot be run at all.
    """
    left: deque[Members] = deque([members] if config.get("together") else ([member] for member in members))
    deaths: Counter[str] = Counter()
    while left:
        with _process(config, list(left), output) as messages:
            begun: Members = []
            for message in messages:
                if "begun" in message:
                    if left and message["begun"] == [member["key"] for member in left[0]]:
                        begun = list(left.popleft())  # else one of a batch that raised, alone
                elif "done" in message:
                    yield _take(begun, message["done"]), None
                elif "failed" in message:
                    failure = Failure(message["reason"], message["traceback"], message["raised"])
                    yield _take(begun, message["failed"]), failure
                elif "share" in message:
                    on_progress(message["share"])
                elif "unusable" in message:
                    raise OwnCodeError(message["unusable"])
                else:  # it died, or took too long
                    if not begun:
                        raise OwnCodeError(message["ended"])
                    if len(begun) > 1:  # whose fault was it? each alone
                        left.extendleft([member] for member in reversed(begun))
                        continue
                    [member] = begun
                    deaths[member["key"]] += 1
                    if message["late"] or deaths[member["key"]] >= config["tries"]:
                        yield member, Failure(message["ended"], late=message["late"])
                    else:
                        left.appendleft([member])


def _take(members: Members, key: str) -> dict[str, Any]:
    [member] = [member for member in members if member["key"] == key]
    members.remove(member)
    return member


@contextmanager
def _process(config: dict[str, Any], batches: list[Members], output: IO | None) -> Iterator[Iterator[dict]]:
    """A process that trains the batches in turn; its messages, the last being {"ended", "late"} if it was not through.

    It and all that it started are gone with the block.
    """
    read, write = os.pipe()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environment.setdefault("OMP_NUM_THREADS", str(config["threads"]))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "search.cluster.own_process", str(write)],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        pass_fds=(write,),
        start_new_session=True,  # Ctrl-C is the driver's, and its children end with it
        env=environment,
    )
    os.close(write)
    assert process.stdin is not None
    try:
        job = {name: value for name, value in config.items() if name != "pack"} | {"batches": batches}
        with suppress(BrokenPipeError):  # it died at once: the messages say so
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()
        yield _messages(process, read, config["timeout"])
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with suppress(BrokenPipeError):
            process.stdin.close()
        os.close(read)


def _messages(process: subprocess.Popen, pipe: int, timeout: float | None) -> Iterator[dict]:
    """What the process says, line by line. timeout: seconds from a "begun" to its end, for each of its trainings."""
    text, deadline, allowed = b"", None, 0.0
    while True:
        wait = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([pipe], [], [], wait)[0]:
            yield {"ended": f"took longer than {allowed:g} seconds", "late": True}
            return
        new = os.read(pipe, 2**16)
        if not new:
            break
        *lines, text = (text + new).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "begun" in message and timeout:
                allowed = timeout * len(message["begun"])
                deadline = time.monotonic() + allowed
            if "through" in message:
                return
            yield message
    try:
        code = process.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        code = None
    yield {"ended": _obituary(code), "late": False}


def _obituary(code: int | None) -> str:
    if code is not None and code < 0:
        return f"its process was ended by {signal.Signals(-code).name}"
    return f"its process ended with exit code {code}" if code is not None else "its process stopped talking"
