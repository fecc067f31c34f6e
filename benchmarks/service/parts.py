"""Processor time that the service spends on a training, part by part, in one process: a busy machine hardly matters."""

import itertools
import os
import statistics
import tempfile
import time
from pathlib import Path

STEPS = 3000  # of the quick preset: what the parts are shares of
MEMBERS = 20


class Clock:
    """Processor milliseconds a training of named parts."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}

    def add(self, name: str, work, items: list) -> list:
        """Does `work` on every item and returns what it gave."""
        before = time.process_time()
        given = [work(item) for item in items]
        self.parts[name] = 1000 * (time.process_time() - before) / len(items)
        return given


def parts(dimension: int) -> dict:
    """Trains a pack for a moment, with all the looks of a whole training; then does with it what the service does."""
    import torch

    from search.config.load import load
    from search.ledger import ledger
    from search.ledger.index import LedgerIndex
    from search.ledger.read_training import to_record
    from search.sweep import folder as folders
    from search.sweep import tables
    from search.sweep.grid import expand
    from trainables.training.loop import Member, train_pack

    torch.set_num_threads(1)
    settings = ["training.steps=64", f"grid.dimensions=[{dimension}]", "grid.seeds=2", "training.device=cpu"]
    config = load(preset="quick", settings=settings)
    recipe, points, ticks = config.training.recipe(), expand(config)[:MEMBERS], []
    members = [Member(point.key, point.beta, point.seed) for point in points]
    trained = train_pack(
        dimension, members, recipe, device="cpu", on_step=lambda step: ticks.append(time.process_time())
    )
    step = statistics.median(b - a for a, b in itertools.pairwise(ticks)) / len(members)

    clock = Clock()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        to_record(trained[0], recipe, dimension)  # what is computed once a process
        found = clock.add("classify", lambda one: to_record(one, recipe, dimension), trained)
        clock.add("write the record", lambda record: ledger.write(place, record), found)
        paths = [ledger.record_path(place, record.row["key"]) for record in found]
        clock.add("read it, hypernetwork and all", ledger.read, paths)
        index = LedgerIndex(place, place / "index")
        clock.add("read the rest, into the index", lambda path: index.read(path.stem), paths)
        clock.add("network file", lambda record: tables.save_network(folders.create(place / "sweep"), record), found)
        runs = _log(clock, place, "MLflow: run, curves, data", found, ["mlflow.models=false", "mlflow.drawings=false"])
        drawn = _log(clock, place, "MLflow: drawing", found, ["mlflow.models=false"], less=runs)
        _log(clock, place, "MLflow: hypernetwork as a model", found, [], less=drawn)
    training = 1000 * step * STEPS
    whole = sum(clock.parts.values())
    for name, spent in [*clock.parts.items(), ("all of these", whole)]:
        print(f"n = {dimension:>2}  {name:<32} {spent:7.1f} ms  {spent / training:6.2%} of {STEPS} steps", flush=True)
    print(f"n = {dimension:>2}  {f'{STEPS} steps in a pack of {len(members)}':<32} {training:7.0f} ms")
    return {"dimension": dimension, "milliseconds": clock.parts, "training_milliseconds": training}


def _log(clock: Clock, place: Path, name: str, found: list, settings: list[str], *, less: float = 0.0) -> float:
    """Logs all records in a store of its own; the part is what it costs more than `less`. Returns its whole cost."""
    from search.config.load import load
    from search.sweep import folder as folders
    from search.tracking.tracker import Tracker

    os.environ.pop("MLFLOW_TRACKING_URI", None)  # a store of its own, not somebody's server
    folder = folders.create(place / str(len(clock.parts)))
    tracker = Tracker(load(preset="quick", settings=settings), folder, "bench")
    tracker.open_sweep({})
    tracker.log(found[0])
    before = time.process_time()
    for record in found[1:]:
        tracker.log(record)
    whole = 1000 * (time.process_time() - before) / len(found[1:])
    clock.parts[name] = whole - less
    return whole
