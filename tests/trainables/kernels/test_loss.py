"""Compiled steps against the same arithmetic in PyTorch, in double precision."""

import copy
from dataclasses import replace

import pytest
import torch

from trainables.kernels.compile import library
from trainables.models.hypernetwork import Hypernetwork, noise_size
from trainables.models.registry import build
from trainables.recipe import Recipe
from trainables.tasks.registry import get_task
from trainables.training.noise import inputs_from
from trainables.training.objective import training_loss

MEMBERS = 3


def case(recipe, dimension):
    """A network with no weight at zero, and what a step gives it."""
    generator = torch.Generator().manual_seed(dimension)
    network = build(recipe, MEMBERS, dimension)
    for parameter in network.parameters():
        std = getattr(parameter, "initial_std", 0.1)
        parameter.data = std * torch.randn(parameter.shape, generator=generator)
    noise = torch.randn(MEMBERS, noise_size(dimension, recipe.hidden(dimension)), generator=generator)
    x = torch.randn(MEMBERS, recipe.inputs_per_step, dimension, generator=generator)
    x = inputs_from(x, recipe.inputs)
    return network, noise, x, torch.tensor([1e-1, 1e-3, 1e-6])


def losses_and_gradients(recipe, network, noise, x, betas, dtype=torch.float32):
    network, (noise, x, betas) = copy.deepcopy(network).to(dtype), (given.to(dtype) for given in (noise, x, betas))
    task = get_task(recipe.task).on(recipe.inputs)
    if recipe.task == "sum_of_products":
        task = replace(task, variance=lambda n: n)  # at n = 1 its own is 0
    loss = training_loss(network, noise, x, task, recipe.hidden(x.shape[-1]), betas, recipe.activation)
    # each loss with its own weight: gradients are those of any function of the losses
    return loss, *torch.autograd.grad((loss * torch.tensor([1.0, -2.0, 0.5])).sum(), list(network.parameters()))


def compiled_losses(network, noise, x, betas):
    task, n = get_task("l1_norm"), x.shape[-1]
    return network.compiled_losses(noise, x, task.target(x), task.variance(n), 3 * n, betas)


def compiled():
    network, noise, x, betas = case(Recipe(), 2)
    return compiled_losses(network, noise, x, betas) is not None


needs_compiler = pytest.mark.skipif(not compiled(), reason="no C++ compiler on this machine")


@needs_compiler
@pytest.mark.parametrize("dimension", [1, 2, 5, 6, 16])
@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe(trainable="pareto"),
        Recipe(scale_free=True, task="maximum"),
        Recipe(inputs_per_step=37, layers=2, hidden_per_input=2, width=16, channels=8),
        Recipe(activation="relu"),
        Recipe(activation="relu", inputs="uniform", trainable="pareto"),
        Recipe(inputs="rademacher", task="sum_of_products"),
        Recipe(layers=1, scores=16, sided_scores=4, width=40, channels=32),
    ],
    ids=lambda recipe: " ".join(f"{name}={value}" for name, value in recipe.model_dump(exclude_defaults=True).items()),
)
def test_losses_and_gradients_are_those_of_torch(recipe, dimension, monkeypatch):
    given = case(recipe, dimension)
    native = losses_and_gradients(recipe, *given)
    wanted = losses_and_gradients(recipe, *given, dtype=torch.float64)
    monkeypatch.setattr(Hypernetwork, "compiled_losses", lambda *_: None)
    monkeypatch.setattr("trainables.models.layers.compiled", lambda *_: None)
    in_torch = losses_and_gradients(recipe, *given)
    for result, reference, single in zip(native, wanted, in_torch, strict=True):
        rounding = (single - reference).abs().max() + 1e-6 * max(reference.abs().max(), 0.1)
        assert (result - reference).abs().max() < 5 * rounding


def test_without_a_compiler_it_is_torch(monkeypatch):
    monkeypatch.setenv("HYPERPHASE_NATIVE", "0")
    library.cache_clear()
    network, noise, x, betas = case(Recipe(), 3)
    assert compiled_losses(network, noise, x, betas) is None
    assert training_loss(network, noise, x, get_task("l1_norm"), 9, betas).isfinite().all()
    library.cache_clear()


@pytest.mark.parametrize("activation", ["gelu", "tanh"])
def test_other_activations_are_torch(activation):
    recipe = Recipe(activation=activation)
    network, noise, x, betas = case(recipe, 3)
    assert compiled_losses(network, noise, x, betas) is None
    assert training_loss(network, noise, x, get_task("l1_norm"), 9, betas, activation).isfinite().all()
