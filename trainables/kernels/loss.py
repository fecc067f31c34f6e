"""A step's losses from compiled code, trainables/kernels/csrc/member.h: noise in, losses and all gradients out.

One member goes through the whole step, forward and backward, while its numbers stay in the processor's cache, and
nothing is kept for a backward pass: the gradients are there with the losses.
"""

import ctypes

import torch
from torch import Tensor

from trainables.kernels.compile import strided
from trainables.kernels.layer import compiled
from trainables.models.hypernetwork import Hypernetwork
from trainables.models.weight_heads import INITIAL_LOG_SIGMA
from trainables.tasks.task import Task


def losses(network: Hypernetwork, noise: Tensor, x: Tensor, task: Task, hidden: int, betas: Tensor) -> Tensor | None:
    """What `trainables.training.objective.training_loss` returns, or None where compiled code does not serve."""
    layer = network.layers[0]
    native = compiled(noise, *layer.widest(), *layer.competition)
    if native is None:
        return None
    n, heads = x.shape[-1], network.heads
    whole, log_scale = network.conditions(betas)
    ends = (
        *(whole, heads.scales(log_scale)),
        *(network.edge_noise.weight, network.hidden_noise.weight, network.input_noise.weight),
        *(heads.edge.weight, heads.edge.bias, heads.hidden.weight, heads.hidden.bias),
        *(heads.whole.weight, heads.whole.bias),
    )  # in the order of EndArrays of member.h
    weights = [*ends, *(weight for layer in network.layers for weight in layer.weights(n))]
    given = noise, x, task.target(x).contiguous(), float(task.variance(n)), betas.contiguous()
    return _Losses.apply(native, given, hidden, len(network.layers), *weights)


class _Losses(torch.autograd.Function):
    @staticmethod
    def forward(context, native: ctypes.CDLL, given: tuple, hidden: int, layers: int, *weights: Tensor) -> Tensor:
        noise, x, wanted, variance, betas = given
        noise, x = _rows(noise), _rows(x)
        members, samples, n = x.shape
        loss = torch.empty(members)
        flat = torch.empty(members, sum(weight[0].numel() for weight in weights))
        parts = flat.split([weight[0].numel() for weight in weights], 1)
        gradients = [part.view(weight.shape) for part, weight in zip(parts, weights, strict=True)]
        native.losses(
            *(members, hidden, n, samples, layers, *strided(weights)),
            *(*strided([noise, x]), ctypes.c_void_p(wanted.data_ptr()), ctypes.c_float(variance)),
            *(ctypes.c_void_p(betas.data_ptr()), ctypes.c_float(INITIAL_LOG_SIGMA)),
            *(ctypes.c_void_p(loss.data_ptr()), *strided(gradients)),
        )
        context.gradients = gradients
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, to_loss: Tensor) -> tuple[Tensor | None, ...]:
        gradients = context.gradients
        if not (to_loss == 1).all():  # a training's total is the plain sum of its members' losses
            gradients = [to_loss.view(-1, *[1] * (part.dim() - 1)) * part for part in gradients]
        return None, None, None, None, *gradients


def _rows(x: Tensor) -> Tensor:
    """x (members, …), each member's numbers next to each other."""
    return x if x[0].is_contiguous() else x.contiguous()
