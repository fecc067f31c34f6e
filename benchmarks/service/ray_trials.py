"""What a user of Ray Tune would write, one trial for every training and a process a core, against trials of packs."""

import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.training_speed import measure
from search.cluster import session
from search.config.load import load
from search.sweep import folder as folders

# what a trial holds: (name, pack or not, compiled layer or PyTorch's operations)
KINDS = (("one, torch", False, "0"), ("one, compiled", False, "1"), ("pack, compiled", True, "1"))
STEPS = 3000  # of a training in the quick preset, over which a trial's start is spread


def trial(config: dict) -> None:
    """A Tune function: training-steps a second of one process among as many as there are cores."""
    import torch
    from ray import tune

    os.environ["HYPERPHASE_NATIVE"] = config["native"]  # the process is this trial's own
    torch.set_num_threads(1)
    started = time.perf_counter()
    speed = measure(config["dimension"], config["pack"], config["seconds"], "cpu")
    tune.report({"speed": speed, "inside": time.perf_counter() - started})


def trials(dimensions: list[int], pack: int, *, workers: int, seconds: float, repeats: int) -> dict:
    """Every kind of trial on all cores at once, kinds in turn; speeds are per core, ratios those of a repeat."""
    cases = [(n, *kind) for n in dimensions for kind in KINDS]
    speeds: dict[tuple, list[float]] = {case: [] for case in cases}
    starts = []
    config = load(preset="smoke", settings=["training.device=cpu", f"ray.cpus={workers}"])
    with tempfile.TemporaryDirectory() as temporary:
        folder = folders.create(Path(temporary) / "bench")
        with session.connected(config, folder):
            _run({"dimension": 2, "pack": 1, "native": "1", "seconds": 0.1}, workers, folder)  # imports from the disk
            for _ in range(repeats):
                for case in cases:
                    n, _, packed, native = case
                    asked = {"dimension": n, "pack": pack if packed else 1, "native": native, "seconds": seconds}
                    speed, start = _run(asked, workers, folder)
                    speeds[case].append(speed)
                    starts.append(start)
    start = statistics.median(starts)
    print(f"{'n':>3} {'a trial is':>16} {'training-steps/s and core':>26} {'lowest-highest':>15} "
          f"{'pack to this':>13} {'lowest-highest':>15}  with {start:.1f} s of start a trial")  # fmt: skip
    rows = []
    for (n, name, packed, _), found in speeds.items():
        best = speeds[n, *KINDS[-1]]
        ratios = [a / b for a, b in zip(best, found, strict=True)]
        size = pack if packed else 1
        cost, cost_in_pack = (STEPS / statistics.median(x) + start / k for x, k in ((found, size), (best, pack)))
        rows.append(
            {
                "dimension": n,
                "trial": name,
                "pack": size,
                "training_steps_per_second_and_core": found,
                "pack_to_this": ratios,
                f"pack_to_this_with_start_over_{STEPS}_steps": cost / cost_in_pack,
            }
        )
        print(
            f"{n:>3} {name:>16} {statistics.median(found):>26.0f} {f'{min(found):.0f}-{max(found):.0f}':>15} "
            f"{statistics.median(ratios):>12.1f}x {f'{min(ratios):.1f}-{max(ratios):.1f}':>15}  "
            f"{cost / cost_in_pack:.1f}x",
            flush=True,
        )
    return {"workers": workers, "pack": pack, "seconds_of_start": starts, "rows": rows}


def _run(asked: dict, workers: int, folder: folders.SweepFolder) -> tuple[float, float]:
    """One trial a core at once: their mean speed, and the seconds that a trial took beside its work."""
    from ray import tune

    started = time.perf_counter()
    results = tune.Tuner(
        tune.with_resources(trial, {"cpu": 1}),
        param_space={**asked, "core": tune.grid_search(list(range(workers)))},
        run_config=tune.RunConfig(name=f"trials-{time.time_ns()}", storage_path=str(folder.tune), verbose=0),
    ).fit()
    if results.errors:
        raise results.errors[0]
    taken = time.perf_counter() - started
    found = [results[k].metrics or {} for k in range(len(results))]
    return statistics.mean(one["speed"] for one in found), taken - max(one["inside"] for one in found)
