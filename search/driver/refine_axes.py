"""What a refinement varies: the axes of a sweep's experiment as Optuna's parameters."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from analysis.errors import UserError
from search.config.schema import Config
from search.sweep.experiment import experiment_of
from trainables.experiments.experiment import Axis

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DIGITS = 6  # significant, of what is asked: as the grid's


class RefineAxes:
    """The first two axes span the map that is refined; the grid's values of the others have a map each.

    dimensions: the only values of the axis `dimension`, of hypernetworks; all from the grid's lowest to its highest
    without them.
    """

    def __init__(self, config: Config, dimensions: Sequence[int] = ()):
        self._experiment, self._grid = experiment_of(config), config.grid.values
        self.names = [axis.name for axis in self._experiment.axes[:2]]
        self.dimensions: tuple[int, ...] | None = None
        if "dimension" in self.names and self._experiment.refines_dimensions:
            grid = [int(value) for value in self._grid["dimension"]]
            self.dimensions = tuple(sorted(dimensions)) or tuple(range(min(grid), max(grid) + 1))
            self._grid = self._grid | {"dimension": self.dimensions}
        elif dimensions:
            raise UserError("--dimensions is for sweeps of hypernetworks")

    def check(self, path: object) -> None:
        """UserError if there is nothing to refine."""
        x = self._experiment.axes[0]
        if len(self._grid[x.name]) < 2:
            title = x.title or x.name
            raise UserError(f"{path}: its grid has only one {title}, so there is no range of {title} to refine")

    def space(self, row: Mapping[str, Any] | None = None) -> "dict[str, BaseDistribution]":
        """Parameter -> distribution; wide enough for a training's row, if one is given."""
        return {axis.name: self._distribution(axis, row) for axis in self._experiment.axes}

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a training's place is one of the refined maps'."""
        return all(row[axis.name] in self._grid[axis.name] for axis in self._experiment.axes if self._is_fixed(axis))

    def place(self, params: Mapping[str, Any]) -> dict[str, float]:
        """Where a trial with these parameters trains."""
        return {axis.name: self._rounded(axis, params[axis.name]) for axis in self._experiment.axes}

    @property
    def cost(self) -> Callable[..., Any] | None:
        return self._experiment.cost_function()

    def _is_fixed(self, axis: Axis) -> bool:
        return bool(axis.values) or axis.name not in self.names

    def _rounded(self, axis: Axis, value: float) -> float:
        if self._is_fixed(axis) or axis.integer:
            return value
        values = self._grid[axis.name]
        return min(max(float(f"{value:.{DIGITS}g}"), min(values)), max(values))

    def _distribution(self, axis: Axis, row: Mapping[str, Any] | None) -> "BaseDistribution":
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        values = sorted(self._grid[axis.name])
        if self._is_fixed(axis):
            return CategoricalDistribution(values)
        ends = [*values, *([row[axis.name]] if row is not None else [])]
        if axis.integer:
            return IntDistribution(int(min(ends)), int(max(ends)), log=axis.log)
        return FloatDistribution(min(ends), max(ends), log=axis.log)
