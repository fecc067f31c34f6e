"""When does a network understand what it has memorised? The toy of Liu et al. 2022, arXiv 2205.10343.

Every number 0 … 9 has a learnt embedding, a single number e. An MLP, the decoder, reads e_a + e_b and is to answer with
the vector that stands for the sum a + b, one of 19 random ones. It learns 45 of the 55 pairs a ≤ b; whether it gets the
other ten right depends on whether embeddings end on a line. Decoder learning rate and weight decay decide which of the
paper's four phases a training is in (docs/grokking.md):

    phase           90 % of training pairs right   90 % of the others right
    confusion       never                          -
    memorization    at step t                      never
    comprehension   at step t                      less than 1,000 steps later
    grokking        at step t                      later than that

hyperphase sweep --config examples/grokking/grokking.toml --out sweeps/grokking
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch
from pydantic import BaseModel, Field
from torch import Tensor

from trainables import Axis, Experiment, Label, Outcome, Run

NUMBERS = 10
PAIRS = torch.tensor([(a, b) for a in range(NUMBERS) for b in range(a, NUMBERS)])  # (55, 2)
SUMS = PAIRS.sum(1)
ADDED = torch.nn.functional.one_hot(PAIRS, NUMBERS).sum(1).float()  # (55, 10): which embeddings a pair adds
ENOUGH = 0.9 - 1e-6  # accuracy; in single precision, 9 of 10 is a little less
LOOK = 10  # steps between two looks at the accuracies
SOON = 1000  # steps between the two accuracies up to which it is comprehension
CURVE_POINTS = 40
BETAS, TINY = (0.9, 0.999), 1e-8  # of AdamW


class Settings(BaseModel):
    """What is the same at all points; the defaults are those of the paper's published code, but for half its width."""

    steps: int = Field(10_000, ge=10, description="full-batch steps at most; a training ends once its phase is known")
    training_pairs: int = Field(45, ge=20, le=54, description="of the 55 pairs")
    width: int = Field(100, ge=1, description="of the decoder's two hidden layers")
    answer: int = Field(30, ge=1, description="numbers of the vector that stands for a sum")
    embedding_rate: float = Field(1e-3, gt=0, description="learning rate of the embeddings, which have no weight decay")


@dataclass
class Training:
    """One member of a pack: its data, and what was seen of it so far."""

    split: Tensor  # (55,) 1 for training pairs
    answers: Tensor  # (19, answer)
    parameters: list[Tensor]  # embeddings (10, 1), then the decoder's three layers: weight, bias …
    reached: dict[str, int] = field(default_factory=dict)  # "training" or "validation" -> first step with 90 %
    curve: list[tuple[int, float, float]] = field(default_factory=list)  # step, accuracies
    linearity: float = float("nan")

    def label(self, step: int) -> str:
        """The phase, were the training to end at this step."""
        first, second = (self.reached.get(name, step + 1) for name in ("training", "validation"))
        if first > step:
            return "confusion"
        if second > step:
            return "memorization"
        return "comprehension" if second - first < SOON else "grokking"


def make(seed: int, settings: Settings) -> Training:
    """A training before its first step. Held-out pairs are such that their sums occur in training."""
    random = torch.Generator().manual_seed(seed)
    while True:
        split = torch.zeros(len(PAIRS))
        split[torch.randperm(len(PAIRS), generator=random)[: settings.training_pairs]] = 1
        if set(SUMS.tolist()) == set(SUMS[split == 1].tolist()):
            break
    sizes = (1, settings.width, settings.width, settings.answer)
    parameters = [torch.rand(NUMBERS, 1, generator=random) - 0.5]
    for fan_in, fan_out in pairwise(sizes):  # as torch.nn.Linear starts
        for shape in ((fan_in, fan_out), (1, fan_out)):
            parameters.append((2 * torch.rand(shape, generator=random) - 1) * fan_in**-0.5)
    return Training(split, torch.randn(2 * NUMBERS - 1, settings.answer, generator=random), parameters)


def decode(parameters: Sequence[Tensor]) -> Tensor:
    """What the members answer on all pairs, (members, 55, answer)."""
    embeddings, *layers = parameters
    x = ADDED @ embeddings  # (members, 55, 1)
    for k in range(0, len(layers), 2):
        x = torch.baddbmm(layers[k + 1], torch.tanh(x) if k else x, layers[k])
    return x


def train_pack(runs: Sequence[Run]) -> Iterator[Outcome]:
    """All runs in lockstep; who is through leaves the pack."""
    settings: Settings = runs[0].settings
    trainings = [make(run.seed, settings) for run in runs]
    seen = {LOOK * round(step / LOOK) for step in np.geomspace(LOOK, settings.steps, CURVE_POINTS)} | {settings.steps}
    left = list(range(len(runs)))
    state = [torch.stack(tensors) for tensors in zip(*(one.parameters for one in trainings), strict=True)]
    moments = [torch.zeros_like(tensor) for tensor in (*state, *state)]
    fixed = [
        torch.stack([one.split for one in trainings]),
        torch.stack([one.answers for one in trainings]),
        torch.stack([one.answers[SUMS] for one in trainings]),
        torch.tensor([[run["learning_rate"], run["weight_decay"]] for run in runs]),
    ]
    for step in range(1, settings.steps + 1):
        split, answers, wanted, place = fixed
        state = [tensor.requires_grad_() for tensor in state]
        answered = decode(state)
        error = (answered - wanted).square().mean(-1)  # (members, 55)
        gradients = torch.autograd.grad((error * split).sum() / settings.training_pairs, state)
        state = adam_step([tensor.detach() for tensor in state], gradients, moments, step, place, settings)
        if step % LOOK and step < settings.steps:
            continue
        right = (torch.cdist(answered.detach(), answers).argmin(-1) == SUMS).float()  # (members, 55)
        accuracies = [((right * part).sum(1) / part.sum(1)).tolist() for part in (split, 1 - split)]
        for k, training, validation in zip(left, *accuracies, strict=True):
            note(trainings[k], step, training, validation, step in seen)
        through = [len(trainings[k].reached) == 2 or step == settings.steps for k in left]
        if any(through):
            for row in (row for row, done in enumerate(through) if done):
                trainings[left[row]].linearity = linearity(state[0][row, :, 0])
            keep = [row for row, done in enumerate(through) if not done]
            left = [left[row] for row in keep]
            state, moments, fixed = ([tensor[keep] for tensor in tensors] for tensors in (state, moments, fixed))
        if not left:
            break
        if step in seen:
            for run in runs:
                run.progress(step / settings.steps)
    for training in trainings:
        yield outcome(training, settings)


def adam_step(
    state: Sequence[Tensor],
    gradients: Sequence[Tensor],
    moments: list[Tensor],
    step: int,
    place: Tensor,
    settings: Settings,
) -> list[Tensor]:
    """AdamW; the first tensor is the embeddings. place (members, 2): the decoders' learning rates and weight decays."""
    rate, decay = (column.view(-1, 1, 1) for column in place.T)
    after = []
    for k, (tensor, gradient) in enumerate(zip(state, gradients, strict=True)):
        first, second = moments[k], moments[k + len(state)]
        first.lerp_(gradient, 1 - BETAS[0])
        second.lerp_(gradient.square(), 1 - BETAS[1])
        change = first / (1 - BETAS[0] ** step) / ((second / (1 - BETAS[1] ** step)).sqrt() + TINY)
        after.append(tensor * (1 - rate * decay) - rate * change if k else tensor - settings.embedding_rate * change)
    return after


def note(training: Training, step: int, right: float, right_elsewhere: float, on_curve: bool) -> None:
    for name, accuracy in (("training", right), ("validation", right_elsewhere)):
        if accuracy >= ENOUGH:
            training.reached.setdefault(name, step)
    if on_curve or len(training.reached) == 2:
        training.curve.append((step, right, right_elsewhere))


def linearity(embeddings: Tensor) -> float:
    """Squared correlation of the embeddings (10,) with the numbers that they stand for."""
    return float(np.corrcoef(embeddings.numpy(), np.arange(NUMBERS))[0, 1] ** 2)


def outcome(training: Training, settings: Settings) -> Outcome:
    steps, right, elsewhere = (list(column) for column in zip(*training.curve, strict=True))
    never = float("nan")
    return Outcome(
        training.label(settings.steps),
        metrics={
            "training_accuracy": right[-1],
            "validation_accuracy": elsewhere[-1],
            "steps_to_training": training.reached.get("training", never),
            "steps_to_validation": training.reached.get("validation", never),
            "linearity": training.linearity,
        },
        curves={
            "step": steps,
            "label": [training.label(step) for step in steps],
            "training_accuracy": right,
            "validation_accuracy": elsewhere,
        },
    )


GROKKING = Experiment(
    "grokking",
    axes=(
        Axis("learning_rate", 1e-5, 1e-2, log=True, title="decoder learning rate"),
        Axis("weight_decay", 0, 10, title="decoder weight decay"),
    ),
    train_pack=train_pack,
    settings=Settings,
    labels=(
        Label("comprehension", colour="#a0da39"),
        Label("grokking", colour="#f2d518"),
        Label("memorization", colour="#46327e"),
        Label("confusion", colour="#3a3a3a"),
    ),
    title="Grokking: addition from learnt embeddings",
)
