"""What a training minimises: relative error + β · complexity."""

from torch import Tensor, nn

from trainables.models.hypernetwork import Hypernetwork
from trainables.models.target_forward import apply_target
from trainables.models.weight_heads import TargetWeights
from trainables.tasks.task import Task


def relative_error(weights: TargetWeights, x: Tensor, task: Task, activation: str = "swish") -> Tensor:
    """Mean squared error over the target's variance, (members,); 1 = as good as a constant.

    x (members, samples, n): each member's own inputs.
    """
    error = apply_target(weights, x, activation) - task.target(x)
    return (error * error).mean(1) / task.variance(x.shape[-1])


def objective(error: Tensor, complexity: dict[str, Tensor], betas: Tensor) -> Tensor:
    """error (members,), complexity {component: (members,) nats}, betas (members,) -> (members,)."""
    return error + betas * sum(complexity.values())


def training_loss(
    network: nn.Module, noise: Tensor, x: Tensor, task: Task, hidden: int, betas: Tensor, activation: str = "swish"
) -> Tensor:
    """The objective of one network that every member draws, with `hidden` neurons, from its noise: (members,).

    x (members, samples, n): each member's own inputs, of the distribution that the task's variance is of; activation:
    of the networks. On a CPU with a compiler it comes from
    trainables/kernels/csrc/member.h, which agrees with the rest of this function to rounding.
    """
    if isinstance(network, Hypernetwork):
        wanted, variance = task.target(x), float(task.variance(x.shape[-1]))
        compiled = network.compiled_losses(noise, x, wanted, variance, hidden, betas)
        if compiled is not None:
            return compiled
    return loss_in_torch(network, noise, x, task, hidden, betas, activation)


def loss_in_torch(
    network: nn.Module, noise: Tensor, x: Tensor, task: Task, hidden: int, betas: Tensor, activation: str = "swish"
) -> Tensor:
    """`training_loss` without a look for compiled kernels, which torch.compile could not follow."""
    weights, complexity = network(noise, x.shape[-1], hidden, betas)
    return objective(relative_error(weights, x, task, activation), complexity, betas)
