"""The config of an experiment of a user's own: its axes in `[grid.axes]`, its settings in `[training]`."""

import json
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, ClassVar

import tomli_w
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model

from search.config.schema import Config, Grid, Section, no_duplicates
from trainables.errors import TrainableError
from trainables.experiments.experiment import Axis, Experiment
from trainables.models.registry import TRAINABLES
from trainables.models.trainable import Trainable
from trainables.objects import is_spec, load_object


class Spread(Section):
    """`count` values evenly spaced as the axis is drawn, both ends included; its own range without `from` and `to`."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    start: float | None = Field(None, alias="from", allow_inf_nan=False, strict=True)
    end: float | None = Field(None, alias="to", allow_inf_nan=False, strict=True)
    count: int = Field(ge=2, le=100_000, strict=True)


class OwnGrid(Grid):
    """`axes` has a field for each axis of the experiment."""

    axes: Section

    @property
    def values(self) -> dict[str, tuple[float, ...]]:
        return {name: getattr(self.axes, name) for name in type(self.axes).model_fields}


class OwnConfig(Config):
    """The config of one experiment, which `definition` is."""

    definition: ClassVar[Experiment]
    grid: OwnGrid


def find(trainable: str) -> Experiment | Trainable:
    """What `experiment.trainable` names. TrainableError, in one line, if that is no experiment."""
    if is_spec(trainable):
        found: Experiment | Trainable = load_object(trainable, (Experiment, Trainable))
        return found
    if trainable not in TRAINABLES:
        known = ", ".join(TRAINABLES)
        raise TrainableError(
            f"unknown trainable {trainable!r}; known: {known}; or package.module:NAME or path/file.py:NAME"
        )
    return TRAINABLES[trainable]


def config_of(experiment: Experiment) -> type[OwnConfig]:
    """The config's class for sweeps of this experiment."""
    fields: dict[str, Any] = {axis.name: _field(axis) for axis in experiment.axes}
    axes = create_model("Axes", __base__=Section, **fields)
    optional = not any(field.is_required() for field in axes.model_fields.values())
    grid = create_model("Grid", __base__=OwnGrid, axes=(axes, axes() if optional else ...))
    # a setting that the model does not have is refused, whatever the user's own class does with it
    training = type("Training", (experiment.settings,), {"model_config": ConfigDict(extra="forbid")})
    stored: Any = Annotated[training, AfterValidator(_check_storable)]
    default: Any = Field() if _needed(training) else Field(default_factory=training, validate_default=True)
    config = create_model("Config", __base__=OwnConfig, grid=(grid, ...), training=(stored, default))
    config.definition = experiment
    return config


def _check_storable(settings: BaseModel) -> BaseModel:
    """ValueError for settings that the sweep's folder cannot hold: they are stored as TOML, and as JSON in records."""
    try:
        tables = settings.model_dump(mode="json", exclude_none=True)
        json.dumps(tables, allow_nan=False)
        tomli_w.dumps(tables)
    except Exception as error:
        raise ValueError(f"cannot be stored: {' '.join(str(error).split()) or type(error).__name__}") from error
    return settings


def _needed(model: type[BaseModel]) -> bool:
    return any(field.is_required() for field in model.model_fields.values())


def _field(axis: Axis) -> tuple[Any, Any]:
    """An axis's values as a field: required, unless the axis says them."""
    kind = Annotated[tuple[float, ...], BeforeValidator(partial(_expand, axis)), AfterValidator(_check(axis))]
    return kind, Field(axis.values or ..., min_length=1)


def _expand(axis: Axis, given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    spread = Spread.model_validate(given)
    low, high = (axis.low if spread.start is None else spread.start, axis.high if spread.end is None else spread.end)
    if axis.values:
        raise ValueError("has values of its own: give a list of them")
    if low is None or high is None:
        raise ValueError(f"needs {'from' if low is None else 'to'}: the axis has no such end of its own")
    axis.check(low), axis.check(high)
    if not low < high:
        raise ValueError(f"must rise, not {low:g} to {high:g}")
    return axis.spread(low, high, spread.count)


def _check(axis: Axis) -> Callable[[tuple[float, ...]], tuple[float, ...]]:
    return lambda values: no_duplicates(tuple(axis.check(value) for value in values))
