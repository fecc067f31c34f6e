"""What a training minimises: relative error + β · complexity."""

from torch import Tensor, nn

from trainables.models.hypernetwork import Hypernetwork
from trainables.models.target_forward import apply_target
from trainables.models.weight_heads import TargetWeights
from trainables.tasks.task import Task


def relative_error(
    weights: TargetWeights, x: Tensor, wanted: Tensor, variance: float, activation: str = "swish"
) -> Tensor:
    """Mean squared error over the target's variance, (members,); 1 = as good as a constant.

    x (members, samples, n): each member's own inputs; wanted (members, samples): the target's values there.
    """
    error = apply_target(weights, x, activation) - wanted
    return (error * error).mean(1) / variance


def objective(error: Tensor, complexity: dict[str, Tensor], betas: Tensor) -> Tensor:
    """error (members,), complexity {component: (members,) nats}, betas (members,) -> (members,)."""
    return error + betas * sum(complexity.values())


def training_loss(
    network: nn.Module, noise: Tensor, x: Tensor, task: Task, hidden: int, betas: Tensor, activation: str = "swish"
) -> Tensor:
    """The objective of one network that every member draws, with `hidden` neurons, from its noise: (members,).

    x (members, samples, n): each member's own inputs, of the distribution that the task's variance is of; activation:
    of the networks. On a CPU with a compiler it comes from trainables/kernels/csrc/member.h, which agrees with
    `loss_in_torch` to rounding.
    """
    wanted, variance = task.target(x), float(task.variance(x.shape[-1]))
    if isinstance(network, Hypernetwork):
        compiled = network.compiled_losses(noise, x, wanted, variance, hidden, betas)
        if compiled is not None:
            return compiled
    return loss_in_torch(network, noise, x, wanted, variance, hidden, betas, activation)


def loss_in_torch(
    network: nn.Module,
    noise: Tensor,
    x: Tensor,
    wanted: Tensor,
    variance: float,
    hidden: int,
    betas: Tensor,
    activation: str = "swish",
) -> Tensor:
    """`training_loss`, given what the task says of x and without a look for compiled kernels: for torch.compile."""
    weights, complexity = network(noise, x.shape[-1], hidden, betas)
    return objective(relative_error(weights, x, wanted, variance, activation), complexity, betas)
