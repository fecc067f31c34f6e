"""Tasks: the functions that target networks are to compute. Nothing else in hyperphase knows which task it is.

A task is a name, a target, the target's variance over inputs x ~ N(0, I_n), and the algorithms that are known to
compute it. One of your own is used from where it is: `package.module:NAME` or `path/file.py:NAME` (docs/tasks.md).
"""

from trainables.errors import TrainableError
from trainables.objects import is_spec, load_object
from trainables.tasks.builtin import L1_NORM, MAXIMUM, SUM_OF_SQUARES
from trainables.tasks.symmetric import DEVIATION, LARGEST_SIZE, LENGTH, PRODUCTS, RANGE
from trainables.tasks.task import Task

TASKS: dict[str, Task] = {
    task.name: task for task in (L1_NORM, MAXIMUM, SUM_OF_SQUARES, RANGE, LARGEST_SIZE, DEVIATION, PRODUCTS, LENGTH)
}


def get_task(name: str) -> Task:
    """The task called `name`, or the one at `package.module:NAME` or `path/file.py:NAME`.

    Raises TrainableError, naming the known ones, if there is none.
    """
    if is_spec(name):
        return load_object(name, Task)
    if name not in TASKS:
        raise TrainableError(f"unknown task {name!r}; known: {', '.join(sorted(TASKS))}")
    return TASKS[name]
