"""The algorithms known to compute the L1 norm, and the criteria by which a network earns their names.

double-sided      ‖x‖₁ = Σ relu(x_i) + relu(-x_i)
pudding           ‖x‖₁ = 2 Σ relu(±x_i) ∓ Σ x_i
convexity         ‖x‖₁ ≈ α Σ_j act(w_j·x) + c, unstructured w_j
constant          c, the mean of ‖x‖₁

All but `constant` are judged by the shape of f, whatever its scale and offset.
A criterion is a signed distance: 1 where the algorithm is ideal, 0 at the threshold, negative beyond it. An
algorithm's score is its worst criterion, so one bad input is enough to lose the name. At most one score is
positive; where none is, the network is `other`. The margin of a label is the distance to the nearest threshold
that would change it.
"""

import math
from functools import lru_cache

import numpy as np

from analysis.algorithms.algorithm import Algorithm, Floats, OrderParameters, beyond, worst
from analysis.algorithms.builtin_forms import RowsForm, SidedForm
from analysis.algorithms.closed_form import LinearForm
from analysis.algorithms.inputs import fresh_inputs

# Thresholds. Each lies in the gap between what the algorithms are and what spoils them.
CONSTANT_ERROR = 0.9  # shape error from here on: as good as a constant …
CONSTANT_VARIANCE = 0.5  # … unless the output varies by more than this share of the target's variance
DENSE_LOCALITY, LOCAL_LOCALITY = 0.3, 0.7  # between them a mixture of dense and one-input neurons
POSITIVITY = 0.7  # convexity is a sum of convex functions: outgoing weights of one sign
ONE_SIDED = 0.5  # |sidedness| of an input beyond this: served from one side
MISSED, DOUBLED = 0.5, 1.5  # amplitude of an input over the typical one
ISOTROPIC_SAMPLES = 2**15
LINEAR_REST = 0.8  # mean slope left at an input: 1 when a pudding's linear term is missing there


def _constant(o: OrderParameters, dimension: int) -> Floats:
    return worst(beyond(o["shape_error"], CONSTANT_ERROR, 1.0), beyond(o["output_variance"], CONSTANT_VARIANCE, 0.0))


def _convexity(o: OrderParameters, dimension: int) -> Floats:
    floor, unexplained = float(o["isotropic_error"].max(initial=0)), 1 - o["correlation"] ** 2
    return worst(
        -_constant(o, dimension),
        beyond(o["locality"], DENSE_LOCALITY, 0.0),
        beyond(o["positivity"], POSITIVITY, 1.0),
        beyond(unexplained, CONSTANT_ERROR, floor),
        beyond(unexplained, floor / 2, floor),  # unstructured rows cannot do better by convexity alone
    )


def _one_by_one(o: OrderParameters, dimension: int) -> Floats:
    """Every input is served by one-input neurons, once."""
    return worst(
        -_constant(o, dimension),
        beyond(o["locality"], LOCAL_LOCALITY, 1.0),
        beyond(o["amplitude_min"], MISSED, 1.0),
        beyond(o["amplitude_max"], DOUBLED, 1.0),
        beyond(o["linear_rest"], LINEAR_REST, 0.0),
    )


def _pudding_positive(o: OrderParameters, dimension: int) -> Floats:
    return worst(_one_by_one(o, dimension), beyond(o["sidedness_min"], ONE_SIDED, 1.0))


def _pudding_negative(o: OrderParameters, dimension: int) -> Floats:
    return worst(_one_by_one(o, dimension), beyond(o["sidedness_max"], -ONE_SIDED, -1.0))


def _double_sided(o: OrderParameters, dimension: int) -> Floats:
    return worst(
        _one_by_one(o, dimension),
        beyond(o["sidedness_min"], -ONE_SIDED, 0.0),
        beyond(o["sidedness_max"], ONE_SIDED, 0.0),
    )


@lru_cache
def isotropic_error(dimension: int, inputs: str = "normal") -> float:
    """Relative error of convexity with infinitely many rows in all directions, α ‖x‖₂ + c.

    Of normal inputs the best function of ‖x‖₂ is E[‖x‖₁ | ‖x‖₂] = n E|u_1| ‖x‖₂, u uniform on the sphere; 0.124 for
    large n. Of others the best α and c are those of a sample.
    """
    n = dimension
    if n == 1:
        return 0.0
    if inputs != "normal":
        x = fresh_inputs(n, ISOTROPIC_SAMPLES, 0, inputs=inputs).astype(np.float64)
        size, length = np.abs(x).sum(1), np.sqrt((x * x).sum(1))
        if min(size.var(), length.var()) < 1e-9:
            return 1.0
        return float(1 - np.corrcoef(size, length)[0, 1] ** 2)
    ratio = math.exp(math.lgamma((n + 1) / 2) - math.lgamma(n / 2))  # E‖x‖₂ / sqrt(2)
    mean_coordinate = math.exp(math.lgamma(n / 2) - math.lgamma((n + 1) / 2)) / math.sqrt(math.pi)  # E|u_1|
    explained = (n * mean_coordinate) ** 2 * (n - 2 * ratio**2)
    return 1 - explained / (n * (1 - 2 / math.pi))


# Colours: Tol's "bright" and "muted" schemes, which stay apart for colour-blind readers; mirror images are shades of
# one hue. All one-input algorithms compute the same function, so double-sided alone stands for them as the nearest one.
CONSTANT = Algorithm("constant", _constant, colour="#9aa3ad", formula=LinearForm(), nearest=False)
CONVEXITY = Algorithm("convexity", _convexity, colour="#e3a21a", formula=RowsForm())
PUDDING_POSITIVE = Algorithm(
    "pudding_positive",
    _pudding_positive,
    title="positive pudding",
    colour="#2a7fb8",
    merged="pudding",
    formula=SidedForm(("a", "positive"), ("b", "linear")),
    nearest=False,
)
PUDDING_NEGATIVE = Algorithm(
    "pudding_negative",
    _pudding_negative,
    title="negative pudding",
    colour="#7cc4e8",
    merged="pudding",
    formula=SidedForm(("a", "negative"), ("b", "linear")),
    nearest=False,
)
DOUBLE_SIDED = Algorithm(
    "double_sided",
    _double_sided,
    title="double-sided",
    colour="#c8385a",
    formula=SidedForm(("p", "positive"), ("q", "negative")),
)

BUILTIN = (CONSTANT, CONVEXITY, PUDDING_POSITIVE, PUDDING_NEGATIVE, DOUBLE_SIDED)  # roughly the cheapest first
