"""Adam for a pack: all parameters of all members live in one flat tensor, a row a member."""

import ctypes
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from trainables.native import library, strided

SOURCE = Path(__file__).with_name("kernels") / "adam.cpp"
ALIGN = 64  # rows are padded to a multiple of this, so that vectorised arithmetic treats every member alike


class PackAdam:
    """Adam with a one-cycle learning rate and the gradient norm clipped for each member by itself.

    Moves the module's parameters, (members, …) each, into views of one flat tensor (members, size). On a CPU with a
    compiler a step runs as trainables/kernels/adam.cpp, which agrees with PyTorch's to rounding.
    """

    def __init__(self, module: nn.Module, *, steps: int, learning_rate: float, clip: float):
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
        self.adam = torch.optim.Adam([self.values], lr=learning_rate, fused=True)
        nothing = torch.zeros_like(self.values)
        self._set_moments(0, nothing, nothing)
        self.steps, self.peak, self.clip, self.step_number = steps, learning_rate, clip, 0

    def step(self, loss: Tensor) -> Tensor:
        """One step down the members' losses (members,). Returns the gradient norms before clipping, (members,)."""
        gradients = torch.autograd.grad(loss.sum(), self.parameters)
        rate = self.peak * one_cycle(self.step_number / self.steps)
        self.step_number += 1
        native = library(SOURCE) if self.values.device.type == "cpu" else None
        return self._in_torch(gradients, rate) if native is None else self._compiled(native, gradients, rate)

    def _in_torch(self, gradients: tuple[Tensor, ...], rate: float) -> Tensor:
        members = len(self.values)
        flat = torch.cat([*(part.flatten(1) for part in gradients), self.values.new_zeros(members, self.spare)], 1)
        norms = torch.linalg.vector_norm(flat, dim=1)
        self.values.grad = flat.mul_((self.clip / (norms + 1e-6)).clamp(max=1.0).unsqueeze(1))
        self.adam.param_groups[0]["lr"] = rate
        self.adam.step()
        return norms

    def _compiled(self, native: ctypes.CDLL, gradients: tuple[Tensor, ...], rate: float) -> Tensor:
        members, size = self.values.shape
        gradients = [part if part[0].is_contiguous() else part.contiguous() for part in gradients]
        moments, group = self.adam.state[self.values], self.adam.param_groups[0]
        moments["step"].fill_(self.step_number)
        norms = torch.empty(members)
        arrays = self.values, moments["exp_avg"], moments["exp_avg_sq"]
        native.adam_step(
            *(members, len(gradients), (ctypes.c_long * len(gradients))(*self.sizes), *strided(gradients)),
            *(ctypes.c_void_p(array.data_ptr()) for array in arrays),
            *(ctypes.c_long(size), self.step_number),
            *map(ctypes.c_float, (rate, *group["betas"], group["eps"], self.clip)),
            ctypes.c_void_p(norms.data_ptr()),
        )
        return norms

    def state(self) -> dict[str, np.ndarray]:
        """Parameters and Adam's moments, (members, size) each."""
        moments = self.adam.state[self.values]
        tensors = {"values": self.values.detach(), "first": moments["exp_avg"], "second": moments["exp_avg_sq"]}
        return {name: tensor.cpu().numpy().copy() for name, tensor in tensors.items()}

    @torch.no_grad()
    def restore(self, state: dict[str, np.ndarray], step: int) -> None:
        """Go on from `state()` after `step` steps."""
        values, first, second = (torch.from_numpy(state[name]) for name in ("values", "first", "second"))
        self.values.copy_(values)
        self._set_moments(step, first, second)
        self.step_number = step

    def _set_moments(self, step: int, first: Tensor, second: Tensor) -> None:
        place = self.values.device
        self.adam.state[self.values] = {
            "step": torch.tensor(float(step), device=place),
            "exp_avg": first.to(place, copy=True),
            "exp_avg_sq": second.to(place, copy=True),
        }


def one_cycle(progress: float, warm_up: float = 0.1) -> float:
    """Share of the peak learning rate at `progress` in [0, 1): a linear warm-up, then half a cosine down to 0."""
    if progress < warm_up:
        return 0.04 + 0.96 * progress / warm_up
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))
