"""The experiment that hyperphase began with: hypernetworks over β × seed × dimension."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from search import objects
from search.config.schema import Config
from search.ledger.checkpoints import CheckpointInfo
from search.ledger.record import Record
from search.sweep.packs import REFERENCE_PACK, Pack, make_packs, pack_seconds
from search.sweep.point import Point, training_key
from trainables.experiments.experiment import Axis
from trainables.tasks.registry import get_task

REFINED_PACK = 8  # trainings of one dimension that a round may be expected to train together


class Hypernetworks:
    """`search.sweep.experiment.Experiment` of the built-in trainables."""

    refines_dimensions = True
    axes: tuple[Axis, ...] = (
        Axis("beta", log=True, title="β"),
        Axis("dimension", integer=True, log=True, title="input dimension n"),
    )

    def __init__(self, config: Config):
        self._config, self._recipe = config, config.training.recipe()
        self.device: str = config.training.device
        self.steps: int = self._recipe.steps
        self.recipe: dict[str, Any] = self._recipe.model_dump(mode="json")

    def key(self, place: Mapping[str, float], seed: int) -> str:
        return training_key(self._recipe, dimension=int(place["dimension"]), beta=place["beta"], seed=seed)

    def plan(
        self,
        points: Iterable[Point],
        begun: Iterable[CheckpointInfo],
        *,
        workers: int,
        pack_size: int | None,
        device: str,
    ) -> list[Pack]:
        """Packs that a killed run left unfinished, as they were; then new ones of the rest."""
        left, going_on = {point.key: point for point in points}, []
        for held in begun:
            members = tuple(left.pop(key) for key in held.keys if key in left)
            if members:
                seconds = pack_seconds(self._recipe, held.dimension, len(members)) * (
                    1 - held.step / self._recipe.steps
                )
                going_on.append(Pack(held.dimension, members, seconds, checkpoint=held.name))
        return going_on + make_packs(left.values(), self._recipe, workers=workers, pack_size=pack_size, device=device)

    def seconds(self, points: Iterable[Point]) -> float | None:
        dimensions = [point.dimension for point in points]
        each = {n: pack_seconds(self._recipe, n, REFERENCE_PACK) / REFERENCE_PACK for n in set(dimensions)}
        return sum(each[n] for n in dimensions)

    def cost_function(self) -> Callable[..., Any] | None:
        def cost(dimension):
            """Seconds of a training in a pack: (places,) -> (places,)."""
            values, which = np.unique(np.asarray(dimension), return_inverse=True)
            return np.array([pack_seconds(self._recipe, int(n), REFINED_PACK) / REFINED_PACK for n in values])[which]

        return cost

    def told(self, pack: Pack) -> dict[str, Any]:
        members = [{"key": p.key, "beta": p.beta, "seed": p.seed, "start": p.start} for p in pack.members]
        return {"dimension": pack.dimension, "members": members}

    def told_all(self) -> dict[str, Any]:
        return {
            "train": "hypernetworks",
            "recipe": self.recipe,
            "algorithms": list(self._config.analysis.algorithms),
            "gpu_step": self._config.training.gpu_step,
        }

    def objects(self) -> list[str]:
        task = get_task(self._recipe.task)
        own = [one for one in task.algorithms if isinstance(one, str)]
        return [self._recipe.task, self._recipe.trainable, *self._config.analysis.algorithms, *own]

    def name(self, record: Record) -> dict[str, Any] | None:
        from search.ledger.read_training import name_draws

        if record.draws is None:
            return None
        task = get_task(self._recipe.task)
        return name_draws(record.draws, task, objects.algorithms(task, self._config.analysis.algorithms))

    def describe(self) -> dict[str, Any]:
        return {"name": "hypernetwork"}
