"""The grid of trainings, their keys, and the packs in which they run."""

import hashlib
import json
from dataclasses import dataclass

from search.config.schema import Config
from trainables.recipe import Recipe

KEY_DIGITS = 16  # hexadecimal: 64 bits of the hash


@dataclass(frozen=True)
class Point:
    """One training of the grid."""

    dimension: int
    beta: float
    seed: int
    key: str
    start: str = ""  # key of the training that it goes on from


def training_key(recipe: Recipe, *, dimension: int, beta: float, seed: int) -> str:
    """Identity of a training: a hash of (task, β, seed, dimension, recipe).

    It is computed from canonical JSON (sorted names, shortest decimals that give back the same float64), so it is the
    same in every process and on every machine, and does not depend on the order of the recipe's fields.
    """
    identity = {
        "task": recipe.task,
        "beta": float(beta),
        "seed": int(seed),
        "dimension": int(dimension),
        "recipe": recipe.model_dump(mode="json", exclude={"task"}),
    }
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


def expand(config: Config) -> list[Point]:
    """Every training of the grid; seed by seed, so that what comes first already covers every β."""
    recipe = config.training.recipe()
    return [
        Point(dimension, beta, seed, training_key(recipe, dimension=dimension, beta=beta, seed=seed))
        for dimension in config.grid.dimensions
        for seed in config.grid.seeds
        for beta in sorted(config.grid.betas, reverse=True)
    ]
