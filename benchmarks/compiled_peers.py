"""Packs against what an expert would write instead: the same arithmetic, batched and compiled by JAX and PyTorch.

    make bench-peers

`benchmarks.member_loss` is one training's loss, in operations that JAX and PyTorch share. Each peer batches it over
the pack (jax.vmap, torch.func.vmap), differentiates and compiles it together with clipping and Adam (jax.jit,
torch.compile). Losses and gradients at equal parameters and noise are compared with hyperphase's first; then all take
turns, on one core and the clock of the process. Noise is drawn as each of them does it best: JAX by its fastest
generator, compiled too, PyTorch by one call for the whole pack.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import torch

from benchmarks.member_loss import RECIPE, member_loss
from benchmarks.training_speed import machine, measure
from trainables.models.hypernetwork import Hypernetwork, initialise, noise_size
from trainables.tasks.registry import get_task
from trainables.training.devices import keep_freed_memory, reproducible_processor
from trainables.training.noise import stream
from trainables.training.objective import training_loss
from trainables.training.optimiser import BETAS, one_cycle
from trainables.training.optimiser import EPSILON as ADAM_EPSILON

BETA = 1e-6
TOLERANCE = 1e-3  # relative, of losses and of gradient norms: float32, summed in different orders


class TorchPeer:
    """torch.func.vmap and torch.compile."""

    name = "torch.compile"

    def __init__(self, n: int, parameters: dict[str, torch.Tensor]):
        def loss(p, z, x, beta):
            return member_loss(p, z, x, beta, n, torch, torch.sigmoid)

        losses = torch.func.vmap(torch.func.grad_and_value(loss))
        self.advance = torch.compile(lambda *given: _adam(losses, torch, *given), fullgraph=True, dynamic=False)
        copies = (torch.clone, torch.zeros_like, torch.zeros_like)
        self.state = [{name: copy(array) for name, array in parameters.items()} for copy in copies]
        members, self.count = len(parameters["whole"]), 0
        self.shapes = (members, noise_size(n, RECIPE.hidden(n))), (members, RECIPE.inputs_per_step, n)
        self.betas = torch.full((members,), BETA)

    def step(self, given: tuple[torch.Tensor, ...] | None = None) -> torch.Tensor:
        """The losses (members,) before a step on noise, inputs and βs, fresh unless given."""
        z, x, betas = given or (*map(torch.randn, self.shapes), self.betas)
        self.count += 1
        with torch.no_grad():
            *self.state, losses = self.advance(
                *self.state, z, x, betas, *map(torch.tensor, rate_and_number(self.count))
            )
        return losses

    def moment(self, name: str) -> torch.Tensor:
        """Adam's first moment of a parameter."""
        return self.state[1][name]


class JaxPeer:
    """jax.vmap and jax.jit."""

    name = "jax.jit"

    def __init__(self, n: int, parameters: dict[str, torch.Tensor]):
        import jax

        jax.config.update("jax_default_prng_impl", "rbg")  # draws normal numbers faster than the default does
        self.jax, members, self.count = jax, len(parameters["whole"]), 0

        def loss(p, z, x, beta):
            return member_loss(p, z, x, beta, n, jax.numpy, jax.nn.sigmoid)

        def slopes_and_losses(*given):
            found, slopes = jax.vmap(jax.value_and_grad(loss))(*given)
            return slopes, found

        def draw(key):
            key, of_z, of_x = jax.random.split(key, 3)
            z = jax.random.normal(of_z, (members, noise_size(n, RECIPE.hidden(n))))
            return key, z, jax.random.normal(of_x, (members, RECIPE.inputs_per_step, n))

        def step(*given):
            return _adam(slopes_and_losses, jax.numpy, *given)

        self.draw, self.advance = jax.jit(draw), jax.jit(step, donate_argnums=(0, 1, 2))
        values = {name: jax.numpy.asarray(array.numpy()) for name, array in parameters.items()}
        self.state = [values, *({k: jax.numpy.zeros_like(a) for k, a in values.items()} for _ in range(2))]
        self.key, self.betas = jax.random.key(0), jax.numpy.full(members, BETA)

    def step(self, given: tuple[torch.Tensor, ...] | None = None) -> torch.Tensor:
        """As of `TorchPeer`."""
        if given:
            z, x, betas = (self.jax.numpy.asarray(array.numpy()) for array in given)
        else:
            (self.key, z, x), betas = self.draw(self.key), self.betas
        self.count += 1
        *self.state, losses = self.advance(*self.state, z, x, betas, *rate_and_number(self.count))
        return torch.tensor(self.jax.device_get(losses))  # waits for it

    def moment(self, name: str) -> torch.Tensor:
        """As of `TorchPeer`."""
        return torch.tensor(self.jax.device_get(self.state[1][name]))


def rate_and_number(count: int) -> tuple[float, float]:
    """Learning rate of a step and its number, as floats: neither may be compiled in."""
    return RECIPE.learning_rate * one_cycle(count / RECIPE.steps, RECIPE.rate_held), float(count)


def _adam(slopes_and_losses: Callable, xp, p: dict, first: dict, second: dict, z, x, betas, rate, count) -> tuple:
    """A step of Adam, each member's gradient clipped by itself: parameters and moments after it, losses before."""
    slopes, losses = slopes_and_losses(p, z, x, betas)
    norm = sum((a * a).reshape(len(betas), -1).sum(1) for a in slopes.values()) ** 0.5
    factor = xp.minimum(RECIPE.clip / (norm + 1e-6), xp.ones_like(norm))
    made: list[dict] = [{}, {}, {}]
    for name, slope in slopes.items():
        slope = slope * factor.reshape(-1, *[1] * (slope.ndim - 1))
        m1 = BETAS[0] * first[name] + (1 - BETAS[0]) * slope
        m2 = BETAS[1] * second[name] + (1 - BETAS[1]) * slope * slope
        root = (m2 / (1 - BETAS[1] ** count)) ** 0.5 + ADAM_EPSILON
        made[0][name] = p[name] - rate / (1 - BETAS[0] ** count) * m1 / root
        made[1][name], made[2][name] = m1, m2
    return *made, losses


PEERS = (JaxPeer, TorchPeer)


def difference(peer: JaxPeer | TorchPeer, network: Hypernetwork, n: int) -> float:
    """Largest relative difference of the members' losses and clipped gradients from hyperphase's, at equal parameters.

    The gradients are read off the peer's first step of Adam, whose first moment they are but for a factor.
    """
    members, noise = len(network.whole), torch.Generator().manual_seed(0)
    z = torch.randn(members, noise_size(n, RECIPE.hidden(n)), generator=noise)
    x = torch.randn(members, RECIPE.inputs_per_step, n, generator=noise)
    betas = torch.logspace(-6, 0, members)
    mine = training_loss(network, z, x, get_task("l1_norm"), RECIPE.hidden(n), betas)
    names, parameters = zip(*network.named_parameters(), strict=True)
    slopes = torch.cat([slope.flatten(1) for slope in torch.autograd.grad(mine.sum(), parameters)], 1)
    norms = slopes.norm(dim=1, keepdim=True)
    clipped = slopes * (RECIPE.clip / (norms + 1e-6)).clamp(max=1)
    losses = peer.step((z, x, betas))
    theirs = torch.cat([peer.moment(name).flatten(1) for name in names], 1) / (1 - BETAS[0])
    apart = (theirs - clipped).norm(dim=1) / clipped.norm(dim=1)
    return float(torch.cat([((losses - mine) / mine).abs(), apart]).detach().max())


def speed(peer: JaxPeer | TorchPeer, members: int, seconds: float) -> float:
    """Training-steps a second of this process's own."""
    peer.step()
    started, count = time.process_time(), 0
    while time.process_time() - started < seconds or count < 3:
        peer.step()
        count += 1
    return members * count / (time.process_time() - started)


def bench(n: int, members: int, *, seconds: float, repeats: int) -> list[dict]:
    network = Hypernetwork(members, RECIPE)
    initialise(network, [stream(seed, "parameters") for seed in range(members)])
    parameters = {name: parameter.detach() for name, parameter in network.named_parameters()}
    peers, rows = [], []
    for kind in PEERS:
        started = time.perf_counter()
        peers.append(kind(n, parameters))
        apart = difference(peers[-1], network, n)
        if not apart < TOLERANCE:
            raise RuntimeError(f"{kind.name} computes something else at n = {n}: {apart:.1e} apart")
        compilation = time.perf_counter() - started
        rows.append({"dimension": n, "pack": members, "peer": kind.name, "difference": apart,
                     "compilation_seconds": compilation})  # fmt: skip
        print(f"n = {n}: {kind.name} compiled; losses and gradients {apart:.1e} apart", flush=True)
    speeds: list[list[float]] = [[] for _ in range(len(peers) + 1)]
    for _ in range(repeats):
        speeds[-1].append(measure(n, members, seconds, "cpu"))
        for found, peer in zip(speeds, peers, strict=False):
            found.append(speed(peer, members, seconds))
    for row, found in zip(rows, speeds, strict=False):
        row["steps_per_second"] = statistics.median(found)
        row["ratio"] = statistics.median(mine / its for mine, its in zip(speeds[-1], found, strict=True))
        row["hyperphase_steps_per_second"] = statistics.median(speeds[-1])
    return rows


@reproducible_processor()
def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compiled_peers", description=__doc__.splitlines()[0])
    parser.add_argument("--dimensions", type=int, nargs="+", default=(6, 16))
    parser.add_argument("--pack", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0, help="of every measurement")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("bench-peers.json"))
    options = parser.parse_args(arguments)
    if not find_spec("jax"):
        parser.error("no jax here; `make bench-peers` installs it")
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before XLA counts the cores
    keep_freed_memory()
    described = machine("cpu")
    print(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in described.items()), flush=True)
    rows = [row for n in options.dimensions
            for row in bench(n, options.pack, seconds=options.seconds, repeats=options.repeats)]  # fmt: skip
    options.out.write_text(json.dumps({"machine": described, "results": rows}, indent=1))
    print(f"{'n':>4} {'pack':>5} {'peer':>14} {'its steps/s':>12} {'ours':>8} {'ratio':>7}")
    for row in rows:
        print(f"{row['dimension']:>4} {row['pack']:>5} {row['peer']:>14} {row['steps_per_second']:>12.0f} "
              f"{row['hyperphase_steps_per_second']:>8.0f} {row['ratio']:>6.2f}x")  # fmt: skip
    print(f"medians of {options.repeats} repeats, in turn, one core; written to {options.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
