"""Everything besides (task's name, β, seed, dimension) that decides what a training computes.

A recipe is part of a training's identity: two trainings with equal task, β, seed, dimension and recipe give the
same result, so the recipe is hashed into the key. Settings that only decide where or how fast a training runs
(device, pack size) do not belong here.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_serializer, model_validator

from trainables.inputs import Inputs
from trainables.models.registry import get_trainable
from trainables.models.trainable import Trainable
from trainables.tasks.registry import get_task

# Fields that came after trainings had been stored, with the value that all trainings had before: a field is left out of
# a stored recipe where it has this value, so that keys stay, and a stored recipe without the field means this value.
BEFORE = {
    "dimensions": (),
    "scale_free": False,
    "trainable": "hypernetwork",
    "beta_range": (1e-9, 1.0),
    "start": "",
    "curriculum": 0.0,
    "first_penalty": 1.0,
    "highest_penalty": 1.0,
    "penalty_risen": 0.0,
    "penalty_held": 0.0,
    "penalty_back": 0.0,
    "penalty_power": 0.0,
    "small_penalty": 1.0,
    "rehearsal": 0,
    "rehearsal_from": 0.0,
    "rehearsal_weight": 1.0,
    "rate_held": 0.0,
    "activation": "swish",
    "inputs": "normal",
}

# Fields that say which smaller dimensions, penalties and learning rates a training takes on its way.
SCHEDULE = (
    *("curriculum", "first_penalty", "highest_penalty", "penalty_risen", "penalty_held", "penalty_back"),
    *("penalty_power", "small_penalty", "rehearsal", "rehearsal_from", "rehearsal_weight", "rate_held"),
)
CURRICULUM = ("scale_free", *SCHEDULE)  # of no use without a curriculum of dimensions

BETA_RANGE = (1e-60, 1e60)  # beyond, sums of float32 lose all else


def within_range(beta: float) -> float:
    """ValueError for a β that no training can tell from 0 or infinity."""
    if not BETA_RANGE[0] <= beta <= BETA_RANGE[1]:
        raise ValueError(f"{beta:g} is out of range, {BETA_RANGE[0]:g} to {BETA_RANGE[1]:g}")
    return beta


Activation = Literal["swish", "relu", "tanh", "gelu"]
Beta = Annotated[float, Field(gt=0, allow_inf_nan=False), AfterValidator(within_range)]


class Recipe(BaseModel):
    """Validated, immutable and hashable settings of a training.

    The defaults are those of new trainings: what a ledger, a sweep's folder or a model holds is read with `stored`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str = Field(
        "l1_norm",
        description="function to compute: its name in trainables/tasks/registry.py, package.module:NAME or "
        "path/file.py:NAME",
    )
    trainable: str = Field(
        "hypernetwork",
        description="hypernetwork: one a β; pareto: one for all β of a seed, β being its input; mlp: the target "
        "network itself, trained by Adam; or package.module:NAME or path/file.py:NAME",
    )
    beta_range: tuple[Beta, Beta] = Field((1e-9, 1.0), description="lowest and highest β of a Pareto hypernetwork")
    start: str = Field("", description="key of the training whose hypernetwork this one goes on from; else from noise")
    activation: Activation = Field("swish", description="of the target network: swish, relu, tanh or gelu")
    inputs: Inputs = Field(
        "normal", description="distribution of the task's inputs, of mean 0 and variance 1: normal, uniform, rademacher"
    )
    hidden_per_input: int = Field(3, ge=1, le=64, description="hidden neurons of the target network per input")
    steps: int = Field(6000, ge=1, le=100_000_000, description="gradient steps")
    inputs_per_step: int = Field(256, ge=2, le=1_000_000, description="fresh inputs of the task a step")
    dimensions: tuple[Annotated[int, Field(ge=1, le=1024, strict=True)], ...] = Field(
        (), description="input dimensions that take turns with the training's own, a step each"
    )
    scale_free: bool = Field(
        True, description="scale scores and shares so that they look alike at any n: for drawing at unseen dimensions"
    )
    curriculum: float = Field(
        0.25, ge=0, le=1, description="share of the steps, at first, in which n/4 and n/2 inputs take turns with n"
    )
    first_penalty: float = Field(0.5, gt=0, le=1, description="what multiplies β at the curriculum's first step")
    highest_penalty: float = Field(2.0, ge=1, le=100, description="what multiplies β when it is highest")
    penalty_risen: float = Field(
        0.4, ge=0, le=1, description="share of the steps after which the penalty is highest; 0: the curriculum's"
    )
    penalty_held: float = Field(
        0.65, ge=0, le=1, description="share of the steps until which the penalty stays at its highest"
    )
    penalty_back: float = Field(
        0.85, ge=0, le=1, description="share of the steps after which β is back; 0: twice the curriculum's"
    )
    penalty_power: float = Field(
        0.0, ge=0, le=4, description="a smaller dimension k of the curriculum takes β (n / k) to this power"
    )
    small_penalty: float = Field(
        3.0, ge=1, le=100, description="what multiplies the β of the curriculum's smaller dimensions, besides"
    )
    rehearsal: int = Field(
        6, ge=0, description="after the curriculum, every so many steps one takes a smaller dimension; 0: none"
    )
    rehearsal_from: float = Field(0.65, ge=0, le=1, description="share of the steps after which rehearsal begins")
    rehearsal_weight: float = Field(0.3, gt=0, le=1, description="what multiplies the objective of a rehearsal's step")
    channels: int = Field(16, ge=2, le=4096, description="channels d of every edge, node and global state")
    layers: int = Field(4, ge=1, le=256, description="exchangeable-matrix layers")
    scores: int = Field(
        8, ge=2, le=1024, multiple_of=2, description="score matrices a layer; half of them are balanced"
    )
    sided_scores: int = Field(
        4, ge=0, multiple_of=2, description="balanced scores that are balanced in pairs, for inputs' two sides"
    )
    sinkhorn_rounds: int = Field(8, ge=0, le=10_000, description="rounds of Sinkhorn balancing of half of the scores")
    width: int = Field(32, ge=1, le=65_536, description="hidden width of the layers' small MLPs")
    learning_rate: float = Field(4e-3, gt=0, le=1e6, allow_inf_nan=False, description="peak of the one-cycle schedule")
    rate_held: float = Field(
        0.6, ge=0, lt=1, description="share of the steps until which the learning rate stays at its peak"
    )
    clip: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="gradient norm at which a member's gradient is clipped"
    )
    snapshots: int = Field(8, ge=1, le=10_000, description="log-spaced steps at which the training is looked at")
    snapshot_draws: int = Field(8, ge=1, le=10_000, description="networks drawn at a snapshot")
    final_draws: int = Field(32, ge=1, le=10_000, description="networks drawn at the end")
    evaluation_inputs: int = Field(
        1024, ge=2, le=10_000_000, description="fresh inputs on which drawn networks are evaluated"
    )

    @model_validator(mode="before")
    @classmethod
    def _curriculum_where_there_is_one(cls, fields: Any) -> Any:
        """What has no curriculum is trained as before there was one, unless the fields say so."""
        if not isinstance(fields, Mapping) or not isinstance(fields.get("trainable", ""), str):
            return fields
        try:
            kind = get_trainable(fields.get("trainable", cls.model_fields["trainable"].default))
        except ValueError:
            return fields  # said by the field's own validator
        if not kind.has_curriculum:
            return {name: BEFORE[name] for name in CURRICULUM} | dict(fields)
        return {"rehearsal": 0, "rate_held": 0.0} | dict(fields) if fields.get("curriculum") == 0 else fields

    @field_validator("task")
    @classmethod
    def _task_exists(cls, name: str) -> str:
        get_task(name)
        return name

    @field_validator("trainable")
    @classmethod
    def _trainable_exists(cls, name: str) -> str:
        get_trainable(name)
        return name

    @field_validator("dimensions")
    @classmethod
    def _no_duplicates(cls, dimensions: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(dimensions)) < len(dimensions):
            raise ValueError("a dimension is given twice")
        return dimensions

    @model_validator(mode="after")
    def _fits_together(self):
        if self.dimensions and not self.kind.has_hypernetwork:
            raise ValueError(f"an {self.trainable} has one input dimension: dimensions must be empty")
        if self.start and (self.kind.shares_weights or not self.kind.has_hypernetwork):
            raise ValueError(f"start is for hypernetworks of one β, which {self.trainable} is not")
        if (self.curriculum or self.rehearsal) and not self.kind.has_curriculum:
            raise ValueError(f"trainable {self.trainable} has no curriculum: curriculum and rehearsal must be 0")
        if self.sided_scores > self.scores // 2:
            raise ValueError(f"sided_scores must be at most half of scores, {self.scores // 2}")
        if not self.beta_range[0] < self.beta_range[1]:
            raise ValueError("beta_range must rise")
        return self

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, dump):
        return {k: v for k, v in dump(self).items() if k not in BEFORE or getattr(self, k) != BEFORE[k]}

    @property
    def kind(self) -> Trainable:
        """What is trained."""
        return get_trainable(self.trainable)

    @classmethod
    def stored(cls, fields: Mapping[str, Any]) -> "Recipe":
        """The recipe of a training that is stored with these fields, whatever the defaults are by now."""
        return cls(**BEFORE | dict(fields))

    def draws(self, wanted: int) -> int:
        """How many networks to draw where `wanted` are asked for: an mlp, for one, has but one."""
        most = self.kind.most_draws
        return wanted if most is None else min(wanted, most)

    def hidden(self, dimension: int) -> int:
        """Hidden neurons m of a target network with n = `dimension` inputs."""
        return self.hidden_per_input * dimension


def shared(recipe: Recipe, seeds: Sequence[int]) -> list[int]:
    """For each of a pack's trainings, by seed, the number of its weights: of a seed's trainings, if they share them."""
    if not recipe.kind.shares_weights:
        return list(range(len(seeds)))
    number = {seed: k for k, seed in enumerate(dict.fromkeys(seeds))}
    return [number[seed] for seed in seeds]
