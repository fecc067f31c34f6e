"""The ladder of β: trainings that go on from the trained hypernetworks at its two ends, step by step up and down.

A rung is a training of its own: its recipe names the one that it goes on from (`start`), so its key, a hash of that
recipe, β, seed and n, names the whole way back to the end where it began.
"""

from search.config.schema import HypernetworkConfig
from search.sweep.point import Point, training_key
from trainables.recipe import BEFORE, SCHEDULE, Recipe


def rung_recipe(config: HypernetworkConfig) -> Recipe:
    """The recipe of a rung, `start` apart: fewer steps, a lower learning rate, its own dimension and penalty only."""
    recipe = config.training.recipe()
    return recipe.model_copy(
        update={
            "steps": max(1, round(config.annealing.steps * recipe.steps)),
            "learning_rate": config.annealing.learning_rate * recipe.learning_rate,
            **{name: BEFORE[name] for name in ("dimensions", *SCHEDULE)},
        }
    )


def ladder(config: HypernetworkConfig) -> list[list[Point]]:
    """Rung by rung, the trainings of both ways at every n and seed; those of one rung start from the one before it."""
    recipe, rung = config.training.recipe(), rung_recipe(config)
    betas = sorted(config.grid.betas)
    rungs: list[list[Point]] = [[] for _ in betas[1:]]
    for dimension in config.grid.dimensions:
        for seed in config.grid.seeds:
            for way in (betas, betas[::-1]):
                key = training_key(recipe, dimension=dimension, beta=way[0], seed=seed)
                for number, beta in enumerate(way[1:]):
                    start, own = key, rung.model_copy(update={"start": key})
                    key = training_key(own, dimension=dimension, beta=beta, seed=seed)
                    rungs[number].append(Point({"beta": beta, "dimension": dimension}, seed, key, start))
    return rungs
