"""`make fuzz`: hostile inputs on every command. No traceback, no hang, no byte changed outside, no other exit code.

Commands run in this process, one after the other, with a stand-in for Ray. A failure prints its seed and its words:
`python -m tests.fuzz.run --seed S --inputs N` draws the same inputs again.
"""

import argparse
import contextlib
import hashlib
import io
import os
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from search.cli import main
from search.cluster import session
from search.config.own import OwnConfig
from search.driver import sweep, train
from search.ledger import ledger
from tests.fuzz.inputs import Inputs
from tests.support.own_experiment import made_up_own
from tests.support.records import record_of
from trainables.kernels.compile import cache_folder

CODES = (0, 1, 2)
CHANGED = ("HOME", "MPLCONFIGDIR", "HYPERPHASE_CACHE", "MLFLOW_TRACKING_URI", "RAY_ADDRESS")  # variables
HANG_SECONDS = {signal.ITIMER_PROF: 60, signal.ITIMER_REAL: 900}  # of one command: at work, and whatever it waits for


class Hang(BaseException):
    """A command that does not end."""


@contextlib.contextmanager
def without_ray() -> Iterator[None]:
    """Trainings are made up, and servers do not start."""

    @contextlib.contextmanager
    def connected(config, folder):
        yield session.Cluster(workers=2, device="cpu", gpus=0)

    def run_packs(config, folder, cluster, packs, on_step, **more):
        for point in [point for pack in packs for point in pack.members]:
            own = isinstance(config, OwnConfig)
            ledger.write(folder.ledger, made_up_own(point, config) if own else record_of(point, config))
        return []

    from search.cli import ui

    tried = sweep.tried  # of a user's own experiment, it would start a process
    before = session.connected, train.run_packs, ui.serve, tried
    session.connected, train.run_packs, ui.serve = connected, run_packs, lambda *arguments: None
    sweep.tried = lambda config, *rest: rest[1] if isinstance(config, OwnConfig) else tried(config, *rest)
    try:
        yield
    finally:
        session.connected, train.run_packs, ui.serve, sweep.tried = before


@contextlib.contextmanager
def limited(seconds: dict[int, float]) -> Iterator[None]:
    """Raises Hang. seconds: of the process's timers."""

    def ring(number, frame):
        raise Hang

    before = {number: signal.signal(number, ring) for number in (signal.SIGPROF, signal.SIGALRM)}
    for timer, limit in seconds.items():
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for timer in seconds:
            signal.setitimer(timer, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def run_one(words: list[str]) -> tuple[int | None, str]:
    """-> exit code (None: it raised or hung), what is wrong or what was said on stderr."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    try:
        with limited(HANG_SECONDS), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main.main(words)
            except SystemExit as ended:
                code = ended.code or 0
    except Hang:
        return None, "did not end in {} s of work or {} s in all".format(*HANG_SECONDS.values())
    except BaseException as error:
        return None, f"raised {type(error).__name__}: {error}"
    for stream in (out, err):
        stream.flush()
    return code, err.buffer.getvalue().decode(errors="replace")


def judge(code: int | None, said: str) -> str | None:
    """What is wrong with how a command ended; None if nothing is."""
    if code is None:
        return said
    if "Traceback" in said or "internal error" in said:
        return said.strip().splitlines()[-1]
    if code not in CODES:
        return f"exit code {code}"
    mistakes = [line for line in said.splitlines() if line.startswith("hyperphase")]
    if code == 2 and len(mistakes) != 1:
        return f"{len(mistakes)} lines of error: {said[:300]!r}"
    return None


def fingerprint(folder: Path) -> str:
    """Of every name and byte below a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found.update(os.fsencode(path))
        if path.is_file() and not path.is_symlink():
            found.update(path.read_bytes())
    return found.hexdigest()


def fuzz(seed: int, inputs: int, *, say=print) -> list[str]:
    """Runs so many inputs; one line for each that went wrong."""
    warnings.simplefilter("ignore")
    wrong, codes, started = [], Counter(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hyperphase-fuzz-") as scratch, without_ray():
        outside, here = Path(scratch) / "outside", Path.cwd()
        (outside / "home").mkdir(parents=True)
        (outside / "home" / "precious.txt").write_text("mine")
        before = {name: os.environ.get(name) for name in CHANGED}
        source = Inputs(outside, seed)
        os.environ |= {"MPLCONFIGDIR": str(Path(scratch) / "matplotlib"), "HYPERPHASE_CACHE": str(cache_folder())}
        os.environ["HOME"] = str(outside / "home")
        os.environ.pop("MLFLOW_TRACKING_URI", None), os.environ.pop("RAY_ADDRESS", None)
        whole = fingerprint(outside)
        try:
            for number in range(inputs):
                folder = Path(scratch) / f"case{number}"
                folder.mkdir()
                os.chdir(folder)
                words = source.draw(folder)
                code, said = run_one(words)
                codes[code] += 1
                problem = judge(code, said)
                if fingerprint(outside) != whole:
                    problem, whole = "changed files outside its folder", fingerprint(outside)
                if problem:
                    wrong.append(f"input {number} of seed {seed}: {words!r:.400}: {problem:.400}")
                    say(wrong[-1])
                os.chdir(here)
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.chdir(here)
            for name, value in before.items():
                os.environ.pop(name, None) if value is None else os.environ.update({name: value})
    shown = ", ".join(f"{count} × {code}" for code, count in sorted(codes.items(), key=str))
    say(f"{inputs} inputs in {time.monotonic() - started:.0f} s, exit codes {shown}: {len(wrong)} went wrong")
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--inputs", type=int, default=600)
    options = parser.parse_args()
    sys.exit(1 if fuzz(options.seed, options.inputs) else 0)
