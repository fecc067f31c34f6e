"""Adam for a pack: all parameters of all members live in one flat tensor, a row a member."""

import ctypes
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from trainables.kernels.compile import library, strided
from trainables.kernels.step import Adam

SOURCE = Path(__file__).parents[1] / "kernels" / "csrc" / "adam.cpp"
BETAS, EPSILON = (0.9, 0.999), 1e-8  # of Adam, as in PyTorch
WARM_UP = 0.1  # share of the steps in which the learning rate rises to its peak
ALIGN = 64  # rows are padded to a multiple of this, so that vectorised arithmetic treats every member alike


class PackAdam:
    """Adam with a one-cycle learning rate and the gradient norm clipped for each member by itself.

    Moves the module's parameters, (members, …) each, into views of one flat tensor (members, size). On a CPU with a
    compiler a step runs as trainables/kernels/csrc/adam.cpp, which agrees with PyTorch's to rounding.
    """

    def __init__(self, module: nn.Module, *, steps: int, learning_rate: float, clip: float, held: float = 0.0):
        """held: share of the steps until which the learning rate stays at its peak, `learning_rate`."""
        self.parameters = list(module.parameters())
        members, device = self.parameters[0].shape[0], self.parameters[0].device
        self.sizes = [parameter[0].numel() for parameter in self.parameters]
        self.spare = -sum(self.sizes) % ALIGN
        self.values = torch.zeros(members, sum(self.sizes) + self.spare, device=device)
        offset = 0
        with torch.no_grad():
            for parameter, numbers in zip(self.parameters, self.sizes, strict=True):
                part = slice(offset, offset + numbers)
                self.values[:, part] = parameter.flatten(1)
                parameter.data = self.values[:, part].view(parameter.shape)
                offset += numbers
        self.first, self.second = torch.zeros_like(self.values), torch.zeros_like(self.values)  # Adam's moments
        self.steps, self.peak, self.held, self.clip = steps, learning_rate, held, clip
        self.step_number, self._step_on_device = 0, torch.zeros((), device=device)
        self.rate, self._rate_on_device = 0.0, torch.zeros((), device=device)

    def step(self, loss: Tensor) -> Tensor:
        """One step down the members' losses (members,). Returns the gradient norms before clipping, (members,)."""
        self.advance()
        return self.descend(loss)

    def advance(self) -> None:
        """Go to the next step's learning rate: the part of a step that a recording cannot hold."""
        self.rate = self.peak * one_cycle(self.step_number / self.steps, self.held)
        self._rate_on_device.fill_(self.rate)
        self.step_number += 1

    def descend(self, loss: Tensor) -> Tensor:
        """The rest of a step, at the learning rate of `advance`."""
        gradients = torch.autograd.grad(loss.sum(), self.parameters)
        native = library(SOURCE) if self.values.device.type == "cpu" else None
        return self._in_torch(gradients) if native is None else self._compiled(native, gradients)

    def _in_torch(self, gradients: tuple[Tensor, ...]) -> Tensor:
        members = len(self.values)
        flat = torch.cat([*(part.flatten(1) for part in gradients), self.values.new_zeros(members, self.spare)], 1)
        norms = torch.linalg.vector_norm(flat, dim=1)
        flat.mul_((self.clip / (norms + 1e-6)).clamp(max=1.0).unsqueeze(1))
        # the function, not torch.optim.Adam: a second and 60 MiB of imports (torch._dynamo) in every worker
        adam(
            *([self.values], [flat], [self.first], [self.second], [], [self._step_on_device]),
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=self.rate if self.values.device.type == "cpu" else self._rate_on_device,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )
        return norms

    def _compiled(self, native: ctypes.CDLL, gradients: tuple[Tensor, ...]) -> Tensor:
        members, size = self.values.shape
        rows = [part if part[0].is_contiguous() else part.contiguous() for part in gradients]
        norms = torch.empty(members)
        native.adam_step(
            *(members, len(rows), (ctypes.c_long * len(rows))(*self.sizes), *strided(rows)),
            *(ctypes.c_void_p(array.data_ptr()) for array in (self.values, self.first, self.second)),
            *(ctypes.c_long(size), self.step_number),
            *map(ctypes.c_float, (self.rate, *BETAS, EPSILON, self.clip)),
            ctypes.c_void_p(norms.data_ptr()),
        )
        return norms

    def rows(self) -> Adam:
        """What a step of compiled code changes, at the learning rate of `advance`."""
        moved = self.values, self.first, self.second
        return Adam(*moved, self.sizes, self.step_number, self.rate, BETAS, EPSILON, self.clip)

    def state(self) -> dict[str, np.ndarray]:
        """Parameters and Adam's moments, (members, size) each."""
        tensors = {"values": self.values, "first": self.first, "second": self.second}
        return {name: tensor.cpu().numpy().copy() for name, tensor in tensors.items()}

    def copy(self) -> tuple[Tensor, ...]:
        """What `descend` changes, to be put back."""
        return tuple(tensor.clone() for tensor in (self.values, self.first, self.second, self._step_on_device))

    def put_back(self, copied: tuple[Tensor, ...]) -> None:
        """Be as at `copy()`."""
        held = (self.values, self.first, self.second, self._step_on_device)
        for tensor, value in zip(held, copied, strict=True):
            tensor.copy_(value)

    def restore(self, state: dict[str, np.ndarray], step: int) -> None:
        """Go on from `state()` after `step` steps."""
        for name, tensor in (("values", self.values), ("first", self.first), ("second", self.second)):
            tensor.copy_(torch.from_numpy(state[name]))
        self.step_number = step
        self._step_on_device.fill_(step)


def one_cycle(progress: float, held: float = 0.0) -> float:
    """Share of the peak learning rate at `progress` in [0, 1).

    A linear warm-up, the peak until `held`, then half a cosine down to 0.
    """
    if progress < WARM_UP:
        return 0.04 + 0.96 * progress / WARM_UP
    falls = max(WARM_UP, held)
    return 0.5 * (1 + math.cos(math.pi * (progress - falls) / (1 - falls))) if progress > falls else 1.0
