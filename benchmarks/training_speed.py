"""Training speed of packs against single trainings, side by side: `make bench`, or this module with --help.

A training-step is one gradient step of one training; a pack of k makes k of them in a step. Packs of every size, packs
without compiled code and a large matrix product, the machine's peak, take turns, so that whatever else the machine does
slows all of them, and each repeat gives its own ratios. On a CPU seconds are the process's own, not those that other
processes took from it.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

DIMENSIONS = (4, 6, 16)
PACKS = (1, 16, 64)
WARM_UP = 3  # steps before the clock starts
MIN_STEPS = 3  # steps on the clock, however slow
NO_END = 10**8  # steps: longer than any bench, and the most that a recipe takes
PEAK_SIZE = 1024  # rows and columns of the matrix product whose speed is the machine's peak


def products(recipe, dimension: int) -> float:
    """Floating-point operations of a training-step's matrix products: two a multiply-add, backward twice forward.

    What is no product, or is computed again in the backward pass, does not count.
    """
    from trainables.models.hypernetwork import EDGE_NOISE, HIDDEN_NOISE, INPUT_NOISE

    n, m = dimension, recipe.hidden(dimension)
    d, s, w = recipe.channels, recipe.scores, recipe.width
    edge = d * s + d * w + 2 * s * w + w * d  # scores; update from itself and from its shares; out
    node = d * w + 3 * d * w + d * w + w * d  # for its edges; update from its pools and from itself; out
    ends = m * n * (EDGE_NOISE + 2) * d + m * (HIDDEN_NOISE + 4) * d + n * INPUT_NOISE * d  # noise in, weights out
    target = recipe.inputs_per_step * m * (n + 1)
    return 3 * 2 * (recipe.layers * (m * n * edge + (m + n) * node) + ends + target)


def clock_of(device: str) -> Callable[[], float]:
    """Seconds of this process's own on a CPU, where it has one thread: what other processes take does not count."""
    return time.perf_counter if device == "cuda" else time.process_time


def peak(seconds: float, device: str) -> float:
    """Floating-point operations a second of a large matrix product."""
    import torch

    from trainables.training.devices import resolve

    place = resolve(device)
    clock, x = clock_of(place.type), torch.randn(PEAK_SIZE, PEAK_SIZE, device=place)
    float((x @ x)[0, 0])
    count, started = 0, clock()
    while clock() - started < seconds:
        float((x @ x)[0, 0])
        count += 1
    return 2 * PEAK_SIZE**3 * count / (clock() - started)


def measure(dimension: int, pack: int, seconds: float, device: str) -> float:
    """Training-steps a second of a pack, over `seconds` of the ordinary training loop."""
    import torch

    from trainables.recipe import Recipe
    from trainables.training.devices import resolve
    from trainables.training.loop import Member, train_pack

    class Enough(Exception):
        pass

    place, started = resolve(device), 0.0
    clock = clock_of(place.type)
    recipe = Recipe(steps=NO_END, snapshots=1, curriculum=0)  # all steps at n; its only look would be at the last one
    members = [Member(str(k), 1e-6, k) for k in range(pack)]

    def wait() -> None:
        if place.type == "cuda":
            torch.cuda.synchronize()

    def on_step(step: int) -> None:
        nonlocal started
        if step == WARM_UP:
            wait()
            started = clock()
        elif step >= WARM_UP + MIN_STEPS and clock() - started > seconds:
            wait()  # for what a GPU has still to do: in between, it is given steps ahead of time, as in a training
            raise Enough(step - WARM_UP, clock() - started)

    try:
        train_pack(dimension, members, recipe, device=device, on_step=on_step)
    except Enough as measured:
        steps, taken = measured.args
        return pack * steps / taken
    raise RuntimeError("a bench that ends by itself measured nothing: every member failed")


def machine(device: str) -> dict:
    """What the figures were measured on."""
    import torch

    from trainables.training.devices import resolve

    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    place = resolve(device)
    return {
        "cpu": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),  # processes running in the last minute: 0 on an idle machine
        "vector_instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if place.type == "cuda" else "cpu",
        "threads": torch.get_num_threads(),
    }


def bench(dimensions: list[int], packs: list[int], *, seconds: float, repeats: int, device: str) -> list[dict]:
    """A row for every dimension, pack size and kind of code: speeds, and their median ratios to the repeats'
    training alone and matrix product.
    """
    from trainables.kernels.compile import compiler, library
    from trainables.recipe import Recipe

    sizes = sorted({1, *packs})
    kinds = ("compiled", "torch") if device != "cuda" and compiler() else ("torch",)
    cases = [(n, pack, kind) for n in dimensions for pack in sizes for kind in kinds]
    speeds: dict[tuple, list[float]] = {case: [] for case in cases}
    peaks = []
    switch = os.environ.get("HYPERPHASE_NATIVE")
    try:
        for _ in range(repeats):
            peaks.append(peak(seconds, device))
            for n, pack, kind in cases:
                os.environ["HYPERPHASE_NATIVE"] = "1" if kind == "compiled" else "0"
                library.cache_clear()
                speeds[n, pack, kind].append(measure(n, pack, seconds, device))
    finally:
        os.environ.pop("HYPERPHASE_NATIVE") if switch is None else os.environ.update(HYPERPHASE_NATIVE=switch)

    def ratio(found: list[float], others: list[float]) -> float:
        return statistics.median(a / b for a, b in zip(found, others, strict=True))

    return [
        {
            "dimension": n,
            "pack": pack,
            "layer": kind,
            "training_steps_per_second": statistics.median(found),
            "lowest": min(found),
            "highest": max(found),
            "ratio_to_alone": ratio(found, speeds[n, 1, kind]),
            "ratio_to_torch": ratio(found, speeds[n, pack, "torch"]),
            "nanoseconds_per_edge": 1e9 / (statistics.median(found) * n * Recipe().hidden(n)),
            "share_of_peak": ratio([speed * products(Recipe(), n) for speed in found], peaks),
            "repeats": found,
        }
        for (n, pack, kind), found in speeds.items()
    ]


def step_costs(rows: list[dict]) -> tuple[float, ...]:
    """Seconds of a pack's step, of each member's in it, and of each of a member's edges: STEP_SECONDS, MEMBER_SECONDS
    and EDGE_SECONDS of search/sweep/packs.py, from a bench's rows by least squares of relative errors.
    """
    import numpy as np

    from trainables.recipe import Recipe

    members = np.array([row["pack"] for row in rows])
    edges = np.array([row["dimension"] * Recipe().hidden(row["dimension"]) for row in rows])
    seconds = members / np.array([row["training_steps_per_second"] for row in rows])
    parts = np.stack([np.ones(len(rows)), members, members * edges], 1) / seconds[:, None]
    return tuple(np.linalg.lstsq(parts, np.ones(len(rows)))[0].tolist())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_speed", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under 40 seconds, and noisier")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu")
    parser.add_argument("--dimensions", type=int, nargs="+", default=DIMENSIONS)
    parser.add_argument("--packs", type=int, nargs="+", default=PACKS, help="a pack of 1 is always measured")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    options = parser.parse_args(arguments)
    import torch

    from analysis.errors import UserError

    torch.set_num_threads(1)
    seconds, repeats = (0.3, 2) if options.quick else (1.5, 3)
    try:
        described = machine(options.device)
        print(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in described.items()), flush=True)
        rows = bench(options.dimensions, options.packs, seconds=seconds, repeats=repeats, device=options.device)
        options.out.write_text(json.dumps({"machine": described, "seconds_each": seconds, "results": rows}, indent=1))
    except (UserError, OSError) as error:
        parser.error(str(error))  # one line and exit code 2
    print(
        f"{'n':>4} {'pack':>5} {'layer':>9} {'training-steps/s':>17} {'lowest-highest':>16} {'to alone':>9} "
        f"{'to torch':>9} {'ns/(n m)':>9} {'of peak':>8}"
    )
    for row in rows:
        span = f"{row['lowest']:.0f}-{row['highest']:.0f}"
        speed, alone, torch_alone = (row[k] for k in ("training_steps_per_second", "ratio_to_alone", "ratio_to_torch"))
        print(
            f"{row['dimension']:>4} {row['pack']:>5} {row['layer']:>9} {speed:>17.0f} {span:>16} {alone:>8.2f}x "
            f"{torch_alone:>8.2f}x {row['nanoseconds_per_edge']:>9.0f} {row['share_of_peak']:>8.1%}"
        )
    fastest = [row for row in rows if row["layer"] == rows[0]["layer"]]
    if len({row["dimension"] for row in fastest}) > 1 < len({row["pack"] for row in fastest}):
        step, member, edge = step_costs(fastest)
        print(f"a pack's step takes {step * 1e3:.2f} ms, and for every member {member * 1e6:.0f} μs and "
              f"{edge * 1e6:.2f} μs an edge ({fastest[0]['layer']})")  # fmt: skip
    print(f"medians of {repeats} repeats, packs in turn, one thread; written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
