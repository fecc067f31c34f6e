"""Training speed of packs against single trainings, side by side: `make bench`, or python -m search.bench --help.

A training-step is one gradient step of one training; a pack of k makes k of them in a step. Packs of every size take
turns, so that whatever else the machine does slows all of them, and each repeat gives its own ratio.
"""

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path

DIMENSIONS = (4, 6, 16)
PACKS = (1, 8, 16, 32, 64)
WARM_UP = 3  # steps before the clock starts
FEWEST_STEPS = 3  # steps on the clock, however slow
NO_END = 10**9  # steps: longer than any bench


def measure(dimension: int, pack: int, seconds: float, device: str) -> float:
    """Training-steps a second of a pack, over `seconds` of the ordinary training loop."""
    import torch

    from trainables.devices import resolve
    from trainables.recipe import Recipe
    from trainables.training import Member, train_pack

    class Enough(Exception):
        pass

    place, started = resolve(device), 0.0
    recipe = Recipe(steps=NO_END, snapshots=1)  # its only look would be at the last step
    members = [Member(str(k), 1e-6, k) for k in range(pack)]

    def on_step(step: int) -> None:
        nonlocal started
        if place.type == "cuda" and step >= WARM_UP:
            torch.cuda.synchronize()
        if step == WARM_UP:
            started = time.perf_counter()
        elif step >= WARM_UP + FEWEST_STEPS and time.perf_counter() - started > seconds:
            raise Enough(step - WARM_UP, time.perf_counter() - started)

    try:
        train_pack(dimension, members, recipe, device=device, on_step=on_step)
    except Enough as measured:
        steps, taken = measured.args
        return pack * steps / taken
    raise RuntimeError("a bench that ends by itself measured nothing: every member failed")


def machine(device: str) -> dict:
    """What the figures were measured on."""
    import torch

    from trainables.devices import resolve

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
    """A row for every dimension and pack size: all speeds, their median, and the median ratio to a pack of one."""
    sizes = sorted({1, *packs})
    speeds = {(n, pack): [] for n in dimensions for pack in sizes}
    for _ in range(repeats):
        for n, pack in speeds:
            speeds[n, pack].append(measure(n, pack, seconds, device))
    return [
        {
            "dimension": n,
            "pack": pack,
            "training_steps_per_second": statistics.median(found),
            "lowest": min(found),
            "highest": max(found),
            "ratio_to_alone": statistics.median(a / b for a, b in zip(found, speeds[n, 1], strict=True)),
            "repeats": found,
        }
        for (n, pack), found in speeds.items()
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m search.bench", description=__doc__.splitlines()[0])
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
    print(f"{'n':>4} {'pack':>5} {'training-steps/s':>17} {'lowest-highest':>16} {'ratio to alone':>15}")
    for row in rows:
        span = f"{row['lowest']:.0f}-{row['highest']:.0f}"
        speed, ratio = row["training_steps_per_second"], row["ratio_to_alone"]
        print(f"{row['dimension']:>4} {row['pack']:>5} {speed:>17.0f} {span:>16} {ratio:>14.2f}x")
    print(f"medians of {repeats} repeats, packs in turn, one thread; written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
