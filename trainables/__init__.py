"""Train hypernetworks and draw networks from them.

    get_task(name)              the function to compute; TASKS has them all, Task makes a new one
    Trainable(name, build, …)   what is trained; TRAINABLES has them all
    Recipe(steps=…, …)          what decides a training besides its β, seed and dimension
    train_pack(n, members, recipe)      many trainings in lockstep, each a Member(key, beta, seed)
    draw_networks(hypernetwork, recipe, n, draws=…)     networks at any dimension from what a training left

docs/python.md has examples that run.
"""

from importlib import import_module

_HOMES = {
    "Axis": "experiments.experiment",
    "Experiment": "experiments.experiment",
    "Label": "experiments.experiment",
    "Member": "training.loop",
    "Outcome": "experiments.outcome",
    "Recipe": "recipe",
    "Run": "experiments.run",
    "TASKS": "tasks.registry",
    "TRAINABLES": "models.registry",
    "Task": "tasks.task",
    "Trainable": "models.trainable",
    "draw_networks": "training.draw",
    "get_task": "tasks.registry",
    "train_pack": "training.loop",
}
__all__ = list(_HOMES)


def __getattr__(name: str):
    """Imported when first asked for: `import trainables` costs nothing."""
    if name in _HOMES:
        return getattr(import_module(f"trainables.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'trainables' has no attribute {name!r}")
