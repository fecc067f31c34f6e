"""A compiled step is autograd's step with Adam, bit for bit."""

import pytest
import torch

from trainables.kernels.compile import compiler
from trainables.models.hypernetwork import Hypernetwork, initialise, noise_size
from trainables.models.registry import build
from trainables.recipe import Recipe
from trainables.tasks.registry import get_task
from trainables.training.cpu_step import CompiledStep
from trainables.training.gpu_step import step_of
from trainables.training.noise import inputs_from, stream
from trainables.training.objective import training_loss
from trainables.training.optimiser import PackAdam

MEMBERS = 3


def pack(recipe: Recipe) -> tuple[Hypernetwork, PackAdam]:
    network = build(recipe, MEMBERS, 4)
    initialise(network, [stream(seed, "parameters") for seed in range(MEMBERS)])
    return network, PackAdam(network, steps=20, learning_rate=recipe.learning_rate, clip=recipe.clip)


@pytest.mark.skipif(not compiler(), reason="no C++ compiler on this machine")
@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe(scale_free=False, task="maximum"),
        Recipe(activation="relu", inputs="uniform", inputs_per_step=37),
        Recipe(layers=2, scores=16, width=40, channels=32),
    ],
    ids=["default", "not scale-free", "relu", "other widths"],
)
def test_bits_are_those_of_autograd_and_adam(recipe):
    task, noise = get_task(recipe.task).on(recipe.inputs), torch.Generator().manual_seed(0)
    (one, adam), (other, reference) = pack(recipe), pack(recipe)
    step = step_of("auto", one, adam, task, recipe)
    assert isinstance(step, CompiledStep)
    for k, n in enumerate((4, 2, 16, 4, 5)):
        z = torch.randn(MEMBERS, noise_size(n, recipe.hidden(n)), generator=noise)
        x = inputs_from(torch.randn(MEMBERS, recipe.inputs_per_step, n, generator=noise), recipe.inputs)
        betas = torch.tensor([1e-1, 1e-3, torch.nan if k == 3 else 1e-6])  # one that fails changes no other
        weight = 0.3 if k == 1 else 1.0
        loss, norms = step(n, z, x, betas, weight)
        wanted = training_loss(other, z, x, task, recipe.hidden(n), betas, recipe.activation)
        torch.testing.assert_close(norms, reference.step(weight * wanted), rtol=0, atol=0, equal_nan=True)
        torch.testing.assert_close(loss, wanted.detach(), rtol=0, atol=0, equal_nan=True)
        for name in ("values", "first", "second"):
            found, expected = getattr(adam, name), getattr(reference, name)
            torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    assert not adam.values[2].isfinite().all() and adam.values[:2].isfinite().all()


@pytest.mark.parametrize("recipe", [Recipe(trainable="pareto"), Recipe(activation="gelu"), Recipe(channels=12)])
def test_what_compiled_steps_do_not_serve(recipe):
    assert not isinstance(step_of("auto", *pack(recipe), get_task(recipe.task), recipe), CompiledStep)
