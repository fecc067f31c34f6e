"""The compiled exchangeable layer, trainables/kernels/csrc/layer.h, as an operation that autograd knows."""

import ctypes
from pathlib import Path

import torch
from torch import Tensor

from trainables.kernels.compile import addresses, library, strided

SOURCE = Path(__file__).with_name("csrc") / "hypernetwork.cpp"
States = tuple[Tensor, ...]  # of edges, hidden nodes, inputs and the global node; see ExchangeableLayer.forward


def compiled(edges: Tensor, scores: Tensor, out: Tensor, balanced: int, rounds: int, sided: int) -> ctypes.CDLL | None:
    """The library for a layer's sizes, or None where compiled code does not serve.

    scores (members, d, s) and out (members, w, d) are weights of the layer; d, s and w have to be multiples of 8.
    """
    (channels, count), width = scores.shape[1:], out.shape[1]
    if edges.device.type != "cpu" or edges.dtype != torch.float32 or channels % 8 or count % 8 or width % 8:
        return None
    sizes = {"CHANNELS": channels, "SCORES": count, "WIDTH": width}
    return library(SOURCE, **sizes, BALANCED=balanced, ROUNDS=rounds, SIDED=sided)


def run(native: ctypes.CDLL, states: States, weights: tuple[Tensor, ...]) -> States:
    """The states after the layer. weights: its parameters in their order, (members, …) each."""
    return _Layer.apply(native, *states, *weights)


class _Layer(torch.autograd.Function):
    """Keeps what it is given; the backward pass computes everything else again."""

    @staticmethod
    def forward(context, native: ctypes.CDLL, *tensors: Tensor) -> States:
        before, weights = tuple(tensor.contiguous() for tensor in tensors[:4]), tensors[4:]
        after = tuple(torch.empty_like(state) for state in before)
        native.layers_forward(*_sizes(before), *strided(weights), addresses(before), addresses(after))
        context.native = native
        context.save_for_backward(*before, *weights)
        return after

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, *to_after: Tensor) -> tuple[Tensor | None, ...]:
        saved = context.saved_tensors
        before, weights = saved[:4], saved[4:]
        to = tuple(gradient.clone(memory_format=torch.contiguous_format) for gradient in to_after)
        gradients = tuple(torch.empty(weight.shape) for weight in weights)
        states = addresses(before), addresses(to)
        context.native.layers_backward(*_sizes(before), *strided(weights), *states, *strided(gradients))
        return None, *to, *gradients


def _sizes(states: States) -> tuple[int, int, int]:
    """Members, hidden neurons and inputs."""
    return *states[1].shape[:2], states[2].shape[1]
