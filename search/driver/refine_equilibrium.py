"""A refinement of equilibrium boundaries: their bands from errors and nats, and the next places that narrow them."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.algorithms.names import mirror_images
from analysis.errors import UserError
from analysis.phases.boundaries import COLUMNS
from analysis.sweeps.equilibrium import read_equilibrium
from search.driver.refine_axes import RefineAxes
from search.sampling.front_knowledge import EXPLORE, next_places, rare_labels

if TYPE_CHECKING:
    import pandas as pd
    from optuna import Study

    from analysis.phases.equilibrium import Equilibrium

NEAR = 1 + 1e-9  # ends of the axis are logarithms and back


class EquilibriumBoundaries:
    """Of a sweep of hypernetworks, as last read."""

    def __init__(self, axes: RefineAxes, path: Path):
        if axes.dimensions is None:
            raise UserError(f"{path}: --boundary equilibrium is for sweeps of hypernetworks, whose trainings minimise "
                            "error + β · nats")  # fmt: skip
        self.axes, self.dimensions = axes, axes.dimensions
        self.found: Equilibrium | None = None

    def read(self, done: "pd.DataFrame") -> "pd.DataFrame":
        """The boundaries at the dimensions to choose from, with the columns of `analysis.phases.boundaries`."""
        self.found = read_equilibrium(done)
        table = self.found.boundaries
        table = table[table["y"].isin(self.dimensions)]
        low, high = done["beta"].min(), done["beta"].max()
        ends = {"low_is_open": table["x_low"] <= low * NEAR, "high_is_open": table["x_high"] >= high / NEAR}
        return table.assign(**ends).reindex(columns=COLUMNS)

    @property
    def is_complete(self) -> bool:
        """Whether every algorithm that was found has a front, or has been looked for in vain.

        At dimensions with boundaries: to others a few trainings went to explore, and many algorithms are rare there.
        """
        if self.found is None:
            return False
        refined = set(self.found.boundaries["y"]) & set(self.dimensions)
        return not any(rare_labels(self.found, float(y)) for y in refined)

    def enqueue(self, study: "Study", count: int, width: float) -> None:
        """Makes the study's next asks those that narrow the bands most for their cost.

        What is left of `count` stays the sampler's: some, for algorithms never found yet, or all, without a boundary.
        """
        if self.found is None:
            return
        dimensions = sorted({int(n) for n in self.found.rows["y"]} & set(self.dimensions))
        cost = {float(n): self._cost(n) for n in dimensions}
        asked = max(1, count - count // EXPLORE)

        def likely(beta: Any, dimension: Any) -> tuple[Any, list[str]]:
            return merged(*study.sampler.predict_proba(study, beta, dimension))  # type: ignore[union-attr]

        for beta, n in next_places(self.found, likely, cost, count=asked, width=width):
            study.enqueue_trial(self.axes.place({"beta": beta, "dimension": int(n)}))

    def _cost(self, dimension: int) -> float:
        cost = self.axes.cost
        return float(np.ravel(cost(np.array([dimension])))[0]) if cost is not None else 1.0


def merged(probabilities: np.ndarray, labels: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """p (points, labels), with mirror images as one label."""
    images = mirror_images()
    names = sorted({images.get(label, label) for label in labels})
    belongs = np.array([[images.get(label, label) == name for name in names] for label in labels], float)
    return probabilities @ belongs, names
