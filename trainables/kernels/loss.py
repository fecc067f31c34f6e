"""A step's losses from compiled code, trainables/kernels/csrc/member.h: noise in, losses and all gradients out.

One member goes through the whole step, forward and backward, while its numbers stay in the processor's cache, and
nothing is kept for a backward pass: the gradients are there with the losses.
"""

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from trainables.inputs import quadrature
from trainables.kernels.compile import strided

ACTIVATIONS = ("swish", "relu")  # of target networks that compiled steps train


class Step(NamedTuple):
    """What a step is given besides the weights; members first, float32, on the CPU."""

    noise: Tensor  # (members, noise)
    x: Tensor  # (members, samples, n)
    wanted: Tensor  # (members, samples): the target's values
    variance: float  # of the target
    betas: Tensor  # (members,)
    hidden: int  # m
    layers: int
    initial_log_sigma: float
    activation: str = "swish"  # of the target network, one of ACTIVATIONS
    inputs: str = "normal"  # distribution of x


def losses(native: ctypes.CDLL, step: Step, weights: Sequence[Tensor]) -> Tensor:
    """Relative error + β · complexity of every member, (members,), with gradients to `weights`.

    weights: (members, …) each, in the order of EndArrays of member.h, then of the layers.
    """
    return _Losses.apply(native, step, *weights)


class _Losses(torch.autograd.Function):
    @staticmethod
    def forward(context, native: ctypes.CDLL, step: Step, *weights: Tensor) -> Tensor:
        noise, x = _rows(step.noise), _rows(step.x)
        wanted, betas = step.wanted.contiguous(), step.betas.contiguous()
        members, samples, n = x.shape
        loss = torch.empty(members)
        flat = torch.empty(members, sum(weight[0].numel() for weight in weights))
        parts = flat.split([weight[0].numel() for weight in weights], 1)
        gradients = [part.view(weight.shape) for part, weight in zip(parts, weights, strict=True)]
        nodes, node_weights = quadrature(step.inputs)
        array = ctypes.c_float * len(nodes)
        native.losses(
            *(members, step.hidden, n, samples, step.layers, *strided(weights)),
            *(*strided([noise, x]), ctypes.c_void_p(wanted.data_ptr()), ctypes.c_float(step.variance)),
            *(ctypes.c_void_p(betas.data_ptr()), ctypes.c_float(step.initial_log_sigma)),
            *(int(step.activation == "relu"), len(nodes), array(*nodes), array(*node_weights)),
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
        return None, None, *gradients


def _rows(x: Tensor) -> Tensor:
    """x (members, …), each member's numbers next to each other."""
    return x if x[0].is_contiguous() else x.contiguous()
