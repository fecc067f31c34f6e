"""An experiment of a user's own, as a sweep sees it."""

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from analysis.errors import UserError
from search.config.own import OwnConfig
from search.ledger.checkpoints import CheckpointInfo
from search.ledger.own_record import label_columns, outcome_of
from search.ledger.record import Record
from search.sweep.packs import Pack
from search.sweep.point import Point, hashed
from trainables.errors import TrainableError
from trainables.experiments.outcome import Outcome
from trainables.objects import explain, source_of

PACKS_PER_WORKER = 4  # so that workers end together; each costs the start of a process
LARGEST_PACK = 256
TOGETHER = 8  # trainings that a `train_pack` is given at once, if that keeps no worker idle: fewer may cost as much
SHARES = 1000  # a training's checkpoint says how many thousandths of it are done


class OwnExperiment:
    """`search.sweep.experiment.Experiment` of a `trainables.experiments.experiment.Experiment`."""

    refines_dimensions = False

    def __init__(self, config: OwnConfig):
        self._config, self._definition = config, config.definition
        self.axes = tuple(self._definition.axes)
        self.device = "cuda" if config.ray.gpus_per_pack else "cpu"
        self.steps = SHARES
        settings = config.training.model_dump(mode="json")
        version = {"experiment": self._definition.name, "version": self._version()}
        self.recipe: dict[str, Any] = version | settings

    def _version(self) -> int | str:
        return self._definition.version if self._definition.version != "content" else self._code()[:16]

    def _code(self) -> str:
        return hashlib.sha256(source_of(self._config.experiment.trainable).encode()).hexdigest()

    def key(self, place: Mapping[str, float], seed: int) -> str:
        point = {axis.name: int(place[axis.name]) if axis.integer else float(place[axis.name]) for axis in self.axes}
        return hashed({"point": point, "seed": seed, "recipe": self.recipe})

    def plan(
        self,
        points: Iterable[Point],
        begun: Iterable[CheckpointInfo],
        *,
        workers: int,
        pack_size: int | None,
        device: str,
    ) -> list[Pack]:
        """Points in their order, cut where packs of about one cost are full; what was begun comes first."""
        begun_keys = {key for held in begun for key in held.keys}
        points = sorted(points, key=lambda point: point.key not in begun_keys)  # stable
        costs = [self._cost(point) for point in points]
        share, most = sum(costs) / max(1, workers * PACKS_PER_WORKER), pack_size or LARGEST_PACK
        if self._definition.train_pack is not None and points:
            share = max(share, min(TOGETHER / len(points), 1 / workers) * sum(costs))
        packs: list[list[int]] = []
        room = 0.0
        for index, cost in enumerate(costs):
            if not packs or room < cost / 2 or len(packs[-1]) >= most:
                packs.append([])
                room = share
            packs[-1].append(index)
            room -= cost
        return [Pack(1, tuple(points[i] for i in pack), sum(costs[i] for i in pack)) for pack in packs]

    def cheapest(self, points: Iterable[Point]) -> Point:
        """The one to try first."""
        return min(points, key=self._cost)

    def _cost(self, point: Point) -> float:
        return self._cost_at(point.place)

    def _cost_at(self, place: Mapping[str, float]) -> float:
        try:
            return self._definition.relative_cost(place)
        except TrainableError as error:
            raise UserError(str(error)) from error
        except Exception as error:
            raise UserError(f"experiment {self._definition.name!r}: its cost: {self._explained(error)}") from error

    def _explained(self, error: Exception) -> str:
        """One line on what the user's code raised."""
        return explain(self._config.experiment.trainable, error)

    def seconds(self, points: Iterable[Point]) -> float | None:
        return None

    def cost_function(self) -> Callable[..., Any] | None:
        if self._definition.cost is None:
            return None
        names = [axis.name for axis in self.axes]

        def cost(**places):
            columns = zip(*(np.atleast_1d(places[name]) for name in names), strict=True)
            return np.array([self._cost_at(dict(zip(names, place, strict=True))) for place in columns])

        parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in names]
        cost.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # the sampler asks for it
        return cost

    def told(self, pack: Pack) -> dict[str, Any]:
        return {"members": [{"key": p.key, "place": dict(p.place), "seed": p.seed} for p in pack.members]}

    def told_all(self) -> dict[str, Any]:
        timeout = self._config.experiment.timeout or self._definition.timeout
        return {
            "train": "own",
            "experiment": self._config.experiment.trainable,
            "settings": self._config.training.model_dump(mode="json"),
            "recipe": self.recipe,
            "timeout": timeout,
            "tries": 1 + self._config.ray.max_failures,
            "together": self._definition.train_pack is not None,
            "code": self._code(),
            "host": "",
        }

    def objects(self) -> list[str]:
        return [self._config.experiment.trainable]

    def name(self, record: Record) -> dict[str, Any] | None:
        if record.row["status"] != "done" or self._definition.label is None:
            return None
        try:
            # with the label of the time of training, for functions that name a part only
            given = replace(outcome_of(record, self._definition), label=record.row["algorithm"])
            return label_columns(self._definition, Outcome(self._definition.label(given)))
        except Exception as error:
            raise UserError(f"training {record.row['key']} cannot be named: {self._explained(error)}") from error

    def describe(self) -> dict[str, Any]:
        definition = self._definition
        return {
            "name": definition.name,
            "title": definition.title,
            "axes": [
                {"name": axis.name, "title": axis.title, "log": axis.log, "integer": axis.integer}
                for axis in definition.axes
            ],
            "labels": [
                {"name": label.name, "title": label.title, "colour": label.colour, "merged": label.merged}
                for label in definition.labels
            ],
            "trainable": self._config.experiment.trainable,
        }
