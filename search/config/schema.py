"""One validated config: TOML file or preset, then `--set section.key=value` on top of it.

Every mistake raises `ConfigError` with one line that names the place and, where it can, the remedy.
"""

import math
from collections import Counter
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
    model_validator,
)

from search import objects
from trainables.objects import is_spec
from trainables.recipe import Recipe, within_range
from trainables.tasks.registry import get_task

MAX_SEEDS = 1_000_000
MAX_TRAININGS = 1_000_000  # of a grid
MAX_DIMENSION = 1024

Beta = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**32, strict=True)]
Dimension = Annotated[int, Field(ge=1, le=MAX_DIMENSION, strict=True)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LogGrid(Section):
    """`count` values of β evenly spaced in log β, both ends included."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)
    start: Beta = Field(alias="from")
    end: Beta = Field(alias="to")
    count: int = Field(ge=2, le=100_000, strict=True)

    def values(self) -> list[float]:
        low, high = math.log10(self.start), math.log10(self.end)
        # six digits: the same decimal, hence the same key, whatever the machine's libm does in the last place
        return [float(f"{10 ** (low + (high - low) * i / (self.count - 1)):.6g}") for i in range(self.count)]


def _expand_betas(value: Any) -> Any:
    return LogGrid.model_validate(value).values() if isinstance(value, dict) else value


def _expand_seeds(value: Any) -> Any:
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    if value > MAX_SEEDS:
        raise ValueError(f"at most {MAX_SEEDS} seeds")
    return list(range(value))


def no_duplicates(values: tuple[float, ...]) -> tuple[float, ...]:
    value, times = Counter(values).most_common(1)[0]
    if times > 1:
        raise ValueError(f"{value:g} is given twice")
    return values


class Grid(Section):
    """What a sweep varies: every combination of the axes' values, with every seed."""

    seeds: Annotated[tuple[Seed, ...], BeforeValidator(_expand_seeds)] = Field(
        min_length=1, description="a list, or how many: 3 stands for [0, 1, 2]"
    )

    @property
    def values(self) -> dict[str, tuple[float, ...]]:
        """Axis -> its values."""
        raise NotImplementedError

    @property
    def size(self) -> int:
        """Trainings of the grid."""
        return len(self.seeds) * math.prod(map(len, self.values.values()))

    @model_validator(mode="after")
    def _is_not_too_large(self) -> Self:
        if self.size > MAX_TRAININGS:
            raise ValueError(f"{self.size:,} trainings are too many, at most {MAX_TRAININGS:,}")
        return self

    @field_validator("seeds")
    @classmethod
    def _no_seed_twice(cls, seeds: tuple[int, ...]) -> tuple[float, ...]:
        return no_duplicates(seeds)


class BetaGrid(Grid):
    """The grid of hypernetworks. `axes` with an entry for beta and dimension says the same."""

    betas: Annotated[tuple[Beta, ...], BeforeValidator(_expand_betas)] = Field(
        min_length=1, description="complexity penalties: a list, or {from = 1e-9, to = 0.1, count = 9}"
    )
    dimensions: tuple[Dimension, ...] = Field(min_length=1, description="input dimensions n")

    @property
    def values(self) -> dict[str, tuple[float, ...]]:
        return {"beta": self.betas, "dimension": self.dimensions}

    @model_validator(mode="before")
    @classmethod
    def _from_axes(cls, given: Any) -> Any:
        axes = given.get("axes") if isinstance(given, dict) else None
        if not isinstance(axes, dict):
            return given
        fields = {"beta": "betas", "dimension": "dimensions"}
        for name in axes:
            if name not in fields:
                raise ValueError(f"axes.{name}: hypernetworks have the axes beta and dimension")
            if fields[name] in given:
                raise ValueError(f"axes.{name} and {fields[name]} say the same: give one of them")
        return {name: value for name, value in given.items() if name != "axes"} | {
            fields[name]: value for name, value in axes.items()
        }

    @field_validator("betas")
    @classmethod
    def _in_range(cls, betas: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(map(within_range, betas))

    @field_validator("betas", "dimensions")
    @classmethod
    def _none_twice(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        return no_duplicates(values)


class ExperimentSettings(Section):
    trainable: str = Field(
        "hypernetwork",
        description="hypernetwork, pareto, mlp, or an Experiment of your own: package.module:NAME or path/file.py:NAME",
    )
    timeout: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="seconds that a training may take; the experiment's own without it"
    )
    trial_seconds: float = Field(
        60.0,
        ge=0,
        le=1e6,
        allow_inf_nan=False,
        description="how long the cheapest training is tried before workers start; 0: not at all",
    )


class Training(Recipe):
    """The recipe, and where and how it runs: the device and its steps change no key."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    gpu_step: Literal["auto", "eager", "compiled", "graph"] = Field(
        "auto", description="of packs on a GPU: PyTorch's operations one by one, by torch.compile, or as a CUDA graph"
    )

    def recipe(self) -> Recipe:
        return Recipe.stored(self.model_dump(exclude={"device", "gpu_step"}))


class Ray(Section):
    address: str | None = Field(None, description="a running cluster; without it RAY_ADDRESS, else an embedded Ray")
    cpus: int | None = Field(
        None, ge=1, le=100_000, strict=True, description="cores of the embedded Ray; all without it"
    )
    cpus_per_pack: float = Field(
        1, ge=0.001, le=100_000, allow_inf_nan=False, description="may be a fraction: packs share a core"
    )
    gpus_per_pack: float = Field(
        0, ge=0, le=1000, allow_inf_nan=False, description="may be a fraction: packs share a GPU; 0: one each on a GPU"
    )
    pack_size: int | None = Field(
        None, ge=1, le=1_000_000, strict=True, description="most trainings in a pack; chosen without it"
    )
    storage: str | None = Field(
        None, description="shared folder or s3://bucket/prefix for workers' results; without it the sweep's folder"
    )
    checkpoint_seconds: float = Field(
        60, ge=0, le=1e9, allow_inf_nan=False, description="between two checkpoints of a running pack; 0: none"
    )
    max_failures: int = Field(
        2, ge=0, le=1000, strict=True, description="times that a pack whose worker dies is started again"
    )

    @field_validator("cpus_per_pack", "gpus_per_pack")
    @classmethod
    def _whole_above_one(cls, number: float) -> float:
        if number > 1 and number != int(number):
            raise ValueError(f"{number:g}: above 1, Ray gives whole ones only")
        return number


class Mlflow(Section):
    enabled: bool = True
    tracking_uri: str | None = Field(
        None,
        description="tracking server; without it MLFLOW_TRACKING_URI, else mlflow.db in the sweep's folder",
    )
    experiment: str = Field("hyperphase", min_length=1, max_length=250)
    drawings: bool = Field(True, description="log a drawing of every training's network")
    models: bool = Field(True, description="log every training's hypernetwork as an MLflow model")
    detailed: int = Field(
        2000,
        ge=0,
        le=10_000_000,
        strict=True,
        description="trainings with a drawing and a model: all of a sweep up to so many, of a larger one a sample",
    )


class Manifest(Section):
    diff: bool = Field(False, description="keep the checkout's uncommitted changes, passwords in them and all")


class Analysis(Section):
    """How trainings are read and reported: no key depends on it."""

    algorithms: tuple[str, ...] = Field(
        (), description="more algorithms than the task's own: names, package.module:NAME or path/file.py:NAME"
    )
    sections: tuple[str, ...] = Field(
        (), description="more sections of the report: package.module:NAME or path/file.py:NAME"
    )


class Annealing(Section):
    steps: float = Field(0.2, gt=0, le=10, allow_inf_nan=False, description="of a rung, as a share of the training's")
    learning_rate: float = Field(0.25, gt=0, le=10, allow_inf_nan=False, description="likewise, its peak")


class Config(Section):
    """Everything that a sweep needs to know, whatever its experiment is.

    `HypernetworkConfig` is that of hypernetworks; search.config.own makes one for each experiment of a user's own.
    """

    experiment: ExperimentSettings = ExperimentSettings()
    grid: Grid
    training: Any
    analysis: Analysis = Analysis()
    ray: Ray = Ray()
    mlflow: Mlflow = Mlflow()
    manifest: Manifest = Manifest()

    @model_validator(mode="after")
    def _sections_are_there(self) -> Self:
        """Loads what the config names, so that a mistake in it is known at once."""
        if self.analysis.sections:
            objects.sections(self.analysis.sections)
        return self


class HypernetworkConfig(Config):
    """The config of the built-in trainables."""

    grid: BetaGrid
    training: Training = Training()
    annealing: Annealing = Annealing()

    @model_serializer(mode="wrap")
    def _without_experiment(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """`training.trainable` says it, as in every sweep of before."""
        return {name: value for name, value in dump(self).items() if name != "experiment"}

    @model_validator(mode="after")
    def _are_not_tried(self) -> Self:
        if self.experiment != ExperimentSettings():
            raise ValueError("experiment.timeout and experiment.trial_seconds are for experiments of your own")
        return self

    @model_validator(mode="after")
    def _algorithms_are_there(self) -> Self:
        """So that labels have their titles."""
        task = self.training.task
        if is_spec(task) or self.analysis.algorithms:
            objects.algorithms(get_task(task), self.analysis.algorithms)
        return self

    @model_validator(mode="after")
    def _betas_lie_in_the_range(self) -> Self:
        low, high = self.training.beta_range
        beyond = [beta for beta in self.grid.betas if not low <= beta <= high]
        if self.training.kind.needs_beta and beyond:
            raise ValueError(f"β = {beyond[0]:g} of grid.betas lies beyond training.beta_range, {low:g} to {high:g}")
        return self


def section_of(config: type[BaseModel], *place: str) -> type[BaseModel] | None:
    """The section of a config that is called `place`; None if there is none."""
    for name in place:
        field = config.model_fields.get(name)
        kind = field.annotation if field else None
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
            return None
        config = kind
    return config
