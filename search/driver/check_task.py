"""Before workers start: is the task what it says, and can what is trained learn it at all?"""

import sys
from typing import Any

from analysis.algorithms.names import task_title
from analysis.errors import UserError
from analysis.formatting import printable
from search.sweep.state import State
from trainables.errors import TrainableError
from trainables.objects import is_spec


def check_task(config: Any, state: State) -> None:
    """UserError, in one line, for a task that is not what it says; one line on stderr for one that depends on the order
    of its inputs. config: of hypernetworks. A sweep of which something is done was checked before.
    """
    from trainables.tasks.check import check_task as check
    from trainables.training.curriculum import Curriculum

    recipe = config.training.recipe()
    if state.known or not (is_spec(recipe.task) or recipe.inputs != "normal"):
        return
    own = config.grid.dimensions
    dimensions = {n for dimension in own for n in Curriculum(recipe, dimension).dimensions}
    try:
        floors = check(recipe.task, sorted(dimensions), recipe.inputs, symmetric=recipe.kind.has_hypernetwork)
    except TrainableError as error:
        raise UserError(str(error)) from None
    lowest = {n: error for n, error in floors.items() if n in own}
    if lowest:
        reached = ", ".join(f"{error:.2g} at n = {n}" for n, error in lowest.items())
        text = (
            f"{task_title(recipe.task)} depends on the order of its inputs, which hypernetworks treat alike: "
            f"the best mean relative error that they can reach is {reached}"
        )
        print(printable(f"warning: {text}"), file=sys.stderr, flush=True)
