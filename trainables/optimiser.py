"""Adam for a pack: all parameters and gradients of all members live in two flat tensors, a row a member."""

import math
import warnings

import numpy as np
import torch
from torch import Tensor, nn

ALIGN = 64  # rows are padded to a multiple of this, so that vectorised arithmetic treats every member alike


class PackAdam:
    """Adam with a one-cycle learning rate and the gradient norm clipped for each member by itself.

    Moves the module's parameters, (members, …) each, into views of one flat tensor (members, size).
    """

    def __init__(self, module: nn.Module, *, steps: int, learning_rate: float, clip: float):
        parameters = list(module.parameters())
        members, device = parameters[0].shape[0], parameters[0].device
        sizes = [parameter[0].numel() for parameter in parameters]
        size = -(-sum(sizes) // ALIGN) * ALIGN
        self.values = torch.zeros(members, size, device=device)
        self.gradients = torch.zeros_like(self.values)
        offset = 0
        with torch.no_grad():
            for parameter, numbers in zip(parameters, sizes, strict=True):
                part = slice(offset, offset + numbers)
                self.values[:, part] = parameter.flatten(1)
                parameter.data = self.values[:, part].view(parameter.shape)
                parameter.grad = self.gradients[:, part].view(parameter.shape)
                offset += numbers
        self.values.grad = self.gradients
        self.adam = torch.optim.Adam([self.values.requires_grad_()], lr=learning_rate, fused=True)
        self.steps, self.peak, self.clip, self.step_number = steps, learning_rate, clip, 0

    def step(self, loss: Tensor) -> Tensor:
        """One step down the members' losses (members,). Returns the gradient norms before clipping, (members,)."""
        self.gradients.zero_()
        with warnings.catch_warnings():
            # gradients are accumulated into strided views of one flat tensor on purpose
            warnings.filterwarnings("ignore", message="grad and param do not obey the gradient layout contract")
            loss.sum().backward()
        norms = torch.linalg.vector_norm(self.gradients, dim=1)
        self.gradients.mul_((self.clip / (norms + 1e-6)).clamp(max=1.0).unsqueeze(1))
        self.adam.param_groups[0]["lr"] = self.peak * one_cycle(self.step_number / self.steps)
        self.adam.step()
        self.step_number += 1
        return norms

    def state(self) -> dict[str, np.ndarray]:
        """Parameters and Adam's moments, (members, size) each. Only after a first step."""
        moments = self.adam.state[self.values]
        tensors = {"values": self.values.detach(), "first": moments["exp_avg"], "second": moments["exp_avg_sq"]}
        return {name: tensor.cpu().numpy().copy() for name, tensor in tensors.items()}

    @torch.no_grad()
    def restore(self, state: dict[str, np.ndarray], step: int) -> None:
        """Go on from `state()` after `step` steps."""
        values, first, second = (torch.from_numpy(state[name]) for name in ("values", "first", "second"))
        self.values.copy_(values)
        place = self.values.device
        self.adam.state[self.values] = {
            "step": torch.tensor(float(step), device=place),
            "exp_avg": first.to(place, copy=True),
            "exp_avg_sq": second.to(place, copy=True),
        }
        self.step_number = step


def one_cycle(progress: float, warm_up: float = 0.1) -> float:
    """Share of the peak learning rate at `progress` in [0, 1): a linear warm-up, then half a cosine down to 0."""
    if progress < warm_up:
        return 0.04 + 0.96 * progress / warm_up
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))
