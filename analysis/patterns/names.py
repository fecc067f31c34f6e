"""Names of algorithms follow from patterns: what each known algorithm of the L1 norm looks like as neuron types.

    double_sided      A·Σᵢ r(xᵢ) + B·Σᵢ r(−xᵢ)
    pudding_positive  A·Σᵢ r(xᵢ) and slopes of about −A/2, by whatever neurons
    pudding_negative  A·Σᵢ r(−xᵢ) and slopes of about A/2
    convexity         A·Σⱼ r(wⱼ·x), A > 0, and no types of one input
    constant          nothing that varies much

The thresholds are those of the criteria on order parameters; here they are asked of types and their constants.
"""

import numpy as np

from analysis.activations import ACTIVATIONS
from analysis.algorithms.builtin import (
    CONSTANT_ERROR,
    CONSTANT_VARIANCE,
    DENSE_LOCALITY,
    DOUBLED,
    LINEAR_REST,
    LOCAL_LOCALITY,
    MISSED,
    ONE_SIDED,
    POSITIVITY,
    isotropic_error,
)
from analysis.algorithms.order_parameters import one_input_share
from analysis.patterns.description import Description
from analysis.patterns.pattern_text import pattern
from analysis.patterns.types import NeuronType


def is_constant(output: np.ndarray, wanted: np.ndarray | None) -> bool:
    """Whether an output (samples,) hardly varies: not at all, or not with, or not nearly as much as, what is wanted."""
    if wanted is None:
        return False
    variance = max(float(wanted.var()), 1e-300)
    return bool((output - wanted).var() >= CONSTANT_ERROR * variance and output.var() < CONSTANT_VARIANCE * variance)


def algorithm_of(described: Description) -> str:
    """The built-in algorithm whose pattern this is, or `other`."""
    n, types = described.dimension, described.types
    if pattern(described) == "constant":
        return "constant"
    bends = np.array(described.bends)
    total = bends.sum()
    if total <= 0:
        return "other"
    local = np.array([reads_one_input(kind, n) for kind in types])
    locality = bends[local].sum() / total
    if locality < DENSE_LOCALITY:
        return "convexity" if _is_convexity(described, bends / total) else "other"
    if locality < LOCAL_LOCALITY:
        return "other"
    if not ACTIVATIONS[described.network.activation].unbends:
        return "other"  # no sum of such types is the sum of relus that these algorithms are
    return _one_input_algorithm(described, [kind for kind, one in zip(types, local, strict=True) if one])


def reads_one_input(kind: NeuronType, dimension: int) -> bool:
    """Whether the input set apart has most of the squared norm of the type's rows."""
    rest = kind.constants.get("rho", 0.0) ** 2 * (dimension - 1)
    return kind.kind == "one" and 1 / (1 + rest) > sum(one_input_share(dimension)) / 2


def _is_convexity(described: Description, shares: np.ndarray) -> bool:
    positive = np.array([kind.constants["A"] > 0 for kind in described.types])
    floor = isotropic_error(described.dimension, described.network.inputs)
    unexplained = described.unexplained_of_target
    fits = unexplained is None or floor / 2 < unexplained < CONSTANT_ERROR
    centred = any(kind.centred for kind in described.types)  # blind to the mean: no approximation of the norm
    return bool(shares[positive].sum() > POSITIVITY and fits and not centred)


def _one_input_algorithm(described: Description, local: list[NeuronType]) -> str:
    """Sides, amplitudes and slopes by input, as the criteria ask for them."""
    n = described.dimension
    sides = np.zeros((2, n))  # p and q
    for kind in local:
        for (i,) in kind.members:
            sides[int(kind.side < 0), i] += kind.constants["A"]
    p, q = sides
    amplitude = (p + q) / 2
    typical = np.partition(amplitude, (n - 1) // 2)[(n - 1) // 2]
    if typical <= 0 or amplitude.min() < MISSED * typical or amplitude.max() > DOUBLED * typical:
        return "other"
    if np.abs(described.mean_slopes).max() > LINEAR_REST * typical:
        return "other"
    sidedness = (p - q) / np.maximum(p + q, 1e-30)
    if sidedness.min() > ONE_SIDED:
        return "pudding_positive"
    if sidedness.max() < -ONE_SIDED:
        return "pudding_negative"
    return "double_sided" if np.abs(sidedness).max() < ONE_SIDED else "other"
