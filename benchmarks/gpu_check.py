"""Is a GPU right, and how fast is it? `make gpu-check`: eight minutes, a table and gpu-check.json.

Losses, gradients and labels are compared with the CPU's, and trainings by every kind of step with each other. Then
training-steps a second against pack size, each step of a pack in three ways:

    eager     PyTorch's operations, launched one by one
    compiled  the loss and its gradients by torch.compile
    graph     a whole eager step, Adam included, recorded once as a CUDA graph and replayed

What does not fit into the time or the GPU's memory is named and left out. `--device cpu` tries the script itself.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.label_agreement import agreement, labels
from benchmarks.training_speed import clock_of, machine, peak, products
from trainables.models.hypernetwork import Hypernetwork, initialise, noise_size
from trainables.recipe import Recipe
from trainables.tasks.registry import get_task
from trainables.training.devices import resolve
from trainables.training.gpu_step import Recorded, Step, compiled
from trainables.training.loop import Member, train_pack
from trainables.training.noise import NoiseStream, stream
from trainables.training.objective import loss_in_torch, training_loss
from trainables.training.optimiser import PackAdam

RECIPE = Recipe()  # that of the paper's grid
KINDS = ("eager", "graph", "compiled")  # in the order of what they take to start
CURRICULUM = Recipe(
    steps=24, curriculum=0.5, rehearsal=3, layers=1, sinkhorn_rounds=1, snapshots=1
)  # compiled in seconds
GRID = 33 * 13  # trainings at a dimension
CLEAR_BETAS = (1e-4, 1e-2, 1e-1, 1.0)  # at n = 6 one algorithm each, whatever the seed (docs/speed.md)
TOLERANCE = 1e-3  # relative, of losses and gradients: float32, summed in different orders
DISTINCT = 16  # members with parameters of their own, in packs whose speed is measured
WARM_UP = 3  # steps before clocks start
# as training.gpu_step names them
OTHER_STEPS: dict[str, Callable[..., Step]] = {"compiled": compiled, "graph": Recorded}


class Pack:
    """A pack in training on a device, its noise aside: `step()` is one step, in one of KINDS or as on a CPU."""

    def __init__(self, n: int, members: int, device: torch.device, kind: str):
        self.network = Hypernetwork(members, RECIPE).to(device)
        _fill(self.network, members, device)
        self.optimiser = PackAdam(self.network, steps=10**9, learning_rate=RECIPE.learning_rate, clip=RECIPE.clip)
        self.betas = torch.logspace(-6, 0, members, device=device)
        noise = torch.Generator().manual_seed(0)  # the CPU's, so that every device sees the same
        shapes = (members, noise_size(n, RECIPE.hidden(n))), (members, RECIPE.inputs_per_step, n)
        self.noise, self.x = (torch.randn(shape, generator=noise).to(device) for shape in shapes)
        self.hidden, self.kind = RECIPE.hidden(n), kind
        self.step: Callable[[], tuple[Tensor, Tensor]] = self._step
        if kind != "cpu":
            self.network.without_kernels()
        if kind in OTHER_STEPS:
            take = OTHER_STEPS[kind](self.network, self.optimiser, get_task(RECIPE.task), RECIPE)
            self.step = partial(take, n, self.noise, self.x, self.betas, 1.0)

    def losses(self) -> Tensor:
        task, given = get_task(RECIPE.task), (self.network, self.noise, self.x)
        if self.kind == "cpu":
            return training_loss(*given, task, self.hidden, self.betas)
        return loss_in_torch(*given, task.target(self.x), task.variance(self.x.shape[-1]), self.hidden, self.betas)

    def gradients(self) -> Tensor:
        """(members, parameters)."""
        found = torch.autograd.grad(self.losses().sum(), self.optimiser.parameters)
        return torch.cat([part.flatten(1) for part in found], 1)

    def _step(self) -> tuple[Tensor, Tensor]:
        loss = self.losses()
        return loss, self.optimiser.step(loss)


def _fill(network: Hypernetwork, members: int, device: torch.device) -> None:
    """Initial parameters; the first members' come again and again, because to start thousands takes a GPU seconds."""
    few = Hypernetwork(min(members, DISTINCT), RECIPE).to(device)
    initialise(few, [stream(seed, "parameters", device) for seed in range(min(members, DISTINCT))])
    again = torch.arange(members, device=device) % DISTINCT
    with torch.no_grad():
        for parameter, some in zip(network.parameters(), few.parameters(), strict=True):
            parameter.copy_(some[again])


def correctness(n: int, members: int, device: torch.device, kinds: list[str]) -> dict[str, float]:
    """Largest relative difference of members' losses and gradients from a training's on the CPU, by kind."""
    pack = Pack(n, members, torch.device("cpu"), "cpu")
    losses, gradients = pack.losses().detach(), pack.gradients()
    found = {}
    for kind in kinds:
        other = Pack(n, members, device, kind)
        if kind in OTHER_STEPS:  # losses, and where a step leads
            pack, (loss, _) = Pack(n, members, torch.device("cpu"), "cpu"), other.step()
            pack.step()
            apart = [((loss.detach().cpu() - losses) / losses).abs()]
            values = pack.optimiser.values
            apart.append((other.optimiser.values.cpu() - values).norm(dim=1) / values.norm(dim=1))
            found[kind] = float(torch.cat(apart).max())
            continue
        loss = ((other.losses().detach().cpu() - losses) / losses).abs()
        slope = (other.gradients().cpu() - gradients).norm(dim=1) / gradients.norm(dim=1)
        found[kind] = float(torch.cat([loss, slope]).max())
    return found


def curricula(device: torch.device, kinds: list[str]) -> dict[str, float]:
    """Largest relative difference of members' parameters from those of eager steps, by kind of step, after a training
    that takes n, n / 2 and n / 4, at changing penalties and weights."""
    members = [Member(str(seed), beta, seed) for seed, beta in enumerate((1e-5, 1e-3, 1e-1))]

    def parameters(kind: str) -> Tensor:
        trained = train_pack(8, members, CURRICULUM, device=device.type, gpu_step=kind)
        flat = [np.concatenate([part.ravel() for part in one.hypernetwork.values()]) for one in trained]
        return torch.from_numpy(np.stack(flat))

    wanted = parameters("eager")
    return {
        kind: float(((parameters(kind) - wanted).norm(dim=1) / wanted.norm(dim=1)).max())
        for kind in kinds
        if kind != "eager"
    }


def measure(pack: Pack, device: torch.device, seconds: float) -> float:
    """Steps a second."""
    clock = clock_of(device.type)
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    for _ in range(WARM_UP):
        pack.step()
    wait()
    started, count = clock(), 0
    while clock() - started < seconds:
        pack.step()
        count += 1
        if count % 8 == 0:
            wait()  # so that the clock runs with the GPU, not with the queue
    wait()
    return count / (clock() - started)


def noise_seconds(n: int, members: int, device: torch.device) -> float:
    """What a step's noise takes, each member's by its own generator, as in a training."""
    numbers = noise_size(n, RECIPE.hidden(n)) + RECIPE.inputs_per_step * n
    noise, clock = NoiseStream(list(range(members)), "training", numbers, device=device), clock_of(device.type)
    for repeat in range(2):  # the first warms up
        started = clock()
        for _ in range(8):
            noise.next()
        if device.type == "cuda":
            torch.cuda.synchronize()
        if repeat:
            return (clock() - started) / 8
    raise AssertionError("unreachable")


def case(n: int, members: int, kind: str, device: torch.device, seconds: float, most: float) -> dict:
    """A row of the table, or why there is none; most: the device's floating-point operations a second."""
    row = {"dimension": n, "pack": members, "kind": kind}
    cuda = device.type == "cuda"
    torch.compiler.reset()
    try:
        if cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        began = time.perf_counter()
        pack = Pack(n, members, device, kind)
        pack.step()
        ready = time.perf_counter() - began
        steps = members * measure(pack, device, seconds)
        memory = torch.cuda.max_memory_allocated() / members / 2**20 if cuda else None
    except Exception as error:  # out of memory, or a compiler that is missing: the others are measured all the same
        return row | {"left_out": f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"}
    return row | {
        "training_steps_per_second": steps,
        "share_of_peak": steps * products(RECIPE, n) / most,
        "mebibytes_per_member": memory,
        "start_seconds": ready,
        "noise_share": noise_seconds(n, members, device) * steps / members,
    }


def table(rows: list[dict]) -> None:
    print(f"{'n':>4} {'pack':>6} {'kind':>9} {'training-steps/s':>17} {'of peak':>8} {'MiB/member':>11} "
          f"{'start, s':>9} {'noise':>6}")  # fmt: skip
    for row in rows:
        head = f"{row['dimension']:>4} {row['pack']:>6} {row['kind']:>9}"
        if "left_out" in row:
            print(f"{head} left out: {row['left_out']}")
            continue
        memory = f"{row['mebibytes_per_member']:.1f}" if row["mebibytes_per_member"] else "-"
        print(f"{head} {row['training_steps_per_second']:>17.0f} {row['share_of_peak']:>8.1%} {memory:>11} "
              f"{row['start_seconds']:>9.1f} {row['noise_share']:>6.0%}")  # fmt: skip


def grid_seconds(rows: list[dict], n: int) -> float | None:
    """What 33 seeds × 13 β at a dimension take, noise included, in the fastest packs of those measured."""
    costs = []
    for row in rows:
        if row["dimension"] == n and "left_out" not in row:
            packs = -(-GRID // row["pack"])
            step = row["pack"] / row["training_steps_per_second"]
            costs.append(packs * RECIPE.steps * step * (1 + row["noise_share"]) + row["start_seconds"])
    return min(costs, default=None)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu_check", description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--dimensions", type=int, nargs="+", default=(8, 12, 16))
    parser.add_argument("--packs", type=int, nargs="+", default=(16, 64, 256, 512, 1024, 2048, 4096))
    parser.add_argument("--kinds", choices=KINDS, nargs="+", default=KINDS)
    parser.add_argument("--seconds", type=float, default=1.5, help="of every measurement")
    parser.add_argument("--limit", type=float, default=420, help="seconds after which no measurement begins")
    parser.add_argument("--label-steps", type=int, default=3000, help="of the trainings whose labels are compared")
    parser.add_argument("--out", type=Path, default=Path("gpu-check.json"))
    options = parser.parse_args(arguments)
    try:
        device = resolve(options.device)
    except ValueError as error:
        parser.error(str(error))  # one line and exit code 2
    ends, cuda = time.monotonic() + options.limit, device.type == "cuda"
    torch.set_num_threads(1)
    kinds = [kind for kind in options.kinds if cuda or kind != "graph"]
    found: dict = {"machine": machine(options.device)}
    print(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in found["machine"].items()), flush=True)

    found["difference"] = correctness(min(options.dimensions), 16, device, kinds)
    right = all(apart < TOLERANCE for apart in found["difference"].values())
    for kind, apart in found["difference"].items():
        print(f"{kind}: losses and gradients, or parameters after a step, {apart:.1e} from the CPU's", flush=True)
    found["curriculum"] = curricula(device, kinds)
    right &= all(apart < TOLERANCE for apart in found["curriculum"].values())
    for kind, apart in found["curriculum"].items():
        print(f"{kind}: parameters after a curriculum, {apart:.1e} from those of eager steps", flush=True)
    trained = partial(labels, 6, list(CLEAR_BETAS), 4, options.label_steps)
    same, count = agreement(trained("compiled"), trained("torch", device=options.device))
    found["labels"] = {"same": same, "of": count}
    right &= same == count
    print(f"labels: {same} of {count} as on the CPU", flush=True)

    most, rows = peak(options.seconds, options.device), []
    for kind in kinds:
        for n, members in ((n, members) for n in options.dimensions for members in options.packs):
            if time.monotonic() > ends:
                rows.append({"dimension": n, "pack": members, "kind": kind, "left_out": "no time was left"})
            else:
                rows.append(case(n, members, kind, device, options.seconds, most))
    rows.sort(key=lambda row: (row["dimension"], row["pack"]))
    table(rows)
    found |= {"peak_flops": most, "results": rows}
    found["grid_seconds"] = {str(n): grid_seconds(rows, n) for n in options.dimensions}
    if all(found["grid_seconds"].values()):
        total = sum(found["grid_seconds"].values())
        print(f"33 seeds x 13 betas x n = {', '.join(map(str, options.dimensions))}, {RECIPE.steps} steps each: "
              f"{total / 60:.1f} min of training")  # fmt: skip
    options.out.write_text(json.dumps(found, indent=1))
    print(f"written to {options.out}")
    if not right:
        print("the device does not compute what the CPU does", file=sys.stderr)
    return 0 if right else 1


if __name__ == "__main__":
    raise SystemExit(main())
