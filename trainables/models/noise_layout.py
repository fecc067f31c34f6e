"""One row of noise, split into the arrays that a step needs."""

import torch
from torch import Tensor


def size(shapes: list[tuple[int, ...]]) -> int:
    """Numbers that tensors of these shapes take."""
    return sum(int(torch.Size(shape).numel()) for shape in shapes)


def split(noise: Tensor, shapes: list[tuple[int, ...]]) -> list[Tensor]:
    """Cut the first numbers of rows of noise (members, size) into tensors (members, *shape), in order."""
    sizes = [size([shape]) for shape in shapes]
    parts = noise[:, : sum(sizes)].split(sizes, 1)
    return [part.reshape(len(noise), *shape) for part, shape in zip(parts, shapes, strict=True)]
