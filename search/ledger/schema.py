"""What records and checkpoints must look like: checked whenever one is read, so that all others can trust them."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Key = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
Count = Annotated[int, Field(ge=0, strict=True)]
Number = Annotated[float, Field(strict=True)]  # NaN where there is none
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Scalar = str | int | float | bool | None

# Fields of every whole row, and of every whole row of a training that is done.
ALWAYS = ("task", "dimension", "beta", "seed", "hidden", "steps", "seconds", "finished_at", "recipe")
WHEN_DONE = ("algorithm", "relative_error", "complexity_nats")


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
    recipe: str | None = None

    @field_validator("recipe")
    @classmethod
    def _is_a_table(cls, text: str | None) -> str | None:
        if text is not None and not isinstance(json.loads(text), dict):
            raise ValueError("is no table")
        return text


class About(BaseModel):
    """What a checkpoint says about itself. keys: of the pack's members; step: how far they are."""

    code: str
    device: str
    dimension: Annotated[int, Field(ge=1, strict=True)]
    keys: Annotated[list[Key], Field(min_length=1)]
    step: Count = 0


def missing_fields(row: dict[str, Any]) -> list[str]:
    """Fields without which a row is of no use to a sweep."""
    needed = ALWAYS + (WHEN_DONE if row["status"] == "done" else ())
    return [name for name in needed if row.get(name) is None]
