"""Networks from a stored hypernetwork."""

import json

from pydantic import ValidationError

from analysis.errors import UserError
from analysis.network import Network
from search.config.messages import explain
from search.ledger.record import Record
from trainables.recipe import Recipe


def recipe_of(record: Record) -> Recipe:
    """The recipe that a training was made by. UserError if it is none of ours."""
    try:
        return Recipe.stored(json.loads(record.row["recipe"]))
    except (TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        why = f" ({'; '.join(explain(error.errors()))})" if isinstance(error, ValidationError) else ""
        raise UserError(f"training {record.row['key']}: its recipe is none that this version knows{why}") from None


def draw(record: Record, dimension: int, *, draws: int = 1, seed: int = 0) -> Network:
    """Networks (draws,) of n = `dimension` inputs. UserError if the stored arrays do not fit the recipe."""
    from trainables.training.draw import draw_networks

    recipe = recipe_of(record)
    try:
        given = {"trained": record.row["dimension"], "beta": record.row["beta"]}
        drawn = draw_networks(record.hypernetwork, recipe, dimension, draws=draws, seed=seed, **given)
        return Network(*drawn, activation=recipe.activation, inputs=recipe.inputs)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"training {record.row['key']}: its hypernetwork does not fit its recipe") from error
