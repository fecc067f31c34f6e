"""An algorithm: one object that holds all that hyperphase knows of it.

    def tent_score(parameters: OrderParameters, dimension: int) -> np.ndarray:
        return worst(beyond(parameters["locality"], 0.7, 1.0), beyond(parameters["sidedness_min"], 0.5, 1.0))

    TENT = Algorithm("tent", tent_score, title="one-sided tent", formula=LinearForm(Term("a", "Σᵢ relu(xᵢ)", …)))

A task names it, or an option does: `Task(…, algorithms=(TENT,))`, `hyperphase classify --algorithms my.py:TENT`
(CONTRIBUTING.md, "Add an algorithm"). The built-in ones are in analysis/algorithms/builtin.py.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from analysis.algorithms.closed_form import ClosedForm
from analysis.errors import UserError

Floats: TypeAlias = NDArray[np.floating]
OrderParameters: TypeAlias = Mapping[str, Floats]  # name of analysis.algorithms.classify.RANGES -> (k,)

NAME = re.compile(r"[A-Za-z]\w*")
COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
RESERVED = ("other", "failed")  # what has no name, and what has no network


@dataclass(frozen=True)
class Algorithm:
    """A way to compute a task, and how to tell that a network uses it.

    name: its label in tables, a Python identifier; a name that is in use cannot be taken.
    score: its criterion, (order parameters (k,) each, input dimension) -> (k,) in [-1, 1]: 1 where the algorithm is
    ideal, 0 at the threshold, negative beyond it; besides the order parameters there is `isotropic_error`, that of the
    best function of ‖x‖₂ for the L1 norm. A network earns the name if the score is positive and no other
    algorithm's is higher. `worst` and `beyond` make scores of thresholds.
    title: what people read; the name with spaces by default.
    colour: in every picture, as #rrggbb; one that is free by default.
    merged: the phase that it forms together with its mirror image (x -> -x), which has the same `merged`: which of the
    two a seed finds is a coin flip, so the phase map has no boundary between them.
    formula: its closed formula; without one, faithfulness is not a number.
    nearest: whether its formula may be shown as the nearest one for networks without a name.

    Raises UserError if one of these cannot be.
    """

    name: str
    score: Callable[[OrderParameters, int], Floats]
    title: str = ""
    colour: str = ""
    merged: str = ""
    formula: ClosedForm | None = None
    nearest: bool = True

    def __post_init__(self) -> None:
        for label in (self.name, *([self.merged] if self.merged else [])):
            if not isinstance(label, str) or not NAME.fullmatch(label) or label in RESERVED:
                raise UserError(f"algorithm {label!r}: its name must be a word of letters, digits and _, and not "
                                f"{' or '.join(RESERVED)}")  # fmt: skip
        if self.colour and not (isinstance(self.colour, str) and COLOUR.fullmatch(self.colour)):
            raise UserError(f"algorithm {self.name!r}: colour must be like #1f77b4, not {self.colour!r}")
        if not callable(self.score):
            raise UserError(f"algorithm {self.name!r}: score must be a function of order parameters and dimension")
        if self.formula is not None and not isinstance(self.formula, ClosedForm):
            raise UserError(f"algorithm {self.name!r}: formula must be a ClosedForm, not {self.formula!r}")

    def scores(self, parameters: OrderParameters, dimension: int, networks: int) -> Floats:
        """The score of each of `networks` networks, (networks,). UserError if the criterion gives anything else."""
        try:
            score = np.asarray(self.score(parameters, dimension), np.float64)
        except KeyError as error:
            raise UserError(f"algorithm {self.name!r}: there is no order parameter {error}") from None
        except Exception as error:
            told = " ".join(f"{type(error).__name__}: {error}".split())
            raise UserError(f"algorithm {self.name!r}: its score raised {told}") from error
        if score.shape != (networks,) or np.isnan(score).any():
            raise UserError(f"algorithm {self.name!r}: its score must be one number per network, ({networks},)")
        return score


def beyond(value: Floats, threshold: float, ideal: float) -> Floats:
    """Signed distance of `value` from `threshold` towards `ideal`, in units of their distance, in [-1, 1]."""
    if ideal == threshold:
        return np.where(value >= threshold, 1.0, -1.0)
    distance: Floats = np.clip((value - threshold) / (ideal - threshold), -1, 1)
    return distance


def worst(*criteria: Floats) -> Floats:
    """The score of several criteria that must all hold: the lowest of them."""
    score: Floats = np.minimum.reduce(criteria)
    return score
