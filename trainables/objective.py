"""What a training minimises: relative error + β · complexity."""

from torch import Tensor

from trainables.heads import TargetWeights
from trainables.target import apply_target
from trainables.tasks import Task


def relative_error(weights: TargetWeights, x: Tensor, task: Task) -> Tensor:
    """Mean squared error over the target's variance, (members,); 1 = as good as a constant.

    x (members, samples, n): each member's own inputs.
    """
    error = apply_target(weights, x) - task.target(x)
    return (error * error).mean(1) / task.variance(x.shape[-1])


def objective(error: Tensor, complexity: dict[str, Tensor], betas: Tensor) -> Tensor:
    """error (members,), complexity {component: (members,) nats}, betas (members,) -> (members,)."""
    return error + betas * sum(complexity.values())
