"""Noise streams: everything random in a training comes from its own seed and nothing else.

A stream is a generator per member. Members with the same seed see the same noise whatever their β, their pack and their
place in it. Initial weights, training noise and evaluation noise are separate streams, so that looking at a training
more often does not change it.
"""

import hashlib
import math

import numpy as np
import torch
from torch import Tensor

from trainables.models.bit_exact import padded_elementwise


def stream(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator for the noise of `purpose` in the training with this seed."""
    digest = hashlib.sha256(f"hyperphase noise {purpose} {seed}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:7], "little"))


def inputs_from(noise: Tensor, inputs: str) -> Tensor:
    """A task's inputs of this distribution (`trainables.inputs`) from standard normal noise of the same shape."""
    if inputs == "uniform":
        return math.sqrt(3) * padded_elementwise(torch.erf, noise / math.sqrt(2))
    if inputs == "rademacher":
        return torch.where(noise < 0, -1.0, 1.0).to(noise.dtype)
    return noise


class NoiseStream:
    """Standard normal noise for the members of a pack, a row a member, drawn in blocks of steps."""

    def __init__(self, seeds: list[int], purpose: str, size: int, *, device: torch.device, block: int = 8):
        """size: numbers a step; block: steps drawn at once (part of the stream's definition)."""
        self.generators = [stream(seed, purpose, device) for seed in seeds]
        self.buffer = torch.empty(len(seeds), block, size, device=device)
        self.position = block

    def next(self) -> Tensor:
        """The next step's noise, (members, size). Valid until the next call."""
        if self.position == self.buffer.shape[1]:
            for row, generator in zip(self.buffer, self.generators, strict=True):
                row.normal_(generator=generator)
            self.position = 0
        self.position += 1
        return self.buffer[:, self.position - 1]

    def state(self) -> dict[str, np.ndarray]:
        """Where the members' streams stand: arrays with a leading axis of members."""
        return {
            "generators": np.stack([generator.get_state().numpy() for generator in self.generators]),
            "buffer": self.buffer.cpu().numpy().copy(),
            "position": np.full(len(self.generators), self.position),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from `state()`."""
        for generator, row in zip(self.generators, state["generators"], strict=True):
            generator.set_state(torch.from_numpy(row.copy()))
        self.buffer.copy_(torch.from_numpy(state["buffer"]))
        self.position = int(state["position"][0])
