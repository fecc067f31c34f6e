"""Where trainings run."""

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
