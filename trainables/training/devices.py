"""Where trainings run, and the processor's mode while they do."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from trainables.errors import TrainableError

# Large pages behind PyTorch's large tensors, on Linux: a step reads all of a pack's weights, which outgrow the cache.
# PyTorch looks once, at its first tensor.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

DEVICES = ("auto", "cpu", "cuda")


def resolve(device: str) -> torch.device:
    """`auto` is a GPU where there is one. Raises TrainableError for an unknown device or a GPU that is not there."""
    if device not in DEVICES:
        raise TrainableError(f"unknown device {device!r}; known: {', '.join(DEVICES)}")
    if device == "cuda" and not torch.cuda.is_available():
        raise TrainableError("device is 'cuda', but torch sees no GPU here")
    return torch.device("cuda" if device == "cuda" or (device == "auto" and torch.cuda.is_available()) else "cpu")


@contextmanager
def reproducible_processor() -> Iterator[None]:
    """One thread, and denormal numbers, which processors are slow with, are zero; but not for who called the training.

    With several threads, sums are cut into parts by the size of the pack; for packs of small matrices, one is faster.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
LARGEST_MMAP_THRESHOLD = 32 * 2**20  # bytes; glibc refuses more


def keep_freed_memory() -> bool:
    """Ask the C library to keep freed blocks for reuse. Returns whether it could (glibc only)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD) and mallopt(M_TRIM_THRESHOLD, 2**31 - 1))
