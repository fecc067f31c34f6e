"""A whole step of a pack in one call of compiled code, csrc/hypernetwork.cpp: losses, gradients and Adam.

It computes what `trainables.kernels.loss` and `trainables.training.optimiser` do together, bit for bit. But a member's
gradients stay in the processor's cache from where they are found to where they are used, and Python's share, a
hundred parameters at a time elsewhere, is one call.
"""

import ctypes
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from trainables.inputs import quadrature
from trainables.kernels.compile import strided
from trainables.kernels.loss import Step


class Scales(NamedTuple):
    """The scales of drawn weights, initial · exp(rate · a parameter): the one weight that is no multiple of one."""

    initial: Sequence[float]
    rate: float
    exponentials: Tensor  # (members, 3)


class Adam(NamedTuple):
    """What Adam changes, rows of all parameters (members, size), and by how much."""

    values: Tensor
    first: Tensor  # moments
    second: Tensor
    sizes: Sequence[int]  # of the parameters in a row, one after another
    number: int  # of the step, from 1
    rate: float
    betas: tuple[float, float]
    epsilon: float
    clip: float


def train(
    native: ctypes.CDLL,
    step: Step,
    offsets: Sequence[int],
    factors: Sequence[float],
    scales: Scales,
    adam: Adam,
    weight: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Losses before the step and gradient norms before clipping, (members,) each; `adam`'s rows are changed.

    offsets: where in a row the weights begin, in the order of EndArrays of member.h, then of the layers; factors: what
    multiplies each of them. weight: what multiplies the objective of this step, and so all gradients.
    """
    members, samples, n = step.x.shape
    noise, x, wanted, betas = step.noise, step.x, step.wanted.contiguous(), step.betas.contiguous()
    loss, norms = torch.empty(members), torch.empty(members)
    nodes, node_weights = quadrature(step.inputs)
    native.train_step(
        *(members, step.hidden, n, samples, step.layers),
        *((ctypes.c_long * len(offsets))(*offsets), _floats(factors)),
        *(_address(scales.exponentials), _floats(scales.initial), ctypes.c_float(scales.rate)),
        *(*strided([noise, x]), _address(wanted), ctypes.c_float(step.variance), _address(betas)),
        *(ctypes.c_float(step.initial_log_sigma), int(step.activation == "relu")),
        *(len(nodes), _floats(nodes), _floats(node_weights)),
        *map(_address, (adam.values, adam.first, adam.second)),
        *(ctypes.c_long(adam.values.shape[1]), len(adam.sizes), (ctypes.c_long * len(adam.sizes))(*adam.sizes)),
        *(adam.number, *map(ctypes.c_float, (adam.rate, *adam.betas, adam.epsilon, adam.clip, weight))),
        *(_address(loss), _address(norms)),
    )
    return loss, norms


def _floats(numbers: Sequence[float]) -> ctypes.Array:
    return (ctypes.c_float * len(numbers))(*numbers)


def _address(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())
