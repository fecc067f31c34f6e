"""The training loop: the members of a pack advance in lockstep, each with its own β, seed and parameters."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest

import numpy as np
import torch

from trainables.models.hypernetwork import go_on_from, initialise, noise_size
from trainables.models.noise_layout import size, split
from trainables.models.pareto import sample_betas
from trainables.models.registry import build
from trainables.recipe import Recipe, shared
from trainables.tasks.registry import get_task
from trainables.training.checkpoint import Checkpoint, State, flatten, pack_evaluations, part, unpack_evaluations
from trainables.training.curriculum import Curriculum
from trainables.training.devices import keep_freed_memory, reproducible_processor, resolve
from trainables.training.evaluation import Snapshot, evaluate, evaluation_stream, snapshot_steps
from trainables.training.gpu_step import step_of
from trainables.training.noise import NoiseStream, inputs_from, stream
from trainables.training.optimiser import PackAdam


@dataclass(frozen=True)
class Member:
    """One training of a pack. key: its identity in the ledger; beta: penalty per nat; seed: of all its noise."""

    key: str
    beta: float
    seed: int


@dataclass(frozen=True)
class TrainingResult:
    """What a training left behind.

    status: "done", or "failed" with the reason (then snapshots stop before the failure and final is None).
    final: the last look, with `final_draws` networks.
    hypernetwork: {parameter: array}, from which `draw_networks` draws at any dimension.
    seconds: the member's share of the pack's time.
    """

    member: Member
    status: str
    reason: str
    snapshots: list[Snapshot] = field(default_factory=list)
    final: Snapshot | None = None
    hypernetwork: dict[str, np.ndarray] = field(default_factory=dict)
    seconds: float = 0.0


@reproducible_processor()
def train_pack(
    dimension: int,
    members: list[Member],
    recipe: Recipe,
    *,
    device: str = "cpu",
    gpu_step: str = "auto",
    on_step: Callable[[int], None] | None = None,
    checkpoint: Checkpoint | None = None,
    starts: Sequence[Mapping[str, np.ndarray]] = (),
) -> list[TrainingResult]:
    """Train one hypernetwork per member at input dimension n = `dimension`; results in the members' order.

    Smaller dimensions take turns with n as `Curriculum` says; looks are at n. A member's result
    depends on its β, its seed, the dimension and the recipe; on the CPU bit for bit, whatever else is in the pack.
    gpu_step: how a pack's steps run on a GPU (`trainables.training.gpu_step`).
    starts: each member's hypernetwork to go on from, of the training that its recipe's `start` names; without, noise.
    `on_step(step)` is called after every step: raise from it to stop. A `checkpoint` is offered the state after every
    step but the last, and training resumes from it: the result is the same, bit for bit. Keeps freed memory, for
    the whole process.
    """
    started, place = time.perf_counter(), resolve(device)
    keep_freed_memory()
    task, curriculum = get_task(recipe.task).on(recipe.inputs), Curriculum(recipe, dimension)
    row_of_member = shared(recipe, [member.seed for member in members])  # each training's row of whatever is trained
    first_member_of_row = [row_of_member.index(row) for row in range(max(row_of_member) + 1)]
    seeds = [members[k].seed for k in first_member_of_row]
    evaluation_betas = _evaluation_betas(members, row_of_member).to(place)
    network = build(recipe, len(seeds), dimension).to(place)
    initialise(network, [stream(seed, "parameters", place) for seed in seeds])
    if starts:
        go_on_from(network, [starts[k] for k in first_member_of_row])
    optimiser = PackAdam(
        network, steps=recipe.steps, learning_rate=recipe.learning_rate, held=recipe.rate_held, clip=recipe.clip
    )
    beta_shape = [(1,)] if recipe.kind.needs_beta else []
    sizes = curriculum.dimensions
    shapes = {n: [(noise_size(n, recipe.hidden(n)),), (recipe.inputs_per_step, n), *beta_shape] for n in sizes}
    noise = NoiseStream(seeds, "training", max(size(of_step) for of_step in shapes.values()), device=place)
    evaluation = evaluation_stream(seeds, recipe, dimension, place)
    evaluation_steps = snapshot_steps(recipe.steps, recipe.snapshots)
    evaluations: list[list[Snapshot]] = []  # of all members each
    failed_at = torch.zeros(len(seeds), dtype=torch.long, device=place)  # step of the first non-finite loss, or 0
    done, spent = 0, np.zeros(len(members))  # steps, and every member's share of the seconds before this call
    if kept := checkpoint and checkpoint.load():
        done, spent, evaluations = int(kept["step"][0]), kept["seconds"], unpack_evaluations(part(kept, "looks"))
        rows = {name: array[first_member_of_row] for name, array in kept.items()}
        failed_at.copy_(torch.from_numpy(rows["failed_at"]))
        optimiser.restore(part(rows, "optimiser"), done)
        noise.restore(part(rows, "noise"))
        evaluation.restore(part(rows, "evaluation"))

    take_step = step_of(gpu_step, network, optimiser, task, recipe)

    def seconds() -> np.ndarray:
        return spent + (time.perf_counter() - started) / len(members)

    def state(step: int) -> State:
        rows = flatten(optimiser=optimiser.state(), noise=noise.state(), evaluation=evaluation.state())
        rows = {name: array[row_of_member] for name, array in (rows | {"failed_at": failed_at.cpu().numpy()}).items()}
        own = {"step": np.full(len(members), step), "seconds": seconds()}
        return own | rows | flatten(looks=pack_evaluations(evaluations))

    def see(step: int, draws: int) -> list[Snapshot]:
        seen = evaluate(network, recipe, dimension, evaluation, step, draws, evaluation_betas)
        return [seen[row_of_member[:k].count(row)][row] for k, row in enumerate(row_of_member)]

    for step in range(done + 1, recipe.steps + 1):
        n = curriculum.dimension(step)
        z, x, *for_beta = split(noise.next(), shapes[n])
        betas = evaluation_betas[0] * curriculum.penalty(step)
        if for_beta:
            betas = sample_betas(for_beta[0].squeeze(1), *recipe.beta_range, step / recipe.steps)
        x = inputs_from(x, recipe.inputs)
        loss, norms = take_step(n, z, x, betas, curriculum.weight(step))
        lost = ~(loss + norms).isfinite() & (failed_at == 0)
        failed_at = failed_at.masked_fill(lost, step)
        if step in evaluation_steps:
            evaluations.append(see(step, recipe.snapshot_draws))
            if failed_at.all():
                break
        if on_step is not None:
            on_step(step)
        if checkpoint is not None and step < recipe.steps:
            checkpoint.offer(partial(state, step))

    failures = failed_at[row_of_member].tolist()
    snapshots = [[seen[k] for seen in evaluations if not at or seen[k].step < at] for k, at in enumerate(failures)]
    final = see(recipe.steps, recipe.final_draws)
    trained = dict(network.named_parameters()) if recipe.kind.has_hypernetwork else {}
    parameters = {name: parameter.detach().cpu().numpy() for name, parameter in trained.items()}
    shares = seconds().tolist()
    return [
        TrainingResult(member, "failed", f"loss not finite at step {step}", snapshots[k], seconds=shares[k])
        if (step := failures[k])
        else TrainingResult(
            member,
            "done",
            "",
            snapshots[k],
            final[k],
            {name: array[row_of_member[k]].copy() for name, array in parameters.items()},
            shares[k],
        )
        for k, member in enumerate(members)
    ]


def _evaluation_betas(members: list[Member], row_of_member: list[int]) -> torch.Tensor:
    """The βs at which each row is looked at, (looks, rows): those of its trainings, in their order."""
    betas = [
        [member.beta for member, row in zip(members, row_of_member, strict=True) if row == k]
        for k in range(max(row_of_member) + 1)
    ]
    return torch.tensor(list(zip_longest(*betas, fillvalue=1.0)))
