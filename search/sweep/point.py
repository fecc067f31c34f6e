"""A training of a grid, and its key."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from trainables.recipe import Recipe

KEY_DIGITS = 16  # hexadecimal: 64 bits of the hash


@dataclass(frozen=True)
class Point:
    """One training of the grid. place: axis -> value."""

    place: Mapping[str, float]
    seed: int
    key: str
    start: str = ""  # key of the training that it goes on from

    @property
    def beta(self) -> float:
        """Of a hypernetwork's training."""
        return self.place["beta"]

    @property
    def dimension(self) -> int:
        """Of a hypernetwork's training."""
        return int(self.place["dimension"])


def training_key(recipe: Recipe, *, dimension: int, beta: float, seed: int) -> str:
    """Identity of a hypernetwork's training: a hash of (task, β, seed, dimension, recipe)."""
    return hashed(
        {
            "task": recipe.task,
            "beta": float(beta),
            "seed": int(seed),
            "dimension": int(dimension),
            "recipe": _settings(recipe),
        }
    )


@lru_cache(maxsize=64)
def _settings(recipe: Recipe) -> dict[str, Any]:
    """All but the task; a grid's trainings have them in common."""
    return recipe.model_dump(mode="json", exclude={"task"})


def hashed(identity: dict[str, Any]) -> str:
    """The key of what a training is.

    It is computed from canonical JSON (sorted names, shortest decimals that give back the same float64), so it is the
    same in every process and on every machine, and does not depend on the order of names.
    """
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]
