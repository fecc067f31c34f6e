"""What records and checkpoints must look like: checked whenever one is read, so that all others can trust them."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter


def _table(text: str) -> str:
    if not isinstance(json.loads(text), dict):
        raise ValueError("is no table")
    return text


Key = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
Count = Annotated[int, Field(ge=0, strict=True)]
Number = Annotated[float, Field(strict=True)]  # NaN where there is none
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Table = Annotated[str, AfterValidator(_table)]  # JSON
Scalar = str | int | float | bool | None

# Fields of every whole row, and of every whole row of a training that is done: of hypernetworks, and of experiments of
# a user's own, whose rows name the experiment.
ALWAYS = ("task", "dimension", "beta", "seed", "hidden", "steps", "seconds", "finished_at", "recipe")
WHEN_DONE = ("algorithm", "relative_error", "complexity_nats")
OWN_ALWAYS = ("seed", "seconds", "finished_at", "recipe")
OWN_WHEN_DONE = ("algorithm",)


class Measures(BaseModel):
    """What rows and snapshots have in common. Further fields (order parameters and the like) are single values."""

    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=False)
    __pydantic_extra__: dict[str, Scalar]

    key: Key
    task: str | None = None
    dimension: Annotated[int, Field(ge=1, strict=True)] | None = None
    beta: Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)] | None = None
    seed: Count | None = None
    algorithm: str | None = None
    relative_error: Number | None = None
    complexity_nats: Number | None = None
    purity: Number | None = None
    margin: Number | None = None
    faithfulness: Number | None = None


class Snapshot(Measures):
    step: Count


class Row(Measures):
    """A training's row of the results table."""

    status: Literal["done", "failed"]
    reason: str | None = None
    hidden: Count | None = None
    steps: Count | None = None
    seconds: Finite | None = None
    finished_at: Finite | None = None
    host: str | None = None
    representative: Count | None = None
    formula: str | None = None
    formula_latex: str | None = None
    faithfulness_at_twice_the_scale: Number | None = None
    recipe: Table | None = None


class OwnMeasures(BaseModel):
    """What rows and snapshots of a user's own experiment have in common. Axes and metrics come on top."""

    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=False)
    __pydantic_extra__: dict[str, Scalar]

    key: Key
    experiment: str
    seed: Count
    algorithm: str | None = None


class OwnSnapshot(OwnMeasures):
    step: Count


class OwnRow(OwnMeasures):
    """A training's row of the results table, of a user's own experiment."""

    status: Literal["done", "failed"]
    reason: str | None = None
    purity: Number | None = None
    files: Count | None = None
    seconds: Finite | None = None
    finished_at: Finite | None = None
    host: str | None = None
    recipe: Table | None = None


class Labels(BaseModel):
    """What a training is named when it is read anew: columns that stand in for its row's."""

    model_config = ConfigDict(extra="allow", arbitrary_types_allowed=False)
    __pydantic_extra__: dict[str, Scalar]

    key: Key
    algorithm: str
    purity: Number | None = None


class About(BaseModel):
    """What a checkpoint says about itself. keys: of the pack's members; step: how far they are."""

    code: str
    device: str
    dimension: Annotated[int, Field(ge=1, strict=True)]
    keys: Annotated[list[Key], Field(min_length=1)]
    step: Count = 0


def missing_fields(row: dict[str, Any]) -> list[str]:
    """Fields without which a row is of no use to a sweep."""
    always, when_done = (OWN_ALWAYS, OWN_WHEN_DONE) if "experiment" in row else (ALWAYS, WHEN_DONE)
    needed = always + (when_done if row["status"] == "done" else ())
    return [name for name in needed if row.get(name) is None]


_SNAPSHOTS, _OWN_SNAPSHOTS = TypeAdapter(list[Snapshot]), TypeAdapter(list[OwnSnapshot])


def check_row(row: Any) -> None:
    """ValidationError for what is no row."""
    (OwnRow if isinstance(row, dict) and "experiment" in row else Row).model_validate(row)


def check_labels(row: Any) -> None:
    """ValidationError for what does not name a training anew."""
    Labels.model_validate(row)


def check_snapshots(row: dict[str, Any], snapshots: Any) -> None:
    """ValidationError for what are no snapshots of this row's training."""
    (_OWN_SNAPSHOTS if "experiment" in row else _SNAPSHOTS).validate_python(snapshots)
