"""The compiled exchangeable layer, trainables/layer.cpp, as an operation that autograd knows."""

import ctypes
from pathlib import Path

import torch
from torch import Tensor

from trainables.native import library

SOURCE = Path(__file__).with_name("layer.cpp")
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
    """Keeps states and pools; the backward pass computes everything else again."""

    @staticmethod
    def forward(context, native: ctypes.CDLL, *tensors: Tensor) -> States:
        before, weights = tuple(tensor.contiguous() for tensor in tensors[:4]), tensors[4:]
        edges, hidden, inputs, _ = before
        members, m, d = hidden.shape
        n = inputs.shape[1]
        after = tuple(torch.empty_like(state) for state in before)
        pools = edges.new_empty(members, m, 3 * d), edges.new_empty(members, n, 3 * d)
        native.layer_forward(members, m, n, *_packed(weights), _state(before), _state(after), *map(_address, pools))
        context.native = native
        context.save_for_backward(*before, *after, *pools, *weights)
        return after

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, *to_after: Tensor) -> tuple[Tensor | None, ...]:
        saved = context.saved_tensors
        before, after, pools, weights = saved[:4], saved[4:8], saved[8:10], saved[10:]
        to_after = tuple(gradient.contiguous() for gradient in to_after)
        to_before = tuple(torch.empty_like(state) for state in before)
        gradients = tuple(torch.empty(weight.shape) for weight in weights)
        members, m, _ = before[1].shape
        context.native.layer_backward(
            *(members, m, before[2].shape[1]),
            *_packed(weights),
            *(_state(before), _state(after), *map(_address, pools)),
            *(_state(to_after), _state(to_before), _array(gradients)),
        )
        return None, *to_before, *gradients


def _address(tensor: Tensor) -> ctypes.c_void_p:
    return ctypes.c_void_p(tensor.data_ptr())


def _array(tensors: States) -> ctypes.Array:
    return (ctypes.c_void_p * len(tensors))(*(tensor.data_ptr() for tensor in tensors))


_state = _array  # struct State of layer.cpp is four addresses


def _packed(weights: tuple[Tensor, ...]) -> tuple[ctypes.Array, ctypes.Array]:
    """Addresses, and how many numbers a member's weights are from the next one's. A member's own lie close together."""
    return _array(weights), (ctypes.c_long * len(weights))(*(weight.stride(0) for weight in weights))
