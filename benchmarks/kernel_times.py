"""Where a training-step's time goes: microseconds by kernel, and each kernel's share of the matrix product's speed.

    make bench-kernels

The compiled code is built with clocks between its kernels (csrc/parts.h) and trains packs as a sweep does. Medians over
many members' steps, so that what other processes take from a few of them does not count; the large matrix product that
is the measure of speed takes turns with the packs. The clocks take two or three per cent themselves.
"""

import argparse
import ctypes
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.training_speed import machine, peak, products
from trainables.kernels.compile import library
from trainables.kernels.layer import SOURCE
from trainables.models.hypernetwork import Hypernetwork, initialise, noise_size
from trainables.recipe import Recipe
from trainables.tasks.registry import get_task
from trainables.training.cpu_step import CompiledStep
from trainables.training.devices import keep_freed_memory, reproducible_processor
from trainables.training.noise import NoiseStream, stream
from trainables.training.optimiser import PackAdam

RECIPE = Recipe()
KERNELS = {  # names of csrc/parts.h
    "edges": "edges' products and swish",
    "edges_back": "… backward",
    "nodes": "nodes' products and swish",
    "nodes_back": "… backward",
    "competition": "competition",
    "competition_back": "… backward",
    "pooling": "pooling by nodes",
    "pooling_back": "… backward",
    "normalise": "normalisation of edges",
    "noise_in": "noise in, both ways",
    "heads": "heads, complexity, c, both ways",
    "target": "target network",
    "target_back": "… backward",
    "weights": "weights by n, gradients to 0",
    "adam": "clipping and Adam",
    "noise": "noise, by PyTorch",
    "rest": "the rest: Python, interruptions",
}


def work(n: int) -> dict[str, float]:
    """Floating-point operations of the kernels that are matrix products in the main."""
    m, d, s, w = RECIPE.hidden(n), RECIPE.channels, RECIPE.scores, RECIPE.width
    edges = 2 * RECIPE.layers * m * n * (d * s + d * w + 2 * s * w + w * d)
    nodes = 2 * RECIPE.layers * ((m + n) * (d * w + 3 * d * w + d * w + w * d))
    target = 2 * RECIPE.inputs_per_step * m * (n + 1)
    forward: dict[str, float] = {"edges": edges, "nodes": nodes, "target": target}
    return forward | {f"{name}_back": 2 * operations for name, operations in forward.items()}


def timed_library() -> ctypes.CDLL | None:
    """The compiled code with its clocks, or None without a compiler."""
    sizes = {"CHANNELS": RECIPE.channels, "SCORES": RECIPE.scores, "WIDTH": RECIPE.width}
    competition = {"BALANCED": RECIPE.scores // 2, "ROUNDS": RECIPE.sinkhorn_rounds, "SIDED": RECIPE.sided_scores}
    native = library(SOURCE, **sizes, **competition, TIMED=1)
    if native is not None:
        native.part_names.restype, native.part_times.restype = ctypes.c_char_p, ctypes.c_long
    return native


def member_times(native: ctypes.CDLL) -> np.ndarray:
    """Seconds that every member's step since the last call spent in each part, (steps, parts)."""
    out = (ctypes.c_float * native.part_times(None))()
    native.part_times(out)
    return np.array(out).reshape(-1, len(native.part_names().split())) / 1e9


def timed_steps(native: ctypes.CDLL, n: int, members: int) -> Iterator[dict[str, float]]:
    """Seconds that a member's step took in each kernel, medians of a pack's step; without end."""
    network = Hypernetwork(members, RECIPE)
    initialise(network, [stream(seed, "parameters") for seed in range(members)])
    optimiser = PackAdam(network, steps=10**8, learning_rate=RECIPE.learning_rate, clip=RECIPE.clip)
    take_step = CompiledStep(native, network, optimiser, get_task(RECIPE.task), RECIPE)
    size, block = noise_size(n, RECIPE.hidden(n)), 8
    numbers = size + RECIPE.inputs_per_step * n
    noise = NoiseStream(list(range(members)), "training", numbers, device=torch.device("cpu"), block=block)
    betas, names = torch.full((members,), 1e-6), native.part_names().decode().split()
    while True:
        for_noise, steps, parts = 0.0, [], []
        for _ in range(block):  # the first draws the noise of all
            clock = time.process_time()
            row = noise.next()
            for_noise += (time.process_time() - clock) / block / members
            clock = time.process_time()
            take_step(n, row[:, :size], row[:, size:].reshape(members, -1, n), betas, 1.0)
            steps.append((time.process_time() - clock) / members)
            parts.append(np.median(member_times(native), axis=0))
        kernels = np.median(parts, axis=0)
        rest = {"noise": for_noise, "rest": statistics.median(steps) - float(kernels.sum())}
        yield rest | dict(zip(names, kernels.tolist(), strict=True))


def bench(dimensions: list[int], members: int, seconds: float, repeats: int) -> dict[int, dict]:
    """By n: microseconds of a member's step by kernel, what they add up to, and shares of the peak."""
    native = timed_library()
    if native is None:
        raise RuntimeError("no C++ compiler here: there are no kernels to time")
    runs = {n: timed_steps(native, n, members) for n in dimensions}
    found: dict[int, list[dict[str, float]]] = {n: [] for n in dimensions}
    peaks = []
    for run in runs.values():
        next(run)  # warms up
    for _ in range(repeats):
        peaks.append(peak(seconds, "cpu"))
        for n, run in runs.items():
            found[n].append(next(run))
    most, table = statistics.median(peaks), {}
    for n, rows in found.items():
        micros = {name: 1e6 * statistics.median(row[name] for row in rows) for name in KERNELS}
        shares = {name: 1e6 * done / micros[name] / most for name, done in work(n).items()}
        total = sum(micros.values())
        share = 1e6 * products(RECIPE, n) / total / most
        table[n] = {"microseconds": micros, "total": total, "of_peak": shares, "share_of_peak": share, "peak": most}
    return table


def show(table: dict[int, dict]) -> None:
    print(f"{'':32}" + "".join(f"   n = {n:<3} μs   share  of peak" for n in table))
    for name, words in KERNELS.items():
        line = f"{words:32}"
        for row in table.values():
            spent, share = row["microseconds"][name], row["of_peak"].get(name)
            line += f"{spent:13.1f} {spent / row['total']:7.1%} " + (f"{share:8.0%}" if share else " " * 8)
        print(line)
    print(f"{'all':32}" + "".join(f"{row['total']:13.1f} {'':7} {row['share_of_peak']:8.1%}" for row in table.values()))


@reproducible_processor()
def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernel_times", description=__doc__.splitlines()[0])
    parser.add_argument("--dimensions", type=int, nargs="+", default=(6, 16))
    parser.add_argument("--pack", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=0.5, help="of every measurement of the peak")
    parser.add_argument("--repeats", type=int, default=5, help="each eight steps of a pack")
    parser.add_argument("--out", type=Path, default=Path("kernel-times.json"))
    options = parser.parse_args(arguments)
    keep_freed_memory()
    described = machine("cpu")
    print(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in described.items()), flush=True)
    try:
        table = bench(options.dimensions, options.pack, options.seconds, options.repeats)
    except RuntimeError as error:
        parser.error(str(error))
    options.out.write_text(json.dumps({"machine": described, "pack": options.pack, "results": table}, indent=1))
    show(table)
    print(f"medians of {options.repeats} times eight steps of a pack of {options.pack}; written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
