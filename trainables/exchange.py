"""What a layer does with its edges: compete, update, pool. Nearly all of a training's arithmetic is here.

On a CPU with a compiler it runs as trainables/exchange.cpp, elsewhere as the PyTorch operations of `exchange_in_torch`.
The two agree to rounding; each is the same bit for bit whatever pack a member is in.
"""

import ctypes
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import silu

from trainables.bitwise import elementwise
from trainables.competition import compete
from trainables.native import library

SOURCE = Path(__file__).with_suffix(".cpp")
EPSILON = 1e-6  # added to mean squares before their inverse root


class Exchange(NamedTuple):
    """What `exchange` works on: the state of the edges, terms of their nodes, and a layer's weights.

    s scores, width w, d channels; edge (j, i) of hidden neuron j and input i is row j * n + i.
    """

    edges: Tensor  # (members, m * n, d)
    of_hidden: Tensor  # (members, m, w), added to the update of a neuron's edges
    of_input: Tensor  # (members, n, w), added to the update of an input's edges
    scores: Tensor  # weights (members, d, s)
    edge: Tensor  # weights (members, d, w)
    shares: Tensor  # weights (members, 2 s, w)
    out: Tensor  # weights (members, w, d)


class _RootMeanSquare(torch.autograd.Function):
    """y = x / sqrt(mean(x²) + ε) over the last axis, with the backward pass written out (a third of autograd's)."""

    @staticmethod
    def forward(context, x: Tensor) -> Tensor:
        scale = (x * x).sum(-1, keepdim=True).div_(x.shape[-1]).add_(EPSILON).rsqrt_()
        y = x * scale
        context.save_for_backward(y, scale)
        return y

    @staticmethod
    def backward(context, gradient: Tensor) -> Tensor:
        y, scale = context.saved_tensors
        along = (gradient * y).sum(-1, keepdim=True).div_(-y.shape[-1])
        return torch.addcmul(gradient, y, along).mul_(scale)


def normalise(x: Tensor) -> Tensor:
    """Root-mean-square normalisation of every edge's or node's channels (the last axis)."""
    return _RootMeanSquare.apply(x)


def exchange(x: Exchange, balanced: int, rounds: int) -> tuple[Tensor, Tensor, Tensor]:
    """Residual update of the edges by a swish-MLP of (their state, their shares in the competition, their nodes).

    The first `balanced` scores are Sinkhorn-balanced in `rounds` rounds (`trainables.competition`). Returns the new
    edges (members, m * n, d), and what they say to hidden neurons (members, m, 3 d) and to inputs (members, n, 3 d):
    their mean, their sum weighed by what a neuron claims most (the last score), and by what an input's neurons won
    against each other (the first score).
    """
    native = _native(x, balanced, rounds)
    return exchange_in_torch(x, balanced, rounds) if native is None else _Native.apply(native, *x)


def exchange_in_torch(x: Exchange, balanced: int, rounds: int) -> tuple[Tensor, Tensor, Tensor]:
    """`exchange` in PyTorch operations, on any device."""
    members, m, n = x.edges.shape[0], x.of_hidden.shape[1], x.of_input.shape[1]
    e = normalise(x.edges)
    scores = torch.bmm(x.scores.transpose(1, 2), e.transpose(1, 2))  # (members, s, m n)
    of_neuron, of_input = compete(scores.view(members, -1, m, n), balanced, rounds)
    shares = torch.cat([n * of_neuron - 1, m * of_input - 1], 1).flatten(2)  # (members, 2 s, m n)
    nodes = (x.of_hidden.unsqueeze(2) + x.of_input.unsqueeze(1)).flatten(1, 2)
    update = torch.baddbmm(torch.baddbmm(nodes, shares.transpose(1, 2), x.shares), e, x.edge)
    edges = torch.baddbmm(x.edges, elementwise(silu, update), x.out)

    grid = normalise(edges).view(members, m, n, -1)
    by_hidden, by_input = [grid.sum(2) / n], [grid.sum(1) / m]
    for share in (of_neuron[:, -1:], of_input[:, :1]):
        weighed = grid * share.view(members, m, n, 1)
        by_hidden.append(weighed.sum(2))
        by_input.append(weighed.sum(1))
    return edges, torch.cat(by_hidden, -1), torch.cat(by_input, -1)


def _native(x: Exchange, balanced: int, rounds: int) -> ctypes.CDLL | None:
    """The compiled library for these sizes, or None where the compiled code does not serve."""
    (channels, scores), width = x.scores.shape[1:], x.out.shape[1]
    if x.edges.device.type != "cpu" or x.edges.dtype != torch.float32 or channels % 8 or scores % 8 or width % 8:
        return None
    return library(SOURCE, CHANNELS=channels, SCORES=scores, WIDTH=width, BALANCED=balanced, ROUNDS=rounds)


class _Native(torch.autograd.Function):
    """exchange.cpp, whose backward pass computes everything again but the edges that went in and came out."""

    @staticmethod
    def forward(context, native: ctypes.CDLL, *x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = Exchange(*(tensor.contiguous() for tensor in x))
        members, m, n, d = len(x.edges), x.of_hidden.shape[1], x.of_input.shape[1], x.edges.shape[2]
        results = torch.empty_like(x.edges), x.edges.new_empty(members, m, 3 * d), x.edges.new_empty(members, n, 3 * d)
        native.exchange_forward(members, m, n, *_addresses(*x, *results))
        context.native = native
        context.save_for_backward(*x, results[0])
        return results

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(context, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        *x, edges = context.saved_tensors
        x = Exchange(*x)
        results = [torch.empty_like(tensor) for tensor in x]
        gradients = [gradient.contiguous() for gradient in gradients]
        sizes = len(x.edges), x.of_hidden.shape[1], x.of_input.shape[1]
        context.native.exchange_backward(*sizes, *_addresses(*x, edges, *gradients, *results))
        return None, *results


def _addresses(*tensors: Tensor) -> list[ctypes.c_void_p]:
    return [ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors]
