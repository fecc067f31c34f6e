"""The algorithms known to compute the L1 norm, and the criteria by which a network earns their names.

double-sided      ‖x‖₁ = Σ relu(x_i) + relu(-x_i)
pudding           ‖x‖₁ = 2 Σ relu(±x_i) ∓ Σ x_i
convexity         ‖x‖₁ ≈ α Σ_j swish(w_j·x) + c, unstructured w_j
constant          c, the mean of ‖x‖₁

All but `constant` are judged by the shape of f, whatever its scale and offset.
A criterion is a signed distance: 1 where the algorithm is ideal, 0 at the threshold, negative beyond it. An
algorithm's score is its worst criterion, so one bad input is enough to lose the name. At most one score is
positive; where none is, the network is `other`. The margin of a label is the distance to the nearest threshold
that would change it.
"""

import math
from collections.abc import Collection

import numpy as np

KNOWN = ("constant", "convexity", "pudding_positive", "pudding_negative", "double_sided")
ALGORITHMS = (*KNOWN, "other")

# Thresholds. Each lies in the gap between what the algorithms are and what spoils them.
CONSTANT_ERROR = 0.9  # shape error from here on: as good as a constant …
CONSTANT_VARIANCE = 0.5  # … unless the output varies by more than this share of the target's variance
DENSE_LOCALITY, LOCAL_LOCALITY = 0.3, 0.7  # between them a mixture of dense and one-input neurons
POSITIVITY = 0.7  # convexity is a sum of convex functions: outgoing weights of one sign
ONE_SIDED = 0.5  # |sidedness| of an input beyond this: served from one side
MISSED, DOUBLED = 0.5, 1.5  # amplitude of an input over the typical one
LINEAR_REST = 0.8  # mean slope left at an input: 1 when a pudding's linear term is missing there


def scores(parameters: dict[str, np.ndarray], dimension: int) -> np.ndarray:
    """Score of every known algorithm, (k, len(KNOWN)), from order parameters (k,); see the module's docstring."""
    o = parameters
    constant = _worst(
        _beyond(o["shape_error"], CONSTANT_ERROR, 1.0), _beyond(o["output_variance"], CONSTANT_VARIANCE, 0.0)
    )
    varies = -constant
    floor, unexplained = isotropic_error(dimension), 1 - o["correlation"] ** 2
    convexity = _worst(
        varies,
        _beyond(o["locality"], DENSE_LOCALITY, 0.0),
        _beyond(o["positivity"], POSITIVITY, 1.0),
        _beyond(unexplained, CONSTANT_ERROR, floor),
        _beyond(unexplained, floor / 2, floor),  # unstructured rows cannot do better by convexity alone
    )
    local = _worst(
        varies,
        _beyond(o["locality"], LOCAL_LOCALITY, 1.0),
        _beyond(o["amplitude_min"], MISSED, 1.0),
        _beyond(o["amplitude_max"], DOUBLED, 1.0),
        _beyond(o["linear_rest"], LINEAR_REST, 0.0),
    )
    low, high = o["sidedness_min"], o["sidedness_max"]
    positive = _worst(local, _beyond(low, ONE_SIDED, 1.0))
    negative = _worst(local, _beyond(high, -ONE_SIDED, -1.0))
    double = _worst(local, _beyond(low, -ONE_SIDED, 0.0), _beyond(high, ONE_SIDED, 0.0))
    return np.stack([constant, convexity, positive, negative, double], -1)


def decide(
    parameters: dict[str, np.ndarray], dimension: int, names: Collection[str] = KNOWN
) -> tuple[np.ndarray, np.ndarray]:
    """Labels (k,) and margins (k,) in [0, 1]: 1 ideal (or, for `other`, hopelessly far), 0 on a threshold.

    names: the labels to choose from, besides `constant` and `other`.
    """
    allowed = [i for i, name in enumerate(KNOWN) if name == "constant" or name in names]
    score = scores(parameters, dimension)[:, allowed]
    best = score.max(-1)
    labels = np.where(best > 0, np.array(KNOWN)[allowed][score.argmax(-1)], "other")
    return labels, np.minimum(np.abs(best), 1.0)


def isotropic_error(dimension: int) -> float:
    """Relative error of convexity with infinitely many rows in all directions, α ‖x‖₂ + c.

    The best function of ‖x‖₂ is E[‖x‖₁ | ‖x‖₂] = n E|u_1| ‖x‖₂, u uniform on the sphere; 0.124 for large n.
    """
    n = dimension
    if n == 1:
        return 0.0
    ratio = math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2))  # E‖x‖₂ / sqrt(2)
    mean_coordinate = math.exp(math.lgamma(n / 2) - math.lgamma((n + 1) / 2)) / math.sqrt(math.pi)  # E|u_1|
    explained = (n * mean_coordinate) ** 2 * (n - 2 * ratio**2)
    return 1 - explained / (n * (1 - 2 / math.pi))


def _beyond(value: np.ndarray, threshold: float, ideal: float) -> np.ndarray:
    """Signed distance of `value` from `threshold` towards `ideal`, in units of their distance, in [-1, 1]."""
    if ideal == threshold:
        return np.where(value >= threshold, 1.0, -1.0)
    return np.clip((value - threshold) / (ideal - threshold), -1, 1)


def _worst(*criteria: np.ndarray) -> np.ndarray:
    return np.minimum.reduce(criteria)
