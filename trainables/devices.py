"""Where trainings run, and the processor's mode while they do."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from analysis.errors import UserError

DEVICES = ("auto", "cpu", "cuda")


def resolve(device: str) -> torch.device:
    """`auto` is a GPU where there is one. Raises UserError for an unknown device or a GPU that is not there."""
    if device not in DEVICES:
        raise UserError(f"unknown device {device!r}; known: {', '.join(DEVICES)}")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("device is 'cuda', but torch sees no GPU here")
    return torch.device("cuda" if device == "cuda" or (device == "auto" and torch.cuda.is_available()) else "cpu")


@contextmanager
def denormals_flushed() -> Iterator[None]:
    """Let denormal numbers, which processors are slow with, be zero; but not for whoever called the training."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
