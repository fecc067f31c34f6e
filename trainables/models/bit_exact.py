"""Operations whose last bits do not depend on how many members a pack has.

PyTorch's CPU kernels treat most members of a pack alike, with two exceptions that these functions go around at no cost
to packs: swish and sigmoid round differently in the numbers that are left over after the last full vector register, and
a lone matrix-vector product takes another kernel than a batch of them. And the matrix library behind them, MKL, picks
kernels by how its inputs happen to be aligned, unless it is told (before its first call) that bits matter.
"""

import os
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import pad

os.environ.setdefault("MKL_CBWR", "AUTO")  # conditional numerical reproducibility: no slower here
REGISTERS = 64  # kernels step through memory in two registers, of 16 numbers at most; a divisor of this


def padded_elementwise(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """function(x), padded so that no number is left over after the last full register."""
    spare = -x.numel() % REGISTERS
    if not spare or x.is_cuda:
        return function(x)
    return function(pad(x.flatten(), (0, spare)))[: x.numel()].view(x.shape)


def batched_matvec(matrices: Tensor, vectors: Tensor) -> Tensor:
    """torch.bmm(matrices (b, rows, k), vectors (b, k, 1)), (b, rows, 1), always by the kernel of a batch."""
    if len(matrices) != 1:
        return torch.bmm(matrices, vectors)
    return torch.bmm(matrices.expand(2, -1, -1), vectors.expand(2, -1, -1))[:1]
