"""One row of noise, split into the arrays that a step needs."""

import math

from torch import Tensor


def size(shapes: list[tuple[int, ...]]) -> int:
    """Numbers that tensors of these shapes take."""
    return sum(map(math.prod, shapes))


def split(noise: Tensor, shapes: list[tuple[int, ...]]) -> list[Tensor]:
    """Cut the first numbers of rows of noise (members, size) into tensors (members, *shape), in order."""
    sizes = list(map(math.prod, shapes))
    parts = noise[:, : sum(sizes)].split(sizes, 1)
    return [part.reshape(len(noise), *shape) for part, shape in zip(parts, shapes, strict=True)]
